/* The opt-in vendor backend: every result of its linear layers lies within the bound that holds for any order of the sums (vendor.h), the
 * comparison catches a lost term, and nobody gets it without asking (spec N1.6). */
#include "kernel_test.h"
#include "vendor.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED 5

static sl_context *vendor_context(int threads) {
  sl_context *ctx;
  sl_error err;
  sl_backend_add(sl_openblas_backend());
  cr_assert_eq(sl_context_create(&ctx, &(sl_context_options){"openblas", SL_ISA_BEST, threads}, &err), SL_OK, "%s", err.message);
  return ctx;
}

/* The exact sum that a result stands for, near enough: in binary64 products are exact and each of n additions errs by 2^-53 of the
 * magnitude at most. */
typedef struct {
  double sum, magnitude;
  size_t n;
} exact;

static void add_products(exact *e, const float *a, size_t step_a, const float *b, size_t step_b, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const double p = (double)a[i * step_a] * (double)b[i * step_b];
    e->sum += p, e->magnitude += fabs(p);
  }
  e->n += n;
}

static void add_value(exact *e, float x) { e->sum += (double)x, e->magnitude += fabs((double)x), e->n++; }

static int within(const exact *e, float got) {
  const double own = (double)e->n * 0x1p-53 * e->magnitude;
  return fabs((double)got - e->sum) <= sl_vendor_dot_bound(e->n, e->magnitude) + own;
}

static exact forward_sum(const float *x, const float *w, float bias, size_t k) {
  exact e = {0};
  add_products(&e, x, 1, w, 1, k);
  add_value(&e, bias);
  return e;
}

static void check_forward(sl_context *ctx, source *s, size_t t, size_t n, size_t k) {
  float *x = new_floats(s, USUAL, t * k), *w = new_floats(s, USUAL, n * k), *bias = new_floats(s, USUAL, n), *y = zero_floats(t * n);
  cr_assert_eq(sl_linear_forward(ctx, y, x, w, NULL, bias, t, n, k), SL_OK);
  for (size_t i = 0; i < t; i++)
    for (size_t j = 0; j < n; j++) {
      const exact e = forward_sum(x + i * k, w + j * k, bias[j], k);
      cr_assert(within(&e, y[i * n + j]), "forward t %zu n %zu k %zu, seed %d: y[%zu][%zu] is %g, not %g", t, n, k, SEED, i, j,
                (double)y[i * n + j], e.sum);
    }
  free_floats(x), free_floats(w), free_floats(bias), free_floats(y);
}

static void check_input_grad(sl_context *ctx, source *s, size_t t, size_t k, size_t n0, size_t n1) {
  const size_t n[2] = {n0, n1};
  float *dy[2], *w[2], *dx = zero_floats(t * k);
  sl_linear_part parts[2];
  for (int p = 0; p < 2; p++) {
    dy[p] = new_floats(s, USUAL, t * n[p]), w[p] = new_floats(s, USUAL, n[p] * k);
    parts[p] = (sl_linear_part){dy[p], w[p], NULL, n[p]};
  }
  cr_assert_eq(sl_linear_input_grad(ctx, dx, parts, 2, t, k), SL_OK);
  for (size_t i = 0; i < t; i++)
    for (size_t c = 0; c < k; c++) {
      exact e = {0};
      for (int p = 0; p < 2; p++) add_products(&e, dy[p] + i * n[p], 1, w[p] + c, k, n[p]);
      cr_assert(within(&e, dx[i * k + c]), "input grad t %zu k %zu n %zu %zu, seed %d: dx[%zu][%zu]", t, k, n0, n1, SEED, i, c);
    }
  for (int p = 0; p < 2; p++) free_floats(dy[p]), free_floats(w[p]);
  free_floats(dx);
}

