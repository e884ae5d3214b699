/* Softmax sums of the head's tempered logits in vectors (spec N3.9); attention has its own in
 * attention.c. Internal. */
#ifndef SLUICE_CPU_SOFTMAX_H
#define SLUICE_CPU_SOFTMAX_H

#include "functions.h"

#include <math.h>

typedef struct {
  float max, sum, moment; /* M, l, u of spec N3.9 */
} sums;

static inline size_t chunks_of(size_t vocab) { return (vocab + SL_SUM_CHUNK - 1) / SL_SUM_CHUNK; }

/* Tempered logits of a chunk into z, padded with -inf to a whole vector; their maximum. */
static inline float temper(float *z, const float *logits, size_t n, float inv_temperature) {
  const vf lowest = v_set(-INFINITY), by = v_set(inv_temperature);
  vf max = lowest;
  for (size_t i = 0; i < n; i += SL_VW) {
    vf x = v_load_n(logits + i, n - i) * by;
    if (n - i < SL_VW) x = v_select(v_mask(n - i), x, lowest);
    v_store(z + i, x);
    max = v_max(max, x);
  }
  return v_max_lane(max) + 0.0f;
}

/* l_c and u_c of spec N3.9, and the exps at `exps`, if not NULL, in whole vectors. Padding has
 * weight +0: its term of u is made +0 too. */
static inline sums chunk_sums(const float *z, size_t n, float max, float *exps) {
  const vf m = v_set(max);
  lanes l = lanes_zero(), u = lanes_zero();
  for (size_t i = 0; i < n; i += SL_SUM_LANES)
    for (size_t v = 0; v < SL_LANE_VECTORS; v++) {
      const size_t at = i + v * SL_VW;
      if (at >= n) break;
      vf y = v_load(z + at) - m;
      const vf e = v_exp(y);
      if (exps) v_store(exps + at, e);
      if (n - at < SL_VW) y = v_select(v_mask(n - at), y, v_zero());
      l.v[v] += e;
      u.v[v] = v_fma(e, y, u.v[v]);
    }
  const sums s = {max, lanes_total(&l), lanes_total(&u)};
  return s;
}

/* The row's sums from those of its chunks. The factor of a chunk alone is 1; its moment is no -0
 * after the fmas. */
static inline sums combined_sums(const sums *chunk, size_t chunks) {
  sums total = {-INFINITY, 0.0f, 0.0f};
  for (size_t c = 0; c < chunks; c++)
    if (chunk[c].max > total.max) total.max = chunk[c].max;
  if (chunks == 1) return (sums){total.max, chunk->sum, chunk->moment + 0.0f};
  for (size_t c = 0; c < chunks; c++) {
    const sums x = chunk[c];
    const float d = x.max - total.max, a = sl_fn_exp(d);
    total.moment = fmaf(fmaf(x.sum, d, x.moment), a, total.moment);
    total.sum = fmaf(x.sum, a, total.sum);
  }
  return total;
}

#endif
