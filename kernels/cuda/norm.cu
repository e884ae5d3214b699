/* RMSNorm and the square sum (spec T1.3, T1.4, T1.5, N6.1). A warp a row: its lanes are the lanes of spec N3.6. Bytes an element:
 * forward 8, backward 16 (20 with a residual), weight gradient 8, square sum 4; rows are re-read from L1 where they are used twice. */
#include "cuda.h"

using namespace sl;

/* Sum of products over a row (spec N3.6), the same in every lane. */
template <typename F>
static __device__ __forceinline__ float row_sum(size_t d, F product) {
  float total = 0.0f;
  for (size_t begin = 0; begin < d; begin += sum_chunk) {
    const size_t end = begin + sum_chunk < d ? begin + sum_chunk : d;
    float lane = 0.0f;
    for (size_t c = begin + static_cast<size_t>(lane_of_thread()); c < end; c += lanes) lane = product(c, lane);
    total = __fadd_rn(total, warp_sum(lane));
  }
  return total;
}

static __global__ void rmsnorm_forward_kernel(float *y, float *rstd, const float *x, const float *w, size_t t, size_t d, float eps) {
  for (size_t i = warp_of_grid(); i < t; i += warps_of_grid()) {
    const float *row = x + i * d;
    const float square = row_sum(d, [=](size_t c, float lane) { return __fmaf_rn(row[c], row[c], lane); });
    const float r = sl_fn_rsqrt(__fadd_rn(__fdiv_rn(square, static_cast<float>(d)), eps));
    if (lane_of_thread() == 0) rstd[i] = r;
    for (size_t c = static_cast<size_t>(lane_of_thread()); c < d; c += lanes) y[i * d + c] = __fmul_rn(__fmul_rn(row[c], r), w[c]);
  }
}

static __global__ void rmsnorm_backward_kernel(float *dx, const float *dy, const float *x, const float *w, const float *rstd,
                                               const float *residual, size_t t, size_t d) {
  for (size_t i = warp_of_grid(); i < t; i += warps_of_grid()) {
    const float *row = x + i * d, *grad = dy + i * d;
    const float r = rstd[i];
    const float product = row_sum(d, [=](size_t c, float lane) { return __fmaf_rn(__fmul_rn(grad[c], w[c]), __fmul_rn(row[c], r), lane); });
    const float mean = __fdiv_rn(product, static_cast<float>(d));
    for (size_t c = static_cast<size_t>(lane_of_thread()); c < d; c += lanes) {
      const float g = __fmul_rn(grad[c], w[c]), h = __fmul_rn(row[c], r);
      const float v = __fmul_rn(r, __fmaf_rn(-h, mean, g));
      dx[i * d + c] = residual ? __fadd_rn(residual[i * d + c], v) : v;
    }
  }
}

/* First the chain of every chunk, each on its own; then each column adds its chunks in order (spec N4.2). */
static __global__ void weight_chains_kernel(float *chains, const float *dy, const float *x, const float *rstd, const uint32_t *chunk_begin,
                                            size_t n_chunks, size_t d) {
  for (size_t k = blockIdx.y; k < n_chunks; k += gridDim.y)
    for (size_t c = thread_of_grid(); c < d; c += threads_of_grid()) {
      float chain = 0.0f;
      for (uint32_t i = chunk_begin[k]; i < chunk_begin[k + 1]; i++)
        chain = __fmaf_rn(dy[i * d + c], __fmul_rn(x[i * d + c], rstd[i]), chain);
      chains[k * d + c] = chain;
    }
}

static __global__ void add_chains_kernel(float *total, const float *chains, size_t n_chunks, size_t d) {
  for (size_t c = thread_of_grid(); c < d; c += threads_of_grid()) {
    float t = total[c];
    for (size_t k = 0; k < n_chunks; k++) t = __fadd_rn(t, chains[(SL_PLANTED(swapped_order) ? n_chunks - 1 - k : k) * d + c]);
    total[c] = t;
  }
}

