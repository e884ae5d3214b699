/* sluice equiv and sluice equiv tolerance (spec E). */
#include "command.h"

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
  sl_add_built_backends();
  return sl_equiv_command(argc, argv, "sluice equiv", NULL);
}
