/* Planted failures: wrong kernels in a plain context's table must be caught by the equivalence gate
 * within the cases that its test runs, with the tensor named; the right ones must pass (spec N1.3,
 * N1.4, N1.7, N3). */
#include "kernels/core/context.h"
#include "kernels/plain/plain.h"

#include <criterion/criterion.h>
#include "ci/products/equiv/equiv.h"
#include <math.h>
#include <sluice/functions.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES 24

static sl_context *plain(int threads) {
  sl_context *ctx;
  sl_error err;
  cr_assert_eq(
      sl_context_create(&ctx, &(sl_context_options){.backend = "plain", .threads = threads}, &err),
      SL_OK, "%s", err.message);
  return ctx;
}

/* Cases in which ctx differs from plain; `place` must be in a message. */
static int caught(sl_kernel_id kernel, sl_context *ctx, const char *place) {
  sl_context *golden = plain(1);
  int found = 0, placed = 0;
  for (uint64_t seed = 1; seed <= CASES; seed++) {
    sl_equiv_trial *trial;
    sl_error err;
    cr_assert_eq(sl_equiv_begin(&trial, kernel, seed, golden, &err), SL_OK, "%s", err.message);
    if (sl_equiv_check(trial, ctx, &err)) {
      found++, placed += strstr(err.message, place) != NULL;
      if (found == 1) printf("caught: %s\n", err.message);
    }
    sl_equiv_end(trial);
  }
  sl_context_destroy(golden);
  cr_expect(found == 0 || placed > 0, "no message of %d says '%s'", found, place);
  return found;
}

