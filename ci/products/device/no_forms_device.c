/* A build without the cuda backend (spec N1.6). */
#include "forms_device.h"

sl_status sl_ptx_on_device(const sl_ptx_trial *trial, uint64_t *out, sl_error *err) {
  (void)trial, (void)out;
  return sl_fail(err, SL_ERR_UNAVAILABLE,
                 "this build has no cuda backend; configure with -DSLUICE_CUDA=ON");
}
