/* wanted: ptx-audit: 1 sources for compute_80: 1 kernels, 3 fma from 2 written lines, 0 complaints
 * A product and a sum that stay apart, two fused on one line, a division, a square root,
 * conversions, an integer atomic. */
#include <math.h>

__global__ void kernel(float *y, const float *a, const float *b, double *z, unsigned long long *n) {
  const float sum = a[0] * b[0] + a[1];
  y[0] = __fmaf_rn(a[2], b[2], __fmaf_rn(a[3], b[3], sum)) / b[1] + sqrtf(a[4]);
  z[0] = fma(z[0], static_cast<double>(a[5]), z[1]);
  y[1] = static_cast<float>(z[2]) + static_cast<float>(static_cast<int>(a[6]));
  atomicAdd(n, static_cast<unsigned long long>(floor(z[3])));
}