#define MUTANT(test, kernel, wrong, place)                                   \
  Test(mutants, test) {                                                      \
    sl_context *ctx = plain(2);                                              \
    ctx->table.kernel = wrong;                                               \
    cr_expect_gt(caught(SL_KERNEL_##kernel, ctx, place), 0, #test " lives"); \
    sl_context_destroy(ctx);                                                 \
  }

/* Control: unmodified kernels must pass. */
#define SL_KERNEL(name, params, args, storage, clause, bound) \
  Test(mutants, right_##name) {                               \
    sl_context *ctx = plain(2);                               \
    cr_expect_eq(caught(SL_KERNEL_##name, ctx, ""), 0);       \
    sl_context_destroy(ctx);                                  \
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

/* An element beyond the end is read into the sum. */
static sl_status read_beyond(sl_context *ctx, double *sum, const float *g, size_t n) {
  const sl_status status = sl_plain_grad_square_sum(ctx, sum, g, n);
  *sum += 0.0 * (double)g[n];
  return status;
}
MUTANT(read_beyond_the_end, grad_square_sum, read_beyond, "sum[")

/* What was in the output before is added. */
static sl_status accumulating(sl_context *ctx, double *sum, const float *g, size_t n) {
  const double before = *sum;
  const sl_status status = sl_plain_grad_square_sum(ctx, sum, g, n);
  *sum += before;
  return status;
}
MUTANT(output_not_cleared, grad_square_sum, accumulating, "sum[")

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

/* The order of the sum depends on the number of threads. */
static sl_status thread_sum(sl_context *ctx, double *sum, const float *g, size_t n) {
  const size_t half = ctx->threads > 1 ? n / 2 : n;
  double first = 0.0, second = 0.0;
  const sl_status status = sl_plain_grad_square_sum(ctx, &first, g, half);
  if (status) return status;
  const sl_status rest = sl_plain_grad_square_sum(ctx, &second, g + half, n - half);
  *sum = first + second;
  return rest;
}
MUTANT(sum_by_threads, grad_square_sum, thread_sum, "sum[")

/* Chunk results in one ascending chain, where spec N3.8 has levels. */
static sl_status chained_total(sl_context *ctx, double *sum, const float *g, size_t n) {
  double total = 0.0, chunk;
  for (size_t i = 0; i < n; i += SL_SUM_CHUNK) {
    const sl_status status =
        sl_plain_grad_square_sum(ctx, &chunk, g + i, n - i < SL_SUM_CHUNK ? n - i : SL_SUM_CHUNK);
    if (status) return status;
    total += chunk;
  }
  *sum = total;
  return SL_OK;
}
MUTANT(total_in_a_chain, grad_square_sum, chained_total, "sum[")

/* One level above the chunks, however many they are. */
static sl_status one_level(sl_context *ctx, double *sum, const float *g, size_t n) {
  double lane[SL_SUM_LANES] = {0}, chunk;
  for (size_t i = 0; i < n; i += SL_SUM_CHUNK) {
    const sl_status status =
        sl_plain_grad_square_sum(ctx, &chunk, g + i, n - i < SL_SUM_CHUNK ? n - i : SL_SUM_CHUNK);
    if (status) return status;
    lane[i / SL_SUM_CHUNK % SL_SUM_LANES] += chunk;
  }
  for (size_t h = SL_SUM_LANES / 2; h > 0; h /= 2)
    for (size_t j = 0; j < h; j++) lane[j] += lane[j + h];
  *sum = lane[0];
  return SL_OK;
}
MUTANT(levels_left_out, grad_square_sum, one_level, "sum[")

/* The sum of a sequence's log-ratios by one chain over its chunks; n: its unmasked tokens. */
static double chained_sum(const sl_gated_loss_batch *b, size_t lo, size_t hi, double *n) {
  double total = 0.0;
  *n = 0.0;
  for (size_t begin = lo; begin < hi; begin += SL_SUM_CHUNK) {
    double lane[SL_SUM_LANES] = {0};
    for (size_t i = begin; i < hi && i < begin + SL_SUM_CHUNK; i++)
      if (b->mask[i])
        lane[(i - begin) % SL_SUM_LANES] += (double)(b->logp_new[i] - b->logp_old[i]), *n += 1.0;
    for (size_t h = SL_SUM_LANES / 2; h > 0; h /= 2)
      for (size_t j = 0; j < h; j++) lane[j] += lane[j + h];
    total += lane[0];
  }
  return total;
}

/* Log-ratios of sequences from such sums (spec O1.2). */
static sl_status chained_ratio(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                               const sl_objective *o, const sl_gated_loss_batch *b) {
  const size_t t = b->n_seq ? b->seq[b->n_seq] : 0;
  sl_objective by_token = *o;
  float *const new = calloc(t + 1, sizeof *new), *const old = calloc(t + 1, sizeof *old);
  cr_assert(new &&old);
  for (size_t s = 0; s < b->n_seq; s++) {
    double n;
    const double total = chained_sum(b, b->seq[s], b->seq[s + 1], &n);
    for (size_t i = b->seq[s]; n > 0.0 && i < b->seq[s + 1]; i++) new[i] = (float)(total / n);
  }
  sl_gated_loss_batch changed = *b;
  if (o->level == SL_LEVEL_SEQUENCE && !(o->beta > 0.0))
    by_token.level = SL_LEVEL_TOKEN, changed.logp_new = new, changed.logp_old = old;
  const sl_status status = sl_plain_gated_loss(ctx, d, e, sums, &by_token, &changed);
  free(new), free(old);
  return status;
}
MUTANT(ratio_in_a_chain, gated_loss, chained_ratio, "[")

/* A digest that does not see where an element lies. */
static sl_status digest_without_index(sl_context *ctx, uint64_t *digest, const float *x, size_t n) {
  digest[0] = digest[1] = 0;
  for (size_t i = 0; i < n; i++) {
    uint64_t one[2];
    const sl_status status = sl_plain_tensor_digest(ctx, one, x + i, 1);
    if (status) return status;
    digest[0] += one[0];
    digest[1] += digest[0] < one[0];
  }
  return SL_OK;
}
MUTANT(digest_without_index, tensor_digest, digest_without_index, "digest[")

/* Elements in descending order, under ascending indices. */
static sl_status digest_reversed(sl_context *ctx, uint64_t *digest, const float *x, size_t n) {
  float *const reversed = malloc((n + 1) * sizeof *reversed);
  cr_assert_not_null(reversed);
  for (size_t i = 0; i < n; i++) reversed[i] = x[n - 1 - i];
  const sl_status status = sl_plain_tensor_digest(ctx, digest, reversed, n);
  free(reversed);
  return status;
}
MUTANT(digest_of_another_order, tensor_digest, digest_reversed, "digest[")

/* Whole vectors of four. */
static sl_status digest_truncated(sl_context *ctx, uint64_t *digest, const float *x, size_t n) {
  return sl_plain_tensor_digest(ctx, digest, x, n / 4 * 4);
}
MUTANT(digest_without_tail, tensor_digest, digest_truncated, "digest[")

/* The sum modulo 2^64. */
static sl_status digest_without_carry(sl_context *ctx, uint64_t *digest, const float *x, size_t n) {
  const sl_status status = sl_plain_tensor_digest(ctx, digest, x, n);
  digest[1] = 0;
  return status;
}
MUTANT(digest_without_carry, tensor_digest, digest_without_carry, "digest[1")

/* A head of the array that depends on the pointer's alignment is summed on its own. */
static sl_status aligned_sum(sl_context *ctx, double *sum, const float *g, size_t n) {
  size_t head = (64 - (uintptr_t)g % 64) % 64 / sizeof *g;
  if (head > n) head = n;
  double first = 0.0, second = 0.0;
  const sl_status status = sl_plain_grad_square_sum(ctx, &first, g, head);
  if (status) return status;
  const sl_status rest = sl_plain_grad_square_sum(ctx, &second, g + head, n - head);
  *sum = first + second;
  return rest;
}
MUTANT(sum_by_alignment, grad_square_sum, aligned_sum, "sum[")

/* Subnormal results are flushed. */
static sl_status flushed(sl_context *ctx, float *y, const float *gate, const float *up, size_t n) {
  const sl_status status = sl_plain_swiglu_forward(ctx, y, gate, up, n);
  for (size_t i = 0; i < n; i++)
    if (fabsf(y[i]) < 0x1p-126f) y[i] = copysignf(0.0f, y[i]);
  return status;
}
MUTANT(flushed_subnormals, swiglu_forward, flushed, "y[")

/* -0 becomes +0. */
static sl_status unsigned_zero(sl_context *ctx, float *y, const float *a, const float *b,
                               size_t n) {
  const sl_status status = sl_plain_residual_add(ctx, y, a, b, n);
  for (size_t i = 0; i < n; i++) y[i] = y[i] + 0.0f;
  return status;
}
MUTANT(sign_of_zero, residual_add, unsigned_zero, "y[")

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
