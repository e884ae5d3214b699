/* sluice-device WHAT: see device_parts.h. */
#include "device_parts.h"

#include "kernels/support/cli.h"
#include "kernels/vendor/vendor.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

static const struct {
  const char *name;
  int (*run)(int argc, char **argv);
} parts[] = {{"equiv", sl_device_equiv}, {"sweep", sl_device_sweep}, {"bench", sl_device_bench},
             {"step", sl_device_step},   {"train", sl_device_train}, {"decode", sl_device_decode},
             {"forms", sl_device_forms}};
#define PARTS (sizeof parts / sizeof *parts)

int main(int argc, char **argv) {
  argp_err_exit_status = SL_EXIT_USAGE;
#if SLUICE_HAS_CUDA
  sl_backend_add(sl_cuda_backend());
#endif
#if SLUICE_HAS_CUBLAS
  sl_backend_add(sl_cuda_cublas_backend());
#endif
  for (size_t i = 0; argc > 1 && i < PARTS; i++) {
    if (strcmp(argv[1], parts[i].name) != 0) continue;
    char shown[40]; /* what a part's usage and errors begin with */
    snprintf(shown, sizeof shown, "sluice-device %s", parts[i].name);
    argv[1] = shown;
    return parts[i].run(argc - 1, argv + 1);
  }
  fprintf(stderr,
          "usage: sluice-device equiv|sweep|forms|train|decode|bench|step [OPTION]..., --help "
          "describes "
          "each\n");
  return SL_EXIT_USAGE;
}
