/* Correctly rounded univariate functions, binary32 to binary32 (spec N2.1, N2.2): float
 * sl_fn_NAME(float) for each row of functions.def. The same text compiles as C17, C++17 and CUDA
 * (host and device); it needs -ffp-contract=off (nvcc: -fmad=false) and a hardware fma. */
#ifndef SLUICE_FUNCTIONS_H
#define SLUICE_FUNCTIONS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define SLC_FN static inline __host__ __device__
#else
#define SLC_FN static inline
#endif

SLC_FN uint64_t sl_f64_bits(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

SLC_FN double sl_f64_from(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* The binary64 inner parts; kernels/gate/functions64.h has functions of binary64 arguments, under
 * other names. */
#define SLC_D(name) sl_inner64_##name
#define SLC_S(name) sl_fn_##name
#define SLC_F64 double
#define SLC_F32 float
#define SLC_U64 uint64_t
#define SLC_K(c) (c)
#define SLC_K32(c) (c)
#define SLC_FMA fma
#define SLC_SQRT sqrt
#define SLC_LT(a, b) ((a) < (b))
#define SLC_SEL(m, a, b) ((m) ? (a) : (b))
#define SLC_ODD(u) (((u)&1u) != 0)
#define SLC_BITS sl_f64_bits
#define SLC_FROM sl_f64_from
#define SLC_LT32 SLC_LT
#define SLC_EQ32(a, b) ((a) == (b))
#define SLC_SEL32 SLC_SEL
#define SLC_MIN32(a, b) ((a) < (b) ? (a) : (b))
#define SLC_MAX32(a, b) ((a) > (b) ? (a) : (b))
#define SLC_ABS32 fabsf
#define SLC_COPYSIGN copysignf
#define SLC_MAP(name, x) ((float)sl_inner64_##name((double)(x)))

#include <sluice/functions_core.h>

#endif
