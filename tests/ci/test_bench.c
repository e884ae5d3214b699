/* The bench: its check of products takes right ones and refuses wrong ones, its median is one. */
#include "ci/bench_machine.h"
#include "ci/bench_product.h"

#include <criterion/criterion.h>
#include <sluice/kernels.h>

enum { T = 20, N = 30, K = 300 };
static float x[T * K], w[N * K], y[T * N];

static void fill(float *to, size_t n, uint32_t seed) {
  for (size_t i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    to[i] = (float)(int32_t)seed * 0x1p-31f;
  }
}

static void make_product(void) {
  sl_context *ctx = NULL;
  sl_error err;
  fill(x, T * K, 1), fill(w, N * K, 2);
  cr_assert_eq(sl_context_create(&ctx, &(sl_context_options){"plain", SL_ISA_BEST, 1}, &err), SL_OK);
  cr_assert_eq(sl_linear_forward(ctx, y, x, w, NULL, NULL, T, N, K), SL_OK);
  sl_context_destroy(ctx);
}

Test(bench, product, .init = make_product) {
  cr_expect(sl_bench_product_right(y, x, w, T, N, K));
  cr_expect_not(sl_bench_product_right(y, x, w, T, N, K - 1), "a term dropped");
  const float kept = y[97];
  y[97] += 0x1p-6f;
  cr_expect_not(sl_bench_product_right(y, x, w, T, N, K), "one element off");
  y[97] = (float)(0.0 / 0.0);
  cr_expect_not(sl_bench_product_right(y, x, w, T, N, K), "NaN");
  y[97] = kept;
  cr_expect_not(sl_bench_product_right(y, w, x, T, N, K), "operands swapped");
}

Test(bench, median) {
  cr_expect_eq(sl_bench_median((double[]){3.0, 1.0, 2.0}, 3), 2.0);
  cr_expect_eq(sl_bench_median((double[]){4.0, 1.0, 3.0, 2.0}, 4), 2.5);
}
