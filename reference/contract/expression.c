/* The walk over a gate's tree (spec E2.8): ends of spans go through the operation, which is
 * monotone or bounded by its slope, and are then moved outward by its rounding. Infinities are
 * values that a kernel may compute, so that 1 / (1 + z^2) stays bounded where z^2 overflows. */
#include "expression.h"

#include <float.h>
#include <math.h>

#define OWN 0x1p-53 /* of one operation of the walk */

static const sl_span one = {1.0, 1.0, 1.0};

static sl_span point(double x) { return (sl_span){x, x, x}; }
static sl_span lost(double mid) { return (sl_span){mid, -(double)INFINITY, (double)INFINITY}; }
static int is_lost(sl_span a) { return isinf(a.low) && isinf(a.high) && a.low < a.high; }
static int is_point(sl_span a) { return a.low == a.mid && a.high == a.mid; }
static double reach(sl_span a) { return fmax(fabs(a.low), fabs(a.high)); }
static int holds_zero(sl_span a) { return a.low <= 0.0 && a.high >= 0.0; }

static sl_span span_of(sl_ball a) {
  const double rad = a.rad > 0.0 ? a.rad + OWN * fabs(a.mid) : 0.0;
  return (sl_span){a.mid, a.mid - rad, a.mid + rad};
}

/* The span of a result before its rounding, which is at most `unit` of it, and `underflow`; what
 * passes the largest number may be infinite. Rounding keeps signs. Two roundings more are the
 * walk's own: of an end, and of moving it. */
static sl_span rounded(const sl_arith *r, sl_span a, double unit, double underflow) {
  const double largest = sl_format_largest(r->contract->acc), lost_below = underflow + DBL_TRUE_MIN;
  if (isnan(a.low) || isnan(a.high)) return lost(a.mid);
  a.low = fmin(a.low, DBL_MAX), a.high = fmax(a.high, -DBL_MAX);
  double low = a.low - (unit + 2.0 * OWN) * fabs(a.low) - lost_below,
         high = a.high + (unit + 2.0 * OWN) * fabs(a.high) + lost_below;
  if (a.low >= 0.0) low = fmax(low, 0.0);
  if (a.high <= 0.0) high = fmin(high, 0.0);
  if (low < -largest) low = -(double)INFINITY;
  if (high > largest) high = (double)INFINITY;
  return (sl_span){a.mid, low, high};
}

/* One correctly rounded operation: of exact operands a result that acc holds is exact. */
static sl_span nearest(const sl_arith *r, sl_span a, int exact, double underflow) {
  if (is_point(a) && exact && sl_arith_term(r, a.mid).rad == 0.0) return a;
  return rounded(r, a, r->both, underflow);
}

static sl_span hull(double mid, sl_span a, sl_span b) {
  return (sl_span){mid, fmin(a.low, b.low), fmax(a.high, b.high)};
}

static sl_span negated(sl_span a) { return (sl_span){-a.mid, -a.high, -a.low}; }

static sl_span size_of(sl_span a) {
  return (sl_span){fabs(a.mid), holds_zero(a) ? 0.0 : fmin(fabs(a.low), fabs(a.high)), reach(a)};
}

static sl_span add(const sl_arith *r, sl_span a, sl_span b) {
  if (is_lost(a) || is_lost(b)) return lost(a.mid + b.mid);
  return nearest(r, (sl_span){a.mid + b.mid, a.low + b.low, a.high + b.high},
                 sl_arith_is_exact(r, SL_SUM, a.mid, b.mid), r->flushed);
}

/* The ends of a product or quotient are among those of the operands' ends. A NaN among them (0
 * times infinity) is one that a kernel may meet. */
static sl_span among(double mid, double a, double b, double c, double d) {
  if (isnan(a) || isnan(b) || isnan(c) || isnan(d)) return lost(mid);
  return (sl_span){mid, fmin(fmin(a, b), fmin(c, d)), fmax(fmax(a, b), fmax(c, d))};
}

static sl_span mul(const sl_arith *r, sl_span a, sl_span b) {
  const double mid = a.mid * b.mid;
  if (is_lost(a) || is_lost(b)) return lost(mid);
  return nearest(r, among(mid, a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high),
                 sl_arith_is_exact(r, SL_PRODUCT, a.mid, b.mid), r->tiny);
}

