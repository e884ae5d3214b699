/* The three products of spec T2 as cuBLAS is asked for them. It stores matrices by columns: a
 * row-major (r, c) is its (c, r). Dimensions are positive and fit an int. */
#ifndef SLUICE_CUBLAS_PRODUCT_H
#define SLUICE_CUBLAS_PRODUCT_H

#include <cublas_v2.h>

/* y (t, n) = x (t, k) w (n, k)' + beta y */
static inline cublasStatus_t sl_cublas_forward(cublasHandle_t handle, float *y, const float *x,
                                               const float *w, int t, int n, int k, float beta) {
  const float one = 1.0f;
  return cublasSgemm(handle, CUBLAS_OP_T, CUBLAS_OP_N, n, t, k, &one, w, k, x, k, &beta, y, n);
}

/* dx (t, k) = dy (t, n) w (n, k) + beta dx */
static inline cublasStatus_t sl_cublas_input_grad(cublasHandle_t handle, float *dx, const float *dy,
                                                  const float *w, int t, int n, int k, float beta) {
  const float one = 1.0f;
  return cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, k, t, n, &one, w, k, dy, n, &beta, dx, k);
}

/* dw (n, k) = dy (t, n)' x (t, k) + beta dw */
static inline cublasStatus_t sl_cublas_weight_grad(cublasHandle_t handle, float *dw,
                                                   const float *dy, const float *x, int t, int n,
                                                   int k, float beta) {
  const float one = 1.0f;
  return cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_T, k, n, t, &one, x, k, dy, n, &beta, dw, k);
}

#endif
