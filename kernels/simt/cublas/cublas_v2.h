/* A stand-in for what Sluice uses of cuBLAS, on the simulator: so that the calls of
 * kernels/vendor/cublas.cu are tested without a device. It keeps cuBLAS's rules on arguments,
 * streams and workspaces, and adds each dot in descending order, which no clause asks for. */
#ifndef SLUICE_SIMT_CUBLAS_H
#define SLUICE_SIMT_CUBLAS_H

#include "kernels/simt/simt.h"

struct simt_cublas;
typedef simt_cublas *cublasHandle_t;
typedef enum {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_NOT_INITIALIZED = 1,
  CUBLAS_STATUS_ALLOC_FAILED = 3,
  CUBLAS_STATUS_INVALID_VALUE = 7
} cublasStatus_t;
typedef enum { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 } cublasOperation_t;
typedef enum { CUBLAS_DEFAULT_MATH = 0, CUBLAS_PEDANTIC_MATH = 2 } cublasMath_t;

cublasStatus_t cublasCreate(cublasHandle_t *handle);
cublasStatus_t cublasDestroy(cublasHandle_t handle);
cublasStatus_t cublasSetStream(cublasHandle_t handle,
                               cudaStream_t stream); /* drops the workspace, as cuBLAS does */
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void *workspace, size_t bytes);
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode);
const char *cublasGetStatusString(cublasStatus_t status);

/* C (m, n) = alpha op(A) op(B) + beta C, by columns; op(A) is (m, k). Refuses a handle without a
 * workspace or with other than pedantic mathematics. */
cublasStatus_t cublasSgemm(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b,
                           int m, int n, int k, const float *alpha, const float *a, int lda,
                           const float *b, int ldb, const float *beta, float *c, int ldc);

#endif
