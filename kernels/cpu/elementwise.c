/* Residual addition in vectors (spec T1.6). An element moves 12 bytes for one addition;
 * floor: memory. */
#include "cpu.h"
#include "lanes.h"

typedef struct {
  float *y;
  const float *a, *b;
} arrays;

#define GRAIN 32768

static void add_range(void *arg, size_t begin, size_t end, int thread) {
  const arrays *x = arg;
  (void)thread;
  for (size_t i = begin; i < end; i += SL_VW)
    v_store_n(x->y + i, end - i, v_load_n(x->a + i, end - i) + v_load_n(x->b + i, end - i));
}

sl_status SL_ISA_NAME(residual_add)(sl_context *ctx, float *y, const float *a, const float *b,
                                    size_t n) {
  arrays x = {y, a, b};
  return sl_parallel_for(ctx, n, GRAIN, add_range, &x);
}
