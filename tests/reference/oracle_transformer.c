/* The binary64 transformer against the MPFR one, and its gradient against directional differences
 * of the MPFR one (spec T5). Limit: the oracle must be 2^20 times finer than the unit roundoff
 * 2^-24 of what it judges, in units of the results' size. */
#include "inputs.h"
#include "reference/transformer.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#define ORACLE_LIMIT 0x1p-44
#define PRECISION 300
#define STEP_EXPONENT \
  -60 /* differences: truncation 2^-120, rounding 2^-300 / 2^-60, both far below the limit */

static const uint32_t seq[] = {0, 5, 5, 6, 10}, ids[] = {3, 0, 10, 3, 7, 1, 2, 2, 9, 4},
                      target[] = {0, 10, 3, 7, 5, 1, 2, 9, 4, 8};
static const uint8_t mask[] = {0, 1, 1, 1, 1, 1, 1, 0, 1, 1};
#define TOKENS 10
static const sl_ref_tokens tokens = {seq, ids, target, mask, 4, 1.25};
/* Qwen2 but for the last three: Llama with scaled frequencies, Qwen3, and both switches apart. */
static const sl_ref_model models[] = {
    {2, 8, 4, 2, 4, 12, 11, 1e-6, 1e6, 1, 0, 0, {.kind = SL_REF_PLAIN}},
    {2, 8, 4, 2, 4, 12, 11, 1e-6, 1e4, 0, 0, 0, {.kind = SL_REF_PLAIN}},
    {0, 6, 1, 1, 2, 1, 11, 1e-5, 1e4, 0, 0, 0, {.kind = SL_REF_PLAIN}},
    {1, 6, 3, 1, 6, 5, 11, 1e-5, 1e4, 1, 0, 0, {.kind = SL_REF_PLAIN}},
    {2, 8, 4, 2, 4, 12, 11, 1e-6, 1e4, 0, 1, 0, {.kind = SL_REF_LINEAR, .factor = 4}},
    {2, 8, 4, 2, 4, 12, 11, 1e-6, 1e4, 1, 1, 1, {.kind = SL_REF_PLAIN}},
    {1, 6, 3, 1, 6, 5, 11, 1e-5, 1e4, 0, 0, 1, {.kind = SL_REF_PLAIN}}};
#define N_MODELS (sizeof models / sizeof *models)

static double *random_doubles(size_t n, double scale) {
  double *x = take_doubles(n);
  for (size_t i = 0; i < n; i++) x[i] = scale * (2.0 * next_uniform() - 1.0);
  return x;
}

Test(oracle_transformer, forward_against_mpfr) {
  inputs_begin("transformer forward");
  for (size_t k = 0; k < N_MODELS; k++) {
    const sl_ref_model *m = &models[k];
    const size_t n = sl_ref_weights(m);
    const double *w = random_doubles(n, 0.9);
    double logp[TOKENS], entropy[TOKENS], worst = 0.0;
    sl_reals exact_w = sl_reals_create(n, PRECISION), p = sl_reals_create(TOKENS, PRECISION),
             h = sl_reals_create(TOKENS, PRECISION);
    sl_ref_run *run = NULL;
    sl_reals_set_doubles(&exact_w, w);
    cr_assert_eq(sl_ref_forward(&run, m, w, &tokens, logp, entropy), SL_OK);
    cr_assert_eq(sl_ref_forward_mpfr(&p, &h, m, &exact_w, &tokens), SL_OK);
    for (size_t i = 0; i < TOKENS; i++) {
      const double exact = mpfr_get_d(p.x[i], MPFR_RNDN), exact_h = mpfr_get_d(h.x[i], MPFR_RNDN);
      worst = fmax(worst, fabs(logp[i] - exact) / fmax(1.0, fabs(exact)));
      worst = fmax(worst, fabs(entropy[i] - exact_h));
      cr_expect_eq(exact < 0.0, mask[i] != 0);
    }
    fprintf(stderr, "transformer %zu: binary64 against MPFR: 2^%.1f\n", k, log2(worst));
    cr_expect_leq(worst, ORACLE_LIMIT, "model %zu", k);
    sl_ref_run_destroy(run);
    sl_reals_destroy(&exact_w);
    sl_reals_destroy(&p);
    sl_reals_destroy(&h);
    inputs_end();
  }
}

/* sum_t dlogp logp + dentropy entropy at w + direction * 2^STEP_EXPONENT * side */
static void value_at(mpfr_t value, const sl_ref_model *m, const double *w, const double *direction,
                     int side, const double *dlogp, const double *dentropy) {
  const size_t n = sl_ref_weights(m);
  sl_reals moved = sl_reals_create(n, PRECISION), p = sl_reals_create(TOKENS, PRECISION),
           h = sl_reals_create(TOKENS, PRECISION);
  mpfr_t x;
  mpfr_init2(x, PRECISION);
  for (size_t i = 0; i < n; i++) {
    mpfr_set_d(x, side * direction[i], MPFR_RNDN);
    mpfr_mul_2si(x, x, STEP_EXPONENT, MPFR_RNDN);
    mpfr_add_d(moved.x[i], x, w[i], MPFR_RNDN);
  }
  cr_assert_eq(sl_ref_forward_mpfr(&p, &h, m, &moved, &tokens), SL_OK);
  mpfr_set_zero(value, 1);
  for (size_t i = 0; i < TOKENS; i++) {
    mpfr_mul_d(x, p.x[i], dlogp[i], MPFR_RNDN);
    mpfr_add(value, value, x, MPFR_RNDN);
    mpfr_mul_d(x, h.x[i], dentropy[i], MPFR_RNDN);
    mpfr_add(value, value, x, MPFR_RNDN);
  }
  mpfr_clear(x);
  sl_reals_destroy(&moved);
  sl_reals_destroy(&p);
  sl_reals_destroy(&h);
}

