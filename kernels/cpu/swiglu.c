/* SwiGLU in vectors (spec T1.7, T1.8).
 *
 * An element moves 12 bytes forward and 20 backward, for one sigmoid and a few products: the floor
 * is memory, or the sigmoid while the operands sit in cache. */
#include "cpu.h"
#include "lanes.h"
#include "functions.h"

typedef struct {
  float *y, *y2;
  const float *a, *b, *c;
} arrays;

#define GRAIN 8192

static void swiglu_range(void *arg, size_t begin, size_t end, int thread) {
  const arrays *x = arg;
  (void)thread;
  for (size_t i = begin; i < end; i += SL_VW) {
    const vf gate = v_load_n(x->a + i, end - i), up = v_load_n(x->b + i, end - i);
    v_store_n(x->y + i, end - i, (gate * v_sigmoid(gate)) * up);
  }
}

sl_status SL_ISA_NAME(swiglu_forward)(sl_context *ctx, float *y, const float *gate, const float *up,
                                      size_t n) {
  arrays x = {y, NULL, gate, up, NULL};
  return sl_parallel_for(ctx, n, GRAIN, swiglu_range, &x);
}

static void swiglu_grad_range(void *arg, size_t begin, size_t end, int thread) {
  const arrays *x = arg;
  const vf one = v_set(1.0f);
  (void)thread;
  for (size_t i = begin; i < end; i += SL_VW) {
    const size_t n = end - i;
    const vf dy = v_load_n(x->c + i, n), gate = v_load_n(x->a + i, n), up = v_load_n(x->b + i, n),
             s = v_sigmoid(gate);
    v_store_n(x->y + i, n, (dy * up) * (s * v_fma(gate, one - s, one)));
    v_store_n(x->y2 + i, n, dy * (gate * s));
  }
}

sl_status SL_ISA_NAME(swiglu_backward)(sl_context *ctx, float *dgate, float *dup, const float *dy,
                                       const float *gate, const float *up, size_t n) {
  arrays x = {dgate, dup, gate, up, dy};
  return sl_parallel_for(ctx, n, GRAIN, swiglu_grad_range, &x);
}
