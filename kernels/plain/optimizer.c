/* Gradient square sum and AdamW (spec N6.1, N6.3). */
#include "kernels/core/check.h"
#include "plain.h"
#include "reduce.h"

sl_status sl_plain_grad_square_sum(sl_context *ctx, double *sum, const float *g, size_t n) {
  SL_TRY(sl_check_finite(ctx, "grad_square_sum", g, n));
  sum64 squares = {0};
  for (size_t i = 0; i < n; i++) sum64_add(&squares, 0, (double)g[i], (double)g[i]);
  *sum = sum64_end(&squares);
  return SL_OK;
}

/* Moments this small would stay subnormal for ever (spec N6.3). */
#define MOMENT_FLOOR 0x1p-100f

sl_status sl_plain_adamw_step(sl_context *ctx, float *p, float *m, float *v, const float *g,
                              const sl_adamw *step, size_t n) {
  (void)ctx;
  for (size_t i = 0; i < n; i++) {
    const float gi = g[i] * step->grad_scale;
    const float m1 = fmaf(step->b1, m[i], step->one_b1 * gi);
    const float v1 = fmaf(step->b2, v[i], (step->one_b2 * gi) * gi);
    m[i] = fabsf(m1) < MOMENT_FLOOR ? 0.0f : m1;
    v[i] = v1 < MOMENT_FLOOR ? 0.0f : v1;
    const float update = (m[i] * step->c1) / (sqrtf(v[i] * step->c2) + step->eps);
    p[i] = fmaf(-step->lr, update, p[i] * step->decay);
  }
  return SL_OK;
}
