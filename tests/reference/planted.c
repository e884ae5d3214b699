/* Planted failures: kernels with one thing wrong must leave the bounds that the plain ones keep, on
 * the same inputs. */
#include "compare.h"
#include "inputs.h"
#include "plain_context.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The result must be off by more than its bound. */
static void expect_caught(const char *plant, sl_kernel_id kernel, const float *got,
                          const double *exact, const sl_ball *bound, size_t n) {
  comparison c = comparison_of(plant, kernel);
  compare_floats(&c, got, exact, bound, n);
  fprintf(stderr, "planted: %-44s error/bound %.3g\n", plant, c.largest);
  cr_expect(c.largest > 1.0, "%s: not caught, %g", plant, c.largest);
}

static void expect_kept(const char *kernel_name, sl_kernel_id kernel, const float *got,
                        const double *exact, const sl_ball *bound, size_t n) {
  comparison c = comparison_of(kernel_name, kernel);
  compare_floats(&c, got, exact, bound, n);
  cr_expect(c.largest <= 1.0, "%s: %g", kernel_name, c.largest);
}

static float truncate_to_bf16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  bits &= 0xffff0000u;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* One chain without chunks: every 2^-25 after the 1 is rounded away, where chunks would keep those
 * of later chunks. */
Test(planted, reassociated_dot) {
  sl_context *ctx = plain_context();
  enum { K = 4096 };
  float *a = take_floats(K), *b = take_floats(K), y, chain = 0.0f;
  double exact;
  sl_ball bound;
  for (size_t k = 0; k < K; k++) a[k] = k ? 0x1p-25f : 1.0f, b[k] = 1.0f;
  for (size_t k = 0; k < K; k++) chain = fmaf(a[k], b[k], chain);
  cr_assert_eq(sl_linear_forward(ctx, &y, a, b, NULL, NULL, 1, 1, K), SL_OK);
  cr_assert_eq(sl_ref_linear_forward(&exact, a, b, NULL, 1, 1, K), SL_OK);
  cr_assert_eq(sl_bound_linear_forward(&bound, a, b, NULL, 1, 1, K), SL_OK);
  expect_kept("linear_forward", SL_KERNEL_linear_forward, &y, &exact, &bound, 1);
  expect_caught("a dot in one chain", SL_KERNEL_linear_forward, &chain, &exact, &bound, 1);
  inputs_end();
  sl_context_destroy(ctx);
}

/* The last element is left out of the mean of squares, as a wrong tail would. */
Test(planted, dropped_term) {
  inputs_begin("planted: dropped term");
  sl_context *ctx = plain_context();
  enum { D = 257 };
  const float *x = fill(D, RANDOM, 1.0f), *w = fill(D, RANDOM, 1.0f);
  float *y = take_floats(D), rstd, *wrong = take_floats(D), wrong_rstd;
  double *exact = take_doubles(D), exact_rstd;
  sl_ball *bound = take_balls(D), bound_rstd;
  cr_assert_eq(sl_rmsnorm_forward(ctx, y, &rstd, x, w, 1, D, 1e-6f), SL_OK);
  cr_assert_eq(sl_ref_rmsnorm_forward(exact, &exact_rstd, x, w, 1, D, 1e-6f), SL_OK);
  cr_assert_eq(sl_bound_rmsnorm_forward(bound, &bound_rstd, x, w, 1, D, 1e-6f), SL_OK);
  expect_kept("rmsnorm_forward", SL_KERNEL_rmsnorm_forward, y, exact, bound, D);
  float *cut = copy_floats(x, D);
  cut[D - 1] = 0.0f;
  cr_assert_eq(sl_rmsnorm_forward(ctx, wrong, &wrong_rstd, cut, w, 1, D, 1e-6f), SL_OK);
  expect_caught("rmsnorm's sum without its last element", SL_KERNEL_rmsnorm_forward, wrong, exact,
                bound, D - 1);
  inputs_end();
  sl_context_destroy(ctx);
}

/* Attention of one query with softmax weights kept in bf16. */
Test(planted, bf16_probabilities) {
  inputs_begin("planted: bf16");
  enum { N = 40, D = 4 };
  const uint32_t seq[] = {0, N};
  const float *q = fill(N * D, RANDOM, 1.0f), *k = fill(N * D, RANDOM, 1.0f),
              *v = fill(N * D, RANDOM, 1.0f);
  double *o = take_doubles(N * D), *max = take_doubles(N), *scale = take_doubles(N);
  sl_ball *bo = take_balls(N * D), *bmax = take_balls(N), *bscale = take_balls(N);
  cr_assert_eq(sl_ref_attention_forward(o, max, scale, q, k, v, seq, 1, 1, 1, D), SL_OK);
  cr_assert_eq(sl_bound_attention_forward(bo, bmax, bscale, q, k, v, seq, 1, 1, 1, D), SL_OK);
  float *wrong = take_floats(N * D);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j <= i; j++) {
      double s = 0.0;
      for (size_t c = 0; c < D; c++) s += (double)q[i * D + c] * (double)k[j * D + c];
      const float p = truncate_to_bf16((float)(exp(s / sqrt(D) - max[i]) * scale[i]));
      for (size_t c = 0; c < D; c++) wrong[i * D + c] += p * v[j * D + c];
    }
  expect_caught("attention with bf16 probabilities", SL_KERNEL_attention_forward, wrong, o, bo,
                N * D);
  inputs_end();
}

