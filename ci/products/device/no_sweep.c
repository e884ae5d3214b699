/* A build without the cuda backend (spec N1.6). */
#include "sweep_device.h"

sl_status sl_sweep_on_device(sl_function_id function, uint64_t digest[2], sl_error *err) {
  (void)function, (void)digest;
  return sl_fail(err, SL_ERR_UNAVAILABLE,
                 "this build has no cuda backend; configure with -DSLUICE_CUDA=ON");
}
