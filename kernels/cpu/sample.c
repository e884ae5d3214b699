/* Draws one token a row from logits with integer weights, in vectors; rows over threads (spec N3.9,
 * N5.5, T4.4).
 *
 * A row reads its logits once from memory (4 bytes each) and takes two exps per logit: softmax
 * sums, then weights. Its floor is those exps. Top-k and top-p find the smallest weight that stays
 * by bisection over the 31 bits of a weight: 31 passes over the row in cache, no sort. */
#include "kernels/core/check.h"
#include "cpu.h"
#include "softmax.h"

#include <math.h>
#include <sluice/functions.h>
#include <sluice/random.h>
#include <string.h>

#define WEIGHT_ONE 0x1p40f
/* Sums of a chunk of weights are exact in binary64. */
_Static_assert(SL_SUM_CHUNK <= 8192, "2^40 * SL_SUM_CHUNK stays within 2^53");

typedef struct {
  const float *logits;
  const sl_sampling *sampling;
  const uint32_t *sequence, *position;
  size_t vocab;
  float inv_temperature;
  int greedy;
  unsigned char *bad; /* rows whose sums are not finite */
  uint32_t *token;    /* results, copied out once no row is bad */
  float *logp, *entropy;
  unsigned char *scratch;
  size_t scratch_bytes;
} job;

/* Scratch of one thread: tempered logits, weights, chunk results. */
typedef struct {
  float *z, *weight;
  sums *chunk;
  uint64_t *chunk_weight;
} row_scratch;

static size_t scratch_bytes_of(size_t vocab) {
  return round_up(2 * round_up(vocab, SL_VW) * sizeof(float) +
                      chunks_of(vocab) * (sizeof(sums) + sizeof(uint64_t)),
                  64);
}

static row_scratch scratch_of(const job *j, int thread) {
  const size_t padded = round_up(j->vocab, SL_VW);
  unsigned char *p = j->scratch + (size_t)thread * j->scratch_bytes;
  row_scratch s = {.chunk_weight = (uint64_t *)(void *)p};
  s.z = (float *)(void *)(s.chunk_weight + chunks_of(j->vocab));
  s.weight = s.z + padded;
  s.chunk = (sums *)(void *)(s.weight + padded);
  return s;
}

/* The exps of a chunk alone are those of the weights, and go where these will be. */
static sums row_sums(const row_scratch *s, const float *logits, size_t vocab,
                     float inv_temperature) {
  float *exps = vocab <= SL_SUM_CHUNK ? s->weight : NULL;
  for (size_t c = 0, begin = 0; begin < vocab; c++, begin += SL_SUM_CHUNK) {
    const size_t n = smaller(SL_SUM_CHUNK, vocab - begin);
    s->chunk[c] =
        chunk_sums(s->z + begin, n, temper(s->z + begin, logits + begin, n, inv_temperature), exps);
  }
  return combined_sums(s->chunk, chunks_of(vocab));
}

#ifdef __AVX512F__
typedef __m512d weight_sum;
static inline weight_sum no_weights(void) { return _mm512_setzero_pd(); }
/* Exact sum of 16 weights in binary64 onto 8 sums. */
static inline weight_sum add_weights(weight_sum sum, vf w) {
  sum = _mm512_add_pd(sum, _mm512_cvtps_pd(_mm512_castps512_ps256(w)));
  return _mm512_add_pd(sum, _mm512_cvtps_pd(_mm512_extractf32x8_ps(w, 1)));
}
static inline double weights_total(weight_sum s) { return _mm512_reduce_add_pd(s); }
static inline size_t lanes_at_least(vf w, vf low) {
  return (size_t)__builtin_popcount(_mm512_cmp_ps_mask(w, low, _CMP_GE_OQ));
}
#else
typedef __m256d weight_sum;
static inline weight_sum no_weights(void) { return _mm256_setzero_pd(); }
static inline weight_sum add_weights(weight_sum sum, vf w) {
  sum = _mm256_add_pd(sum, _mm256_cvtps_pd(_mm256_castps256_ps128(w)));
  return _mm256_add_pd(sum, _mm256_cvtps_pd(_mm256_extractf128_ps(w, 1)));
}
static inline double weights_total(weight_sum s) { return (s[0] + s[1]) + (s[2] + s[3]); }
static inline size_t lanes_at_least(vf w, vf low) {
  return (size_t)__builtin_popcount(
      (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(w, low, _CMP_GE_OQ)));
}
#endif

