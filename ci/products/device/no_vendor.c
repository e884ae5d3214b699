/* A build without cuBLAS. */
#include "vendor.h"

sl_status sl_vendor_open(sl_vendor **out, sl_error *err) {
  (void)out;
  return sl_fail(err, SL_ERR_UNAVAILABLE, "this build has no cuBLAS");
}

void sl_vendor_close(sl_vendor *vendor) { (void)vendor; }

sl_status sl_vendor_product(sl_vendor *vendor, sl_product_kind kind, float *out, const float *left,
                            const float *right, size_t t, size_t n, size_t k) {
  (void)vendor, (void)kind, (void)out, (void)left, (void)right, (void)t, (void)n, (void)k;
  return SL_ERR_UNAVAILABLE;
}

sl_status sl_vendor_wait(sl_vendor *vendor) {
  (void)vendor;
  return SL_ERR_UNAVAILABLE;
}
