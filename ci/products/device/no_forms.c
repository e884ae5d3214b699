/* A build without a C++ compiler, and so without the executor of PTX (spec N1.6). */
#include "device_parts.h"

#include "kernels/support/cli.h"

int sl_device_forms(int argc, char **argv) {
  (void)argc, (void)argv;
  sl_error err;
  sl_fail(&err, SL_ERR_UNAVAILABLE, "this build has neither the simulator nor the cuda backend");
  return sl_cli_fail("sluice-device forms", &err);
}
