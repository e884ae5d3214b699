/* Exact norms, SwiGLU, RoPE and residual addition in binary64 (spec T1.3, T1.4, T1.6, T1.7, T1.8,
 * T1.10, T1.11). */
#include "kernels.h"

#include <math.h>

sl_status sl_ref_rmsnorm_forward(double *y, double *rstd, const float *x, const float *w, size_t t,
                                 size_t d, float eps) {
  for (size_t i = 0; i < t; i++) {
    double squares = 0.0;
    for (size_t c = 0; c < d; c++) squares += (double)x[i * d + c] * (double)x[i * d + c];
    rstd[i] = 1.0 / sqrt(squares / (double)d + (double)eps);
    for (size_t c = 0; c < d; c++) y[i * d + c] = (double)x[i * d + c] * rstd[i] * (double)w[c];
  }
  return SL_OK;
}

/* dx = rstd (w dy - x rstd^2 (sum w dy x) / D), rstd given */
sl_status sl_ref_rmsnorm_backward(double *dx, const float *dy, const float *x, const float *w,
                                  const float *rstd, const float *residual, size_t t, size_t d) {
  for (size_t i = 0; i < t; i++) {
    const double scale = (double)rstd[i];
    double projection = 0.0;
    for (size_t c = 0; c < d; c++)
      projection += (double)w[c] * (double)dy[i * d + c] * (double)x[i * d + c];
    for (size_t c = 0; c < d; c++) {
      const size_t at = i * d + c;
      const double along = (double)x[at] * scale * scale * projection / (double)d;
      dx[at] =
          scale * ((double)w[c] * (double)dy[at] - along) + (residual ? (double)residual[at] : 0.0);
    }
  }
  return SL_OK;
}

sl_status sl_ref_residual_add(double *y, const float *a, const float *b, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = (double)a[i] + (double)b[i];
  return SL_OK;
}

static double logistic(double x) { return 1.0 / (1.0 + exp(-x)); }

sl_status sl_ref_swiglu_forward(double *y, const float *gate, const float *up, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = (double)gate[i] * logistic((double)gate[i]) * (double)up[i];
  return SL_OK;
}

/* (g s(g))' = s(g) + g s(g) s(-g) */
sl_status sl_ref_swiglu_backward(double *dgate, double *dup, const float *dy, const float *gate,
                                 const float *up, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const double g = (double)gate[i], s = logistic(g);
    dup[i] = (double)dy[i] * g * s;
    dgate[i] = (double)dy[i] * (double)up[i] * (s + g * s * logistic(-g));
  }
  return SL_OK;
}

/* Multiplication of (a, b) as the complex number a + ib by cos + i sin, or by its conjugate. */
static void rotate(double *y, const float *x, const uint32_t *position, const float *cos_table,
                   const float *sin_table, size_t t, size_t heads, size_t d, double direction) {
  const size_t half = d / 2;
  for (size_t token = 0; token < t; token++)
    for (size_t head = 0; head < heads; head++)
      for (size_t c = 0; c < half; c++) {
        const size_t re = (token * heads + head) * d + c, im = re + half,
                     at = position[token] * half + c;
        const double cosine = (double)cos_table[at], sine = direction * (double)sin_table[at];
        y[re] = (double)x[re] * cosine - (double)x[im] * sine;
        y[im] = (double)x[re] * sine + (double)x[im] * cosine;
      }
}

sl_status sl_ref_rope_forward(double *x, const float *x0, const uint32_t *position,
                              const float *cos_table, const float *sin_table, size_t t,
                              size_t heads, size_t d) {
  rotate(x, x0, position, cos_table, sin_table, t, heads, d, 1.0);
  return SL_OK;
}

sl_status sl_ref_rope_backward(double *dx, const float *dx0, const uint32_t *position,
                               const float *cos_table, const float *sin_table, size_t t,
                               size_t heads, size_t d) {
  rotate(dx, dx0, position, cos_table, sin_table, t, heads, d, -1.0);
  return SL_OK;
}
