/* Linear layers (spec T2): a matrix product is the dot of spec N3.2 for each element (spec
 * N3.3, N3.4). */
#include "plain.h"
#include "reduce.h"

sl_status sl_plain_linear_pack(sl_context *ctx, void *packed, const float *w, size_t n, size_t k,
                               sl_pack_kind kind) {
  (void)ctx, (void)packed, (void)w, (void)n, (void)k, (void)kind; /* nothing is packed: spec T2.4 */
  return SL_OK;
}

sl_status sl_plain_linear_forward(sl_context *ctx, float *y, const float *x, const float *w,
                                  const void *packed, const float *bias, size_t t, size_t n,
                                  size_t k) {
  (void)ctx, (void)packed;
  for (size_t i = 0; i < t; i++)
    for (size_t j = 0; j < n; j++) {
      const float r = dot(x + i * k, w + j * k, k);
      y[i * n + j] = bias ? r + bias[j] : r;
    }
  return SL_OK;
}

sl_status sl_plain_linear_input_grad(sl_context *ctx, float *dx, const sl_linear_part *parts,
                                     size_t n_parts, size_t t, size_t k) {
  (void)ctx;
  for (size_t i = 0; i < t; i++)
    for (size_t c = 0; c < k; c++) {
      float total = 0.0f;
      for (size_t p = 0; p < n_parts; p++)
        total = dot_onto(total, parts[p].dy + i * parts[p].n, 1, parts[p].w + c, k, 0, parts[p].n);
      dx[i * k + c] = total;
    }
  return SL_OK;
}

sl_status sl_plain_linear_weight_grad(sl_context *ctx, float *dw, float *db, const float *dy,
                                      const float *x, const uint32_t *seq, size_t n_seq, size_t n,
                                      size_t k) {
  (void)ctx;
  for (size_t j = 0; j < n; j++) {
    for (size_t c = 0; c < k; c++)
      dw[j * k + c] = token_dot(dw[j * k + c], dy + j, n, x + c, k, seq, n_seq);
    if (db) db[j] = token_dot(db[j], dy + j, n, NULL, 0, seq, n_seq);
  }
  return SL_OK;
}
