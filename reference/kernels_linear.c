/* Exact linear layers and token reductions in binary64 on OpenBLAS (spec T1.2, T1.5, T2.1, T2.2,
 * T2.3). */
#include "kernels.h"

#include "widen.h"

#include <cblas.h>
#include <stdlib.h>

/* c (rows, columns) += op(a) op(b), all row-major. */
static void multiply(double *c, const double *a, int transpose_a, const double *b, int transpose_b,
                     size_t rows, size_t columns, size_t inner) {
  if (rows == 0 || columns == 0 || inner == 0) return;
  cblas_dgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
              transpose_b ? CblasTrans : CblasNoTrans, (blasint)rows, (blasint)columns,
              (blasint)inner, 1.0, a, (blasint)(transpose_a ? rows : inner), b,
              (blasint)(transpose_b ? inner : columns), 1.0, c, (blasint)columns);
}

/* multiply() of binary32 operands. */
static sl_status multiply_floats(double *c, const float *a, int transpose_a, const float *b,
                                 int transpose_b, size_t rows, size_t columns, size_t inner) {
  double *wide_a = sl_widen(a, rows * inner), *wide_b = sl_widen(b, inner * columns);
  const sl_status status = wide_a && wide_b ? SL_OK : SL_ERR_MEMORY;
  if (!status) multiply(c, wide_a, transpose_a, wide_b, transpose_b, rows, columns, inner);
  free(wide_a);
  free(wide_b);
  return status;
}

sl_status sl_ref_linear_forward(double *y, const float *x, const float *w, const float *bias,
                                size_t t, size_t n, size_t k) {
  for (size_t i = 0; i < t * n; i++) y[i] = bias ? (double)bias[i % n] : 0.0;
  return multiply_floats(y, x, 0, w, 1, t, n, k);
}

sl_status sl_ref_linear_input_grad(double *dx, const sl_linear_part *parts, size_t n_parts,
                                   size_t t, size_t k) {
  sl_status status = SL_OK;
  for (size_t i = 0; i < t * k; i++) dx[i] = 0.0;
  for (size_t p = 0; p < n_parts && !status; p++)
    status = multiply_floats(dx, parts[p].dy, 0, parts[p].w, 0, t, k, parts[p].n);
  return status;
}

sl_status sl_ref_linear_weight_grad(double *dw, double *db, const float *dw0, const float *db0,
                                    const float *dy, const float *x, const uint32_t *seq,
                                    size_t n_seq, size_t n, size_t k) {
  const size_t t = n_seq ? seq[n_seq] : 0;
  for (size_t i = 0; i < n * k; i++) dw[i] = (double)dw0[i];
  for (size_t j = 0; db && j < n; j++) {
    db[j] = (double)db0[j];
    for (size_t i = 0; i < t; i++) db[j] += (double)dy[i * n + j];
  }
  return multiply_floats(dw, dy, 1, x, 0, n, k, t);
}

sl_status sl_ref_rmsnorm_weight_grad(double *total, const float *total0, const float *dy,
                                     const float *x, const float *rstd, const uint32_t *seq,
                                     size_t n_seq, size_t d) {
  for (size_t c = 0; c < d; c++) total[c] = (double)total0[c];
  for (size_t i = 0; i < (n_seq ? seq[n_seq] : 0); i++)
    for (size_t c = 0; c < d; c++)
      total[c] += (double)dy[i * d + c] * ((double)x[i * d + c] * (double)rstd[i]);
  return SL_OK;
}

sl_status sl_ref_embedding_grad(double *total, const float *total0, const float *dy,
                                const uint32_t *ids, const uint32_t *seq, size_t n_seq, size_t d,
                                size_t vocab) {
  for (size_t i = 0; i < vocab * d; i++) total[i] = (double)total0[i];
  for (size_t i = 0; i < (n_seq ? seq[n_seq] : 0); i++)
    for (size_t c = 0; c < d; c++) total[ids[i] * d + c] += (double)dy[i * d + c];
  return SL_OK;
}
