/* Elementwise kernels (spec T1.1, T1.6, T1.7, T1.8, T1.10, T1.11, T3.3, N6.3). All are bound by memory: bytes an element are
 * residual_add 12, swiglu_forward 12, swiglu_backward 20, rope 8, adamw 28, copies 8; the floor is bytes / bandwidth. Loads and
 * stores are coalesced; a grid stride walks the rest. */
#include "cuda.h"

#include <sluice/rope.h>

using namespace sl;

static __global__ void residual_add_kernel(float *y, const float *a, const float *b, size_t n) {
  for (size_t i = thread_of_grid(); i < n; i += threads_of_grid()) y[i] = __fadd_rn(a[i], b[i]);
}

static __global__ void swiglu_forward_kernel(float *y, const float *gate, const float *up, size_t n) {
  for (size_t i = thread_of_grid(); i < n; i += threads_of_grid()) {
    const float g = gate[i];
    y[i] = __fmul_rn(__fmul_rn(g, sl_fn_sigmoid(g)), up[i]);
  }
}

static __global__ void swiglu_backward_kernel(float *dgate, float *dup, const float *dy, const float *gate, const float *up, size_t n) {
  for (size_t i = thread_of_grid(); i < n; i += threads_of_grid()) {
    const float g = gate[i], u = up[i], d = dy[i], s = sl_fn_sigmoid(g);
    dup[i] = __fmul_rn(d, __fmul_rn(g, s));
    dgate[i] = __fmul_rn(__fmul_rn(d, u), __fmul_rn(s, __fmaf_rn(g, __fadd_rn(1.0f, -s), 1.0f)));
  }
}

static __global__ void rope_kernel(float *x, const uint32_t *position, const float *cos_table, const float *sin_table, size_t t,
                                   size_t heads, size_t d, int back, unsigned long long *faults) {
  const size_t half = d / 2, n = t * heads * half;
  for (size_t i = thread_of_grid(); i < n; i += threads_of_grid()) {
    const size_t row = i / half, c = i % half, p = position[row / heads], at = p * half + c;
    if (p >= SL_ROPE_POSITIONS) {
      leave_fault(faults, back ? SL_KERNEL_rope_backward : SL_KERNEL_rope_forward, SL_FAULT_position, row / heads);
      continue;
    }
    const float cosine = cos_table[at], sine = back ? -sin_table[at] : sin_table[at];
    const float a = x[row * d + c], b = x[row * d + c + half];
    x[row * d + c] = __fmaf_rn(-b, sine, __fmul_rn(a, cosine));
    x[row * d + c + half] = __fmaf_rn(a, sine, __fmul_rn(b, cosine));
  }
}

static __global__ void embedding_forward_kernel(float *y, const float *table, const uint32_t *ids, size_t t, size_t d, size_t vocab,
                                                unsigned long long *faults) {
  for (size_t i = thread_of_grid(); i < t * d; i += threads_of_grid()) {
    const size_t id = ids[i / d];
    if (id < vocab)
      y[i] = table[id * d + i % d];
    else
      leave_fault(faults, SL_KERNEL_embedding_forward, SL_FAULT_id, i / d);
  }
}

static __global__ void kv_store_kernel(float *k_cache, float *v_cache, const float *k, const float *v, const uint32_t *slot,
                                       const uint32_t *position, size_t t, size_t kv_heads, size_t d, size_t capacity,
                                       unsigned long long *faults) {
  for (size_t i = thread_of_grid(); i < t * kv_heads * d; i += threads_of_grid()) {
    const size_t c = i % d, g = i / d % kv_heads, row = i / d / kv_heads, at = (slot[row] * kv_heads + g) * d * capacity, p = position[row];
    if (p >= capacity) {
      leave_fault(faults, SL_KERNEL_kv_store, SL_FAULT_position, row);
      continue;
    }
    k_cache[at + c * capacity + p] = k[i];
    v_cache[at + p * d + c] = v[i];
  }
}

/* One block row (blockIdx.y) a fork: lengths differ. */
static __global__ void kv_fork_kernel(float *k_cache, float *v_cache, const uint32_t *to, const uint32_t *from, const uint32_t *length,
                                      size_t n, size_t kv_heads, size_t d, size_t capacity, unsigned long long *faults) {
  for (size_t f = blockIdx.y; f < n; f += gridDim.y) {
    const size_t dst = to[f] * kv_heads * d * capacity, src = from[f] * kv_heads * d * capacity, len = length[f];
    if (len > capacity) {
      if (thread_of_grid() == 0) leave_fault(faults, SL_KERNEL_kv_fork, SL_FAULT_length, f);
      continue;
    }
    for (size_t i = thread_of_grid(); i < kv_heads * d * len; i += threads_of_grid()) {
      const size_t key_row = i / len * capacity + i % len;
      k_cache[dst + key_row] = k_cache[src + key_row];
      const size_t g = i / (len * d), rest = i % (len * d);
      v_cache[dst + g * d * capacity + rest] = v_cache[src + g * d * capacity + rest];
    }
  }
}

