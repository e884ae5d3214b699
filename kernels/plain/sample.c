/* Draws one token a row from logits with integer weights (spec N5.5, T4.4). */
#include "kernels/core/check.h"
#include "plain.h"
#include "softmax.h"

#include <sluice/random.h>

#define WEIGHT_ONE 0x1p40f

/* Scratch of one row: tempered logits, weights, and candidates sorted by (weight descending,
 * index ascending). */
typedef struct {
  float *z;
  uint64_t *weight;
  uint32_t *order;
} scratch;

static int before(const uint64_t *weight, uint32_t a, uint32_t b) {
  return weight[a] != weight[b] ? weight[a] > weight[b] : a < b;
}

static void sift(const uint64_t *weight, uint32_t *heap, size_t root, size_t n) {
  for (size_t child; (child = 2 * root + 1) < n; root = child) {
    if (child + 1 < n && before(weight, heap[child], heap[child + 1])) child++;
    if (!before(weight, heap[root], heap[child])) return;
    const uint32_t t = heap[root];
    heap[root] = heap[child], heap[child] = t;
  }
}

/* Heap sort: no allocation, no recursion. */
static void sort_candidates(const uint64_t *weight, uint32_t *order, size_t n) {
  for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
  for (size_t i = n / 2; i-- > 0;) sift(weight, order, i, n);
  for (size_t end = n; end-- > 1;) {
    const uint32_t t = order[0];
    order[0] = order[end], order[end] = t;
    sift(weight, order, 0, end);
  }
}

static uint64_t sum_weights(const uint64_t *weight, size_t n) {
  uint64_t total = 0;
  for (size_t v = 0; v < n; v++) total += weight[v];
  return total;
}

/* Sets the weights outside top-k and top-p to 0. */
static void truncate_weights(scratch s, const sl_sampling *sampling, size_t n) {
  sort_candidates(s.weight, s.order, n);
  const size_t keep = sampling->top_k && sampling->top_k < n ? sampling->top_k : n;
  for (size_t i = keep; i < n; i++) s.weight[s.order[i]] = 0;
  if (sampling->top_p < 1.0) {
    const double need = ceil(sampling->top_p * (double)sum_weights(s.weight, n));
    uint64_t have = 0;
    size_t i = 0;
    while (i < keep && (double)have < need) have += s.weight[s.order[i++]];
    for (; i < n; i++) s.weight[s.order[i]] = 0;
  }
}

static uint32_t draw(scratch s, float max, const sl_sampling *sampling, uint32_t sequence,
                     uint32_t position, size_t n) {
  for (size_t v = 0; v < n; v++) s.weight[v] = (uint64_t)(WEIGHT_ONE * sl_fn_exp(s.z[v] - max));
  if ((sampling->top_k && sampling->top_k < n) || sampling->top_p < 1.0)
    truncate_weights(s, sampling, n);
  const uint64_t u =
      sl_random_u64(sampling->seed, position, sequence, sampling->step, SL_RANDOM_SAMPLING);
  const uint64_t x = sl_multiply_high(u, sum_weights(s.weight, n));
  uint64_t cumulative = 0;
  for (size_t v = 0; v + 1 < n; v++) {
    cumulative += s.weight[v];
    if (cumulative > x) return (uint32_t)v;
  }
  return (uint32_t)(n - 1);
}

static uint32_t argmax(const float *z, size_t n) {
  uint32_t best = 0;
  for (size_t v = 1; v < n; v++)
    if (z[v] > z[best]) best = (uint32_t)v;
  return best;
}

/* A row of tempered logits and its softmax sums. */
static softmax_sums temper(float *z, const float *logits, float inv_temperature, size_t vocab) {
  for (size_t v = 0; v < vocab; v++) z[v] = logits[v] * inv_temperature;
  return softmax_row(z, vocab);
}

sl_status sl_plain_sample(sl_context *ctx, uint32_t *token, float *logp, float *entropy,
                          const float *logits, const sl_sampling *sampling,
                          const uint32_t *sequence, const uint32_t *position, size_t b,
                          size_t vocab) {
  unsigned char *memory =
      sl_workspace(ctx, vocab * (sizeof(uint64_t) + sizeof(float) + sizeof(uint32_t)));
  if (!memory) return ctx->error.status;
  const scratch s = {(float *)(void *)(memory + vocab * sizeof(uint64_t)),
                     (uint64_t *)(void *)memory,
                     (uint32_t *)(void *)(memory + vocab * (sizeof(uint64_t) + sizeof(float)))};
  const int greedy = sampling->temperature == 0.0f;
  const float inv_temperature = greedy ? 1.0f : 1.0f / sampling->temperature;
  for (size_t i = 0; i < b; i++) {
    const softmax_sums sums = temper(s.z, logits + i * vocab, inv_temperature, vocab);
    if (!isfinite(sums.sum) || !isfinite(sums.moment))
      return sl_fail_logits(ctx, logits + i * vocab, inv_temperature, i, vocab);
  }
  for (size_t i = 0; i < b; i++) {
    const softmax_sums sums = temper(s.z, logits + i * vocab, inv_temperature, vocab);
    token[i] =
        greedy ? argmax(s.z, vocab) : draw(s, sums.max, sampling, sequence[i], position[i], vocab);
    logp[i] = softmax_logprob(sums, s.z[token[i]]);
    entropy[i] = softmax_entropy(sums);
  }
  return SL_OK;
}
