/* The bench: its checks accept right products and peers and refuse wrong ones, and its median is
 * correct. */
#include "ci/products/bench/bench_machine.h"
#include "ci/products/bench/bench_product.h"
#include "ci/products/bench/function_speed.h"

#include <criterion/criterion.h>
#include <math.h>
#include <sluice/functions.h>
#include <sluice/kernels.h>
#include <string.h>

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
  cr_assert_eq(
      sl_context_create(&ctx, &(sl_context_options){.backend = "plain", .threads = 1}, &err),
      SL_OK);
  cr_assert_eq(sl_linear_forward(ctx, y, x, w, NULL, NULL, T, N, K), SL_OK);
  sl_context_destroy(ctx);
}

static int right(const float *a, const float *b, size_t k) {
  return sl_bench_product_right(y, (sl_bench_terms){a, K, 1}, (sl_bench_terms){b, K, 1}, T, N, k);
}

Test(bench, product, .init = make_product) {
  cr_expect(right(x, w, K));
  cr_expect_not(right(x, w, K - 1), "a term dropped");
  const float kept = y[97];
  y[97] += 0x1p-6f;
  cr_expect_not(right(x, w, K), "one element off");
  y[97] = (float)(0.0 / 0.0);
  cr_expect_not(right(x, w, K), "NaN");
  y[97] = kept;
  cr_expect_not(right(w, x, K), "operands swapped");
}

Test(bench, median) {
  cr_expect_eq(sl_bench_median((double[]){3.0, 1.0, 2.0}, 3), 2.0);
  cr_expect_eq(sl_bench_median((double[]){4.0, 1.0, 3.0, 2.0}, 4), 2.5);
}

Test(bench, ulps) {
  const float a[] = {1.0f, -0.0f, 0x1p-149f, 0x1.fffffep-2f},
              b[] = {0x1.000002p0f, 0.0f, -0x1p-149f, 0.5f};
  cr_expect_eq(sl_ulps_apart(a, b, 1), 1u);
  cr_expect_eq(sl_ulps_apart(a + 1, b + 1, 1), 0u, "zeros");
  cr_expect_eq(sl_ulps_apart(a + 2, b + 2, 1), 2u, "across zero");
  cr_expect_eq(sl_ulps_apart(b + 3, a + 3, 1), 1u, "across a power of two");
  cr_expect_eq(sl_ulps_apart(a, b, 4), 2u);
  cr_expect_eq(sl_ulps_apart((float[]){(float)(0.0 / 0.0)}, (float[]){0.0f}, 1), UINT32_MAX, "NaN");
  cr_expect_eq(sl_ulps_apart((float[]){INFINITY}, (float[]){-INFINITY}, 1), 2u * 0x7f800000u);
}

/* A peer that is slightly off, or none at all, is no reference. */
static void coarse_exp(float *out, const float *in, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = sl_fn_exp(in[i]) * 0x1.000006p0f;
}

Test(bench, function_peers) {
  const sl_function_map exp_map = sl_plain_function_maps[SL_FUNCTION_exp];
  sl_function_speed s = {.ns = -1.0};
  sl_error err;
  cr_expect_eq(sl_function_speed_measure(&s, SL_FUNCTION_exp, exp_map, coarse_exp, &err),
               SL_ERR_MISMATCH);
  cr_expect(strstr(err.message, "expf is up to 6 ulps off exp; 4 are allowed"), "%s", err.message);
  cr_expect_eq(sl_function_speed_measure(&s, SL_FUNCTION_exp, exp_map, NULL, &err),
               SL_ERR_UNAVAILABLE);
  cr_expect_eq(s.ns, -1.0, "an error leaves the result untouched");
}

/* Every peer that this machine runs is right within its bound. */
Test(bench, function_speeds) {
  static const sl_isa isas[] = {SL_ISA_AVX2, SL_ISA_AVX512};
  for (size_t k = 0; k < 2; k++) {
    const sl_function_map *maps, *peers;
    sl_error err;
    if (sl_function_maps_of(&maps, &peers, isas[k], &err) != SL_OK) {
      cr_log_warn("not tested here: %s", err.message);
      continue;
    }
    for (int f = 0; f < SL_FUNCTION_COUNT; f++) {
      sl_function_speed s = {0};
      const sl_status status =
          sl_function_speed_measure(&s, (sl_function_id)f, maps[f], peers[f], &err);
      cr_expect(status == SL_OK || (status == SL_ERR_UNAVAILABLE && !peers[f]), "%s", err.message);
      if (status == SL_OK) cr_expect(s.ns > 0.0 && s.peer_ns > 0.0 && s.ratio > 0.0);
    }
  }
}