/* A causal mask that is off by one shows in the first row already. */
Test(planted, mask_off_by_one) {
  inputs_begin("planted: mask");
  sl_context *ctx = plain_context();
  enum { N = 9, D = 4 };
  const uint32_t seq[] = {0, N}, cut_seq[] = {0, N - 1};
  const float *q = fill(N * D, RANDOM, 1.0f), *k = fill(N * D, RANDOM, 1.0f),
              *v = fill(N * D, RANDOM, 1.0f);
  double *o = take_doubles(N * D), *max = take_doubles(N), *scale = take_doubles(N);
  sl_ball *bo = take_balls(N * D), *bmax = take_balls(N), *bscale = take_balls(N);
  float *wrong = take_floats(N * D), *m = take_floats(N), *r = take_floats(N);
  cr_assert_eq(sl_ref_attention_forward(o, max, scale, q, k, v, seq, 1, 1, 1, D), SL_OK);
  cr_assert_eq(sl_bound_attention_forward(bo, bmax, bscale, q, k, v, seq, 1, 1, 1, D), SL_OK);
  cr_assert_eq(sl_attention_forward(ctx, wrong, m, r, q + D, k, v, cut_seq, 1, 1, 1, D),
               SL_OK); /* query i + 1 sees keys 0..i only */
  expect_caught("a query that misses its own key", SL_KERNEL_attention_forward, wrong, o + D,
                bo + D, (N - 1) * D);
  inputs_end();
  sl_context_destroy(ctx);
}

/* The sigmoid gate's weight as 4 s (1 - s): 0 in the tail, where the truth is not (and not
 * correctly rounded elsewhere). */
Test(planted, weight_by_cancellation) {
  const uint32_t seq[] = {0, 1};
  const float new = 3.0f, old = 0.0f, advantage = 1.0f;
  const uint8_t mask = 1;
  const double coefficient = 1.0;
  const sl_objective o = {
      .gate = {{SL_GATE_SIGMOID, SL_GATE_SIGMOID}, {1.0f, 1.0f}, 0.0, 0.0, NULL, NULL}};
  const sl_gated_loss_batch b = {&new, &old,       NULL,         NULL, &mask,
                                 seq,  &advantage, &coefficient, 1,    NULL};
  double d, sums[SL_LOSS_FIELDS];
  sl_ball bound, bound_sums[SL_LOSS_FIELDS];
  cr_assert_eq(sl_ref_gated_loss(&d, NULL, sums, &o, &b), SL_OK);
  cr_assert_eq(sl_bound_gated_loss(&bound, NULL, bound_sums, &o, &b), SL_OK);
  const float r = (float)exp(3.0), s = (float)(1.0 / (1.0 + exp(1.0 - (double)r))),
              wrong = -(4.0f * s * (1.0f - s)) * r;
  expect_caught("the weight as 4 s (1 - s)", SL_KERNEL_gated_loss, &wrong, &d, &bound, 1);
}

/* eps under the root instead of beside it. */
Test(planted, adamw_eps) {
  const sl_adamw scalars = {1.0f,    0.9f,  0.999f, 0.1f, 0.001f, 10.0f,
                            1000.0f, 3e-4f, 1e-8f,  1.0f, 0};
  const float p0 = 0.5f, zero = 0.0f, g = 1e-3f;
  double p, m, v;
  sl_ball bp, bm, bv;
  cr_assert_eq(sl_ref_adamw_step(&p, &m, &v, &p0, &zero, &zero, &g, &scalars, 1), SL_OK);
  cr_assert_eq(sl_bound_adamw_step(&bp, &bm, &bv, &p0, &zero, &zero, &g, &scalars, 1), SL_OK);
  const float wrong =
      p0 - scalars.lr * ((float)m * scalars.c1) / sqrtf((float)v * scalars.c2 + scalars.eps);
  expect_caught("AdamW with eps under the root", SL_KERNEL_adamw_step, &wrong, &p, &bp, 1);
}

/* Two chunks of a softmax put together without the rescaling exp(m_c - M). */
Test(planted, softmax_without_rescaling) {
  inputs_begin("planted: softmax");
  enum { V = 1500 };
  float *logits = fill(V, RANDOM, 4.0f);
  logits[1200] = 9.0f;
  const uint32_t token = 3;
  double logp, entropy, l = 0.0;
  sl_ball bound, bound_entropy;
  cr_assert_eq(sl_ref_sample(&logp, &entropy, &token, logits, 1.0f, 1, V), SL_OK);
  cr_assert_eq(sl_bound_sample(&bound, &bound_entropy, &token, logits, 1.0f, 1, V), SL_OK);
  for (size_t begin = 0; begin < V; begin += SL_SUM_CHUNK) {
    float max = -INFINITY;
    const size_t end = begin + SL_SUM_CHUNK < V ? begin + SL_SUM_CHUNK : V;
    for (size_t i = begin; i < end; i++) max = fmaxf(max, logits[i]);
    for (size_t i = begin; i < end; i++) l += exp((double)logits[i] - (double)max);
  }
  const float wrong = (float)((double)logits[token] - 9.0 - log(l));
  expect_caught("softmax chunks without rescaling", SL_KERNEL_sample, &wrong, &logp, &bound, 1);
  inputs_end();
}

/* The check of walk against reference sees a reference that is off by 1/500 of the bound. */
Test(planted, wrong_reference) {
  comparison c = comparison_of("wrong reference", SL_KERNEL_residual_add);
  const float got = 1.0f;
  const sl_ball bound = {1.0, 0x1p-24};
  const double exact = 1.0 + 0x1p-33;
  compare_floats(&c, &got, &exact, &bound, 1);
  cr_expect(c.largest <= 1.0 && c.walk > SLACK_LIMIT);
}
