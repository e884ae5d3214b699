/* Functions of germs (see germ.h): by their Taylor series where the argument has a limit, by
 * exponentials where it has none. exp(c L) is x^-c; what grows faster than L makes an exponential
 * smaller than any power of x, of which SMALLEST stands for all. */
#include "germ.h"

enum { SMALLEST = 64 };

static const sl_germ unknown = {.known = 0};

static sl_germ number(sl_field *k, slong v) { return sl_germ_constant(k, sl_exact_int(k, v)); }
static sl_germ plus_one(sl_field *k, const sl_germ *a) {
  const sl_germ one = number(k, 1);
  return sl_germ_sum(k, a, &one);
}
static sl_germ multiple(sl_field *k, const sl_germ *a, slong p, slong q) {
  const sl_germ c = sl_germ_constant(k, sl_exact_ratio(k, p, q));
  return sl_germ_product(k, &c, a);
}
static sl_germ inverse(sl_field *k, const sl_germ *a) { return sl_germ_power(k, a, -1, 1); }

/* Takes the constant out of a, which is left to tend to 0; NULL: it does not. */
static sl_exact take_constant(sl_field *k, sl_germ *a) {
  sl_exact c = sl_exact_int(k, 0);
  if (a->n && sl_germ_size(k, a->term) == SL_SIZE_ONE) {
    c = a->term[0].c;
    const sl_germ minus = sl_germ_constant(k, sl_exact_neg(k, c));
    *a = sl_germ_sum(k, a, &minus);
  }
  const sl_germ_term *most = a->n ? a->term : a->has_rest ? &a->rest : NULL;
  return a->known && (!most || sl_germ_size(k, most) == SL_SIZE_SMALL) ? c : NULL;
}

/* F(c + e) by the Taylor series of F at c. */
static sl_germ by_series(sl_field *k, sl_gate_op op, sl_exact c, const sl_germ *e) {
  sl_series x = {.n = SL_GERM_TERMS, .c = {c, sl_exact_int(k, 1)}};
  for (int i = 2; i < x.n; i++) x.c[i] = sl_exact_int(k, 0);
  const sl_series y = sl_series_function(k, op, &x);
  return sl_germ_composed(k, y.c, y.n < SL_GERM_TERMS ? y.n : SL_GERM_TERMS, e);
}

/* exp(a) where a grows otherwise than as c L: known where it falls, to less than any power of x, or
 * at least of 1/L. */
static sl_germ flat(sl_field *k, const sl_germ *a) {
  const sl_germ_term *t = a->term;
  if (sl_exact_sign(k, t->c) >= 0) return unknown;
  const sl_exact beyond = sl_exact_sub(k, t->q, sl_exact_int(k, 1));
  const int power = !sl_exact_is_zero(t->p), faster = power || sl_exact_sign(k, beyond) > 0;
  if (!faster && sl_exact_sign(k, beyond) >= 0) return unknown;
  return faster ? sl_germ_bounded(k, SMALLEST, 0) : sl_germ_bounded(k, 0, -SMALLEST);
}

static sl_germ exponential(sl_field *k, const sl_germ *a) {
  sl_germ e = *a;
  const int large = e.n && sl_germ_size(k, e.term) == SL_SIZE_LARGE;
  if (large &&
      (!sl_exact_is_zero(e.term[0].p) || !sl_exact_equal(k, e.term[0].q, sl_exact_int(k, 1))))
    return flat(k, a);
  sl_germ power = number(k, 1);
  if (large) { /* c L */
    const sl_exact c = e.term[0].c;
    const sl_germ minus = sl_germ_term_alone(k, sl_exact_neg(k, c), 0, 1);
    e = sl_germ_sum(k, a, &minus);
    power.term[0].p = sl_exact_neg(k, c);
  }
  const sl_exact c = take_constant(k, &e);
  if (!c) return unknown;
  const sl_germ y = by_series(k, SL_OP_EXP, c, &e);
  return sl_germ_product(k, &power, &y);
}

/* log(c x^p (1 + e)) = log c - p L + log(1 + e) */
static sl_germ logarithm(sl_field *k, const sl_germ *a) {
  if (sl_germ_sign(k, a) <= 0 || !sl_exact_is_zero(a->term[0].q)) return unknown;
  const sl_germ e = sl_germ_relative(k, a),
                part[] = {sl_germ_constant(k, sl_exact_function(k, SL_OP_LOG, a->term[0].c)),
                          sl_germ_term_alone(k, sl_exact_neg(k, a->term[0].p), 0, 1),
                          by_series(k, SL_OP_LOG1P, sl_exact_int(k, 0), &e)};
  const sl_germ y = sl_germ_sum(k, &part[0], &part[1]);
  return sl_germ_sum(k, &y, &part[2]);
}

