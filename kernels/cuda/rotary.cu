/* Rotary embedding in place (spec T1.10, T1.11): one block per token, four neighbouring pairs per
 * thread. 8 bytes and 4 operations per element, 4 d bytes of tables per token; bound by memory:
 * floor bytes / bandwidth. */
#include "cuda.h"
#include "vector.h"

using namespace sl;

static __global__ void rope_kernel(float *x, const uint32_t *position, const float *cos_table,
                                   const float *sin_table, size_t t, unsigned heads, unsigned half,
                                   size_t positions, int back, int vector,
                                   unsigned long long *faults) {
  const unsigned quads = (half + 3) / 4;
  for (size_t token = blockIdx.x; token < t; token += gridDim.x) {
    const size_t p = position[token];
    float *row = x + token * heads * (2 * half);
    for (unsigned i = threadIdx.x; i < heads * quads; i += blockDim.x) {
      const unsigned c = i % quads * 4;
      float *at = row + (i / quads) * (2 * half);
      const bool aligned = vector && c + 4 <= half;
      four a = load4(at, c, half, aligned),
           b = load4(at + half, c, half, aligned); /* while the position is being loaded */
      if (p >= positions) break;
      const four cosine = load4(cos_table + p * half, c, half, aligned),
                 sine = load4(sin_table + p * half, c, half, aligned);
      for (int k = 0; k < 4; k++) {
        const float u = a.v[k], v = b.v[k], s = back ? -sine.v[k] : sine.v[k];
        a.v[k] = __fmaf_rn(-v, s, __fmul_rn(u, cosine.v[k]));
        b.v[k] = __fmaf_rn(u, s, __fmul_rn(v, cosine.v[k]));
      }
      store4(at, c, half, aligned, a);
      store4(at + half, c, half, aligned, b);
    }
    if (p >= positions && threadIdx.x == 0)
      leave_fault(faults, back ? SL_KERNEL_rope_backward : SL_KERNEL_rope_forward,
                  SL_FAULT_position, token);
  }
}

static sl_status rotate(sl_context *ctx, float *x, const uint32_t *position, const float *cos_table,
                        const float *sin_table, size_t t, size_t heads, size_t d, size_t positions,
                        int back) {
  const char *kernel = back ? "rope_backward" : "rope_forward";
  if (heads * d > UINT32_MAX / 2)
    return sl_fail(&ctx->error, SL_ERR_USAGE, "%s: a token of %zu x %zu components", kernel, heads,
                   d);
  const size_t quads = heads * ((d / 2 + 3) / 4);
  const unsigned threads = quads > 128 ? 256 : quads > 64 ? 128 : 64;
  const int vector = vectors(x, cos_table, sin_table) && d % 8 == 0;
  if (t)
    SL_LAUNCH(rope_kernel, blocks_for(t, 1), threads, 0, ctx->device->stream, x, position,
              cos_table, sin_table, t, static_cast<unsigned>(heads), static_cast<unsigned>(d / 2),
              positions, back, vector, ctx->device->faults);
  return sl_device_status(ctx, kernel);
}

sl_status SL_DEVICE_NAME(rope_forward)(sl_context *ctx, float *x, const uint32_t *position,
                                       const float *cos_table, const float *sin_table, size_t t,
                                       size_t heads, size_t d, size_t positions) {
  return rotate(ctx, x, position, cos_table, sin_table, t, heads, d, positions, 0);
}

sl_status SL_DEVICE_NAME(rope_backward)(sl_context *ctx, float *dx, const uint32_t *position,
                                        const float *cos_table, const float *sin_table, size_t t,
                                        size_t heads, size_t d, size_t positions) {
  return rotate(ctx, dx, position, cos_table, sin_table, t, heads, d, positions, 1);
}
