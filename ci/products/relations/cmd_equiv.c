/* sluice equiv, of our own kernels or of a dump, and sluice equiv tolerance (spec E). */
#include "command.h"

#if SLUICE_HAS_DUMPS
#include "ci/products/dumps/dump_command.h"
#endif
#include "kernels/support/cli.h"
#include "kernels/vendor/built_backends.h"

#include <string.h>

sl_command sl_cmd_equiv;
int sl_cmd_equiv(int argc, char **argv) {
  static char name[] = "sluice equiv tolerance";
  if (argc > 1 && strcmp(argv[1], "tolerance") == 0) {
    argv[1] = name;
    return sl_tolerance_command(argc - 1, argv + 1);
  }
#if SLUICE_HAS_DUMPS
  if (sl_dump_command_is(argc, argv)) return sl_dump_command(argc, argv);
#endif
  sl_add_built_backends();
  return sl_equiv_command(argc, argv, "sluice equiv", NULL);
}