/* |difference along direction - gradient . direction| in units of sum |gradient_i direction_i| */
static double direction_error(const sl_ref_model *m, const double *w, const double *grad,
                              const double *direction, const double *dlogp,
                              const double *dentropy) {
  double along = 0.0, size = 0.0;
  mpfr_t plus, minus;
  mpfr_inits2(PRECISION, plus, minus, (mpfr_ptr)0);
  value_at(plus, m, w, direction, 1, dlogp, dentropy);
  value_at(minus, m, w, direction, -1, dlogp, dentropy);
  mpfr_sub(plus, plus, minus, MPFR_RNDN);
  mpfr_mul_2si(plus, plus, -STEP_EXPONENT - 1, MPFR_RNDN);
  for (size_t i = 0; i < sl_ref_weights(m); i++)
    along += grad[i] * direction[i], size += fabs(grad[i] * direction[i]);
  const double error = fabs(mpfr_get_d(plus, MPFR_RNDN) - along) / size;
  mpfr_clears(plus, minus, (mpfr_ptr)0);
  cr_expect_gt(size, 0.0, "a direction without gradient tests nothing");
  return error;
}

/* The boundaries of the tensors: embedding, each layer's, norm, head. */
static size_t tensor_ends(size_t *end, const sl_ref_model *m) {
  size_t n = 0;
  for (size_t l = 0; l < m->layers; l++)
    for (sl_ref_tensor i = 0; i < SL_REF_LAYER_TENSORS; i++) {
      const size_t begin = sl_ref_layer_offset(m, l, i);
      if (n == 0 || begin > end[n - 1]) end[n++] = begin; /* not after an empty tensor */
    }
  end[n++] = sl_ref_norm_offset(m);
  end[n++] = sl_ref_norm_offset(m) + m->hidden;
  if (!m->tied) end[n++] = sl_ref_weights(m);
  return n;
}

Test(oracle_transformer, backward_against_directional_differences) {
  inputs_begin("transformer backward");
  for (size_t k = 0; k < N_MODELS; k++) {
    const sl_ref_model *m = &models[k];
    const size_t n = sl_ref_weights(m);
    const double *w = random_doubles(n, 0.9), *dlogp = random_doubles(TOKENS, 1.0),
                 *dentropy = random_doubles(TOKENS, 0.5);
    double logp[TOKENS], entropy[TOKENS], *grad = take_doubles(n), worst = 0.0;
    sl_ref_run *run = NULL;
    cr_assert_eq(sl_ref_forward(&run, m, w, &tokens, logp, entropy), SL_OK);
    cr_assert_eq(sl_ref_backward(run, dlogp, dentropy, grad), SL_OK);
    size_t end[64], begin = 0;
    const size_t tensors = tensor_ends(end, m);
    for (size_t i = 0; i < tensors; begin = end[i++]) {
      double *direction = take_doubles(n);
      for (size_t j = begin; j < end[i]; j++) direction[j] = 2.0 * next_uniform() - 1.0;
      const double error = direction_error(m, w, grad, direction, dlogp, dentropy);
      cr_expect_leq(error, ORACLE_LIMIT, "model %zu, tensor %zu: %g", k, i, error);
      worst = fmax(worst, error);
    }
    fprintf(stderr,
            "transformer %zu: gradient against MPFR directional differences, %zu tensors: 2^%.1f\n",
            k, tensors, log2(worst));
    sl_ref_run_destroy(run);
    inputs_end();
  }
}

/* Planted failure: one tensor's gradient (the first query bias) off by 2^-30 of itself. */
Test(oracle_transformer, a_wrong_gradient_is_seen) {
  inputs_begin("transformer: planted");
  const sl_ref_model *m = &models[0];
  const size_t n = sl_ref_weights(m), at = sl_ref_layer_offset(m, 0, SL_REF_Q_BIAS);
  const double *w = random_doubles(n, 0.9), *dlogp = random_doubles(TOKENS, 1.0),
               *dentropy = random_doubles(TOKENS, 0.5);
  double logp[TOKENS], entropy[TOKENS], *grad = take_doubles(n), *direction = take_doubles(n);
  sl_ref_run *run = NULL;
  cr_assert_eq(sl_ref_forward(&run, m, w, &tokens, logp, entropy), SL_OK);
  cr_assert_eq(sl_ref_backward(run, dlogp, dentropy, grad), SL_OK);
  grad[at] *= 1.0 + 0x1p-30;
  direction[at] = 1.0;
  cr_expect_gt(direction_error(m, w, grad, direction, dlogp, dentropy), ORACLE_LIMIT);
  sl_ref_run_destroy(run);
  inputs_end();
}
