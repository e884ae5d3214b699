/* The backend cublas where it links: on a device its linear layers lie within the bound of spec
 * N1.6 and repeat; without one the context is refused with a message. */
#include "ci/products/equiv/equiv.h"
#include "kernels/vendor/vendor.h"

#include <criterion/criterion.h>
#include <string.h>

#define CASES 24

static void check_on_device(sl_context *ctx) {
  sl_context *golden;
  sl_error err;
  cr_assert_eq(
      sl_context_create(&golden, &(sl_context_options){.backend = "plain", .threads = 1}, &err),
      SL_OK);
  cr_expect_str_eq(sl_context_backend(ctx), "cublas+cuda");
  for (int kernel = 0; kernel < SL_KERNEL_COUNT; kernel++)
    for (uint64_t seed = 1; sl_vendor_bounded(ctx, (sl_kernel_id)kernel) && seed <= CASES; seed++) {
      sl_equiv_trial *trial;
      cr_assert_eq(sl_equiv_begin(&trial, (sl_kernel_id)kernel, seed, golden, &err), SL_OK, "%s",
                   err.message);
      cr_expect_eq(sl_equiv_check(trial, ctx, &err), SL_OK, "%s", err.message);
      sl_equiv_end(trial);
    }
  sl_context_destroy(golden);
}

Test(vendor_device, cublas) {
  sl_context *ctx;
  sl_error err;
  sl_backend_add(sl_cuda_cublas_backend());
  const sl_status status =
      sl_context_create(&ctx, &(sl_context_options){.backend = "cublas", .threads = 1}, &err);
  if (status) {
    cr_expect_eq(status, SL_ERR_UNAVAILABLE, "%s", err.message);
    cr_expect(strstr(err.message, "no CUDA device") || strstr(err.message, "compute capability"),
              "%s", err.message);
    return;
  }
  check_on_device(ctx);
  sl_context_destroy(ctx);
}
