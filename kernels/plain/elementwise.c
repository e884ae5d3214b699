/* Residual addition, SwiGLU and rotary embedding (spec T1.6, T1.7, T1.8, T1.10, T1.11). */
#include "plain.h"

#include <sluice/functions.h>

sl_status sl_plain_residual_add(sl_context *ctx, float *y, const float *a, const float *b,
                                size_t n) {
  (void)ctx;
  for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i];
  return SL_OK;
}

sl_status sl_plain_swiglu_forward(sl_context *ctx, float *y, const float *gate, const float *up,
                                  size_t n) {
  (void)ctx;
  for (size_t i = 0; i < n; i++) y[i] = (gate[i] * sl_fn_sigmoid(gate[i])) * up[i];
  return SL_OK;
}

sl_status sl_plain_swiglu_backward(sl_context *ctx, float *dgate, float *dup, const float *dy,
                                   const float *gate, const float *up, size_t n) {
  (void)ctx;
  for (size_t i = 0; i < n; i++) {
    const float g = gate[i], s = sl_fn_sigmoid(g), dy_i = dy[i], up_i = up[i];
    dup[i] = dy_i * (g * s);
    dgate[i] = (dy_i * up_i) * (s * fmaf(g, 1.0f - s, 1.0f));
  }
  return SL_OK;
}

/* Rotates each head of x by the angle of its token's position, or back where `back` is set. */
static void rotate(float *x, const uint32_t *position, const float *cos_table,
                   const float *sin_table, size_t t, size_t heads, size_t d, size_t positions,
                   int back) {
  const size_t half = d / 2;
  for (size_t i = 0; i < t * heads; i++) {
    const size_t row = position[i / heads] * half;
    SL_VERIFY(position[i / heads] < positions);
    for (size_t c = 0; c < half; c++) {
      const float cosine = cos_table[row + c],
                  sine = back ? -sin_table[row + c] : sin_table[row + c];
      float *lo = &x[i * d + c], *hi = lo + half;
      const float a = *lo, b = *hi;
      *lo = fmaf(-b, sine, a * cosine);
      *hi = fmaf(a, sine, b * cosine);
    }
  }
}

sl_status sl_plain_rope_forward(sl_context *ctx, float *x, const uint32_t *position,
                                const float *cos_table, const float *sin_table, size_t t,
                                size_t heads, size_t d, size_t positions) {
  (void)ctx;
  rotate(x, position, cos_table, sin_table, t, heads, d, positions, 0);
  return SL_OK;
}

sl_status sl_plain_rope_backward(sl_context *ctx, float *dx, const uint32_t *position,
                                 const float *cos_table, const float *sin_table, size_t t,
                                 size_t heads, size_t d, size_t positions) {
  (void)ctx;
  rotate(dx, position, cos_table, sin_table, t, heads, d, positions, 1);
  return SL_OK;
}
