/* Attention to keys that a vector holds (spec T3.1, T3.2): scores and weights stay in registers,
 * where longer rows go by way of memory. Internal. */
#ifndef SLUICE_CPU_ATTENTION_FEW_H
#define SLUICE_CPU_ATTENTION_FEW_H

#include "attention_rows.h"
#include "functions.h"

#include <math.h>

/* Rows at a time, and vectors of their outputs: chains that hide the latency of fma. */
#define FEW_ROWS 4
#define FEW_VECTORS 2

#define FEW_UNROLL _Pragma("GCC unroll 4")

static inline int are_few(size_t keys, size_t d) {
  return keys <= SL_VW && keys <= SL_KEY_CHUNK && d <= SL_DOT_CHUNK;
}

/* The exp of each row; of two at once where they fill half a vector each. */
static inline __attribute__((always_inline)) void few_exps(vf x[FEW_ROWS], size_t rows,
                                                           size_t keys) {
#ifdef __AVX512F__
  if (keys <= SL_VW / 2) {
    FEW_UNROLL for (size_t i = 0; i < rows; i += 2) {
      const __m256 other = _mm512_castps512_ps256(x[i + 1 < rows ? i + 1 : i]);
      const vf both = v_exp(_mm512_insertf32x8(x[i], other, 1));
      x[i] = _mm512_maskz_mov_ps(0xff, both);
      if (i + 1 < rows) x[i + 1] = _mm512_zextps256_ps512(_mm512_extractf32x8_ps(both, 1));
    }
    return;
  }
#endif
  (void)keys;
  FEW_UNROLL for (size_t i = 0; i < rows; i++) x[i] = v_exp(x[i]);
}

/* Dots of `rows` queries, the first of which is at q, with the keys. */
static inline __attribute__((always_inline)) void few_scores(const rows_job *r, const float *q,
                                                             vf score[FEW_ROWS], size_t rows,
                                                             size_t keys) {
  const vmask mask = v_mask(keys);
  const float *k = r->k;
  FEW_UNROLL for (size_t i = 0; i < rows; i++) score[i] = v_zero();
  for (size_t c = 0; c < r->d; c++, k += r->k_component) {
    const vf key = v_load_part(k, mask);
    FEW_UNROLL for (size_t i = 0; i < rows; i++) score[i] =
        v_fma(v_set(q[i * r->q_row + c]), key, score[i]);
  }
}

/* Columns [c, c + columns) of the rows' outputs from their weights. */
static inline __attribute__((always_inline)) void few_outputs(const rows_job *r, float *o,
                                                              const float *weight,
                                                              const float inverse[FEW_ROWS],
                                                              size_t rows, size_t keys, size_t c) {
  vf chain[FEW_ROWS][FEW_VECTORS];
  const size_t left = r->d - c;
  const float *value = r->v + c;
  FEW_UNROLL for (size_t i = 0; i < rows; i++) chain[i][0] = chain[i][1] = v_zero();
  for (size_t j = 0; j < keys; j++, value += r->v_key) {
    const vf v0 = v_load_n(value, left),
             v1 = left > SL_VW ? v_load_n(value + SL_VW, left - SL_VW) : v_zero();
    FEW_UNROLL for (size_t i = 0; i < rows; i++) {
      const vf w = v_set(weight[i * SL_VW + j]);
      chain[i][0] = v_fma(w, v0, chain[i][0]), chain[i][1] = v_fma(w, v1, chain[i][1]);
    }
  }
  FEW_UNROLL for (size_t i = 0; i < rows; i++) {
    const vf by = v_set(inverse[i]);
    float *to = o + i * r->o_row + c;
    v_store_n(to, left, by * (v_zero() + chain[i][0]) + v_zero());
    if (left > SL_VW) v_store_n(to + SL_VW, left - SL_VW, by * (v_zero() + chain[i][1]) + v_zero());
  }
}

/* Rows [at, at + rows) of r; the first has `first_n` keys, each further one `more` more. Lanes
 * beyond a row's own keys weigh +0, and such terms cannot affect its output (attention.c). */
static inline __attribute__((always_inline)) void few_rows(const rows_job *r, size_t at,
                                                           size_t rows, size_t first_n,
                                                           size_t more) {
  const size_t keys = first_n + (rows - 1) * more;
  const vf by = v_set(r->scale), lowest = v_set(-INFINITY);
  vf x[FEW_ROWS];
  float weight[FEW_ROWS * SL_VW] __attribute__((aligned(64))), max[FEW_ROWS], inverse[FEW_ROWS];
  few_scores(r, r->q + at * r->q_row, x, rows, keys);
  FEW_UNROLL for (size_t i = 0; i < rows; i++) {
    const vf score = v_select(v_mask(first_n + i * more), v_zero() + x[i], lowest);
    max[i] = v_max_lane(score) * r->scale + 0.0f;
    x[i] = score * by - v_set(max[i]);
  }
  few_exps(x, rows, keys);
  FEW_UNROLL for (size_t i = 0; i < rows; i++) {
    lanes l = lanes_zero();
    l.v[0] = x[i];
    v_store(weight + i * SL_VW, x[i]);
    inverse[i] = 1.0f / (lanes_total(&l) + 0.0f);
  }
  for (size_t i = 0; i < rows && r->row_max; i++)
    r->row_max[(at + i) * r->stat_row] = max[i], r->row_scale[(at + i) * r->stat_row] = inverse[i];
  for (size_t c = 0; c < r->d; c += FEW_VECTORS * SL_VW)
    few_outputs(r, r->o + at * r->o_row, weight, inverse, rows, keys, c);
}

/* Row i attends to the keys [0, first_n + i * more), more being 0 or 1. */
static void attend_few(const rows_job *r, size_t rows, size_t first_n, size_t more) {
  for (size_t i = 0; i < rows; i += FEW_ROWS) {
    const size_t n = first_n + i * more;
    switch (rows - i) {
      case 1:
        few_rows(r, i, 1, n, more);
        break;
      case 2:
        few_rows(r, i, 2, n, more);
        break;
      case 3:
        few_rows(r, i, 3, n, more);
        break;
      default:
        few_rows(r, i, FEW_ROWS, n, more);
        break;
    }
  }
}

#endif
