/* Rotary embedding in place (spec T1.10, T1.11): a block a token. 8 bytes and 4 operations an element, 4 d bytes of tables a token;
 * bound by memory: floor bytes / bandwidth. */
#include "cuda.h"

#include <sluice/rope.h>

using namespace sl;

static __global__ void rope_kernel(float *x, const uint32_t *position, const float *cos_table, const float *sin_table, size_t t,
                                   unsigned heads, unsigned half, int back, unsigned long long *faults) {
  for (size_t token = blockIdx.x; token < t; token += gridDim.x) {
    const size_t p = position[token];
    if (p >= SL_ROPE_POSITIONS) {
      if (threadIdx.x == 0) leave_fault(faults, back ? SL_KERNEL_rope_backward : SL_KERNEL_rope_forward, SL_FAULT_position, token);
      continue;
    }
    float *row = x + token * heads * (2 * half);
    for (unsigned i = threadIdx.x; i < heads * half; i += blockDim.x) {
      const unsigned c = i % half;
      float *at = row + (i / half) * (2 * half) + c;
      const float cosine = cos_table[p * half + c], sine = back ? -sin_table[p * half + c] : sin_table[p * half + c];
      const float a = at[0], b = at[half];
      at[0] = __fmaf_rn(-b, sine, __fmul_rn(a, cosine));
      at[half] = __fmaf_rn(a, sine, __fmul_rn(b, cosine));
    }
  }
}

static sl_status rotate(sl_context *ctx, float *x, const uint32_t *position, const float *cos_table, const float *sin_table, size_t t,
                        size_t heads, size_t d, int back) {
  const char *kernel = back ? "rope_backward" : "rope_forward";
  if (heads * d > UINT32_MAX / 2) return sl_fail(&ctx->error, SL_ERR_USAGE, "%s: a token of %zu x %zu components", kernel, heads, d);
  const unsigned threads = heads * d > 256 ? 256 : 64;
  if (t)
    SL_LAUNCH(rope_kernel, blocks_for(t, 1), threads, 0, ctx->device->stream, x, position, cos_table, sin_table, t,
              static_cast<unsigned>(heads), static_cast<unsigned>(d / 2), back, ctx->device->faults);
  return sl_device_status(ctx, kernel);
}

sl_status SL_DEVICE_NAME(rope_forward)(sl_context *ctx, float *x, const uint32_t *position, const float *cos_table, const float *sin_table,
                                       size_t t, size_t heads, size_t d) {
  return rotate(ctx, x, position, cos_table, sin_table, t, heads, d, 0);
}

sl_status SL_DEVICE_NAME(rope_backward)(sl_context *ctx, float *dx, const uint32_t *position, const float *cos_table,
                                        const float *sin_table, size_t t, size_t heads, size_t d) {
  return rotate(ctx, dx, position, cos_table, sin_table, t, heads, d, 1);
}
