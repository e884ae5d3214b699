/* Plain against reference: the digest of a tensor's bits, exactly (spec F5.3). */
#include "inputs.h"
#include "plain_context.h"

#include "reference/kernels.h"

#include <string.h>

Test(plain_digest, any_bits) {
  inputs_begin("tensor_digest");
  sl_context *ctx = plain_context();
  for (size_t n = 0; n < 3000; n += n < 40 ? 1 : 487) {
    float *x = take_floats(n);
    uint64_t got[2] = {1, 1}, want[2];
    for (size_t i = 0; i < n; i++) {
      const uint32_t bits = (uint32_t)next_u64();
      memcpy(&x[i], &bits, sizeof bits);
    }
    cr_assert_eq(sl_tensor_digest(ctx, got, x, n), SL_OK);
    sl_ref_tensor_digest(want, x, n);
    cr_expect_arr_eq(got, want, sizeof got, "n %zu", n);
  }
  inputs_end();
  sl_context_destroy(ctx);
}
