/* The digest of a tensor's bits (spec F5.3). */
#include "kernels/core/mix64.h"
#include "plain.h"

#include <string.h>

sl_status sl_plain_tensor_digest(sl_context *ctx, uint64_t *digest, const float *x, size_t n) {
  uint64_t low = 0, high = 0;
  (void)ctx;
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    const uint64_t z = sl_mix64((uint32_t)i, bits);
    low += z;
    high += low < z; /* the carry */
  }
  digest[0] = low, digest[1] = high;
  return SL_OK;
}
