/* flags: -fmad=false -ftz=true -prec-div=false -prec-sqrt=false
 * Flags that are as fast as they are wrong. */

/* next: flushed: add.rn.ftz.f32 flushes subnormals to zero (spec N1.1) */
__global__ void flushed(float *y, float a) { *y = *y + a; }

/* next: divided: div.full.ftz.f32 flushes subnormals to zero (spec N1.1) */
__global__ void divided(float *y, float a) { *y = *y / a; }

/* next: rooted: sqrt.approx.ftz.f32 flushes subnormals to zero (spec N1.1) */
__global__ void rooted(float *y) { *y = sqrtf(*y); }