static __global__ void adamw_kernel(float *p, float *m, float *v, const float *g, sl_adamw how, size_t n, unsigned long long *faults) {
  const float floor = 0x1p-100f;
  for (size_t i = thread_of_grid(); i < n; i += threads_of_grid()) {
    if (!(fabsf(g[i]) < HUGE_VALF)) {
      leave_fault(faults, SL_KERNEL_adamw_step, SL_FAULT_element, i);
      continue;
    }
    const float gi = __fmul_rn(g[i], how.grad_scale);
    float mi = __fmaf_rn(how.b1, m[i], __fmul_rn(how.one_b1, gi));
    float vi = __fmaf_rn(how.b2, v[i], __fmul_rn(__fmul_rn(how.one_b2, gi), gi));
    mi = fabsf(mi) < floor ? 0.0f : mi;
    vi = vi < floor ? 0.0f : vi;
    m[i] = mi;
    v[i] = vi;
    const float update = __fdiv_rn(__fmul_rn(mi, how.c1), __fadd_rn(__fsqrt_rn(__fmul_rn(vi, how.c2)), how.eps));
    p[i] = __fmaf_rn(-how.lr, update, __fmul_rn(p[i], how.decay));
  }
}

static const unsigned threads = 256;

sl_status SL_DEVICE_NAME(residual_add)(sl_context *ctx, float *y, const float *a, const float *b, size_t n) {
  SL_LAUNCH(residual_add_kernel, blocks_for(n, threads), threads, 0, ctx->device->stream, y, a, b, n);
  return sl_device_status(ctx, "residual_add");
}

sl_status SL_DEVICE_NAME(swiglu_forward)(sl_context *ctx, float *y, const float *gate, const float *up, size_t n) {
  SL_LAUNCH(swiglu_forward_kernel, blocks_for(n, threads), threads, 0, ctx->device->stream, y, gate, up, n);
  return sl_device_status(ctx, "swiglu_forward");
}

sl_status SL_DEVICE_NAME(swiglu_backward)(sl_context *ctx, float *dgate, float *dup, const float *dy, const float *gate, const float *up,
                                          size_t n) {
  SL_LAUNCH(swiglu_backward_kernel, blocks_for(n, threads), threads, 0, ctx->device->stream, dgate, dup, dy, gate, up, n);
  return sl_device_status(ctx, "swiglu_backward");
}

sl_status SL_DEVICE_NAME(rope_forward)(sl_context *ctx, float *x, const uint32_t *position, const float *cos_table, const float *sin_table,
                                       size_t t, size_t heads, size_t d) {
  SL_LAUNCH(rope_kernel, blocks_for(t * heads * d / 2, threads), threads, 0, ctx->device->stream, x, position, cos_table, sin_table, t,
            heads, d, 0, ctx->device->faults);
  return sl_device_status(ctx, "rope_forward");
}

sl_status SL_DEVICE_NAME(rope_backward)(sl_context *ctx, float *dx, const uint32_t *position, const float *cos_table,
                                        const float *sin_table, size_t t, size_t heads, size_t d) {
  SL_LAUNCH(rope_kernel, blocks_for(t * heads * d / 2, threads), threads, 0, ctx->device->stream, dx, position, cos_table, sin_table, t,
            heads, d, 1, ctx->device->faults);
  return sl_device_status(ctx, "rope_backward");
}

sl_status SL_DEVICE_NAME(embedding_forward)(sl_context *ctx, float *y, const float *table, const uint32_t *ids, size_t t, size_t d,
                                            size_t vocab) {
  SL_LAUNCH(embedding_forward_kernel, blocks_for(t * d, threads), threads, 0, ctx->device->stream, y, table, ids, t, d, vocab,
            ctx->device->faults);
  return sl_device_status(ctx, "embedding_forward");
}

sl_status SL_DEVICE_NAME(kv_store)(sl_context *ctx, float *k_cache, float *v_cache, const float *k, const float *v, const uint32_t *slot,
                                   const uint32_t *position, size_t t, size_t kv_heads, size_t d, size_t capacity) {
  SL_LAUNCH(kv_store_kernel, blocks_for(t * kv_heads * d, threads), threads, 0, ctx->device->stream, k_cache, v_cache, k, v, slot, position,
            t, kv_heads, d, capacity, ctx->device->faults);
  return sl_device_status(ctx, "kv_store");
}

sl_status SL_DEVICE_NAME(kv_fork)(sl_context *ctx, float *k_cache, float *v_cache, const uint32_t *to, const uint32_t *from,
                                  const uint32_t *length, size_t n, size_t kv_heads, size_t d, size_t capacity) {
  const dim3 grid(blocks_for(kv_heads * d * 16, threads), blocks_for(n, 1), 1);
  SL_LAUNCH(kv_fork_kernel, grid, threads, 0, ctx->device->stream, k_cache, v_cache, to, from, length, n, kv_heads, d, capacity,
            ctx->device->faults);
  return sl_device_status(ctx, "kv_fork");
}

sl_status SL_DEVICE_NAME(adamw_step)(sl_context *ctx, float *p, float *m, float *v, const float *g, const sl_adamw *how, size_t n) {
  SL_LAUNCH(adamw_kernel, blocks_for(n, threads), threads, 0, ctx->device->stream, p, m, v, g, *how, n, ctx->device->faults);
  return sl_device_status(ctx, "adamw_step");
}
