/* What no flag makes good. */
#include <cuda_fp16.h>
#include <math.h>

/* next: atomic: atom.global.add.f32 is a float atomic (spec N1.3) */
__global__ void atomic(float *y, float a) { y[1] = atomicAdd(y, a); }

/* next: atomic64: atom.global.add.f64 is a float atomic (spec N1.3) */
__global__ void atomic64(double *y, double a) { y[1] = atomicAdd(y, a); }

__global__ void swapped(float *y, float a) {
  int *bits = reinterpret_cast<int *>(y), seen = *bits, old;
  do {
    old = seen;
    /* next: swapped: atom.global.cas.b32 may be a float atomic in disguise (spec N1.3) */
    seen = atomicCAS(bits, old, __float_as_int(__int_as_float(old) + a));
  } while (seen != old);
}

/* next: exponential: ex2.approx.f32 is an approximation (spec N2.1) */
__global__ void exponential(float *y) { *y = __expf(*y); }

/* The toolkit's exp has no approximation in it, and is not that of spec N2.1.
 * next: library: fma.rn.f64 is a product and a sum that the compiler fused */
__global__ void library(double *y) { *y = exp(*y); }

/* next: divided: div.approx.f32 is an approximation (spec N2.1) */
__global__ void divided(float *y, float a) { *y = __fdividef(*y, a); }

/* next: toward_zero: add.rz.f32 is not rounded to nearest (spec N1.1) */
__global__ void toward_zero(float *y, float a) { *y = __fadd_rz(*y, a); }

/* next: narrowed: cvt.rz.f32.f64 narrows without rounding to nearest (spec N1.1) */
__global__ void narrowed(float *y, double a) { *y = __double2float_rz(a); }

/* next: integer: cvt.rni.s32.f32 converts to an integer otherwise
 *   than by truncation, floor or ceil (spec N5.5) */
__global__ void integer(int *y, float a) { *y = __float2int_rn(a); }

/* next: sixteen: cvt.rn.f16.f32 is not binary32 or binary64 (spec N1.1) */
__global__ void sixteen(__half *y, float a) { *y = __float2half_rn(a); }

__global__ void assembly(float *y, float a, float b) {
  /* next: assembly: mad.rn.f32 is a contraction (spec N1.3) */
  asm("{ .reg .f32 t; mov.f32 t, %1; mad.rn.f32 %0, t, %2, %0; }" : "+f"(*y) : "f"(a), "f"(b));
}

/* A product where an fma is written. */
__global__ void lost(float *y, float a, float b) {
  /* next: -: fma is written here and in no kernel's PTX (spec N1.3) */
  const float dead = __fmaf_rn(a, b, *y);
  *y = sizeof(float) == 4 ? *y * a : dead;
}
