/* sluice equiv, of our own kernels or of a dump, and sluice equiv tolerance (spec E). */
#include "command.h"

#if SLUICE_HAS_DUMPS
#include "ci/products/dumps/dump_command.h"
#include "ci/products/dumps/dump_problem.h"
#endif
#include "kernels/support/cli.h"
#include "kernels/vendor/built_backends.h"

#include <string.h>

#if SLUICE_HAS_DUMPS
static sl_status read_problem(sl_op_problem *p, sl_gate_form **form, const sl_tolerance_file *file,
                              sl_error *err) {
  sl_dump_request request = {.op = file->op, .contract = file->contract, .gate = file->gate};
  for (size_t i = 0; i < file->settings; i++)
    request.setting[request.settings++] = file->setting[i];
  return sl_dump_problem_read(p, form, file->path, &request, err);
}
#else
static sl_tolerance_reader *const read_problem = NULL;
#endif

sl_command sl_cmd_equiv;
int sl_cmd_equiv(int argc, char **argv) {
  static char name[] = "sluice equiv tolerance";
  if (argc > 1 && strcmp(argv[1], "tolerance") == 0) {
    argv[1] = name;
    return sl_tolerance_command(argc - 1, argv + 1, read_problem);
  }
#if SLUICE_HAS_DUMPS
  if (sl_dump_command_is(argc, argv)) return sl_dump_command(argc, argv);
#endif
  sl_add_built_backends();
  return sl_equiv_command(argc, argv, "sluice equiv", NULL);
}