/* sign (pi/2 - atan(1/|a|)) */
static sl_germ arc_tangent(sl_field *k, const sl_germ *a, int sign) {
  const sl_germ small = inverse(k, a), c = by_series(k, SL_OP_ATAN, sl_exact_int(k, 0), &small),
                minus = sl_germ_negated(k, &c);
  const sl_exact root = sl_exact_sqrt_pi(k);
  const sl_germ half_pi =
      sl_germ_constant(k, sl_exact_mul(k, sl_exact_ratio(k, sign, 2), sl_exact_mul(k, root, root)));
  return sl_germ_sum(k, &half_pi, &minus);
}

/* sign log(|a| + sqrt(a^2 + 1)) */
static sl_germ inverse_sinh(sl_field *k, const sl_germ *size, int sign) {
  const sl_germ square = sl_germ_product(k, size, size), under = plus_one(k, &square),
                root = sl_germ_power(k, &under, 1, 2), sum = sl_germ_sum(k, size, &root),
                y = logarithm(k, &sum);
  return multiple(k, &y, sign, 1);
}

/* sign (1 + O(exp(-a^2))): 1 - erf(x) < exp(-x^2) for x > 0. */
static sl_germ error_function(sl_field *k, const sl_germ *a, int sign) {
  const sl_germ square = sl_germ_product(k, a, a), minus = sl_germ_negated(k, &square),
                e = exponential(k, &minus);
  if (!e.known) return unknown;
  sl_germ y = {.known = 1, .has_rest = 1, .rest = e.n ? e.term[0] : e.rest};
  const sl_germ one = number(k, sign);
  if (!e.n && !e.has_rest) return one;
  y = sl_germ_sum(k, &y, &one);
  return y;
}

/* sigmoid, tanh, sinh or cosh of what grows, with e = exp(-|a|) or, of tanh, its square. */
static sl_germ by_exponential(sl_field *k, sl_gate_op op, const sl_germ *size, int sign) {
  const sl_germ minus = multiple(k, size, op == SL_OP_TANH ? -2 : -1, 1),
                e = exponential(k, &minus), sum = plus_one(k, &e), over = inverse(k, &sum);
  if (op == SL_OP_SIGMOID) return sign > 0 ? over : sl_germ_product(k, &e, &over);
  if (op == SL_OP_TANH) { /* sign (1 - e)/(1 + e) */
    const sl_germ less = sl_germ_negated(k, &e), top = plus_one(k, &less),
                  y = sl_germ_product(k, &top, &over);
    return multiple(k, &y, sign, 1);
  }
  const sl_germ large = inverse(k, &e), other = multiple(k, &e, op == SL_OP_COSH ? 1 : -1, 1),
                y = sl_germ_sum(k, &large, &other);
  return multiple(k, &y, op == SL_OP_COSH ? 1 : sign, 2);
}

static sl_germ of_large(sl_field *k, sl_gate_op op, const sl_germ *a) {
  const int sign = sl_germ_sign(k, a);
  if (!sign) return unknown;
  const sl_germ size = multiple(k, a, sign, 1), one = number(k, -1);
  sl_germ y;
  switch (op) {
    case SL_OP_EXPM1:
      y = exponential(k, a);
      return sl_germ_sum(k, &y, &one);
    case SL_OP_LOG1P:
      y = plus_one(k, a);
      return logarithm(k, &y);
    case SL_OP_ATAN:
      return arc_tangent(k, a, sign);
    case SL_OP_ASINH:
      return inverse_sinh(k, &size, sign);
    case SL_OP_ERF:
      return error_function(k, a, sign);
    case SL_OP_SIGMOID:
    case SL_OP_TANH:
    case SL_OP_SINH:
    case SL_OP_COSH:
      return by_exponential(k, op, &size, sign);
    default:
      return unknown;
  }
}

sl_germ sl_germ_function(sl_field *k, sl_gate_op op, const sl_germ *a) {
  if (!a->known) return unknown;
  if (op == SL_OP_EXP) return exponential(k, a);
  if (op == SL_OP_LOG) return logarithm(k, a);
  if (op == SL_OP_SQRT) return sl_germ_power(k, a, 1, 2);
  sl_germ e = *a;
  const sl_exact c = take_constant(k, &e);
  const sl_germ y = c ? by_series(k, op, c, &e) : unknown;
  if (y.known) return y;
  if (op == SL_OP_SIN || op == SL_OP_COS) return sl_germ_bounded(k, 0, 0);
  if (a->n && sl_germ_size(k, a->term) == SL_SIZE_LARGE) return of_large(k, op, a);
  return unknown;
}
