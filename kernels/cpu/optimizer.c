/* Gradient square sum and AdamW in vectors (spec N6.1, N6.3).
 *
 * The square sum reads 4 bytes per element for one binary64 fma; a step of AdamW moves 28 for about
 * a dozen operations, one division and one root. Floor of both: memory. The levels above the chunks
 * of the square sum are a thousandth of its elements: one thread takes them. */
#include "kernels/core/check.h"
#include "cpu.h"
#include "lanes.h"

#include <math.h>

#ifdef __AVX512F__
#define DW 8
typedef __m512d vd;
static inline vd d_load(const float *p) { return _mm512_cvtps_pd(_mm256_loadu_ps(p)); }
static inline vd d_square(vd x, vd sum) { return _mm512_fmadd_pd(x, x, sum); }
static inline vd d_zero(void) { return _mm512_setzero_pd(); }
static inline void d_store(double *p, vd x) { _mm512_storeu_pd(p, x); }
#else
#define DW 4
typedef __m256d vd;
static inline vd d_load(const float *p) { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }
static inline vd d_square(vd x, vd sum) { return _mm256_fmadd_pd(x, x, sum); }
static inline vd d_zero(void) { return _mm256_setzero_pd(); }
static inline void d_store(double *p, vd x) { _mm256_storeu_pd(p, x); }
#endif
#define D_VECTORS (SL_SUM_LANES / DW)

/* A chunk of spec N3.8: whole groups of 32 in vectors, the tail lane by lane, then
 * the butterfly. */
static double square_chunk(const float *g, size_t n) {
  vd v[D_VECTORS];
  double lane[SL_SUM_LANES];
  size_t i = 0;
  for (int k = 0; k < D_VECTORS; k++) v[k] = d_zero();
  for (; i + SL_SUM_LANES <= n; i += SL_SUM_LANES)
    for (size_t k = 0; k < D_VECTORS; k++) v[k] = d_square(d_load(g + i + k * DW), v[k]);
  for (size_t k = 0; k < D_VECTORS; k++) d_store(lane + k * DW, v[k]);
  for (size_t k = 0; i + k < n; k++) lane[k] = fma((double)g[i + k], (double)g[i + k], lane[k]);
  return lanes64_total(lane);
}

typedef struct {
  double *chunk;
  const float *g;
  size_t n;
} square_job;

static void square_range(void *arg, size_t begin, size_t end, int thread) {
  const square_job *j = arg;
  (void)thread;
  for (size_t c = begin; c < end; c++)
    j->chunk[c] =
        square_chunk(j->g + c * SL_SUM_CHUNK, smaller(SL_SUM_CHUNK, j->n - c * SL_SUM_CHUNK));
}

/* A square of a finite binary32 is below 2^256, so a chunk is finite exactly if its
 * elements are. */
sl_status SL_ISA_NAME(grad_square_sum)(sl_context *ctx, double *sum, const float *g, size_t n) {
  const size_t chunks = (n + SL_SUM_CHUNK - 1) / SL_SUM_CHUNK;
  square_job j = {sl_workspace(ctx, (chunks + 1) * sizeof *j.chunk), g, n};
  if (!j.chunk) return ctx->error.status;
  SL_TRY(sl_parallel_for(ctx, chunks, grain_for(SL_SUM_CHUNK / 10), square_range, &j));
  const double total = sum64_levels(j.chunk, chunks);
  if (!isfinite(total)) return sl_check_finite(ctx, "grad_square_sum", g, n);
  *sum = total;
  return SL_OK;
}

/* Moments this small would stay subnormal for ever (spec N6.3). */
#define MOMENT_FLOOR 0x1p-100f

typedef struct {
  float *p, *m, *v;
  const float *g;
  const sl_adamw *step;
} step_job;

static void step_range(void *arg, size_t begin, size_t end, int thread) {
  const step_job *j = arg;
  const sl_adamw *step = j->step;
  const vf floor_value = v_set(MOMENT_FLOOR), k = v_set(step->grad_scale), b1 = v_set(step->b1),
           b2 = v_set(step->b2), one_b1 = v_set(step->one_b1), one_b2 = v_set(step->one_b2),
           c1 = v_set(step->c1), c2 = v_set(step->c2), lr = v_set(step->lr), eps = v_set(step->eps),
           decay = v_set(step->decay);
  (void)thread;
  for (size_t i = begin; i < end; i += SL_VW) {
    const size_t n = end - i;
    const vf g = v_load_n(j->g + i, n) * k;
    const vf m1 = v_fma(b1, v_load_n(j->m + i, n), one_b1 * g),
             v1 = v_fma(b2, v_load_n(j->v + i, n), (one_b2 * g) * g);
    const vf m = v_zero_below(m1, v_abs(m1), floor_value), v = v_zero_below(v1, v1, floor_value);
    const vf update = (m * c1) / (v_sqrt(v * c2) + eps);
    v_store_n(j->m + i, n, m);
    v_store_n(j->v + i, n, v);
    v_store_n(j->p + i, n, v_fma(-lr, update, v_load_n(j->p + i, n) * decay));
  }
}

sl_status SL_ISA_NAME(adamw_step)(sl_context *ctx, float *p, float *m, float *v, const float *g,
                                  const sl_adamw *step, size_t n) {
  step_job j = {p, m, v, g, step};
  return sl_parallel_for(ctx, n, 16384, step_range, &j);
}
