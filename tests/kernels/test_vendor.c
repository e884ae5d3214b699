/* The opt-in backend openblas: every result of its linear layers lies within the bound that holds
 * for any order of the sums (vendor.h) and repeats, the comparison catches what is no rounding, and
 * nobody gets it without asking (spec N1.6). */
#include "ci/products/equiv/bound_linear.h"
#include "ci/products/equiv/equiv.h"
#include "kernels/core/context.h"
#include "kernels/vendor/vendor.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define SEED 1
#define CASES 60

static sl_context *vendor_context(int threads) {
  sl_context *ctx;
  sl_error err;
  sl_backend_add(sl_openblas_backend());
  cr_assert_eq(sl_context_create(
                   &ctx, &(sl_context_options){.backend = "openblas", .threads = threads}, &err),
               SL_OK, "%s", err.message);
  return ctx;
}

static sl_context *golden_context(void) {
  sl_context *ctx;
  sl_error err;
  cr_assert_eq(
      sl_context_create(&ctx, &(sl_context_options){.backend = "plain", .threads = 1}, &err), SL_OK,
      "%s", err.message);
  return ctx;
}

/* Problems of one kernel that fail in ctx, of CASES; *said: those with an output that is not 0. */
static int failures(sl_context *ctx, sl_kernel_id kernel, int *said, sl_error *err) {
  sl_context *golden = golden_context();
  int failed = 0;
  *said = 0;
  for (uint64_t seed = SEED; seed < SEED + CASES; seed++) {
    sl_equiv_trial *trial;
    cr_assert_eq(sl_equiv_begin(&trial, kernel, seed, golden, err), SL_OK, "%s", err->message);
    failed += sl_equiv_check(trial, ctx, err) != SL_OK;
    *said += sl_equiv_says_something(trial);
    sl_equiv_end(trial);
  }
  sl_context_destroy(golden);
  return failed;
}

Test(vendor, linear_layers_lie_within_their_bounds_and_the_rest_has_the_bits_of_plain) {
  static const sl_kernel_id kernels[] = {SL_KERNEL_linear_pack, SL_KERNEL_linear_forward,
                                         SL_KERNEL_linear_input_grad, SL_KERNEL_linear_weight_grad,
                                         SL_KERNEL_rmsnorm_forward};
  sl_context *ctx = vendor_context(2);
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
    sl_error err;
    int said;
    cr_expect_eq(sl_vendor_bounded(ctx, kernels[i]), i < 4);
    cr_expect_eq(failures(ctx, kernels[i], &said, &err), 0, "%s", err.message);
    cr_expect_gt(said, CASES / 4, "%s says little", sl_equiv_kernel_name(kernels[i]));
  }
  sl_context_destroy(ctx);
}

/* Planted: what no bound and no repetition may let through. */
static sl_kernel_table unchanged;

static sl_status one_ulp_too_wide(sl_context *ctx, float *y, const float *x, const float *w,
                                  const void *packed, const float *bias, size_t t, size_t n,
                                  size_t k) {
  const sl_status status = unchanged.linear_forward(ctx, y, x, w, packed, bias, t, n, k);
  if (k < 4) /* then the bound is a few units of the last place */
    for (size_t i = 0; i < t * n; i++) y[i] *= 1.0f + 0x1p-20f;
  return status;
}

static sl_status lost_bias(sl_context *ctx, float *y, const float *x, const float *w,
                           const void *packed, const float *bias, size_t t, size_t n, size_t k) {
  (void)bias;
  return unchanged.linear_forward(ctx, y, x, w, packed, NULL, t, n, k);
}

static sl_status lost_part(sl_context *ctx, float *dx, const sl_linear_part *parts, size_t n_parts,
                           size_t t, size_t k) {
  return unchanged.linear_input_grad(ctx, dx, parts, n_parts ? n_parts - 1 : 0, t, k);
}

static sl_status lost_total(sl_context *ctx, float *dw, float *db, const float *dy, const float *x,
                            const uint32_t *seq, size_t n_seq, size_t n, size_t k) {
  memset(dw, 0, n * k * sizeof *dw);
  return unchanged.linear_weight_grad(ctx, dw, db, dy, x, seq, n_seq, n, k);
}

/* Within the bound, but not the same twice. */
static sl_status unsteady(sl_context *ctx, float *dw, float *db, const float *dy, const float *x,
                          const uint32_t *seq, size_t n_seq, size_t n, size_t k) {
  static int calls;
  const sl_status status = unchanged.linear_weight_grad(ctx, dw, db, dy, x, seq, n_seq, n, k);
  if (calls++ % 2 && n && k) dw[0] = nextafterf(dw[0], 2.0f * dw[0]);
  return status;
}

static void expect_caught(sl_context *ctx, sl_kernel_id kernel, const char *words) {
  sl_error err;
  int said;
  cr_expect_gt(failures(ctx, kernel, &said, &err), 0, "%s was not caught", words);
  ctx->table = unchanged;
}

Test(vendor, planted_failures_are_caught) {
  sl_context *ctx = vendor_context(1);
  unchanged = ctx->table;
  ctx->table.linear_forward = one_ulp_too_wide;
  expect_caught(ctx, SL_KERNEL_linear_forward, "an error of 16 ulps in a short sum");
  ctx->table.linear_forward = lost_bias;
  expect_caught(ctx, SL_KERNEL_linear_forward, "a lost bias");
  ctx->table.linear_input_grad = lost_part;
  expect_caught(ctx, SL_KERNEL_linear_input_grad, "a lost part");
  ctx->table.linear_weight_grad = lost_total;
  expect_caught(ctx, SL_KERNEL_linear_weight_grad, "a lost total");
  ctx->table.linear_weight_grad = unsteady;
  expect_caught(ctx, SL_KERNEL_linear_weight_grad, "a result that does not repeat");
  sl_context_destroy(ctx);
}

Test(vendor, no_bound_where_there_is_none) {
  cr_expect(isinf(sl_vendor_dot_bound((size_t)1 << 23, 1.0)));
  const sl_exact_sum e = {1.0, 1.0, 1};
  cr_expect(sl_within_bound(&e, 1.0f));
  cr_expect_not(sl_within_bound(&e, 1.0f + 0x1p-21f));
  cr_expect_not(sl_within_bound(&e, NAN));
}

Test(vendor, opt_in_and_named) {
  sl_context *ctx;
  sl_error err;
  cr_expect_eq(
      sl_context_create(&ctx, &(sl_context_options){.backend = "openblas", .threads = 1}, &err),
      SL_ERR_UNAVAILABLE);
  ctx = vendor_context(1);
  cr_expect_eq(strncmp(sl_context_backend(ctx), "openblas+cpu/", 13), 0, "%s",
               sl_context_backend(ctx));
  cr_expect_eq(sl_linear_pack_bytes(ctx, 64, 64, SL_PACK_FORWARD), 0u);
  float y = 0.0f, x = 0.0f;
  const size_t huge = (size_t)1 << 31;
  cr_expect_eq(sl_linear_forward(ctx, &y, &x, &x, NULL, NULL, 0, huge, 0), SL_ERR_INPUT);
  sl_context_destroy(ctx);
}
