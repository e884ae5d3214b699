/* Square sum of a gradient and AdamW (spec N6.1, N6.3). Bytes and operations per element:
 * adamw_step 28 and 16, one pass; grad_square_sum 4 and one binary64 fma. Bound by memory: floor
 * bytes / bandwidth. The levels of the square sum above its chunks read N / 128 bytes, and are a
 * launch each: one for a million elements, two for 10^9. */
#include "cuda.h"
#include "vector.h"

using namespace sl;

static __device__ __forceinline__ bool finite(float x) { return fabsf(x) < HUGE_VALF; }

/* One element; g is finite. */
static __device__ __forceinline__ void update(float &p, float &m, float &v, float g,
                                              const sl_adamw &step) {
  const float floor = 0x1p-100f, gi = __fmul_rn(g, step.grad_scale);
  m = __fmaf_rn(step.b1, m, __fmul_rn(step.one_b1, gi));
  v = __fmaf_rn(step.b2, v, __fmul_rn(__fmul_rn(step.one_b2, gi), gi));
  m = fabsf(m) < floor ? 0.0f : m;
  v = v < floor ? 0.0f : v;
  const float u =
      __fdiv_rn(__fmul_rn(m, step.c1), __fadd_rn(__fsqrt_rn(__fmul_rn(v, step.c2)), step.eps));
  p = __fmaf_rn(-step.lr, u, __fmul_rn(p, step.decay));
}

static __global__ void adamw_kernel(float *p, float *m, float *v, const float *g, sl_adamw step,
                                    size_t n, int vector, unsigned long long *faults) {
  each4(n, vector, [=](size_t i, bool aligned) {
    four a = load4(p, i, n, aligned), b = load4(m, i, n, aligned), c = load4(v, i, n, aligned);
    const four gradient = load4(g, i, n, aligned);
    for (int k = 0; k < 4; k++)
      if (finite(gradient.v[k]))
        update(a.v[k], b.v[k], c.v[k], gradient.v[k], step);
      else
        leave_fault(faults, SL_KERNEL_adamw_step, SL_FAULT_element, i + static_cast<size_t>(k));
    store4(p, i, n, aligned, a);
    store4(m, i, n, aligned, b);
    store4(v, i, n, aligned, c);
  });
}

/* One warp per chunk, in binary64 (spec N3.8). */
static __global__ void square_chunks_kernel(double *chunks, const float *g, size_t n,
                                            size_t n_chunks, size_t chunk,
                                            unsigned long long *faults) {
  for (size_t k = warp_of_grid(); k < n_chunks; k += warps_of_grid()) {
    const size_t begin = k * chunk, end = begin + chunk < n ? begin + chunk : n;
    const size_t first = begin + static_cast<size_t>(lane_of_thread());
    double lane = 0.0;
    strided(
        first, end, [=](size_t i) { return g[i]; },
        [&](size_t, float x) { lane = fma(static_cast<double>(x), static_cast<double>(x), lane); });
    if (!(lane < HUGE_VAL)) /* no finite gradient overflows binary64: one of these is not */
      for (size_t i = first; i < end; i += lanes)
        if (!finite(g[i])) leave_fault(faults, SL_KERNEL_grad_square_sum, SL_FAULT_element, i);
    lane = warp_sum(lane);
    if (lane_of_thread() == 0) chunks[k] = lane;
  }
}

/* A level of spec N3.8: one warp per chunk of chunk results. */
static __global__ void sum_chunks_kernel(double *sums, const double *list, size_t n,
                                         size_t n_chunks) {
  for (size_t k = warp_of_grid(); k < n_chunks; k += warps_of_grid()) {
    const size_t begin = k * sum_chunk, end = begin + sum_chunk < n ? begin + sum_chunk : n;
    const size_t first = begin + static_cast<size_t>(lane_of_thread());
    double lane = 0.0, sum = 0.0;
    strided(
        first, end, [=](size_t i) { return list[i]; },
        [&](size_t, double x) { lane = add(lane, x); });
    if (SL_PLANTED(level_chained))
      for (int l = 0; l < lanes; l++) sum = add(sum, __shfl_sync(all_lanes, lane, l));
    else
      sum = warp_sum(lane);
    if (lane_of_thread() == 0) sums[k] = sum;
  }
}

/* A list of chunk results to its sum: level by level from one half of `list` to the other, which
 * begins at `other`. */
static void sum_levels(sl_context *ctx, double *sum, double *list, double *other, size_t n) {
  while (n > 1) {
    const size_t n_chunks = (n - 1) / sum_chunk + 1;
    double *const to = n_chunks == 1 ? sum : other;
    SL_LAUNCH(sum_chunks_kernel, blocks_for(n_chunks, 8), 8 * lanes, 0, ctx->device->stream, to,
              list, n, n_chunks);
    other = list, list = to, n = n_chunks;
  }
}

sl_status SL_DEVICE_NAME(adamw_step)(sl_context *ctx, float *p, float *m, float *v, const float *g,
                                     const sl_adamw *step, size_t n) {
  const unsigned threads = 256;
  const int vector = vectors(p, m, v, g);
  if (n)
    SL_LAUNCH(adamw_kernel, blocks_for(n, 4 * threads), threads, 0, ctx->device->stream, p, m, v, g,
              *step, n, vector, ctx->device->faults);
  return sl_device_status(ctx, "adamw_step");
}

sl_status SL_DEVICE_NAME(grad_square_sum)(sl_context *ctx, double *sum, const float *g, size_t n) {
  const unsigned threads = 256;
  size_t chunk = sum_chunk;
  cudaDeviceProp property;
  if (SL_PLANTED(sm_count) && cudaGetDeviceProperties(&property, 0) == cudaSuccess)
    chunk = n / static_cast<size_t>(property.multiProcessorCount) + 1;
  const size_t n_chunks = n ? (n - 1) / chunk + 1 : 1, half = n_chunks / sum_chunk + 1;
  double *const list =
      static_cast<double *>(sl_device_workspace(ctx, (n_chunks + half) * sizeof *list));
  if (!list) return ctx->error.status;
  SL_LAUNCH(square_chunks_kernel, blocks_for(n_chunks, threads / lanes), threads, 0,
            ctx->device->stream, n_chunks == 1 ? sum : list, g, n, n_chunks, chunk,
            ctx->device->faults);
  if (SL_PLANTED(arena_reuse)) sl_device_status(ctx, "grad_square_sum");
  sum_levels(ctx, sum, list, list + n_chunks, n_chunks);
  return sl_device_status(ctx, "grad_square_sum");
}
