/* CUDA C for the host: what the sources of kernels/cuda use of the language, run by the SIMT
 * simulator. The .cu sources include this through kernels/cuda/device.h; they are compiled
 * with -fsanitize=thread, whose hooks (hooks.cpp) make every load and store a point where
 * threads may switch and where races, bounds and initialisation are checked. Memory is
 * sequentially consistent. */
#ifndef SLUICE_SIMT_H
#define SLUICE_SIMT_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "runtime.h"

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
/* One access of 8 or 16 bytes, as a GPU's vector load or store is: the compiler would cut the copy
 * of a struct into its members. */
typedef float simt_float2 __attribute__((vector_size(8), may_alias));
typedef float simt_float4 __attribute__((vector_size(16), may_alias));
static inline __attribute__((always_inline)) float2 simt_load(const float2 *p) {
  const simt_float2 v = *reinterpret_cast<const simt_float2 *>(p);
  return {v[0], v[1]};
}
static inline __attribute__((always_inline)) float4 simt_load(const float4 *p) {
  const simt_float4 v = *reinterpret_cast<const simt_float4 *>(p);
  return {v[0], v[1], v[2], v[3]};
}
static inline __attribute__((always_inline)) void simt_store(float4 *p, float4 v) {
  *reinterpret_cast<simt_float4 *>(p) = simt_float4{v.x, v.y, v.z, v.w};
}

static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline float2 make_float2(float x, float y) { return {x, y}; }

#define threadIdx simt::thread_index
#define blockIdx simt::block_index
#define blockDim simt::block_size
#define gridDim simt::grid_size
#define warpSize 32

/* Shared memory: SL_SHARED(float, tile, [16][17]) and, for the launch's dynamic bytes,
 * SL_DYNAMIC_SHARED(float, tile). */
#define SL_SHARED(type, name, dims) \
  typedef type name##_shape dims;   \
  static const char name##_key = 0; \
  name##_shape &name =              \
      *static_cast<name##_shape *>(simt::shared_static(&name##_key, sizeof(name##_shape)))
#define SL_DYNAMIC_SHARED(type, name) type *name = static_cast<type *>(simt::shared_dynamic())

#define __syncthreads() simt::block_barrier()
static inline __attribute__((always_inline)) void __syncwarp(uint32_t mask = 0xffffffffu,
                                                             unsigned line = __builtin_LINE()) {
  simt::warp_barrier(mask, line);
}

namespace simt {
template <typename T>
static inline uint64_t to_bits(T v) {
  static_assert(sizeof(T) <= 8, "shuffles take up to 8 bytes");
  uint64_t b = 0;
  memcpy(&b, &v, sizeof v);
  return b;
}
template <typename T>
static inline T from_bits(uint64_t b) {
  T v;
  memcpy(&v, &b, sizeof v);
  return v;
}
}  // namespace simt

#define SIMT_SHUFFLE(name, kind)                                                                \
  template <typename T>                                                                         \
  static inline __attribute__((always_inline)) T name(                                          \
      uint32_t mask, T v, int operand, int width = 32, unsigned line = __builtin_LINE()) {      \
    return simt::from_bits<T>(                                                                  \
        simt::warp_shuffle(simt::shuffle::kind, mask, simt::to_bits(v), operand, width, line)); \
  }
SIMT_SHUFFLE(__shfl_sync, index)
SIMT_SHUFFLE(__shfl_down_sync, down)
SIMT_SHUFFLE(__shfl_up_sync, up)
SIMT_SHUFFLE(__shfl_xor_sync, exclusive_or)
#undef SIMT_SHUFFLE

static inline __attribute__((always_inline)) uint32_t __ballot_sync(
    uint32_t mask, bool p, unsigned line = __builtin_LINE()) {
  return simt::warp_ballot(mask, p, line);
}
static inline __attribute__((always_inline)) bool __any_sync(uint32_t mask, bool p,
                                                             unsigned line = __builtin_LINE()) {
  return simt::warp_ballot(mask, p, line) != 0;
}
static inline __attribute__((always_inline)) bool __all_sync(uint32_t mask, bool p,
                                                             unsigned line = __builtin_LINE()) {
  return simt::warp_ballot(mask, !p, line) == 0;
}

/* Asynchronous copies global to shared (cp.async). */
static inline __attribute__((always_inline)) void __pipeline_memcpy_async(void *shared,
                                                                          const void *global,
                                                                          size_t bytes) {
  simt::async_copy(shared, global, bytes);
}
static inline void __pipeline_commit() { simt::async_commit(); }
static inline void __pipeline_wait_prior(unsigned groups_left) { simt::async_wait(groups_left); }

/* Integer atomics; a float atomicAdd has no specified order and is a finding (spec N1.3). */
template <typename T>
static inline __attribute__((always_inline)) T atomicAdd(T *p, T v) {
  if (static_cast<T>(0.5) != static_cast<T>(0)) simt::float_atomic();
  return simt::from_bits<T>(simt::atomic(p, sizeof(T), simt::atomic_op::add, simt::to_bits(v)));
}
static inline __attribute__((always_inline)) float atomicAdd(float *p, float v) {
  simt::float_atomic();
  const float old = *p;
  *p = old + v;
  return old;
}
template <typename T>
static inline __attribute__((always_inline)) T atomicMax(T *p, T v) {
  return simt::from_bits<T>(simt::atomic(p, sizeof(T), simt::atomic_op::max, simt::to_bits(v)));
}
template <typename T>
static inline __attribute__((always_inline)) T atomicMin(T *p, T v) {
  return simt::from_bits<T>(simt::atomic(p, sizeof(T), simt::atomic_op::min, simt::to_bits(v)));
}

static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __fsqrt_rn(float a) { return sqrtf(a); }
template <typename T>
static inline T __ldg(const T *p) {
  return *p;
}
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline unsigned __float_as_uint(float x) { return static_cast<unsigned>(simt::to_bits(x)); }
static inline float __uint_as_float(unsigned x) { return simt::from_bits<float>(x); }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>((static_cast<unsigned __int128>(a) * b) >> 64);
}

/* Arguments are evaluated now, and copied, as on a device. */
namespace simt {
template <typename... P, typename K, typename... Args>
static inline void launch_kernel(const char *name, void (*kernel)(P...), dim3 grid, dim3 block,
                                 size_t shared_bytes, stream_state *stream, K run,
                                 Args... arguments) {
  static_assert(parameter_bytes<P...>() <= parameter_bytes_max,
                "more arguments than a launch may have");
  const void *address = reinterpret_cast<const void *>(kernel);
  if (has_runner(stream)) {
    packed_arguments packed;
    (packed.add(static_cast<P>(arguments)), ...);
    launch_packed(name, address, grid, block, shared_bytes, stream, std::move(packed));
    return;
  }
  launch(name, address, grid, block, shared_bytes, stream, [=]() { run(arguments...); });
}
}  // namespace simt
#define SL_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
  simt::launch_kernel(                                            \
      #kernel, kernel, grid, block, shared_bytes, stream,         \
      [](auto... arguments) { kernel(arguments...); }, __VA_ARGS__)

#endif