static sl_span square(const sl_arith *r, sl_span a) {
  if (is_lost(a)) return lost(a.mid * a.mid);
  a = size_of(a);
  return nearest(r, (sl_span){a.mid * a.mid, a.low * a.low, a.high * a.high},
                 sl_arith_is_exact(r, SL_PRODUCT, a.mid, a.mid), r->tiny);
}

static int is_power_of_two(double x) {
  int exponent;
  return fabs(frexp(x, &exponent)) == 0.5;
}

/* a / b, or a times a rounded 1 / b: one rounding more, and none where b is a power of two. */
static sl_span quotient(const sl_arith *r, sl_span a, sl_span b) {
  const double mid = a.mid / b.mid, ulps = r->contract->ulps[SL_ULPS_DIV],
               largest = sl_format_largest(r->contract->acc), unit = (2.0 * ulps + 1.0) * r->u;
  if (is_lost(a) || is_lost(b) || holds_zero(b) || (isinf(reach(a)) && isinf(reach(b))) ||
      1.0 / fmin(fabs(b.low), fabs(b.high)) > largest)
    return lost(mid);
  const sl_span q = among(mid, a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high);
  if (ulps == 0.5 && is_point(b) && is_power_of_two(b.mid) &&
      sl_arith_term(r, 1.0 / b.mid).rad == 0.0)
    return nearest(r, q, sl_arith_is_exact(r, SL_QUOTIENT, a.mid, b.mid), r->tiny);
  return rounded(r, q, unit + unit * unit + OWN, r->tiny * (1.0 + fmin(reach(a), largest)));
}

/* libm's functions err by less than four OWN. */
static double unit_of(const sl_arith *r, sl_ulps_of which) {
  return 2.0 * r->contract->ulps[which] * r->u + 8.0 * OWN;
}

/* A function that rises; 0 at 0 is exact, since its error is relative. */
static sl_span rising(const sl_arith *r, double (*of)(double), sl_span a, sl_ulps_of which) {
  const double mid = of(a.mid);
  if (is_lost(a)) return lost(mid);
  if (is_point(a) && mid == 0.0) return point(0.0);
  return rounded(r, (sl_span){mid, of(a.low), of(a.high)}, unit_of(r, which), r->tiny);
}

/* A scaled argument is a product with a rounded log2(e). */
static sl_span exponential(const sl_arith *r, sl_span a) {
  const double part = r->contract->scaled ? 2.0 * r->both : 0.0;
  if (is_point(a) && a.mid == 0.0) return one;
  if (is_lost(a)) return lost(exp(a.mid));
  a.low -= part * fabs(fmax(a.low, -DBL_MAX)), a.high += part * fabs(fmin(a.high, DBL_MAX));
  return rising(r, exp, a, SL_ULPS_EXP);
}

/* The ends lie in the domain, and not on its edge, where the value is infinite. */
static sl_span logarithm(const sl_arith *r, double (*of)(double), double edge, sl_span a) {
  if (!(a.low > edge)) return lost(of(a.mid));
  return rising(r, of, a, SL_ULPS_LOG);
}

static sl_span root(const sl_arith *r, sl_span a) {
  if (is_lost(a) || a.low < 0.0) return lost(sqrt(a.mid));
  return nearest(r, (sl_span){sqrt(a.mid), sqrt(a.low), sqrt(a.high)},
                 sl_arith_is_exact(r, SL_ROOT, a.mid, a.mid), r->flushed);
}

static double logistic(double x) {
  return x >= 0.0 ? 1.0 / (1.0 + exp(-x)) : exp(x) / (1.0 + exp(x));
}

/* 1 / (1 + exp(-a)), or a function with the ulps of exp. */
static sl_span sigmoid(const sl_arith *r, sl_span a) {
  const double mid = logistic(a.mid);
  if (is_lost(a)) return lost(mid);
  const sl_span steps = quotient(r, one, add(r, one, exponential(r, negated(a))));
  if (is_point(a) && is_point(steps)) return steps;
  return hull(mid, steps, rising(r, logistic, a, SL_ULPS_EXP));
}

