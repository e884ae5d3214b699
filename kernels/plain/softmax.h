/* Softmax sums of a row of tempered logits (spec N3.9), its maximum exact (spec N3.7). Internal. */
#ifndef SLUICE_PLAIN_SOFTMAX_H
#define SLUICE_PLAIN_SOFTMAX_H

#include "reduce.h"

#include <sluice/functions.h>

typedef struct {
  float max, sum, moment; /* M, l, u */
} softmax_sums;

static inline softmax_sums softmax_chunk(const float *z, size_t n) {
  softmax_sums c = {-INFINITY, 0.0f, 0.0f};
  for (size_t i = 0; i < n; i++)
    if (z[i] > c.max) c.max = z[i];
  c.max += 0.0f;
  float sum[SL_SUM_LANES] = {0}, moment[SL_SUM_LANES] = {0};
  for (size_t i = 0; i < n; i++) {
    const float y = z[i] - c.max, e = sl_fn_exp(y);
    sum[i % SL_SUM_LANES] += e;
    moment[i % SL_SUM_LANES] = fmaf(e, y, moment[i % SL_SUM_LANES]);
  }
  for (size_t h = SL_SUM_LANES / 2; h > 0; h /= 2)
    for (size_t j = 0; j < h; j++) sum[j] += sum[j + h], moment[j] += moment[j + h];
  c.sum = sum[0], c.moment = moment[0];
  return c;
}

/* Combines chunk results in ascending order; max is that of the whole row. */
static inline void softmax_combine(softmax_sums *total, softmax_sums chunk) {
  const float d = chunk.max - total->max, a = sl_fn_exp(d);
  total->moment = fmaf(fmaf(chunk.sum, d, chunk.moment), a, total->moment);
  total->sum = fmaf(chunk.sum, a, total->sum);
}

static inline softmax_sums softmax_row(const float *z, size_t n) {
  softmax_sums total = {-INFINITY, 0.0f, 0.0f};
  for (size_t i = 0; i < n; i++)
    if (z[i] > total.max) total.max = z[i];
  total.max += 0.0f;
  for (size_t begin = 0; begin < n; begin += SL_SUM_CHUNK)
    softmax_combine(&total, softmax_chunk(z + begin, smaller(SL_SUM_CHUNK, n - begin)));
  return total;
}

/* log-prob of a logit and the entropy (spec T4.2) */
static inline float softmax_logprob(softmax_sums s, float z) {
  return (z - s.max) - sl_fn_log(s.sum);
}
static inline float softmax_entropy(softmax_sums s) { return sl_fn_log(s.sum) - s.moment / s.sum; }

#endif