/* Number and sum of the weights >= low. Padding holds -1, below every low >= 0. */
static size_t count_from(const float *weight, size_t n, float low) {
  const vf bound = v_set(low);
  size_t count = 0;
  for (size_t i = 0; i < n; i += SL_VW) count += lanes_at_least(v_load(weight + i), bound);
  return count;
}

static uint64_t sum_from(const float *weight, size_t n, float low) {
  const vf bound = v_set(low);
  uint64_t total = 0;
  for (size_t begin = 0; begin < n; begin += SL_SUM_CHUNK) {
    weight_sum sum = no_weights();
    for (size_t i = begin; i < smaller(n, begin + SL_SUM_CHUNK); i += SL_VW) {
      const vf w = v_load(weight + i);
      sum = add_weights(sum, v_zero_below(w, w, bound));
    }
    total += (uint64_t)weights_total(sum);
  }
  return total;
}

static float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* How much of the order (weight descending, index ascending) stays: the first `count`, or, where
 * that is 0, the shortest prefix that weighs `need`. */
typedef struct {
  uint64_t count;
  double need;
} demand;

/* Of the weights >= low: their number for a top-k demand, their sum for a top-p demand. */
static uint64_t amount_from(const float *weight, size_t n, float low, demand d) {
  return d.count ? count_from(weight, n, low) : sum_from(weight, n, low);
}
static int enough(uint64_t amount, demand d) {
  return d.count ? amount >= d.count : (double)amount >= d.need;
}

#define ABOVE_ALL 0x53800001u /* the bits of the float after 2^40 */

/* Sets the weights outside to 0. A weight is a nonnegative float, so its bits are ordered as it is:
 * bisection finds the largest `low` for which the weights
 * >= low are enough; those above it stay, and as many of its equals as are needed, by index. */
static void keep(float *weight, size_t n, demand d) {
  uint32_t low = 0, high = ABOVE_ALL; /* enough at low, not at high */
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    if (enough(amount_from(weight, n, float_of(middle), d), d))
      low = middle;
    else
      high = middle;
  }
  const float edge = float_of(low);
  uint64_t have = amount_from(weight, n, float_of(low + 1), d);
  for (size_t v = 0; v < n; v++) {
    if (weight[v] > edge) continue;
    if (weight[v] < edge || enough(have, d))
      weight[v] = 0.0f;
    else
      have += d.count ? 1 : (uint64_t)edge;
  }
}

/* floor(2^40 exp(z - M)) as floats, which hold them exactly; padded with -1. Chunk sums
 * beside them. */
static void make_weights(const row_scratch *s, size_t vocab, float max) {
  const vf m = v_set(max), one = v_set(WEIGHT_ONE);
  const int made = vocab <= SL_SUM_CHUNK; /* by row_sums */
  for (size_t i = 0; i < vocab; i += SL_VW) {
    const vf e = made ? v_load(s->weight + i) : v_exp(v_load(s->z + i) - m);
    v_store(s->weight + i, v_floor(e * one));
  }
  for (size_t i = vocab; i < round_up(vocab, SL_VW); i++) s->weight[i] = -1.0f;
}

static void truncate_weights(const row_scratch *s, const sl_sampling *sampling, size_t vocab) {
  if (sampling->top_k && sampling->top_k < vocab)
    keep(s->weight, vocab, (demand){sampling->top_k, 0.0});
  if (sampling->top_p < 1.0)
    keep(s->weight, vocab,
         (demand){0, ceil(sampling->top_p * (double)sum_from(s->weight, vocab, 0.0f))});
}

