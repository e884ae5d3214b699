/* Softmax rows (spec E2.3). */
#include "softmax.h"

#include <math.h>

/* [z] + u (|z - M| + [z]) for a rounded difference; scaled: 3 u of the constant that stands for
 * log2(e) and a scale, one rounding of each product and of the difference, and what the maximum's
 * own product loses. Rescalings come from differences of maxima, which all have one sign, so that
 * they add up to M - z with the first. */
static double exponent_error(const sl_arith *r, sl_ball z, const sl_softmax_row *row) {
  const double away = fabs(z.mid - row->max) + row->shift + z.rad,
               size = fabs(row->max) + row->shift;
  return z.rad + r->both * (r->contract->scaled ? 7.0 * away + 2.0 * size : away);
}

double sl_softmax_depth(const sl_arith *r, size_t n, int products) {
  sl_contract c = *r->contract;
  if (c.order == SL_ORDER_OURS) c.order = SL_ORDER_ANY;
  return sl_contract_depth(&c, n, products);
}

/* The kernel's maximum is that of a key whose z may reach the least z of the one at max. */
static void largest(sl_softmax_row *row, const sl_ball *z, size_t n) {
  double least = -INFINITY;
  *row = (sl_softmax_row){.max = -INFINITY};
  for (size_t j = 0; j < n; j++) {
    if (z[j].mid == -INFINITY) continue;
    row->keys++;
    row->max = fmax(row->max, z[j].mid);
    least = fmax(least, z[j].mid - z[j].rad);
  }
  least -= 0x1p-50 * fabs(least); /* both sums are rounded */
  for (size_t j = 0; j < n; j++)
    if (z[j].mid != -INFINITY && !(z[j].mid + z[j].rad < least))
      row->shift = fmax(row->shift, z[j].rad);
}

/* Where every key is at the maximum, exactly, or so far below it that its weight is less than half
 * of the least subnormal, weights are 1 and 0: exp, and each product with a factor that is 1 or 0,
 * gives a number of the type, and 0 is the nearest. 8 powers of two are for the error of exp. */
static int is_all_or_nothing(const sl_softmax_row *row, const sl_arith *r, const sl_ball *z,
                             size_t n) {
  const sl_format acc = r->contract->acc;
  const double range = (sl_format_digits(acc) - sl_format_least(acc) + 8.0) * log(2.0);
  if (r->contract->flushed || row->shift > 0.0) return 0;
  for (size_t j = 0; j < n; j++)
    if (z[j].mid + exponent_error(r, z[j], row) > row->max - range &&
        (z[j].mid != row->max || z[j].rad > 0.0 || exponent_error(r, z[j], row) > 0.0))
      return 0;
  return 1;
}

/* exp(0) = 1 exactly: the weight of a key at the maximum, whose exponent has no error. The first
 * function or one of R rescalings may underflow, where the others are at most 1. */
static sl_ball weight_of(const sl_arith *r, const sl_softmax_row *row, sl_ball z, double gamma,
                         double factors) {
  const double y = z.mid - row->max, e = exponent_error(r, z, row), p = exp(y);
  if (z.mid == -INFINITY) return (sl_ball){0.0, 0.0};
  if (y == 0.0 && e == 0.0) return (sl_ball){1.0, 0.0};
  return (sl_ball){
      p, p * (expm1(e) + (gamma + 4.0 * 0x1p-53) * exp(e)) + factors * r->tiny * exp(row->shift)};
}

void sl_softmax_walk(sl_softmax_row *row, const sl_arith *r, const sl_ball *z, sl_ball *weight,
                     size_t n, sl_notes *notes) {
  const double joins = (double)sl_contract_rescalings(r->contract, n),
               ulps = r->contract->ulps[SL_ULPS_EXP],
               gamma = sl_arith_gamma(r, 2.0 * ulps * (joins + 1.0) + joins);
  largest(row, z, n);
  const int exact = is_all_or_nothing(row, r, z, n);
  sl_arith_sum sum = {0};
  for (size_t j = 0; j < n; j++) {
    weight[j] = exact ? (sl_ball){z[j].mid == row->max, 0.0}
                      : weight_of(r, row, z[j], gamma, 2.0 * joins + 1.0);
    if (z[j].mid > -INFINITY) sl_arith_sum_add(&sum, weight[j]);
  }
  row->sum = sl_arith_sum_end(r, &sum, sl_softmax_depth(r, row->keys, 0), 0.0);
  sl_note(notes, "  %zu keys, largest %.6g, scores within %.3g; at most %g rescalings", row->keys,
          row->max, row->shift, joins);
  sl_note(notes, "  exponent of a key at the maximum: within %.3g; functions and products: %.3g",
          row->keys ? exponent_error(r, (sl_ball){row->max, row->shift}, row) : 0.0, gamma);
  sl_note(notes, "  l = %.6g, within %.3g (D = %g)", row->sum.mid, row->sum.rad,
          sl_softmax_depth(r, row->keys, 0));
}

/* The error of a sum is relative: l moves by a factor, its logarithm by the factor's. */
sl_ball sl_softmax_log_sum(const sl_softmax_row *row, const sl_arith *r) {
  sl_ball g = sl_arith_log(r, row->sum);
  if (row->shift > 0.0) g.rad += 2.0 * r->contract->ulps[SL_ULPS_LOG] * r->u * row->shift;
  return g;
}

sl_ball sl_softmax_lse(const sl_softmax_row *row, const sl_arith *r) {
  const sl_ball g = sl_softmax_log_sum(row, r), lse = sl_arith_add(r, (sl_ball){row->max, 0.0}, g);
  return (sl_ball){lse.mid,
                   lse.rad > 0.0 || row->shift > 0.0 ? lse.rad + 2.0 * r->both * row->shift : 0.0};
}

sl_ball sl_softmax_log(const sl_softmax_row *row, const sl_arith *r, sl_ball z) {
  const sl_ball max = {row->max, 0.0}, y = sl_arith_sub(r, z, max);
  sl_ball apart = sl_arith_sub(r, y, sl_softmax_log_sum(row, r)),
          joined = sl_arith_sub(r, z, sl_softmax_lse(row, r));
  if (row->shift > 0.0) apart.rad += 3.0 * r->both * row->shift;
  return sl_arith_worst(apart, joined);
}
