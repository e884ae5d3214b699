/* ci/ptx-audit compiles each source twice, once with this in front: every fused multiply-add that
 * the source writes is then rounded to zero. What is still fma.rn in that PTX was written by no
 * one: the compiler contracted a product and a sum (spec N1.3). To the optimiser the two are alike,
 * so that the written ones of the true PTX are counted too. */
#ifndef SLUICE_PTX_MARKS_H
#define SLUICE_PTX_MARKS_H

#include <cuda_pipeline.h>
#include <cuda_runtime.h>
#include <math.h>

#ifdef __CUDA_ARCH__
static __device__ __forceinline__ float sl_marked_fma(float a, float b, float c) {
  return __fmaf_rz(a, b, c);
}
static __device__ __forceinline__ double sl_marked_fma(double a, double b, double c) {
  return __fma_rz(a, b, c);
}
#define __fmaf_rn __fmaf_rz
#define __fma_rn __fma_rz
#define fmaf __fmaf_rz
#define fma sl_marked_fma
#endif

#endif
