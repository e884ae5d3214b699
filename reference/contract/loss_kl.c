/* Estimators of KL and their slopes under a contract (spec O4.3, E2.7). */
#include "loss_kl.h"

#include "loss_wrong.h"

#include <math.h>

static const sl_ball zero = {0.0, 0.0}, one = {1.0, 0.0};

/* exp(-y), and exp(-y) - 1 by a function of its own. */
static sl_ball inverse(const sl_arith *r, sl_ball y) { return sl_arith_exp(r, sl_ball_neg(y)); }

static sl_ball inverse_less_one(const sl_arith *r, sl_ball y) {
  if (y.mid == 0.0 && y.rad == 0.0) return zero;
  const double value = expm1(-y.mid), error = exp(-y.mid) * expm1(y.rad),
               unit = 2.0 * r->contract->ulps[SL_ULPS_EXP] * r->u + 0x1p-51;
  if (!(fabs(value) + error <= sl_format_largest(r->contract->acc)))
    return (sl_ball){value, INFINITY};
  return (sl_ball){value, error + unit * (fabs(value) + error) + r->tiny};
}

/* A wrong k3 is cut at 10, without a gradient beyond (A10). */
static int is_cut(const sl_op_case *c, sl_ball k3) {
  return sl_has(c, SL_CAUSE_LOSS_KL_CUT) && k3.mid >= 10.0;
}

/* k3: expm1(-y) + y, and exp(-y) + y - 1 in each of three orders. */
sl_ball sl_loss_kl(const sl_op_case *c, const sl_arith *r, sl_ball y) {
  const double kind = c->setting[KL];
  if (kind == K1) return y;
  if (kind == K2) {
    const sl_ball square = sl_arith_mul(r, y, y);
    return (sl_ball){square.mid / 2.0, square.rad / 2.0 + r->tiny * (square.rad > 0.0)};
  }
  const sl_ball e = inverse(r, y), least = sl_arith_add(r, inverse_less_one(r, y), y),
                first = sl_arith_add(r, sl_arith_sub(r, e, one), y),
                second = sl_arith_sub(r, sl_arith_add(r, e, y), one),
                third = sl_arith_add(r, e, sl_arith_sub(r, y, one));
  const sl_ball k3 = sl_arith_worst(sl_arith_worst(least, first), sl_arith_worst(second, third));
  return is_cut(c, k3) ? (sl_ball){10.0, 0.0} : k3;
}

sl_ball sl_loss_kl_slope(const sl_op_case *c, const sl_arith *r, sl_ball y) {
  const double kind = c->setting[KL];
  if (kind != K3) return kind == K1 ? one : y;
  const sl_ball slope =
      sl_arith_worst(sl_ball_neg(inverse_less_one(r, y)), sl_arith_sub(r, one, inverse(r, y)));
  return is_cut(c, sl_loss_kl(c, r, y)) ? zero : slope;
}