static void check_weight_grad(sl_context *ctx, source *s, const uint32_t *seq, size_t n_seq, size_t n, size_t k) {
  const size_t t = seq[n_seq];
  float *dy = new_floats(s, USUAL, t * n), *x = new_floats(s, USUAL, t * k), *dw = new_floats(s, USUAL, n * k),
        *db = new_floats(s, USUAL, n);
  float *w0 = malloc(n * k * sizeof *w0 + 1), *b0 = malloc(n * sizeof *b0 + 1);
  static const float one = 1.0f;
  cr_assert(w0 && b0);
  memcpy(w0, dw, n * k * sizeof *w0), memcpy(b0, db, n * sizeof *b0);
  cr_assert_eq(sl_linear_weight_grad(ctx, dw, db, dy, x, seq, n_seq, n, k), SL_OK);
  for (size_t j = 0; j < n; j++) {
    exact b = {0};
    add_products(&b, dy + j, n, &one, 0, t), add_value(&b, b0[j]);
    cr_assert(within(&b, db[j]), "weight grad n %zu k %zu, seed %d: db[%zu]", n, k, SEED, j);
    for (size_t c = 0; c < k; c++) {
      exact e = {0};
      add_products(&e, dy + j, n, x + c, k, t), add_value(&e, w0[j * k + c]);
      cr_assert(within(&e, dw[j * k + c]), "weight grad n %zu k %zu, seed %d: dw[%zu][%zu]", n, k, SEED, j, c);
    }
  }
  free_floats(dy), free_floats(x), free_floats(dw), free_floats(db), free(w0), free(b0);
}

Test(vendor, products_lie_within_their_bounds) {
  source s = seeded(SEED);
  sl_context *ctx = vendor_context(2);
  static const size_t t[] = {0, 1, 5, 33}, n[] = {0, 1, 17, 64}, k[] = {0, 1, 7, 255, 256, 523};
  static const uint32_t length[] = {0, 1, 255, 256, 7, 0};
  uint32_t *seq = new_seq(length, 6);
  for (size_t a = 0; a < sizeof t / sizeof *t; a++)
    for (size_t b = 0; b < sizeof n / sizeof *n; b++) {
      for (size_t c = 0; c < sizeof k / sizeof *k; c++) {
        check_forward(ctx, &s, t[a], n[b], k[c]);
        check_input_grad(ctx, &s, t[a], n[b], k[c], 19);
      }
      check_weight_grad(ctx, &s, seq, 6, n[b], t[a]);
    }
  free(seq);
  sl_context_destroy(ctx);
}

/* Planted: a lost term, and a swapped pair of columns, do not pass for rounding. */
Test(vendor, a_lost_term_is_caught) {
  enum { K = 523 };
  source s = seeded(SEED);
  float *x = new_floats(&s, USUAL, K), *w = new_floats(&s, USUAL, K);
  exact e = forward_sum(x, w, 0.0f, K), lost = {0}, swapped = {0};
  add_products(&lost, x, 1, w, 1, K - 1);
  add_products(&swapped, x, 1, w + K - 1, 0, K);
  cr_expect(within(&e, (float)e.sum));
  cr_expect_not(within(&e, (float)lost.sum));
  cr_expect_not(within(&e, (float)swapped.sum));
  free_floats(x), free_floats(w);
}

Test(vendor, no_bound_where_there_is_none) { cr_expect(isinf(sl_vendor_dot_bound((size_t)1 << 23, 1.0))); }

Test(vendor, opt_in_and_named) {
  sl_context *ctx;
  sl_error err;
  cr_expect_eq(sl_context_create(&ctx, &(sl_context_options){"openblas", SL_ISA_BEST, 1}, &err), SL_ERR_UNAVAILABLE);
  ctx = vendor_context(1);
  cr_expect_eq(strncmp(sl_context_backend(ctx), "openblas+cpu/", 13), 0, "%s", sl_context_backend(ctx));
  cr_expect_eq(sl_linear_pack_bytes(ctx, 64, 64, SL_PACK_FORWARD), 0u);
  float y = 0.0f, x = 0.0f;
  const size_t huge = (size_t)1 << 31;
  cr_expect_eq(sl_linear_forward(ctx, &y, &x, &x, NULL, NULL, 0, huge, 0), SL_ERR_INPUT);
  sl_context_destroy(ctx);
}