static sl_span softsign(const sl_arith *r, sl_span a) {
  if (is_lost(a)) return a;
  const sl_span q = quotient(r, a, add(r, one, size_of(a)));
  return (sl_span){a.mid / (1.0 + fabs(a.mid)), q.low, q.high};
}

/* Slopes of at most 1, values of at most 1. */
static sl_span wave(const sl_arith *r, double (*of)(double), sl_span a) {
  const double mid = of(a.mid), width = fmax(a.high - a.mid, a.mid - a.low);
  if (is_lost(a) || isinf(reach(a))) return lost(mid);
  if (is_point(a) && mid == 0.0) return point(0.0);
  return rounded(r, (sl_span){mid, fmax(mid - width, -1.0), fmin(mid + width, 1.0)},
                 unit_of(r, SL_ULPS_EXP), r->tiny);
}

static sl_span hyperbolic_cosine(const sl_arith *r, sl_span a) {
  return is_lost(a) ? lost(cosh(a.mid)) : rising(r, cosh, size_of(a), SL_ULPS_EXP);
}

/* The value by exp(q log x): both ends move by their own logarithm's error, which x^(1 +- c) takes
 * monotonously. Four roundings of the exponent, two of them where it is scaled. */
static sl_span by_logarithm(const sl_arith *r, sl_span v) {
  const double c = 2.0 * r->contract->ulps[SL_ULPS_LOG] * r->u + 4.0 * r->both;
  v.low = v.low > 0.0 ? v.low * exp(-c * fabs(log(v.low))) : 0.0;
  v.high = v.high > 0.0 ? v.high * exp(c * fabs(log(v.high))) : 0.0;
  return rounded(r, v, unit_of(r, SL_ULPS_EXP), r->tiny);
}

/* x^q, q > 0, x >= 0: at most q products and a root, or a function with the ulps of exp; where q is
 * no half of an integer up to 128, also by the logarithm (spec G3.3). All keep 0 and 1. */
static sl_span power_of_size(const sl_arith *r, sl_span a, double q) {
  if (is_point(a) && (a.mid == 0.0 || a.mid == 1.0)) return a;
  sl_span v = {pow(a.mid, q), pow(a.low, q), pow(a.high, q)};
  if (q != floor(2.0 * q) / 2.0 || q > 64.0) return by_logarithm(r, v);
  const double gamma = sl_arith_gamma(r, q + 1.0) + 8.0 * OWN;
  return rounded(r, v, fmax(gamma, unit_of(r, SL_ULPS_EXP)), 2.0 * r->tiny);
}

static sl_span power(const sl_arith *r, sl_span a, double q) {
  const int is_integer = q == floor(q), odd = is_integer && fmod(q, 2.0) != 0.0;
  const double mid = pow(a.mid, q);
  if (q == 0.0) return one;
  if (!isfinite(q) || is_lost(a) || (!is_integer && a.low < 0.0)) return lost(mid);
  if (q == 1.0) return a;
  if (q == 2.0) return square(r, a);
  sl_span v = power_of_size(r, size_of(a), fabs(q));
  if (odd && a.high < 0.0) {
    v = negated(v);
  } else if (odd && a.low < 0.0) {
    v.low = -power_of_size(r, size_of((sl_span){a.low, a.low, a.low}), fabs(q)).high;
    v.high = power_of_size(r, point(a.high), fabs(q)).high;
  }
  if (q < 0.0) v = quotient(r, one, v);
  v.mid = mid;
  return v;
}

/* Either branch where the comparison is within its error. */
static sl_span pick(sl_span a, sl_span b, sl_span x, sl_span y) {
  if (!is_lost(a) && !is_lost(b)) {
    if (a.high <= b.low) return x;
    if (a.low > b.high) return y;
  }
  return hull(a.mid <= b.mid ? x.mid : y.mid, x, y);
}

static double sign(double x) { return (double)(x > 0.0) - (double)(x < 0.0); }

