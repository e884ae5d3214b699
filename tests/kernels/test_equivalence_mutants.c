/* Planted failures: wrong kernels in a plain context's table must be caught by the equivalence gate
 * within the cases that its test runs, with the tensor named; the right ones must pass (spec N1.3,
 * N1.4, N1.7, N3). */
#include "mutants.h"

#include "kernels/plain/plain.h"

#include <math.h>
#include <sluice/functions.h>
#include <stdlib.h>
#include <string.h>

/* Control: unmodified kernels must pass. */
#define SL_KERNEL(name, params, args, storage, clause, bound)  \
  Test(mutants, right_##name) {                                \
    sl_context *ctx = mutant_context(2);                       \
    cr_expect_eq(mutant_caught(SL_KERNEL_##name, ctx, ""), 0); \
    sl_context_destroy(ctx);                                   \
  }
#include <sluice/kernels.def>
#undef SL_KERNEL

/* A dot in two interleaved chains. */
static sl_status reassociated_linear(sl_context *ctx, float *y, const float *x, const float *w,
                                     const void *packed, const float *bias, size_t t, size_t n,
                                     size_t k) {
  (void)ctx, (void)packed;
  for (size_t i = 0; i < t * n; i++) {
    float even = 0.0f, odd = 0.0f;
    for (size_t c = 0; c < k; c++) {
      float *chain = c % 2 ? &odd : &even;
      *chain = fmaf(x[i / n * k + c], w[i % n * k + c], *chain);
    }
    y[i] = (even + odd) + (bias ? bias[i % n] : 0.0f);
  }
  return SL_OK;
}
MUTANT(reassociated_sum, linear_forward, reassociated_linear, "y[")

/* One chain over all of k: the chunks of spec N3.2 are gone. */
static sl_status unchunked_linear(sl_context *ctx, float *y, const float *x, const float *w,
                                  const void *packed, const float *bias, size_t t, size_t n,
                                  size_t k) {
  (void)ctx, (void)packed;
  for (size_t i = 0; i < t * n; i++) {
    float chain = 0.0f;
    for (size_t c = 0; c < k; c++) chain = fmaf(x[i / n * k + c], w[i % n * k + c], chain);
    y[i] = bias ? chain + bias[i % n] : chain;
  }
  return SL_OK;
}
MUTANT(dropped_chunks, linear_forward, unchunked_linear, "y[")

/* The bias as the chain's first term, as a fused epilogue might have it. */
static sl_status bias_first_linear(sl_context *ctx, float *y, const float *x, const float *w,
                                   const void *packed, const float *bias, size_t t, size_t n,
                                   size_t k) {
  const sl_status status = sl_plain_linear_forward(ctx, y, x, w, packed, bias, t, n, k);
  for (size_t i = 0; bias && k <= SL_DOT_CHUNK && i < t * n; i++) {
    y[i] = bias[i % n];
    for (size_t c = 0; c < k; c++) y[i] = fmaf(x[i / n * k + c], w[i % n * k + c], y[i]);
  }
  return status;
}
MUTANT(bias_in_the_chain, linear_forward, bias_first_linear, "y[")

/* p * decay contracted with the update's product the other way round. */
static sl_status contracted_adamw(sl_context *ctx, float *p, float *m, float *v, const float *g,
                                  const sl_adamw *step, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const float before = p[i];
    const sl_status status = sl_plain_adamw_step(ctx, p + i, m + i, v + i, g + i, step, 1);
    if (status) return status;
    const float update = (m[i] * step->c1) / (sqrtf(v[i] * step->c2) + step->eps);
    p[i] = fmaf(before, step->decay, -(step->lr * update));
  }
  return SL_OK;
}
MUTANT(contracted_fma, adamw_step, contracted_adamw, "p[")

/* a * cos - b * sin in three roundings where the clause has two. */
static sl_status uncontracted_rope(sl_context *ctx, float *x, const uint32_t *position,
                                   const float *cos_table, const float *sin_table, size_t t,
                                   size_t heads, size_t d, size_t positions) {
  (void)ctx, (void)positions;
  for (size_t i = 0; i < t * heads; i++)
    for (size_t c = 0; c < d / 2; c++) {
      const float cosine = cos_table[position[i / heads] * (d / 2) + c],
                  sine = sin_table[position[i / heads] * (d / 2) + c];
      const float a = x[i * d + c], b = x[i * d + c + d / 2];
      x[i * d + c] = a * cosine - b * sine;
      x[i * d + c + d / 2] = b * cosine + a * sine;
    }
  return SL_OK;
}
MUTANT(dropped_fma, rope_forward, uncontracted_rope, "x[")

/* Masked tokens are multiplied by 0, which NaN survives. */
static sl_status multiplied_mask(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                 const sl_objective *o, const sl_gated_loss_batch *b) {
  const sl_status status = sl_plain_gated_loss(ctx, d, e, sums, o, b);
  for (size_t i = 0; !status && i < (b->n_seq ? b->seq[b->n_seq] : 0); i++)
    if (!b->mask[i]) d[i] = 0.0f * (b->logp_new[i] - b->logp_old[i]);
  return status;
}
MUTANT(multiplied_mask, gated_loss, multiplied_mask, "d[")

/* Every token counts. */
static sl_status dropped_mask(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                              const sl_objective *o, const sl_gated_loss_batch *b) {
  const size_t t = b->n_seq ? b->seq[b->n_seq] : 0;
  uint8_t *mask = malloc(t + 1);
  cr_assert_not_null(mask);
  memset(mask, 1, t + 1);
  sl_gated_loss_batch all = *b;
  all.mask = mask;
  const sl_status status = sl_plain_gated_loss(ctx, d, e, sums, o, &all);
  free(mask);
  return status;
}
MUTANT(dropped_mask, gated_loss, dropped_mask, "gated_loss")

/* The offset of the sigmoid gate left in the centred value. */
static sl_status not_centred(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                             const sl_objective *o, const sl_gated_loss_batch *b) {
  const sl_status status = sl_plain_gated_loss(ctx, d, e, sums, o, b);
  for (size_t s = 0; !status && s < b->n_seq; s++) sums[s].centred = sums[s].objective;
  return status;
}
MUTANT(not_centred, gated_loss, not_centred, ".centred is")

/* Whole vectors of eight only. */
static sl_status short_tail(sl_context *ctx, float *y, const float *gate, const float *up,
                            size_t n) {
  return sl_plain_swiglu_forward(ctx, y, gate, up, n / 8 * 8);
}
MUTANT(short_tail, swiglu_forward, short_tail, "y[")

/* Whole vectors of eight, one more than there are. */
static sl_status long_tail(sl_context *ctx, float *y, const float *a, const float *b, size_t n) {
  return sl_plain_residual_add(ctx, y, a, b, (n + 7) / 8 * 8);
}
MUTANT(long_tail, residual_add, long_tail, "after its end")

/* Starts one element early, with the right values. */
static sl_status early_begin(sl_context *ctx, float *y, const float *a, const float *b, size_t n) {
  const sl_status status = sl_plain_residual_add(ctx, y, a, b, n);
  y[-1] = 0.0f;
  return status;
}
MUTANT(early_begin, residual_add, early_begin, "before its begin")

/* Masked rows are left as they are. */
static sl_status unwritten_rows(sl_context *ctx, float *logp, float *entropy, float *row_max,
                                float *row_sum, const float *h, const float *w, const void *packed,
                                const uint32_t *target, const uint8_t *mask, float inv_temperature,
                                size_t t, size_t d, size_t vocab) {
  for (size_t i = 0; i < t; i++) {
    if (!mask[i]) continue;
    const sl_status status =
        sl_plain_logprob_forward(ctx, logp + i, entropy + i, row_max + i, row_sum + i, h + i * d, w,
                                 packed, target + i, mask + i, inv_temperature, 1, d, vocab);
    ctx->workspace_used = 0;
    if (status) return status;
  }
  return SL_OK;
}
MUTANT(unwritten_rows, logprob_forward, unwritten_rows, "logp[")

/* An input is used as scratch. */
static sl_status scratched_input(sl_context *ctx, float *y, float *rstd, const float *x,
                                 const float *w, size_t t, size_t d, float eps) {
  const sl_status status = sl_plain_rmsnorm_forward(ctx, y, rstd, x, w, t, d, eps);
  if (t) memset((void *)(uintptr_t)x, 0, sizeof *x);
  return status;
}
MUTANT(input_written, rmsnorm_forward, scratched_input, "an input was written")

/* A query sees one key too many: the causal mask is off by one. */
static sl_status future_key(sl_context *ctx, float *o, const float *q, const float *k_cache,
                            const float *v_cache, const uint32_t *slot, const uint32_t *position,
                            size_t b, size_t heads, size_t kv_heads, size_t d, size_t capacity,
                            size_t slots) {
  for (size_t i = 0; i < b; i++) {
    const uint32_t next = position[i] + 1 < capacity ? position[i] + 1 : position[i];
    const sl_status status =
        sl_plain_attention_decode(ctx, o + i * heads * d, q + i * heads * d, k_cache, v_cache,
                                  slot + i, &next, 1, heads, kv_heads, d, capacity, slots);
    ctx->workspace_used = 0;
    if (status) return status;
  }
  return SL_OK;
}
MUTANT(future_key, attention_decode, future_key, "o[")

/* One query of the exact maximum first, then one chunk of all keys. */
static void attend_at_once(float *o, float *s, const float *q, const float *k, const float *v,
                           size_t n, size_t d, size_t capacity) {
  float max = -INFINITY, sum = 0.0f;
  for (size_t j = 0; j < n; j++) {
    float chain = 0.0f;
    for (size_t c = 0; c < d; c++) chain = fmaf(q[c], k[c * capacity + j], chain);
    s[j] = chain * (float)(1.0 / sqrt((double)d));
    max = fmaxf(max, s[j] + 0.0f);
  }
  for (size_t j = 0; j < n; j++) s[j] = sl_fn_exp(s[j] - max), sum += s[j];
  for (size_t c = 0; c < d; c++) {
    float chain = 0.0f;
    for (size_t j = 0; j < n; j++) chain = fmaf(s[j], v[j * d + c], chain);
    o[c] = 1.0f / sum * chain + 0.0f;
  }
}

/* Key chunks are not joined: rows of up to one chunk are right. */
static sl_status one_key_chunk(sl_context *ctx, float *o, const float *q, const float *k_cache,
                               const float *v_cache, const uint32_t *slot, const uint32_t *position,
                               size_t b, size_t heads, size_t kv_heads, size_t d, size_t capacity,
                               size_t slots) {
  const sl_status status = sl_plain_attention_decode(ctx, o, q, k_cache, v_cache, slot, position, b,
                                                     heads, kv_heads, d, capacity, slots);
  float *s = malloc(capacity * sizeof *s);
  cr_assert_not_null(s);
  for (size_t i = 0; !status && i < b * heads; i++) {
    const size_t r = i / heads,
                 kv = (slot[r] * kv_heads + i % heads / (heads / kv_heads)) * d * capacity;
    if (position[r] >= SL_KEY_CHUNK)
      attend_at_once(o + i * d, s, q + i * d, k_cache + kv, v_cache + kv, position[r] + (size_t)1,
                     d, capacity);
  }
  free(s);
  return status;
}
MUTANT(one_key_chunk, attention_decode, one_key_chunk, "o[")

/* Sequences run into each other: chunks of the token dot are not anchored. */
static sl_status one_sequence(sl_context *ctx, float *total, const float *dy, const float *x,
                              const float *rstd, const uint32_t *seq, size_t n_seq, size_t d) {
  const uint32_t one[] = {0, n_seq ? seq[n_seq] : 0};
  return sl_plain_rmsnorm_weight_grad(ctx, total, dy, x, rstd, one, 1, d);
}
MUTANT(unanchored_chunks, rmsnorm_weight_grad, one_sequence, "total[")

/* A kernel that fails where plain does not. */
static sl_status refusing(sl_context *ctx, float *y, const float *gate, const float *up, size_t n) {
  (void)y, (void)gate, (void)up, (void)n;
  return sl_fail(&ctx->error, SL_ERR_MEMORY, "no memory");
}
MUTANT(refusing, swiglu_forward, refusing, "it fails: no memory")
