/* Clamped log-ratios. */
#include "loss_clamp.h"

#include "loss_wrong.h"

#include <math.h>

sl_loss_clamped sl_loss_clamp(const sl_op_case *c, const sl_arith *r, sl_ball x) {
  const double limit = c->setting[CLAMP], size = fabs(x.mid),
               rounding = sl_format_holds(r->contract->acc, limit) ? 0.0 : r->both * limit;
  sl_loss_clamped k = {sl_ball_clamp(x, -limit, limit), size > limit,
                       fabs(size - limit) <= x.rad + rounding};
  if (size + x.rad + rounding >= limit) k.x.rad += rounding;
  return k;
}

sl_ball sl_loss_unless_clamped(sl_loss_clamped x, sl_ball y, sl_ball otherwise) {
  if (!x.unsure) return x.outside ? otherwise : y;
  return x.outside ? sl_arith_worst(otherwise, y) : sl_arith_worst(y, otherwise);
}
