/* RMSNorm, forward, backward and weight gradient (spec T1.3, T1.4, T1.5). */
#include "plain.h"
#include "reduce.h"

#include <sluice/functions.h>

sl_status sl_plain_rmsnorm_forward(sl_context *ctx, float *y, float *rstd, const float *x,
                                   const float *w, size_t t, size_t d, float eps) {
  (void)ctx;
  for (size_t i = 0; i < t; i++) {
    const float *row = x + i * d;
    const float mean_square = sum_of(row, row, d) / (float)d;
    rstd[i] = sl_fn_rsqrt(mean_square + eps);
    for (size_t c = 0; c < d; c++) y[i * d + c] = (row[c] * rstd[i]) * w[c];
  }
  return SL_OK;
}

sl_status sl_plain_rmsnorm_backward(sl_context *ctx, float *dx, const float *dy, const float *x,
                                    const float *w, const float *rstd, const float *residual,
                                    size_t t, size_t d) {
  float *g = sl_workspace(ctx, 2 * d * sizeof *g);
  if (!g) return ctx->error.status;
  float *h = g + d;
  for (size_t i = 0; i < t; i++) {
    for (size_t c = 0; c < d; c++) {
      g[c] = dy[i * d + c] * w[c];
      h[c] = x[i * d + c] * rstd[i];
    }
    const float mean = sum_of(g, h, d) / (float)d;
    for (size_t c = 0; c < d; c++) {
      const float r = rstd[i] * fmaf(-h[c], mean, g[c]);
      dx[i * d + c] = residual ? residual[i * d + c] + r : r;
    }
  }
  return SL_OK;
}

sl_status sl_plain_rmsnorm_weight_grad(sl_context *ctx, float *total, const float *dy,
                                       const float *x, const float *rstd, const uint32_t *seq,
                                       size_t n_seq, size_t d) {
  const size_t t = n_seq ? seq[n_seq] : 0;
  float *h = sl_workspace(ctx, (t ? t : 1) * sizeof *h);
  if (!h) return ctx->error.status;
  for (size_t c = 0; c < d; c++) {
    for (size_t i = 0; i < t; i++) h[i] = x[i * d + c] * rstd[i];
    total[c] = token_dot(total[c], dy + c, d, h, 1, seq, n_seq);
  }
  return SL_OK;
}
