/* Exact AdamW step in binary64 and gradient square sum in MPFR (spec N6.1, N6.3). */
#include "kernels.h"

#include <math.h>
#include <mpfr.h>

/* Exact: squares of binary32 span 2^-298 to 2^256, and n < 2^64 of them are summed. */
#define SQUARE_SUM_BITS 640

sl_status sl_ref_grad_square_sum(double *sum, const float *g, size_t n) {
  mpfr_t total, x;
  mpfr_init2(total, SQUARE_SUM_BITS);
  mpfr_init2(x, 24);
  mpfr_set_zero(total, 1);
  for (size_t i = 0; i < n; i++) {
    mpfr_set_flt(x, g[i], MPFR_RNDN);
    mpfr_fma(total, x, x, total, MPFR_RNDN);
  }
  *sum = mpfr_get_d(total, MPFR_RNDN);
  mpfr_clears(total, x, (mpfr_ptr)0);
  return SL_OK;
}

static double floored(double moment) { return fabs(moment) < 0x1p-100 ? 0.0 : moment; }

sl_status sl_ref_adamw_step(double *p, double *m, double *v, const float *p0, const float *m0,
                            const float *v0, const float *g, const sl_adamw *scalars, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const double gi = (double)g[i] * (double)scalars->grad_scale;
    m[i] = floored((double)scalars->b1 * (double)m0[i] + (double)scalars->one_b1 * gi);
    v[i] = floored((double)scalars->b2 * (double)v0[i] + (double)scalars->one_b2 * gi * gi);
    const double update =
        m[i] * (double)scalars->c1 / (sqrt(v[i] * (double)scalars->c2) + (double)scalars->eps);
    p[i] = (double)p0[i] * (double)scalars->decay - (double)scalars->lr * update;
  }
  return SL_OK;
}