/* The lowest index whose cumulative weight exceeds mulhi(u, total). */
static uint32_t draw(const row_scratch *s, const sl_sampling *sampling, uint32_t sequence,
                     uint32_t position, size_t vocab) {
  uint64_t total = 0, cumulative = 0;
  size_t c = 0;
  for (size_t begin = 0, i = 0; begin < vocab; begin += SL_SUM_CHUNK, i++) {
    s->chunk_weight[i] = sum_from(s->weight + begin, smaller(SL_SUM_CHUNK, vocab - begin), 0.0f);
    total += s->chunk_weight[i];
  }
  const uint64_t u = sl_random_u64(sampling->seed, position, sequence, sampling->step,
                                   SL_RANDOM_SAMPLING),
                 x = sl_multiply_high(u, total);
  while (cumulative + s->chunk_weight[c] <= x) cumulative += s->chunk_weight[c++];
  size_t v = c * SL_SUM_CHUNK;
  while (cumulative + (uint64_t)s->weight[v] <= x) cumulative += (uint64_t)s->weight[v++];
  return (uint32_t)v;
}

static uint32_t argmax(const float *z, float max) {
  uint32_t v = 0;
  while (z[v] != max) v++;
  return v;
}

static void sample_row(const job *j, const row_scratch *s, size_t i) {
  const sums total = row_sums(s, j->logits + i * j->vocab, j->vocab, j->inv_temperature);
  j->bad[i] = !isfinite(total.sum) || !isfinite(total.moment);
  if (j->bad[i]) return;
  if (j->greedy) {
    j->token[i] = argmax(s->z, total.max);
  } else {
    make_weights(s, j->vocab, total.max);
    truncate_weights(s, j->sampling, j->vocab);
    j->token[i] = draw(s, j->sampling, j->sequence[i], j->position[i], j->vocab);
  }
  const float log_sum = sl_fn_log(total.sum);
  j->logp[i] = (s->z[j->token[i]] - total.max) - log_sum;
  j->entropy[i] = log_sum - total.moment / total.sum;
}

static void sample_range(void *arg, size_t begin, size_t end, int thread) {
  const job *j = arg;
  const row_scratch s = scratch_of(j, thread);
  for (size_t i = begin; i < end; i++) sample_row(j, &s, i);
}

static sl_status place(sl_context *ctx, job *j, size_t b) {
  const size_t results = round_up(b * (2 * sizeof(float) + sizeof(uint32_t) + 1), 64);
  j->scratch_bytes = scratch_bytes_of(j->vocab);
  unsigned char *p = sl_workspace(ctx, results + j->scratch_bytes * (size_t)ctx->threads);
  if (!p) return ctx->error.status;
  j->token = (uint32_t *)(void *)p;
  j->logp = (float *)(void *)(j->token + b);
  j->entropy = j->logp + b;
  j->bad = (unsigned char *)(void *)(j->entropy + b);
  j->scratch = p + results;
  return SL_OK;
}

sl_status SL_ISA_NAME(sample)(sl_context *ctx, uint32_t *token, float *logp, float *entropy,
                              const float *logits, const sl_sampling *sampling,
                              const uint32_t *sequence, const uint32_t *position, size_t b,
                              size_t vocab) {
  job j = {logits, sampling, sequence, position, vocab, .greedy = sampling->temperature == 0.0f};
  j.inv_temperature = j.greedy ? 1.0f : 1.0f / sampling->temperature;
  sl_status status = place(ctx, &j, b);
  if (!status) status = sl_parallel_for(ctx, b, grain_for(200 + vocab * 6), sample_range, &j);
  if (status) return status;
  for (size_t i = 0; i < b; i++)
    if (j.bad[i]) return sl_fail_logits(ctx, logits + i * vocab, j.inv_temperature, i, vocab);
  memcpy(token, j.token, b * sizeof *token);
  memcpy(logp, j.logp, b * sizeof *logp);
  memcpy(entropy, j.entropy, b * sizeof *entropy);
  return SL_OK;
}
