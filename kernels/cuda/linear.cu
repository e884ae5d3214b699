/* Linear layers (spec T2): three layouts of the product of gemm.h, and the bias gradient. Bytes,
 * operations and floor of the products are those of gemm.cu. The bias gradient reads dy once, 4 t n
 * bytes for t n additions: memory is its floor. */
#include "gemm.h"

using namespace sl;

/* A block owns 32 columns. Its warps take a chunk of tokens each, side by side; the first then adds
 * their results in order. */
template <int Warps>
static __global__ void __launch_bounds__(Warps *lanes)
    bias_grad_kernel(float *total, const float *dy, const uint32_t *chunk_begin, size_t n_chunks,
                     size_t n) {
  SL_SHARED(float, result, [Warps][lanes]);
  const int warp = static_cast<int>(threadIdx.x) / lanes, lane = lane_of_thread();
  const size_t j = static_cast<size_t>(blockIdx.x) * lanes + static_cast<size_t>(lane);
  float t = warp == 0 && j < n ? total[j] : 0.0f;
  for (size_t first = 0; first < n_chunks; first += Warps) {
    const size_t c = first + static_cast<size_t>(warp),
                 here = n_chunks - first < Warps ? n_chunks - first : Warps;
    float chain = 0.0f;
    if (c < n_chunks && j < n) {
#pragma unroll 16
      for (size_t i = chunk_begin[c], end = chunk_begin[c + 1]; i < end; i++)
        chain = __fmaf_rn(dy[i * n + j], 1.0f, chain);
    }
    result[warp][lane] = chain;
    __syncthreads();
    for (size_t w = 0; warp == 0 && w < here; w++) t = __fadd_rn(t, result[w][lane]);
    __syncthreads();
  }
  if (warp == 0 && j < n) total[j] = t;
}

/* The identity (spec T2.4): nothing is kept. */
sl_status SL_DEVICE_NAME(linear_pack)(sl_context *ctx, void *packed, const float *w, size_t n,
                                      size_t k, sl_pack_kind kind) {
  (void)ctx, (void)packed, (void)w, (void)n, (void)k, (void)kind;
  return SL_OK;
}

static sl_status run_product(sl_context *ctx, const char *kernel, gemm_layout layout,
                             const gemm_product &p) {
  const size_t floats = gemm_scratch(ctx, layout, p);
  float *scratch =
      floats ? static_cast<float *>(sl_device_workspace(ctx, floats * sizeof *scratch)) : nullptr;
  if (floats && !scratch) return ctx->error.status;
  launch_gemm(ctx, layout, p, scratch, floats);
  return sl_device_status(ctx, kernel);
}

sl_status SL_DEVICE_NAME(linear_forward)(sl_context *ctx, float *y, const float *x, const float *w,
                                         const void *packed, const float *bias, size_t t, size_t n,
                                         size_t k) {
  (void)packed;
  SL_TRY(gemm_sizes(ctx, "linear_forward", t, n, k));
  gemm_product p = product_of(y, n, t, n);
  add_part(&p, x, k, w, k, k);
  p.bias = bias;
  return run_product(ctx, "linear_forward", both_k, p);
}

/* One launch for up to parts_max parts; between launches the totals wait in dx (spec N3.4). */
sl_status SL_DEVICE_NAME(linear_input_grad)(sl_context *ctx, float *dx, const sl_linear_part *parts,
                                            size_t n_parts, size_t t, size_t k) {
  for (size_t i = 0; i < n_parts; i++) {
    SL_TRY(gemm_sizes(ctx, "linear_input_grad", t, parts[i].n, k));
  }
  size_t i = 0;
  do {
    gemm_product p = product_of(dx, k, t, k);
    p.accumulate = i > 0;
    for (; i < n_parts && p.n_parts < parts_max; i++)
      add_part(&p, parts[i].dy, parts[i].n, parts[i].w, k, parts[i].n);
    SL_TRY(run_product(ctx, "linear_input_grad", a_k_b_row, p));
  } while (i < n_parts);
  return SL_OK;
}

sl_status SL_DEVICE_NAME(linear_weight_grad)(sl_context *ctx, float *dw, float *db, const float *dy,
                                             const float *x, const uint32_t *seq, size_t n_seq,
                                             size_t n, size_t k) {
  sl_status status = sl_device_offsets(ctx, seq, n_seq);
  if (!status) status = gemm_sizes(ctx, "linear_weight_grad", n, k, 0);
  const sl_device *device = ctx->device;
  if (status || device->n_chunks == 0) return status;
  if (db && n && device->smallest_tiles)
    SL_LAUNCH((bias_grad_kernel<2>), static_cast<unsigned>((n + lanes - 1) / lanes), 2 * lanes, 0,
              device->stream, db, dy, device->chunk_begin, device->n_chunks, n);
  else if (db && n)
    SL_LAUNCH((bias_grad_kernel<32>), static_cast<unsigned>((n + lanes - 1) / lanes), 32 * lanes, 0,
              device->stream, db, dy, device->chunk_begin, device->n_chunks, n);
  gemm_product p = product_of(dw, k, n, k);
  set_table(&p, dy, n, x, k, device->chunk_begin, device->n_chunks, 0);
  p.accumulate = 1;
  return run_product(ctx, "linear_weight_grad", both_row, p);
}
