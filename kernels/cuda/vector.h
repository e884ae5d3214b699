/* Four floats at a time: one 16-byte load or store where all arrays of a kernel allow it, else one
 * by one. The results are the same (spec N1.4). */
#ifndef SLUICE_CUDA_VECTOR_H
#define SLUICE_CUDA_VECTOR_H

#include "device.h"

namespace sl {

struct four {
  float v[4];
};

/* 1 if every pointer is a multiple of 16 bytes. */
template <typename... P>
static inline int vectors(const P *...p) {
  return ((reinterpret_cast<uintptr_t>(p) | ...) % 16) == 0;
}

/* Elements i ... i + 3 of n; those beyond n are 0. aligned: all four exist, as one vector. */
static __device__ __forceinline__ four load4(const float *p, size_t i, size_t n, bool aligned) {
  if (aligned) {
    const float4 f = SL_LOAD(reinterpret_cast<const float4 *>(p + i));
    return {{f.x, f.y, f.z, f.w}};
  }
  four f = {{0.0f, 0.0f, 0.0f, 0.0f}};
  f.v[0] = p[i];
  if (i + 1 < n) f.v[1] = p[i + 1];
  if (i + 2 < n) f.v[2] = p[i + 2];
  if (i + 3 < n) f.v[3] = p[i + 3];
  return f;
}

static __device__ __forceinline__ void store4(float *p, size_t i, size_t n, bool aligned,
                                              const four &f) {
  if (aligned) {
    SL_STORE(reinterpret_cast<float4 *>(p + i), make_float4(f.v[0], f.v[1], f.v[2], f.v[3]));
    return;
  }
  p[i] = f.v[0];
  if (i + 1 < n) p[i + 1] = f.v[1];
  if (i + 2 < n) p[i + 2] = f.v[2];
  if (i + 3 < n) p[i + 3] = f.v[3];
}

/* Calls body(i, aligned) for i = 0, 4, 8, ... below n, over the grid; aligned: elements i to i + 3
 * are one vector. Two calls, so that no branch stands between the loads of one. */
template <typename F>
static __device__ __forceinline__ void each4(size_t n, int vector, F body) {
  for (size_t i = 4 * thread_of_grid(); i < n; i += 4 * threads_of_grid())
    if (vector && i + 4 <= n)
      body(i, true);
    else
      body(i, false);
}

/* Calls use(c, load(c)) for c = begin, begin + 32, ... below end, ascending; 8 loads are in flight
 * at once, with no store between them. */
template <typename L, typename U>
static __device__ __forceinline__ void strided(size_t begin, size_t end, L load, U use) {
  constexpr int at_once = 8;
  size_t c = begin;
  for (; c + (at_once - 1) * lanes < end; c += at_once * lanes) {
    decltype(load(c)) v[at_once];
#pragma unroll
    for (int k = 0; k < at_once; k++) v[k] = load(c + static_cast<size_t>(k * lanes));
#pragma unroll
    for (int k = 0; k < at_once; k++) use(c + static_cast<size_t>(k * lanes), v[k]);
  }
  for (; c < end; c += lanes) use(c, load(c));
}

}  // namespace sl

#endif
