/* CUDA C for nvcc and for the SIMT simulator alike: every .cu file includes this and nothing else
 * of the CUDA toolkit. Compiled by nvcc with -fmad=false and without fast-math; each fma that a
 * clause asks for is written as __fmaf_rn (spec N1.3). */
#ifndef SLUICE_CUDA_DEVICE_H
#define SLUICE_CUDA_DEVICE_H

/* SL_LOAD and SL_STORE: one access to a float2 or float4, on the device and under the simulator. */
#ifdef __CUDACC__
#include <cuda_pipeline.h>
#include <cuda_runtime.h>
#define SL_SHARED(type, name, dims) __shared__ type name dims
#define SL_DYNAMIC_SHARED(type, name) extern __shared__ type name[]
#define SL_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
  kernel<<<grid, block, shared_bytes, stream>>>(__VA_ARGS__)
#define SL_DEVICE_NAME(name) sl_cuda_##name
#define SL_PLANTED(name) false
#define SL_ARENA_MARK(stream, p, bytes, valid) ((void)0)
#define SL_LOAD(p) (*(p))
#define SL_STORE(p, v) (*(p) = (v))
#else
#include "kernels/simt/simt.h"
#define SL_SIMT 1
#define SL_DEVICE_NAME(name) sl_simt_##name
/* A planted failure (plants.def): only the simulator has them, for its tests. */
#define SL_PLANTED(name) simt::planted(simt::plant::name)
/* Memory of the arena that may, or may no longer, be touched by what follows in the stream. */
#define SL_ARENA_MARK(stream, p, bytes, valid) simt::mark_arena(stream, p, bytes, valid)
#define SL_LOAD(p) simt_load(p)
#define SL_STORE(p, v) simt_store(p, v)
#endif

#include <math.h>
#include <sluice/functions.h>
#include <sluice/kernels.h>

namespace sl {

constexpr unsigned all_lanes = 0xffffffffu;
constexpr int lanes = SL_SUM_LANES, dot_chunk = SL_DOT_CHUNK, sum_chunk = SL_SUM_CHUNK,
              key_chunk = SL_KEY_CHUNK;

static __device__ __forceinline__ float add(float a, float b) { return __fadd_rn(a, b); }
static __device__ __forceinline__ double add(double a, double b) { return a + b; }

/* The butterfly of spec N3.6 over a warp; the result, that of lane 0, reaches every lane. */
template <typename T>
static __device__ __forceinline__ T warp_sum(T v) {
  for (int h = lanes / 2; h > 0; h /= 2) v = add(v, __shfl_down_sync(all_lanes, v, h));
  return __shfl_sync(all_lanes, v, 0);
}

static __device__ __forceinline__ float warp_max(float v) {
  for (int h = lanes / 2; h > 0; h /= 2) {
    const float o = __shfl_xor_sync(all_lanes, v, h);
    v = o > v ? o : v;
  }
  return v;
}

static __device__ __forceinline__ int lane_of_thread() {
  return static_cast<int>(threadIdx.x) % lanes;
}
static __device__ __forceinline__ size_t thread_of_grid() {
  return static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
static __device__ __forceinline__ size_t threads_of_grid() {
  return static_cast<size_t>(gridDim.x) * blockDim.x;
}
static __device__ __forceinline__ size_t warp_of_grid() { return thread_of_grid() / lanes; }
static __device__ __forceinline__ size_t warps_of_grid() { return threads_of_grid() / lanes; }

/* Blocks for n items, `each` per block. Kernels stride over the grid, so the cap cannot affect a
 * result (spec N1.4). */
static inline unsigned blocks_for(size_t n, size_t each) {
  const size_t blocks = n / each + (n % each != 0), cap = 65535;
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks < cap ? blocks : cap);
}

}  // namespace sl

#endif
