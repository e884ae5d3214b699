/* Planted failures of sums, digests and single numbers (spec N1.4, N3): another order, a missing
 * level, a lost sign. Each must be caught by the equivalence gate. */
#include "mutants.h"

#include "kernels/plain/plain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
