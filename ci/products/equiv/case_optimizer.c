/* Cases of the gradient's square sum and of AdamW (spec N6.1, N6.3). */
#include "problem.h"

#include <math.h>
#include <sluice/objective.h>
#include <stdio.h>

void sl_make_grad_square_sum(sl_problem *p) {
  /* some with more chunks than a chunk has elements (spec N3.8), or where that costs too much with
   * a few */
  const size_t square = (size_t)SL_SUM_CHUNK * SL_SUM_CHUNK;
  size_t low = 0, budget = sl_budget(p, 60000);
  if (sl_source_below(&p->source, p->shrink < 2 ? 8 : 3) == 0) {
    low = p->shrink < 2 || square < 10000 ? square - 1 : 3 * SL_SUM_CHUNK;
    budget = low + 2 * SL_SUM_CHUNK;
  }
  p->size[0] = sl_size(p, "n", low, budget, &budget);
  sl_add(p, "sum", SL_F64, SL_OUT, 1);
  sl_add_floats(p, "g", SL_IN, p->size[0]);
  sl_shape(p, "n %zu", p->size[0]);
}

sl_status sl_run_grad_square_sum(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_grad_square_sum(ctx, at[0], at[1], p->size[0]);
}

void sl_make_adamw_step(sl_problem *p) {
  size_t budget = sl_budget(p, 60000);
  const size_t n = p->size[0] = sl_size(p, "n", 0, budget, &budget);
  sl_adamw_state state = {1.0, 1.0};
  const uint32_t steps = 1 + sl_source_below(&p->source, 50);
  for (uint32_t i = 0; i < steps; i++)
    p->adamw = sl_adamw_scalars(&state, 0.9f, 0.95f, 1e-8f, 1e-3f,
                                sl_source_below(&p->source, 2) ? 1.0f : 0.37f);
  if (sl_source_below(&p->source, 2)) p->adamw.decay = sl_adamw_decay(p->adamw.lr, 0.1);
  sl_add_floats(p, "p", SL_INOUT, n);
  sl_add_floats(p, "m", SL_INOUT, n);
  float *v = sl_add_floats(p, "v", SL_INOUT, n);
  for (size_t i = 0; i < n; i++) v[i] = fabsf(v[i]);
  sl_add_floats(p, "g", SL_IN, n);
  sl_shape(p, "n %zu, step %u", n, steps);
}

sl_status sl_run_adamw_step(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_adamw_step(ctx, at[0], at[1], at[2], at[3], &p->adamw, p->size[0]);
}
