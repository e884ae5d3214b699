/* RMSNorm in vectors: rows over threads; for the weight gradient, columns over threads (spec T1.3,
 * T1.4, T1.5).
 *
 * Forward moves 8 bytes per element for 1 fma and 2 products, backward 16 (20 with a residual), the
 * weight gradient 8: all are memory bound once a row is longer than the butterfly and the rsqrt
 * (about 60 cycles per row). */
#include "cpu.h"
#include "lanes.h"

#include <sluice/functions.h>

typedef struct {
  float *y, *rstd_out, *total;
  const float *x, *w, *dy, *rstd, *residual;
  const uint32_t *seq;
  size_t n_seq, d;
  float eps;
} job;

/* x^2 over a row, spec N3.6 */
static float square_sum(const float *x, size_t n) {
  float total = 0.0f;
  for (size_t begin = 0; begin < n; begin += SL_SUM_CHUNK) {
    const size_t end = smaller(n, begin + SL_SUM_CHUNK);
    lanes l = lanes_zero();
    for (size_t i = begin; i < end; i += SL_SUM_LANES)
      for (size_t v = 0; v < SL_LANE_VECTORS; v++) {
        const size_t at = i + v * SL_VW;
        if (at >= end) break;
        const vf a = v_load_n(x + at, end - at);
        l.v[v] = v_fma(a, a, l.v[v]);
      }
    total += lanes_total(&l);
  }
  return total;
}

static void forward_range(void *arg, size_t begin, size_t end, int thread) {
  const job *j = arg;
  const size_t d = j->d;
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const float *x = j->x + i * d;
    float *y = j->y + i * d;
    const float rstd = sl_fn_rsqrt(square_sum(x, d) / (float)d + j->eps);
    const vf scale = v_set(rstd);
    j->rstd_out[i] = rstd;
    for (size_t c = 0; c < d; c += SL_VW)
      v_store_n(y + c, d - c, (v_load_n(x + c, d - c) * scale) * v_load_n(j->w + c, d - c));
  }
}

sl_status SL_ISA_NAME(rmsnorm_forward)(sl_context *ctx, float *y, float *rstd, const float *x,
                                       const float *w, size_t t, size_t d, float eps) {
  job j = {.y = y, .rstd_out = rstd, .x = x, .w = w, .d = d, .eps = eps};
  return sl_parallel_for(ctx, t, grain_for(d / 4 + 20), forward_range, &j);
}

/* g = RN(dy * w) and h = RN(x * rstd) of one vector, as spec T1.4 has them */
typedef struct {
  vf g, h;
} pair;

static inline pair pair_at(const job *j, size_t row, size_t c, vf rstd, size_t n) {
  const size_t at = row * j->d + c;
  const pair p = {v_load_n(j->dy + at, n) * v_load_n(j->w + c, n), v_load_n(j->x + at, n) * rstd};
  return p;
}

/* g * h over a row, spec N3.6 */
static float product_sum(const job *j, size_t row, vf rstd) {
  float total = 0.0f;
  for (size_t begin = 0; begin < j->d; begin += SL_SUM_CHUNK) {
    const size_t end = smaller(j->d, begin + SL_SUM_CHUNK);
    lanes l = lanes_zero();
    for (size_t i = begin; i < end; i += SL_SUM_LANES)
      for (size_t v = 0; v < SL_LANE_VECTORS; v++) {
        const size_t at = i + v * SL_VW;
        if (at >= end) break;
        const pair p = pair_at(j, row, at, rstd, end - at);
        l.v[v] = v_fma(p.g, p.h, l.v[v]);
      }
    total += lanes_total(&l);
  }
  return total;
}

static void backward_range(void *arg, size_t begin, size_t end, int thread) {
  const job *j = arg;
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const vf rstd = v_set(j->rstd[i]), mean = v_set(product_sum(j, i, rstd) / (float)j->d);
    for (size_t c = 0; c < j->d; c += SL_VW) {
      const size_t at = i * j->d + c, n = j->d - c;
      const pair p = pair_at(j, i, c, rstd, n);
      vf dx = rstd * v_fma(-p.h, mean, p.g);
      if (j->residual) dx = v_load_n(j->residual + at, n) + dx;
      v_store_n(j->y + at, n, dx);
    }
  }
}

sl_status SL_ISA_NAME(rmsnorm_backward)(sl_context *ctx, float *dx, const float *dy, const float *x,
                                        const float *w, const float *rstd, const float *residual,
                                        size_t t, size_t d) {
  job j = {.y = dx, .x = x, .w = w, .dy = dy, .rstd = rstd, .residual = residual, .d = d};
  return sl_parallel_for(ctx, t, grain_for(d / 2 + 20), backward_range, &j);
}

/* Vectors of columns that one walk over the tokens serves: enough chains to hide the latency
 * of fma. */
#define COLUMN_VECTORS 4
#define COLUMN_BLOCK (COLUMN_VECTORS * SL_VW)

/* The chain of spec N4.2 over tokens [begin, end) added to COLUMN_VECTORS totals. */
static inline void column_chunk(const job *j, vf total[COLUMN_VECTORS], size_t c,
                                const size_t left[COLUMN_VECTORS], size_t begin, size_t end) {
  vf chain[COLUMN_VECTORS];
  for (int v = 0; v < COLUMN_VECTORS; v++) chain[v] = v_zero();
  for (size_t i = begin; i < end; i++) {
    const vf rstd = v_set(j->rstd[i]);
    for (int v = 0; v < COLUMN_VECTORS; v++) {
      const size_t at = i * j->d + c + (size_t)v * SL_VW;
      chain[v] =
          v_fma(v_load_n(j->dy + at, left[v]), v_load_n(j->x + at, left[v]) * rstd, chain[v]);
    }
  }
  for (int v = 0; v < COLUMN_VECTORS; v++) total[v] += chain[v];
}

static void weight_columns(const job *j, size_t c) {
  vf total[COLUMN_VECTORS];
  size_t left[COLUMN_VECTORS];
  for (size_t v = 0; v < COLUMN_VECTORS; v++) {
    left[v] = j->d - smaller(j->d, c + v * SL_VW);
    total[v] = v_load_n(j->total + c + v * SL_VW, left[v]);
  }
  for (size_t s = 0; s < j->n_seq; s++)
    for (size_t begin = j->seq[s]; begin < j->seq[s + 1]; begin += SL_DOT_CHUNK)
      column_chunk(j, total, c, left, begin, smaller(j->seq[s + 1], begin + SL_DOT_CHUNK));
  for (size_t v = 0; v < COLUMN_VECTORS; v++)
    v_store_n(j->total + c + v * SL_VW, left[v], total[v]);
}

static void weight_range(void *arg, size_t begin, size_t end, int thread) {
  (void)thread;
  for (size_t block = begin; block < end; block++) weight_columns(arg, block * COLUMN_BLOCK);
}

sl_status SL_ISA_NAME(rmsnorm_weight_grad)(sl_context *ctx, float *total, const float *dy,
                                           const float *x, const float *rstd, const uint32_t *seq,
                                           size_t n_seq, size_t d) {
  job j = {.total = total, .x = x, .dy = dy, .rstd = rstd, .seq = seq, .n_seq = n_seq, .d = d};
  const size_t tokens = n_seq ? seq[n_seq] : 0;
  return sl_parallel_for(ctx, (d + COLUMN_BLOCK - 1) / COLUMN_BLOCK, grain_for(tokens * 4),
                         weight_range, &j);
}