/* Exact operations: nothing is rounded. */
static sl_span choice(sl_expression_op op, sl_span a, sl_span b) {
  switch (op) {
    case SL_EXPRESSION_SIGN:
      return (sl_span){sign(a.mid), is_lost(a) ? -1.0 : sign(a.low),
                       is_lost(a) ? 1.0 : sign(a.high)};
    case SL_EXPRESSION_ABS:
      return is_lost(a) ? lost(fabs(a.mid)) : size_of(a);
    case SL_EXPRESSION_MIN:
      if (is_lost(a) || is_lost(b)) return lost(fmin(a.mid, b.mid));
      return (sl_span){fmin(a.mid, b.mid), fmin(a.low, b.low), fmin(a.high, b.high)};
    default:
      if (is_lost(a) || is_lost(b)) return lost(fmax(a.mid, b.mid));
      return (sl_span){fmax(a.mid, b.mid), fmax(a.low, b.low), fmax(a.high, b.high)};
  }
}

static sl_span function_of(const sl_arith *r, sl_expression_op op, sl_span a) {
  switch (op) {
    case SL_EXPRESSION_EXP:
      return exponential(r, a);
    case SL_EXPRESSION_EXPM1:
      return rising(r, expm1, a, SL_ULPS_EXP);
    case SL_EXPRESSION_LOG:
      return logarithm(r, log, 0.0, a);
    case SL_EXPRESSION_LOG1P:
      return logarithm(r, log1p, -1.0, a);
    case SL_EXPRESSION_SQRT:
      return root(r, a);
    case SL_EXPRESSION_SIGMOID:
      return sigmoid(r, a);
    case SL_EXPRESSION_SIN:
      return wave(r, sin, a);
    case SL_EXPRESSION_COS:
      return wave(r, cos, a);
    case SL_EXPRESSION_SINH:
      return rising(r, sinh, a, SL_ULPS_EXP);
    case SL_EXPRESSION_COSH:
      return hyperbolic_cosine(r, a);
    case SL_EXPRESSION_TANH:
      return rising(r, tanh, a, SL_ULPS_EXP);
    case SL_EXPRESSION_ERF:
      return rising(r, erf, a, SL_ULPS_EXP);
    case SL_EXPRESSION_ATAN:
      return rising(r, atan, a, SL_ULPS_EXP);
    case SL_EXPRESSION_ASINH:
      return rising(r, asinh, a, SL_ULPS_EXP);
    default:
      return softsign(r, a);
  }
}

static sl_span node_span(const sl_arith *r, const sl_expression_node *n, const sl_span *at,
                         sl_span ratio) {
  const sl_span a = at[n->child[0]], b = at[n->child[1]];
  switch (n->op) {
    case SL_EXPRESSION_NUMBER:
      return span_of(sl_arith_constant(r, n->number));
    case SL_EXPRESSION_R:
      return ratio;
    case SL_EXPRESSION_NEG:
      return negated(a);
    case SL_EXPRESSION_ADD:
      return add(r, a, b);
    case SL_EXPRESSION_SUB:
      return add(r, a, negated(b));
    case SL_EXPRESSION_MUL:
      return n->child[0] == n->child[1] ? square(r, a) : mul(r, a, b);
    case SL_EXPRESSION_DIV:
      return quotient(r, a, b);
    case SL_EXPRESSION_POWER:
      return power(r, a, n->number);
    case SL_EXPRESSION_PICK:
      return pick(a, b, at[n->child[2]], at[n->child[3]]);
    case SL_EXPRESSION_SIGN:
    case SL_EXPRESSION_ABS:
    case SL_EXPRESSION_MIN:
    case SL_EXPRESSION_MAX:
      return choice(n->op, a, b);
    default:
      return function_of(r, n->op, a);
  }
}

static sl_ball ball_of(sl_span a) {
  const double rad = fmax(a.high - a.mid, a.mid - a.low);
  return (sl_ball){a.mid, isfinite(a.mid) && isfinite(rad) ? fmax(rad, 0.0) : (double)INFINITY};
}

void sl_walk_expression(const sl_arith *r, const sl_expression *e, sl_ball ratio, sl_span *scratch,
                        sl_ball *f, sl_ball *w) {
  sl_span own = span_of(ratio);
  own.low = ratio.rad < INFINITY ? fmax(own.low, 0.0) : 0.0; /* exp is positive, or overflows */
  for (uint32_t i = 0; i < e->count; i++) scratch[i] = node_span(r, &e->node[i], scratch, own);
  *f = e->value == SL_EXPRESSION_NONE ? (sl_ball){(double)NAN, (double)INFINITY}
                                      : ball_of(scratch[e->value]);
  *w = ball_of(scratch[e->weight]);
}
