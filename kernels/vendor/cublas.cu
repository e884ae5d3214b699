/* The backend cublas: the linear layers of spec T2 by cublasSgemm, which orders their sums as it
 * likes (vendor.h); biases, their gradients and everything else by the cuda backend's kernels. Host
 * code alone. Bytes and operations of the products: cuBLAS's; a bias costs 8 bytes per result, for
 * it is written before the product is added to it.
 *
 * CUBLAS_PEDANTIC_MATH keeps TF32 and emulation out whatever the environment says. The workspace is
 * fixed and owned by the context: cuBLAS requires that for results that repeat. */
#include "vendor.h"

#include "kernels/cuda/cuda.h"

#include "cublas_product.h"

#include <limits.h>
#include <stdlib.h>

using namespace sl;

#ifdef SL_SIMT
static const size_t vendor_workspace_bytes = 4096; /* the stand-in uses none */
#else
/* What NVIDIA advises for compute capability 9.0. */
static const size_t vendor_workspace_bytes = static_cast<size_t>(32) << 20;
#endif

struct vendor_state {
  cublasHandle_t handle;
  void *workspace;
};

static sl_status product_status(sl_context *ctx, const char *kernel, cublasStatus_t status) {
  if (status == CUBLAS_STATUS_SUCCESS) return sl_device_status(ctx, kernel);
  return sl_fail(&ctx->error, status == CUBLAS_STATUS_ALLOC_FAILED ? SL_ERR_MEMORY : SL_ERR_IO,
                 "%s: cuBLAS: %s", kernel, cublasGetStatusString(status));
}

static sl_status vendor_sizes(sl_context *ctx, const char *kernel, size_t t, size_t n, size_t k) {
  if (t <= INT_MAX && n <= INT_MAX && k <= INT_MAX) return SL_OK;
  return sl_fail(&ctx->error, SL_ERR_INPUT,
                 "%s: a dimension of %zu x %zu x %zu is beyond cuBLAS's int", kernel, t, n, k);
}

static cublasHandle_t handle_of(sl_context *ctx) {
  return static_cast<vendor_state *>(ctx->device->vendor)->handle;
}

/* The layer without weights gives its biases, or zeros. */
static sl_status vendor_forward(sl_context *ctx, float *y, const float *x, const float *w,
                                const void *packed, const float *bias, size_t t, size_t n,
                                size_t k) {
  const char *name = "linear_forward";
  sl_status status = vendor_sizes(ctx, name, t, n, k);
  if (status || t == 0 || n == 0) return status;
  if (bias || k == 0) status = SL_DEVICE_NAME(linear_forward)(ctx, y, x, w, packed, bias, t, n, 0);
  if (status || k == 0) return status;
  return product_status(
      ctx, name,
      sl_cublas_forward(handle_of(ctx), y, x, w, static_cast<int>(t), static_cast<int>(n),
                        static_cast<int>(k), bias ? 1.0f : 0.0f));
}

static sl_status vendor_input_grad(sl_context *ctx, float *dx, const sl_linear_part *parts,
                                   size_t n_parts, size_t t, size_t k) {
  const char *name = "linear_input_grad";
  for (size_t i = 0; i < n_parts; i++) {
    SL_TRY(vendor_sizes(ctx, name, t, parts[i].n, k));
  }
  if (t == 0 || k == 0) return SL_OK;
  float beta = 0.0f;
  for (size_t i = 0; i < n_parts; i++) {
    const sl_linear_part *p = &parts[i];
    if (p->n == 0) continue;
    SL_TRY(product_status(ctx, name,
                          sl_cublas_input_grad(handle_of(ctx), dx, p->dy, p->w, static_cast<int>(t),
                                               static_cast<int>(p->n), static_cast<int>(k), beta)));
    beta = 1.0f;
  }
  return beta != 0.0f ? SL_OK : SL_DEVICE_NAME(linear_input_grad)(ctx, dx, parts, 0, t, k);
}

/* The layer without inputs has the gradient of its bias alone. */
static sl_status vendor_weight_grad(sl_context *ctx, float *dw, float *db, const float *dy,
                                    const float *x, const uint32_t *seq, size_t n_seq, size_t n,
                                    size_t k) {
  const char *name = "linear_weight_grad";
  const size_t t = n_seq ? seq[n_seq] : 0;
  sl_status status = vendor_sizes(ctx, name, t, n, k);
  if (status || t == 0 || n == 0) return status;
  if (db) status = SL_DEVICE_NAME(linear_weight_grad)(ctx, dw, db, dy, x, seq, n_seq, n, 0);
  if (status || k == 0) return status;
  return product_status(ctx, name,
                        sl_cublas_weight_grad(handle_of(ctx), dw, dy, x, static_cast<int>(t),
                                              static_cast<int>(n), static_cast<int>(k), 1.0f));
}

static const sl_backend *whole_backend() { return SL_DEVICE_NAME(backend)(); }

static void close_cublas(sl_context *ctx) {
  vendor_state *v = static_cast<vendor_state *>(ctx->device->vendor);
  const device_scope scope(ctx->device->number);
  if (v) {
    if (v->handle) cublasDestroy(v->handle); /* waits for the device */
    cudaFree(v->workspace);
    free(v);
  }
  whole_backend()->close(ctx);
}

/* The stream first: setting it makes cuBLAS drop the workspace. */
static cublasStatus_t make_handle(sl_context *ctx, vendor_state *v) {
  cublasStatus_t status = cublasCreate(&v->handle);
  if (status == CUBLAS_STATUS_SUCCESS) status = cublasSetStream(v->handle, ctx->device->stream);
  if (status == CUBLAS_STATUS_SUCCESS)
    status = cublasSetWorkspace(v->handle, v->workspace, vendor_workspace_bytes);
  if (status == CUBLAS_STATUS_SUCCESS) status = cublasSetMathMode(v->handle, CUBLAS_PEDANTIC_MATH);
  return status;
}

static sl_status open_cublas(sl_context *ctx, const sl_context_options *options, sl_error *err) {
  sl_status status = whole_backend()->open(ctx, options, err);
  if (status) return status;
  const device_scope scope(ctx->device->number);
  vendor_state *v = static_cast<vendor_state *>(calloc(1, sizeof *v));
  ctx->device->vendor = v;
  if (!v || cudaMalloc(&v->workspace, vendor_workspace_bytes) != cudaSuccess)
    status = sl_fail(err, SL_ERR_MEMORY, "no memory for cuBLAS's workspace of %zu bytes",
                     vendor_workspace_bytes);
  const cublasStatus_t made = status ? CUBLAS_STATUS_SUCCESS : make_handle(ctx, v);
  if (made != CUBLAS_STATUS_SUCCESS)
    status = sl_fail(err, SL_ERR_UNAVAILABLE, "cuBLAS: %s", cublasGetStatusString(made));
  if (status) {
    close_cublas(ctx);
    return status;
  }
#ifdef SL_SIMT
  ctx->backend = "cublas+simt";
#else
  ctx->backend = "cublas+cuda";
#endif
  ctx->repeat = nullptr; /* what cuBLAS allows while launches are recorded is its own matter */
  ctx->table.linear_forward = device_call<vendor_forward>;
  ctx->table.linear_input_grad = device_call<vendor_input_grad>;
  ctx->table.linear_weight_grad = device_call<vendor_weight_grad>;
  return SL_OK;
}

extern "C" const sl_backend *SL_DEVICE_NAME(cublas_backend)(void) {
  static const sl_backend backend = {"cublas", open_cublas, close_cublas};
  return &backend;
}
