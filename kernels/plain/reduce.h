/* The reductions of spec N3 and N4, as written there. Internal. */
#ifndef SLUICE_PLAIN_REDUCE_H
#define SLUICE_PLAIN_REDUCE_H

#include <sluice/kernels.h>

#include <math.h>
#include <string.h>

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Chunk results of a dot over [lo, hi) added to total (spec N3.2; chunks anchored at index 0, spec
 * N3.5). Steps are strides in elements. */
static inline float dot_onto(float total, const float *a, size_t step_a, const float *b,
                             size_t step_b, size_t lo, size_t hi) {
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
static inline float dot(const float *a, const float *b, size_t n) {
  return dot_onto(0.0f, a, 1, b, 1, 0, n);
}

/* A token dot onto a running total (spec N4.2); b NULL means 1. */
static inline float token_dot(float total, const float *a, size_t step_a, const float *b,
                              size_t step_b, const uint32_t *seq, size_t n_seq) {
  static const float one = 1.0f;
  for (size_t s = 0; s < n_seq; s++) {
    const size_t first = seq[s];
    total = dot_onto(total, a + first * step_a, step_a, b ? b + first * step_b : &one,
                     b ? step_b : 0, 0, seq[s + 1] - first);
  }
  return total;
}

/* A chunk of spec N3.6: lanes and butterfly of x[0..n), or of products with y where y is
 * not NULL. */
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

/* sum64 of spec N3.8, term by term: level 0 takes the terms, each level above takes the results of
 * the chunks below it as they are full, so that no list of them is stored. */
#define SUM64_LEVELS 11 /* 64^11 terms are more than there can be */
typedef struct {
  double lane[SUM64_LEVELS][SL_SUM_LANES];
  size_t terms[SUM64_LEVELS]; /* in the current chunk */
} sum64;

static inline double butterfly64(double *lane) {
  for (size_t h = SL_SUM_LANES / 2; h > 0; h /= 2)
    for (size_t j = 0; j < h; j++) lane[j] += lane[j + h];
  return lane[0];
}

/* Adds a * b on a level; fma(x, 1, lane) is lane + x. */
static inline void sum64_add(sum64 *s, int level, double a, double b) {
  double *l = &s->lane[level][s->terms[level] % SL_SUM_LANES];
  *l = fma(a, b, *l);
  if (++s->terms[level] < SL_SUM_CHUNK) return;
  const double result = butterfly64(s->lane[level]);
  memset(s->lane[level], 0, sizeof s->lane[level]);
  s->terms[level] = 0;
  sum64_add(s, level + 1, result, 1.0);
}

/* The sum; s is used up. A list of one result is that result, for none is -0. */
static inline double sum64_end(sum64 *s) {
  for (int level = 0; level < SUM64_LEVELS - 1; level++)
    if (s->terms[level]) sum64_add(s, level + 1, butterfly64(s->lane[level]), 1.0);
  return butterfly64(s->lane[SUM64_LEVELS - 1]);
}

#endif
