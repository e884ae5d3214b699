/* flags: -fmad=true
 * wanted: contracted.cu: error: beside: fma.rn stands there 2 times,
 *   but 1 times if only those written count (spec N1.3)
 * What the build's flags must not do. `next:` is wanted of the line below the comment. */

/* next: alone: fma.rn.f32 is a product and a sum that the compiler fused:
 *   no fma is written here (spec N1.3) */
__global__ void alone(float *y, float a, float b) { *y = *y * a + b; }

/* next: beside: fma.rn.f64 is a product and a sum that the compiler fused */
__global__ void beside(double *y, double a, double b) { *y = fma(*y, a, b) * b + a; }

/* Nothing to contract here, but the assembler sees whole kernels.
 * next: left_open: mul.f32 has no .rn, so that the assembler may contract it (spec N1.3) */
__global__ void left_open(float *y, float a) { *y = *y * a; }
