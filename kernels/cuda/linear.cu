/* Linear layers (spec T2): three layouts of the one product in gemm.cuh, and the bias gradient. */
#include "gemm.cuh"

using namespace sl;

static __global__ void bias_chains_kernel(float *chains, const float *dy, const uint32_t *chunk_begin, size_t n_chunks, size_t n) {
  for (size_t k = blockIdx.y; k < n_chunks; k += gridDim.y)
    for (size_t j = thread_of_grid(); j < n; j += threads_of_grid()) {
      float chain = 0.0f;
      for (uint32_t i = chunk_begin[k]; i < chunk_begin[k + 1]; i++) chain = __fmaf_rn(dy[i * n + j], 1.0f, chain);
      chains[k * n + j] = chain;
    }
}

static __global__ void add_bias_chains_kernel(float *total, const float *chains, size_t n_chunks, size_t n) {
  for (size_t j = thread_of_grid(); j < n; j += threads_of_grid()) {
    float t = total[j];
    for (size_t k = 0; k < n_chunks; k++) t = __fadd_rn(t, chains[k * n + j]);
    total[j] = t;
  }
}

sl_status SL_DEVICE_NAME(linear_pack)(sl_context *ctx, void *packed, const float *w, size_t n, size_t k, sl_pack_kind kind) {
  (void)ctx, (void)packed, (void)w, (void)n, (void)k, (void)kind; /* the identity (spec T2.4) */
  return SL_OK;
}

sl_status SL_DEVICE_NAME(linear_forward)(sl_context *ctx, float *y, const float *x, const float *w, const void *packed, const float *bias, size_t t,
                                         size_t n, size_t k) {
  (void)packed;
  launch_gemm<true, true>(ctx, {y, n, {x, k, t}, {w, k, n}, uniform_chunks(k), bias, 0});
  return sl_device_status(ctx, "linear_forward");
}

/* One launch a part, in order: the totals wait in dx (spec N3.4). */
sl_status SL_DEVICE_NAME(linear_input_grad)(sl_context *ctx, float *dx, const sl_linear_part *parts, size_t n_parts, size_t t, size_t k) {
  for (size_t p = 0; p < n_parts; p++)
    launch_gemm<true, false>(ctx, {dx, k, {parts[p].dy, parts[p].n, t}, {parts[p].w, k, k}, uniform_chunks(parts[p].n), nullptr, p > 0});
  return sl_device_status(ctx, "linear_input_grad");
}

sl_status SL_DEVICE_NAME(linear_weight_grad)(sl_context *ctx, float *dw, float *db, const float *dy, const float *x, const uint32_t *seq, size_t n_seq,
                                             size_t n, size_t k) {
  const sl_status status = sl_device_offsets(ctx, seq, n_seq);
  if (status) return status;
  sl_device *device = ctx->device;
  const chunking chunks = {device->chunk_begin, device->n_chunks, 0, 0};
  launch_gemm<false, false>(ctx, {dw, k, {dy, n, n}, {x, k, k}, chunks, nullptr, 1});
  if (db && device->n_chunks) {
    float *chains = static_cast<float *>(sl_device_workspace(ctx, device->n_chunks * n * sizeof *chains));
    if (!chains) return ctx->error.status;
    const dim3 grid(blocks_for(n, 128), blocks_for(device->n_chunks, 1), 1);
    SL_LAUNCH(bias_chains_kernel, grid, 128, 0, device->stream, chains, dy, device->chunk_begin, device->n_chunks, n);
    SL_LAUNCH(add_bias_chains_kernel, blocks_for(n, 128), 128, 0, device->stream, db, chains, device->n_chunks, n);
  }
  return sl_device_status(ctx, "linear_weight_grad");
}
