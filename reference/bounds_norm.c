/* Bounds `rmsnorm_forward` and `rmsnorm_backward` (spec T1.3, T1.4). */
#include "bounds.h"

#include "bounds_dot.h"

/* rsqrt(sum(x^2)/D + eps): the sum's gamma_n applies to positive terms, so it is a relative error;
 * D < 2^24 is exact. */
static sl_ball rstd_of(const float *x, size_t d, float eps) {
  sl_ball_sum squares = {0};
  for (size_t c = 0; c < d; c++)
    sl_ball_sum_product(&squares, sl_of_float(x[c]), sl_of_float(x[c]));
  const sl_ball mean = sl_ball_div(sl_ball_sum_end(&squares, sl_product_sum_depth(d), SL_ETA),
                                   sl_exactly((double)d));
  return sl_ball_rsqrt(sl_ball_add(mean, sl_of_float(eps)));
}

sl_status sl_bound_rmsnorm_forward(sl_ball *y, sl_ball *rstd, const float *x, const float *w,
                                   size_t t, size_t d, float eps) {
  for (size_t i = 0; i < t; i++) {
    const sl_ball scale = rstd_of(x + i * d, d, eps);
    for (size_t c = 0; c < d; c++)
      y[i * d + c] = sl_ball_slack(
          sl_ball_mul(sl_ball_mul(sl_of_float(x[i * d + c]), scale), sl_of_float(w[c])));
    rstd[i] = sl_ball_slack(scale);
  }
  return SL_OK;
}

sl_status sl_bound_rmsnorm_backward(sl_ball *dx, const float *dy, const float *x, const float *w,
                                    const float *rstd, const float *residual, size_t t, size_t d) {
  for (size_t i = 0; i < t; i++) {
    const size_t row = i * d;
    const sl_ball scale = sl_of_float(rstd[i]);
    sl_ball_sum products = {0};
    for (size_t c = 0; c < d; c++)
      sl_ball_sum_product(&products, sl_ball_mul(sl_of_float(dy[row + c]), sl_of_float(w[c])),
                          sl_ball_mul(sl_of_float(x[row + c]), scale));
    const sl_ball mean = sl_ball_div(sl_ball_sum_end(&products, sl_product_sum_depth(d), SL_ETA),
                                     sl_exactly((double)d));
    for (size_t c = 0; c < d; c++) {
      const sl_ball g = sl_ball_mul(sl_of_float(dy[row + c]), sl_of_float(w[c])),
                    h = sl_ball_mul(sl_of_float(x[row + c]), scale);
      const sl_ball r = sl_ball_mul(scale, sl_ball_fma(sl_ball_neg(h), mean, g));
      dx[row + c] = sl_ball_slack(residual ? sl_ball_add(sl_of_float(residual[row + c]), r) : r);
    }
  }
  return SL_OK;
}
