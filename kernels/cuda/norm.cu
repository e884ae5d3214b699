/* RMSNorm (spec T1.3, T1.4, T1.5): one warp per row, whose lanes are the lanes of spec N3.6. Bytes
 * and operations per element: forward 8 and 4; backward 12 and 9 (16 and 10 with a residual);
 * weight gradient 8 and 2, and 8 bytes for each column of a chunk of tokens. Bound by memory: floor
 * bytes / bandwidth. A row is read twice; the second time it comes from L1 or L2. */
#include "cuda.h"
#include "vector.h"

using namespace sl;

struct pair {
  float a, b;
};

/* Sum of products a b over a row (spec N3.6), the same in every lane. */
template <typename F>
static __device__ __forceinline__ float row_sum(size_t d, F factors) {
  float total = 0.0f;
  for (size_t begin = 0; begin < d; begin += sum_chunk) {
    const size_t end = begin + sum_chunk < d ? begin + sum_chunk : d;
    float lane = 0.0f;
    strided(begin + static_cast<size_t>(lane_of_thread()), end, factors,
            [&](size_t, pair p) { lane = __fmaf_rn(p.a, p.b, lane); });
    total = __fadd_rn(total, warp_sum(lane));
  }
  return total;
}

static __global__ void rmsnorm_forward_kernel(float *y, float *rstd, const float *x, const float *w,
                                              size_t t, size_t d, float eps) {
  for (size_t i = warp_of_grid(); i < t; i += warps_of_grid()) {
    const float *row = x + i * d;
    const float square = row_sum(d, [=](size_t c) { return pair{row[c], row[c]}; });
    const float r = sl_fn_rsqrt(__fadd_rn(__fdiv_rn(square, static_cast<float>(d)), eps));
    if (lane_of_thread() == 0) rstd[i] = r;
    strided(
        static_cast<size_t>(lane_of_thread()), d,
        [=](size_t c) {
          return pair{row[c], w[c]};
        },
        [=](size_t c, pair p) { y[i * d + c] = __fmul_rn(__fmul_rn(p.a, r), p.b); });
  }
}

struct gradient {
  float g, h, residual;
};

/* dx may be residual: a lane reads its elements of that before it writes them. */
static __global__ void rmsnorm_backward_kernel(float *dx, const float *dy, const float *x,
                                               const float *w, const float *rstd,
                                               const float *residual, size_t t, size_t d) {
  for (size_t i = warp_of_grid(); i < t; i += warps_of_grid()) {
    const float r = rstd[i];
    const auto factors = [=](size_t c) {
      return pair{__fmul_rn(dy[i * d + c], w[c]), __fmul_rn(x[i * d + c], r)};
    };
    const float mean = __fdiv_rn(row_sum(d, factors), static_cast<float>(d));
    strided(
        static_cast<size_t>(lane_of_thread()), d,
        [=](size_t c) {
          const pair p = factors(c);
          return gradient{p.a, p.b, residual ? residual[i * d + c] : 0.0f};
        },
        [=](size_t c, gradient p) {
          const float v = __fmul_rn(r, __fmaf_rn(-p.h, mean, p.g));
          dx[i * d + c] = residual ? __fadd_rn(p.residual, v) : v;
        });
  }
}

/* First the chain of every chunk, each on its own; then each column adds its chunks in order
 * (spec N4.2). */
static __global__ void weight_chains_kernel(float *chains, const float *dy, const float *x,
                                            const float *rstd, const uint32_t *chunk_begin,
                                            size_t n_chunks, size_t d) {
  for (size_t k = blockIdx.y; k < n_chunks; k += gridDim.y) {
    const size_t begin = chunk_begin[k], end = chunk_begin[k + 1];
    for (size_t c = thread_of_grid(); c < d; c += threads_of_grid()) {
      float chain = 0.0f;
#pragma unroll 16
      for (size_t i = begin; i < end; i++)
        chain = __fmaf_rn(dy[i * d + c], __fmul_rn(x[i * d + c], rstd[i]), chain);
      chains[k * d + c] = chain;
    }
  }
}

static __global__ void add_chains_kernel(float *total, const float *chains, size_t n_chunks,
                                         size_t d) {
  for (size_t c = thread_of_grid(); c < d; c += threads_of_grid()) {
    float t = total[c];
#pragma unroll 8
    for (size_t k = 0; k < n_chunks; k++)
      t = __fadd_rn(t, chains[(SL_PLANTED(swapped_order) ? n_chunks - 1 - k : k) * d + c]);
    total[c] = t;
  }
}

static const unsigned threads = 128;

sl_status SL_DEVICE_NAME(rmsnorm_forward)(sl_context *ctx, float *y, float *rstd, const float *x,
                                          const float *w, size_t t, size_t d, float eps) {
  if (t)
    SL_LAUNCH(rmsnorm_forward_kernel, blocks_for(t, threads / lanes), threads, 0,
              ctx->device->stream, y, rstd, x, w, t, d, eps);
  return sl_device_status(ctx, "rmsnorm_forward");
}

sl_status SL_DEVICE_NAME(rmsnorm_backward)(sl_context *ctx, float *dx, const float *dy,
                                           const float *x, const float *w, const float *rstd,
                                           const float *residual, size_t t, size_t d) {
  if (t)
    SL_LAUNCH(rmsnorm_backward_kernel, blocks_for(t, threads / lanes), threads, 0,
              ctx->device->stream, dx, dy, x, w, rstd, residual, t, d);
  return sl_device_status(ctx, "rmsnorm_backward");
}

sl_status SL_DEVICE_NAME(rmsnorm_weight_grad)(sl_context *ctx, float *total, const float *dy,
                                              const float *x, const float *rstd,
                                              const uint32_t *seq, size_t n_seq, size_t d) {
  SL_TRY(sl_device_offsets(ctx, seq, n_seq));
  const sl_device *device = ctx->device;
  if (device->n_chunks == 0) return SL_OK;
  float *chains =
      static_cast<float *>(sl_device_workspace(ctx, device->n_chunks * d * sizeof *chains));
  if (!chains) return ctx->error.status;
  const dim3 grid(blocks_for(d, threads), blocks_for(device->n_chunks, 1), 1);
  SL_LAUNCH(weight_chains_kernel, grid, threads, 0, device->stream, chains, dy, x, rstd,
            device->chunk_begin, device->n_chunks, d);
  SL_LAUNCH(add_chains_kernel, blocks_for(d, threads), threads, 0, device->stream, total, chains,
            device->n_chunks, d);
  return sl_device_status(ctx, "rmsnorm_weight_grad");
}
