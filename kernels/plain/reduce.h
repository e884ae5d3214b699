/* The reductions of spec N3 and N4, as written there. Not public. */
#ifndef SLUICE_PLAIN_REDUCE_H
#define SLUICE_PLAIN_REDUCE_H

#include <sluice/kernels.h>

#include <math.h>

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Chunk results of a dot over [lo, hi) added to total (spec N3.2; chunks anchored at index 0, spec N3.5). Steps are strides in elements. */
static inline float dot_onto(float total, const float *a, size_t step_a, const float *b, size_t step_b, size_t lo, size_t hi) {
  for (size_t begin = lo; begin < hi;) {
    const size_t end = smaller(hi, (begin / SL_DOT_CHUNK + 1) * SL_DOT_CHUNK);
    float chain = 0.0f;
    for (size_t k = begin; k < end; k++) chain = fmaf(a[k * step_a], b[k * step_b], chain);
    total += chain;
    begin = end;
  }
  return total;
}

/* spec N3.2 */
static inline float dot(const float *a, const float *b, size_t n) { return dot_onto(0.0f, a, 1, b, 1, 0, n); }

/* A token dot onto a running total (spec N4.2); b NULL means 1. */
static inline float token_dot(float total, const float *a, size_t step_a, const float *b, size_t step_b, const uint32_t *seq,
                              size_t n_seq) {
  static const float one = 1.0f;
  for (size_t s = 0; s < n_seq; s++) {
    const size_t first = seq[s];
    total = dot_onto(total, a + first * step_a, step_a, b ? b + first * step_b : &one, b ? step_b : 0, 0, seq[s + 1] - first);
  }
  return total;
}

/* A chunk of spec N3.6: lanes and butterfly of x[0..n), or of products with y where y is not NULL. */
static inline float lane_sum(const float *x, const float *y, size_t n) {
  float lane[SL_SUM_LANES] = {0};
  for (size_t i = 0; i < n; i++) {
    float *l = &lane[i % SL_SUM_LANES];
    *l = y ? fmaf(x[i], y[i], *l) : *l + x[i];
  }
  for (size_t h = SL_SUM_LANES / 2; h > 0; h /= 2)
    for (size_t j = 0; j < h; j++) lane[j] += lane[j + h];
  return lane[0];
}

/* spec N3.6 */
static inline float sum_of(const float *x, const float *y, size_t n) {
  float total = 0.0f;
  for (size_t begin = 0; begin < n; begin += SL_SUM_CHUNK)
    total += lane_sum(x + begin, y ? y + begin : NULL, smaller(SL_SUM_CHUNK, n - begin));
  return total;
}

/* spec N3.8: the same in binary64, of x[0..n) squared */
static inline double square_sum64(const float *x, size_t n) {
  double total = 0.0;
  for (size_t begin = 0; begin < n; begin += SL_SUM_CHUNK) {
    const size_t end = smaller(n, begin + SL_SUM_CHUNK);
    double lane[SL_SUM_LANES] = {0};
    for (size_t i = begin; i < end; i++) {
      double *l = &lane[(i - begin) % SL_SUM_LANES];
      *l = fma((double)x[i], (double)x[i], *l);
    }
    for (size_t h = SL_SUM_LANES / 2; h > 0; h /= 2)
      for (size_t j = 0; j < h; j++) lane[j] += lane[j + h];
    total += lane[0];
  }
  return total;
}

#endif
