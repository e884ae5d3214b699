/* Cases of the tensor digest (spec F5.3): any bits. */
#include "problem.h"

#include <string.h>

void sl_make_tensor_digest(sl_problem *p) {
  size_t budget = sl_budget(p, 60000);
  const size_t n = p->size[0] = sl_size(p, "n", 0, budget, &budget);
  sl_add(p, "digest", SL_U64, SL_OUT, 2);
  float *x = sl_add_floats(p, "x", SL_IN, n);
  if (sl_source_below(&p->source, 2))
    for (size_t i = 0; i < n; i++) {
      const uint32_t bits = (uint32_t)sl_source_u64(&p->source);
      memcpy(&x[i], &bits, sizeof bits);
    }
  sl_shape(p, "n %zu", n);
}

sl_status sl_run_tensor_digest(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_tensor_digest(ctx, at[0], at[1], p->size[0]);
}
