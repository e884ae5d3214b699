/* The stand-in for cuBLAS: a simulated kernel, so that bounds, initialisation and the order of
 * streams are checked too. */
#include <cublas_v2.h>

#include "plant.h"

struct simt_cublas {
  cudaStream_t stream;
  void *workspace;
  cublasMath_t mode;
};

static sl_cublas_plant cublas_plant = SL_CUBLAS_PLANT_NONE;
static unsigned calls;

void sl_simulation_cublas_plant(sl_cublas_plant plant) { cublas_plant = plant; }
unsigned sl_simulation_cublas_calls(void) { return calls; }

cublasStatus_t cublasCreate(cublasHandle_t *handle) {
  *handle = new simt_cublas{nullptr, nullptr, CUBLAS_DEFAULT_MATH};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
  handle->stream = stream, handle->workspace = nullptr;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void *workspace, size_t bytes) {
  if (!workspace || reinterpret_cast<uintptr_t>(workspace) % 256 || bytes == 0)
    return CUBLAS_STATUS_INVALID_VALUE;
  handle->workspace = workspace;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
  handle->mode = mode;
  return CUBLAS_STATUS_SUCCESS;
}

const char *cublasGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS           ? "CUBLAS_STATUS_SUCCESS"
         : status == CUBLAS_STATUS_NOT_INITIALIZED ? "CUBLAS_STATUS_NOT_INITIALIZED"
         : status == CUBLAS_STATUS_ALLOC_FAILED    ? "CUBLAS_STATUS_ALLOC_FAILED"
                                                   : "CUBLAS_STATUS_INVALID_VALUE";
}

/* One operand: element (row, column) of op(X), by columns. */
struct operand {
  const float *x;
  size_t ld;
  bool transposed;
};
static inline float element(operand o, size_t row, size_t column) {
  return o.transposed ? o.x[column + row * o.ld] : o.x[row + column * o.ld];
}

static __global__ void sgemm_kernel(operand a, operand b, size_t m, size_t n, size_t k, float alpha,
                                    float beta, float *c, size_t ldc, bool ascending) {
  for (size_t i = threadIdx.x; i < m * n; i += blockDim.x) {
    const size_t row = i % m, column = i / m;
    float sum = 0.0f;
    for (size_t p = 0; p < k; p++) {
      const size_t at = ascending ? p : k - 1 - p;
      sum = fmaf(element(a, row, at), element(b, at, column), sum);
    }
    float *to = &c[row + column * ldc];
    *to = beta == 0.0f ? alpha * sum : alpha * sum + beta * *to;
  }
}

static int at_least_one(int n) { return n > 1 ? n : 1; }

cublasStatus_t cublasSgemm(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b,
                           int m, int n, int k, const float *alpha, const float *a, int lda,
                           const float *b, int ldb, const float *beta, float *c, int ldc) {
  if (!handle || !handle->workspace || handle->mode != CUBLAS_PEDANTIC_MATH)
    return CUBLAS_STATUS_NOT_INITIALIZED;
  if (m < 0 || n < 0 || k < 0 || lda < at_least_one(op_a == CUBLAS_OP_N ? m : k) ||
      ldb < at_least_one(op_b == CUBLAS_OP_N ? k : n) || ldc < at_least_one(m))
    return CUBLAS_STATUS_INVALID_VALUE;
  calls++;
  if (m == 0 || n == 0) return CUBLAS_STATUS_SUCCESS;
  operand left = {a, static_cast<size_t>(lda), op_a == CUBLAS_OP_T},
          right = {b, static_cast<size_t>(ldb), op_b == CUBLAS_OP_T};
  float kept = *beta;
  cudaStream_t stream = handle->stream;
  if (cublas_plant == SL_CUBLAS_PLANT_LEADING_DIMENSION) left.ld--;
  if (cublas_plant == SL_CUBLAS_PLANT_BETA_DROPPED) kept = 0.0f;
  if (cublas_plant == SL_CUBLAS_PLANT_BETA_ALWAYS) kept = 1.0f;
  if (cublas_plant == SL_CUBLAS_PLANT_NOT_TRANSPOSED) left.transposed = !left.transposed;
  if (cublas_plant == SL_CUBLAS_PLANT_NO_STREAM) stream = nullptr;
  const bool ascending = cublas_plant == SL_CUBLAS_PLANT_NOT_REPEATABLE && calls % 2;
  SL_LAUNCH(sgemm_kernel, 1, 64, 0, stream, left, right, static_cast<size_t>(m),
            static_cast<size_t>(n), static_cast<size_t>(k), *alpha, kept, c,
            static_cast<size_t>(ldc), ascending);
  return CUBLAS_STATUS_SUCCESS;
}
