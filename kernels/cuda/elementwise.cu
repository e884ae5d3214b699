/* Kernels of flat arrays (spec T1.6, T1.7, T1.8). Bound by memory. Bytes and operations per
 * element: residual_add 12 and 1; swiglu_forward 12 and 2 and a sigmoid; swiglu_backward 20 and
 * 7 and a sigmoid; a sigmoid is 15 binary64 fma and a division. Floor: bytes / bandwidth, where
 * binary64 runs at half of binary32 rate; where it runs at 1/64 of it, 30 binary64 operations
 * per element. */
#include "cuda.h"
#include "vector.h"

using namespace sl;

static __global__ void residual_add_kernel(float *y, const float *a, const float *b, size_t n,
                                           int vector) {
  each4(n, vector, [=](size_t i, bool aligned) {
    four s = load4(a, i, n, aligned);
    const four t = load4(b, i, n, aligned);
    for (int k = 0; k < 4; k++) s.v[k] = __fadd_rn(s.v[k], t.v[k]);
    store4(y, i, n, aligned, s);
  });
}

static __global__ void swiglu_forward_kernel(float *y, const float *gate, const float *up, size_t n,
                                             int vector) {
  each4(n, vector, [=](size_t i, bool aligned) {
    const four g = load4(gate, i, n, aligned), u = load4(up, i, n, aligned);
    four r;
    for (int k = 0; k < 4; k++)
      r.v[k] = __fmul_rn(__fmul_rn(g.v[k], sl_fn_sigmoid(g.v[k])), u.v[k]);
    store4(y, i, n, aligned, r);
  });
}

static __global__ void swiglu_backward_kernel(float *dgate, float *dup, const float *dy,
                                              const float *gate, const float *up, size_t n,
                                              int vector) {
  each4(n, vector, [=](size_t i, bool aligned) {
    const four d = load4(dy, i, n, aligned), g = load4(gate, i, n, aligned),
               u = load4(up, i, n, aligned);
    four to_gate, to_up;
    for (int k = 0; k < 4; k++) {
      const float s = sl_fn_sigmoid(g.v[k]);
      to_up.v[k] = __fmul_rn(d.v[k], __fmul_rn(g.v[k], s));
      to_gate.v[k] = __fmul_rn(__fmul_rn(d.v[k], u.v[k]),
                               __fmul_rn(s, __fmaf_rn(g.v[k], __fadd_rn(1.0f, -s), 1.0f)));
    }
    store4(dup, i, n, aligned, to_up);
    store4(dgate, i, n, aligned, to_gate);
  });
}

static const unsigned threads = 256;

sl_status SL_DEVICE_NAME(residual_add)(sl_context *ctx, float *y, const float *a, const float *b,
                                       size_t n) {
  const int vector = vectors(y, a, b);
  if (n)
    SL_LAUNCH(residual_add_kernel, blocks_for(n, 4 * threads), threads, 0, ctx->device->stream, y,
              a, b, n, vector);
  return sl_device_status(ctx, "residual_add");
}

sl_status SL_DEVICE_NAME(swiglu_forward)(sl_context *ctx, float *y, const float *gate,
                                         const float *up, size_t n) {
  const int vector = vectors(y, gate, up);
  if (n)
    SL_LAUNCH(swiglu_forward_kernel, blocks_for(n, 4 * threads), threads, 0, ctx->device->stream, y,
              gate, up, n, vector);
  return sl_device_status(ctx, "swiglu_forward");
}

sl_status SL_DEVICE_NAME(swiglu_backward)(sl_context *ctx, float *dgate, float *dup,
                                          const float *dy, const float *gate, const float *up,
                                          size_t n) {
  const int vector = vectors(dgate, dup, dy, gate, up);
  if (n)
    SL_LAUNCH(swiglu_backward_kernel, blocks_for(n, 4 * threads), threads, 0, ctx->device->stream,
              dgate, dup, dy, gate, up, n, vector);
  return sl_device_status(ctx, "swiglu_backward");
}
