/* The backend openblas: the linear layers of spec T2 by cblas_sgemm, which orders their sums as it
 * likes (vendor.h). */
#include "vendor.h"

#include "kernels/core/context.h"

#include <cblas.h>
#include <limits.h>
#include <string.h>

static sl_status check_sizes(sl_context *ctx, const char *kernel, size_t t, size_t n, size_t k) {
  if (t <= INT_MAX && n <= INT_MAX && k <= INT_MAX) return SL_OK;
  return sl_fail(&ctx->error, SL_ERR_INPUT,
                 "%s: a dimension of %zu x %zu x %zu is beyond OpenBLAS's int", kernel, t, n, k);
}

static sl_status no_pack(sl_context *ctx, void *packed, const float *w, size_t n, size_t k,
                         sl_pack_kind kind) {
  (void)ctx, (void)packed, (void)w, (void)n, (void)k, (void)kind;
  return SL_OK;
}

static size_t no_pack_bytes(size_t n, size_t k, sl_pack_kind kind) {
  (void)n, (void)k, (void)kind;
  return 0;
}

static sl_status linear_forward(sl_context *ctx, float *y, const float *x, const float *w,
                                const void *packed, const float *bias, size_t t, size_t n,
                                size_t k) {
  const sl_status status = check_sizes(ctx, "linear_forward", t, n, k);
  (void)packed;
  if (status || t == 0 || n == 0) return status;
  if (k == 0) memset(y, 0, t * n * sizeof *y);
  if (k)
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)t, (int)n, (int)k, 1.0f, x, (int)k, w,
                (int)k, 0.0f, y, (int)n);
  for (size_t i = 0; bias && i < t; i++)
    for (size_t j = 0; j < n; j++) y[i * n + j] += bias[j];
  return SL_OK;
}

static sl_status linear_input_grad(sl_context *ctx, float *dx, const sl_linear_part *parts,
                                   size_t n_parts, size_t t, size_t k) {
  for (size_t p = 0; p < n_parts; p++) {
    SL_TRY(check_sizes(ctx, "linear_input_grad", t, parts[p].n, k));
  }
  if (t == 0 || k == 0) return SL_OK;
  memset(dx, 0, t * k * sizeof *dx);
  for (size_t p = 0; p < n_parts; p++)
    if (parts[p].n)
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)t, (int)k, (int)parts[p].n, 1.0f,
                  parts[p].dy, (int)parts[p].n, parts[p].w, (int)k, 1.0f, dx, (int)k);
  return SL_OK;
}

static sl_status linear_weight_grad(sl_context *ctx, float *dw, float *db, const float *dy,
                                    const float *x, const uint32_t *seq, size_t n_seq, size_t n,
                                    size_t k) {
  const size_t t = n_seq ? seq[n_seq] : 0;
  const sl_status status = check_sizes(ctx, "linear_weight_grad", t, n, k);
  if (status || t == 0 || n == 0) return status;
  if (k)
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)n, (int)k, (int)t, 1.0f, dy, (int)n,
                x, (int)k, 1.0f, dw, (int)k);
  for (size_t i = 0; db && i < t; i++)
    for (size_t j = 0; j < n; j++) db[j] += dy[i * n + j];
  return SL_OK;
}

static sl_status open_openblas(sl_context *ctx, const sl_context_options *options, sl_error *err) {
  (void)options;
  SL_TRY(sl_cpu_open(ctx, SL_ISA_BEST, err));
  ctx->backend =
      strcmp(ctx->backend, "cpu/avx512") == 0 ? "openblas+cpu/avx512" : "openblas+cpu/avx2";
  ctx->table.linear_pack = no_pack;
  ctx->table.linear_pack_bytes = no_pack_bytes;
  ctx->table.linear_forward = linear_forward;
  ctx->table.linear_input_grad = linear_input_grad;
  ctx->table.linear_weight_grad = linear_weight_grad;
  openblas_set_num_threads(ctx->threads);
  return SL_OK;
}

static void close_openblas(sl_context *ctx) { (void)ctx; }

const sl_backend *sl_openblas_backend(void) {
  static const sl_backend backend = {"openblas", open_openblas, close_openblas};
  return &backend;
}