/* A warp a chunk, in binary64 (spec N3.8); then one thread adds the chunks. */
static __global__ void square_chunks_kernel(double *chunks, const float *g, size_t n, size_t n_chunks, size_t chunk,
                                            unsigned long long *faults) {
  for (size_t k = warp_of_grid(); k < n_chunks; k += warps_of_grid()) {
    const size_t begin = k * chunk, end = begin + chunk < n ? begin + chunk : n;
    double lane = 0.0;
    for (size_t i = begin + static_cast<size_t>(lane_of_thread()); i < end; i += lanes) {
      const double x = static_cast<double>(g[i]);
      if (!(fabs(x) < HUGE_VAL)) leave_fault(faults, SL_KERNEL_grad_square_sum, SL_FAULT_element, i);
      lane = fma(x, x, lane);
    }
    lane = warp_sum(lane);
    if (lane_of_thread() == 0) chunks[k] = lane;
  }
}

static __global__ void add_squares_kernel(double *sum, const double *chunks, size_t n_chunks) {
  if (thread_of_grid() != 0) return;
  double total = 0.0;
  for (size_t k = 0; k < n_chunks; k++) total = total + chunks[k];
  *sum = total;
}

static const unsigned threads = 128;

sl_status SL_DEVICE_NAME(rmsnorm_forward)(sl_context *ctx, float *y, float *rstd, const float *x, const float *w, size_t t, size_t d,
                                          float eps) {
  SL_LAUNCH(rmsnorm_forward_kernel, blocks_for(t, threads / lanes), threads, 0, ctx->device->stream, y, rstd, x, w, t, d, eps);
  return sl_device_status(ctx, "rmsnorm_forward");
}

sl_status SL_DEVICE_NAME(rmsnorm_backward)(sl_context *ctx, float *dx, const float *dy, const float *x, const float *w, const float *rstd,
                                           const float *residual, size_t t, size_t d) {
  SL_LAUNCH(rmsnorm_backward_kernel, blocks_for(t, threads / lanes), threads, 0, ctx->device->stream, dx, dy, x, w, rstd, residual, t, d);
  return sl_device_status(ctx, "rmsnorm_backward");
}

sl_status SL_DEVICE_NAME(rmsnorm_weight_grad)(sl_context *ctx, float *total, const float *dy, const float *x, const float *rstd,
                                              const uint32_t *seq, size_t n_seq, size_t d) {
  const sl_status status = sl_device_offsets(ctx, seq, n_seq);
  if (status) return status;
  sl_device *device = ctx->device;
  if (device->n_chunks == 0) return SL_OK;
  float *chains = static_cast<float *>(sl_device_workspace(ctx, device->n_chunks * d * sizeof *chains));
  if (!chains) return ctx->error.status;
  const dim3 grid(blocks_for(d, threads), blocks_for(device->n_chunks, 1), 1);
  SL_LAUNCH(weight_chains_kernel, grid, threads, 0, device->stream, chains, dy, x, rstd, device->chunk_begin, device->n_chunks, d);
  SL_LAUNCH(add_chains_kernel, blocks_for(d, threads), threads, 0, device->stream, total, chains, device->n_chunks, d);
  return sl_device_status(ctx, "rmsnorm_weight_grad");
}

sl_status SL_DEVICE_NAME(grad_square_sum)(sl_context *ctx, double *sum, const float *g, size_t n) {
  size_t chunk = sum_chunk;
  cudaDeviceProp property;
  if (SL_PLANTED(sm_count) && cudaGetDeviceProperties(&property, 0) == cudaSuccess)
    chunk = n / static_cast<size_t>(property.multiProcessorCount) + 1;
  const size_t n_chunks = n / chunk + (n % chunk != 0);
  double *chunks = static_cast<double *>(sl_device_workspace(ctx, (n_chunks + 1) * sizeof *chunks));
  if (!chunks) return ctx->error.status;
  sl_device *device = ctx->device;
  if (n_chunks)
    SL_LAUNCH(square_chunks_kernel, blocks_for(n_chunks, threads / lanes), threads, 0, device->stream, chunks, g, n, n_chunks, chunk,
              device->faults);
  if (SL_PLANTED(arena_reuse)) sl_device_status(ctx, "grad_square_sum");
  SL_LAUNCH(add_squares_kernel, 1, lanes, 0, device->stream, sum, chunks, n_chunks);
  return sl_device_status(ctx, "grad_square_sum");
}
