/* A build without the cuda backend: the parts of sluice-device that need a device say so (spec N1.6). */
#include "sweep_device.h"
#include "vendor.h"

static const char *const why = "this build has no cuda backend; configure with -DSLUICE_CUDA=ON";

sl_status sl_sweep_on_device(sl_function_id function, uint64_t digest[2], sl_error *err) {
  (void)function, (void)digest;
  return sl_fail(err, SL_ERR_UNAVAILABLE, "%s", why);
}

sl_status sl_vendor_open(sl_vendor **out, sl_error *err) {
  (void)out;
  return sl_fail(err, SL_ERR_UNAVAILABLE, "%s", why);
}

void sl_vendor_close(sl_vendor *vendor) { (void)vendor; }

sl_status sl_vendor_product(sl_vendor *vendor, sl_product_kind kind, float *out, const float *left, const float *right, size_t t, size_t n,
                            size_t k) {
  (void)vendor, (void)kind, (void)out, (void)left, (void)right, (void)t, (void)n, (void)k;
  return SL_ERR_UNAVAILABLE;
}

sl_status sl_vendor_wait(sl_vendor *vendor) {
  (void)vendor;
  return SL_ERR_UNAVAILABLE;
}
