/* sluice equiv and sluice equiv tolerance (spec E). */
#include "command.h"

#include "kernels/support/cli.h"
#include "kernels/vendor/vendor.h"

#include <string.h>

static void add_backends(void) {
#if SLUICE_HAS_SIMT
  sl_backend_add(sl_simt_backend());
  sl_backend_add(sl_ptx_backend());
#endif
#if SLUICE_HAS_CUDA
  sl_backend_add(sl_cuda_backend());
#endif
#if SLUICE_HAS_OPENBLAS
  sl_backend_add(sl_openblas_backend());
#endif
#if SLUICE_HAS_CUBLAS
  sl_backend_add(sl_cuda_cublas_backend());
#endif
}

sl_command sl_cmd_equiv;
int sl_cmd_equiv(int argc, char **argv) {
  static char name[] = "sluice equiv tolerance";
  if (argc > 1 && strcmp(argv[1], "tolerance") == 0) {
    argv[1] = name;
    return sl_tolerance_command(argc - 1, argv + 1);
  }
  add_backends();
  return sl_equiv_command(argc, argv, "sluice equiv", NULL);
}
