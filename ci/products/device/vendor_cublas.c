/* cuBLAS at its fastest in binary32. */
#include "vendor.h"

#include "kernels/vendor/cublas_product.h"

#include <cuda_runtime_api.h>
#include <stdlib.h>

struct sl_vendor {
  cublasHandle_t handle;
};

/* CUBLAS_DEFAULT_MATH computes sgemm in binary32: TF32 would have to be asked for. */
sl_status sl_vendor_open(sl_vendor **out, sl_error *err) {
  sl_vendor *v = calloc(1, sizeof *v);
  if (!v) return sl_fail(err, SL_ERR_MEMORY, "no memory for cuBLAS");
  cublasStatus_t status = cublasCreate(&v->handle);
  if (status == CUBLAS_STATUS_SUCCESS) status = cublasSetMathMode(v->handle, CUBLAS_DEFAULT_MATH);
  if (status != CUBLAS_STATUS_SUCCESS) {
    sl_vendor_close(v);
    return sl_fail(err, SL_ERR_UNAVAILABLE, "cuBLAS: %s", cublasGetStatusString(status));
  }
  *out = v;
  return SL_OK;
}

void sl_vendor_close(sl_vendor *v) {
  if (!v) return;
  if (v->handle) cublasDestroy(v->handle);
  free(v);
}

sl_status sl_vendor_product(sl_vendor *v, sl_product_kind kind, float *out, const float *left,
                            const float *right, size_t t, size_t n, size_t k) {
  const int it = (int)t, in = (int)n, ik = (int)k;
  cublasStatus_t status;
  switch (kind) {
    case SL_PRODUCT_FORWARD:
      status = sl_cublas_forward(v->handle, out, left, right, it, in, ik, 0.0f);
      break;
    case SL_PRODUCT_INPUT_GRAD:
      status = sl_cublas_input_grad(v->handle, out, left, right, it, in, ik, 0.0f);
      break;
    default:
      status = sl_cublas_weight_grad(v->handle, out, left, right, it, in, ik, 0.0f);
  }
  return status == CUBLAS_STATUS_SUCCESS ? SL_OK : SL_ERR_IO;
}

sl_status sl_vendor_wait(sl_vendor *v) {
  (void)v;
  return cudaDeviceSynchronize() == cudaSuccess ? SL_OK : SL_ERR_IO;
}
