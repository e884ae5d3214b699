/* Operations on balls under a contract (spec E1.5, E1.6, E2.1, E2.2). The errors of operands act as
 * in reference/ball.c; here the unit of rounding is the contract's, functions err by its ulps, and
 * an exact result of exact operands stays exact. */
#include "arith.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define OWN 0x1p-53 /* of one operation of the walk; libm's functions err by less than two */

sl_arith sl_arith_of(const sl_contract *contract) {
  const double u = sl_format_unit(contract->acc),
               normal = ldexp(1.0, sl_format_least(contract->acc));
  const int wide = contract->acc == SL_FORMAT_F64;
  /* In binary64 the walk loses as much itself, functions twice; half of its least number is 0. */
  const double lost = wide ? 4.0 * u : u;
  return (sl_arith){contract,
                    u,
                    u + OWN,
                    contract->flushed ? normal : normal * lost,
                    contract->flushed ? normal : 0.0,
                    wide};
}

double sl_arith_gamma(const sl_arith *r, double depth) {
  const double x = depth * r->u;
  return x < 1.0 ? x / (1.0 - x) : INFINITY;
}

/* 1 if x passes through acc unchanged. */
static int kept(const sl_arith *r, double x) {
  return sl_format_holds(r->contract->acc, x) &&
         !(r->contract->flushed && x != 0.0 && fabs(x) < r->tiny);
}

/* A value within `error` of mid, before its rounding, whose relative error is at most `unit`. */
static sl_ball rounded(const sl_arith *r, double mid, double error, double unit, double underflow) {
  const double largest = fabs(mid) + error;
  if (!(largest <= sl_format_largest(r->contract->acc))) return (sl_ball){mid, INFINITY};
  return (sl_ball){mid, error + unit * largest + underflow};
}

/* One correctly rounded operation. With exact operands, a result that binary64 shows as a number of
 * a narrower acc is that number: the exact result is within 2^-53 of it, and rounds to it. Where
 * acc is binary64 itself, it shows every result as one: there the operation must be `exact`. */
static sl_ball nearest(const sl_arith *r, double mid, double error, int exact, double underflow) {
  if (error == 0.0 && kept(r, mid) && (exact || !r->wide)) return (sl_ball){mid, 0.0};
  return rounded(r, mid, error, r->both, underflow);
}

/* Its own rounding error, which binary64 holds, is 0. */
static int sum_is_exact(double a, double b) {
  const double sum = a + b, other = sum - a;
  return (a - (sum - other)) + (b - other) == 0.0;
}

/* The exponent of the lowest digit of x that is not 0; x is finite and not 0. */
static int lowest_digit(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  const int exponent = (int)(bits >> 52 & 0x7ff);
  uint64_t fraction = bits & 0xfffffffffffff;
  if (exponent) fraction |= (uint64_t)1 << 52;
  return (exponent ? exponent : 1) - 1075 + __builtin_ctzll(fraction);
}

/* Exact, where the factors' digits together fit in acc and no product is below the normal numbers.
 */
static int product_is_exact(const sl_arith *r, const sl_ball *factor, size_t n) {
  int digits = 0, lowest = 0;
  for (size_t i = 0; i < n; i++) {
    if (factor[i].rad > 0.0) return 0;
    const int top = ilogb(factor[i].mid);
    digits += top - lowest_digit(factor[i].mid) + 1;
    if (top < 0) lowest += top;
  }
  return digits <= sl_format_digits(r->contract->acc) &&
         lowest >= sl_format_least(r->contract->acc);
}

static int is_exact_product(const sl_arith *r, double a, double b) {
  const sl_ball factor[] = {{a, 0.0}, {b, 0.0}};
  return a == 0.0 || b == 0.0 || (isfinite(a) && isfinite(b) && product_is_exact(r, factor, 2));
}

int sl_arith_is_exact(const sl_arith *r, sl_operation operation, double a, double b) {
  const double root = operation == SL_ROOT ? sqrt(a) : 0.0;
  if (!r->wide) return 1;
  if (operation == SL_SUM) return sum_is_exact(a, b);
  if (operation == SL_PRODUCT) return is_exact_product(r, a, b);
  if (operation == SL_QUOTIENT) return a / b * b == a && is_exact_product(r, a / b, b);
  return root * root == a && is_exact_product(r, root, root);
}

sl_ball sl_arith_input(const sl_arith *r, double x) {
  const sl_contract *c = r->contract;
  sl_ball a = {c->inputs == SL_INPUTS_GIVEN     ? x
               : c->inputs == SL_INPUTS_ROUNDED ? sl_format_round(c->in, x)
                                                : sl_format_cut(c->in, x),
               0.0};
  if (c->reduced && !sl_format_holds(c->in, x)) /* cut or rounded: less than an ulp */
    a.rad = fabs(x) <= sl_format_largest(c->in) ? sl_format_ulp(c->in, x) : INFINITY;
  if (c->flushed && fabs(x) < r->tiny) a.rad += fabs(x);
  return a;
}

sl_ball sl_arith_constant(const sl_arith *r, double x) {
  return nearest(r, x, 0.0, sl_format_holds(SL_FORMAT_F32, x), r->tiny);
}

sl_ball sl_arith_term(const sl_arith *r, double x) {
  const sl_ball a = sl_arith_input(r, x);
  if (a.rad == 0.0 && sl_format_holds(r->contract->acc, a.mid)) return a;
  return nearest(r, a.mid, a.rad, 1, r->tiny);
}

/* What a number below the normal ones of `out` may lose when it is stored: it may be 0 (E1.6). */
static double flushed_at_storing(const sl_arith *r, double x, sl_format out) {
  return r->contract->flushed && fabs(x) < ldexp(1.0, sl_format_least(out)) ? fabs(x) : 0.0;
}

static sl_ball stored_as(const sl_arith *r, sl_ball a, sl_format out) {
  if (out == r->contract->acc) return a;
  if (a.rad == 0.0 && sl_format_holds(out, a.mid))
    return (sl_ball){a.mid, flushed_at_storing(r, a.mid, out)};
  const double reach = fabs(a.mid) + a.rad;
  if (!(reach <= sl_format_largest(out))) return (sl_ball){a.mid, INFINITY};
  a.rad += sl_format_ulp(out, reach) / 2.0;
  if (r->contract->flushed && fabs(a.mid) - a.rad < ldexp(1.0, sl_format_least(out)))
    a.rad += ldexp(1.0, sl_format_least(out));
  return a;
}

sl_ball sl_arith_store(const sl_arith *r, sl_ball a) { return stored_as(r, a, r->contract->out); }

/* A value that is certain is rounded once. */
sl_ball sl_arith_output(const sl_arith *r, sl_ball a) {
  const sl_format type = r->contract->has_result ? r->contract->result : r->contract->out;
  if (a.rad > 0.0) return stored_as(r, a, type);
  const double stored = sl_format_round(type, a.mid);
  return (sl_ball){stored, flushed_at_storing(r, a.mid, type) > 0.0 ? fabs(stored) : 0.0};
}

sl_ball sl_arith_add(const sl_arith *r, sl_ball a, sl_ball b) {
  return nearest(r, a.mid + b.mid, a.rad + b.rad, sl_arith_is_exact(r, SL_SUM, a.mid, b.mid),
                 r->flushed);
}

sl_ball sl_arith_sub(const sl_arith *r, sl_ball a, sl_ball b) {
  return sl_arith_add(r, a, sl_ball_neg(b));
}

/* (a + da)(b + db) - ab */
static double product_error(sl_ball a, sl_ball b) {
  if (a.rad == 0.0 && b.rad == 0.0) return 0.0;
  return fabs(a.mid) * b.rad + fabs(b.mid) * a.rad + a.rad * b.rad;
}

sl_ball sl_arith_mul(const sl_arith *r, sl_ball a, sl_ball b) {
  return nearest(r, a.mid * b.mid, product_error(a, b),
                 sl_arith_is_exact(r, SL_PRODUCT, a.mid, b.mid), r->tiny);
}

sl_ball sl_arith_muladd(const sl_arith *r, sl_ball a, sl_ball b, sl_ball c) {
  return sl_arith_add(r, sl_arith_mul(r, a, b), c);
}

/* 1 for a power of two. */
static int is_power(double x) {
  int exponent;
  return fabs(frexp(x, &exponent)) == 0.5;
}

/* (a + da)/(b + db) - a/b = (da - (a/b) db)/(b + db); a reciprocal is one rounding more, and none
 * where it is a power of two. */
sl_ball sl_arith_div(const sl_arith *r, sl_ball a, sl_ball b) {
  const double q = a.mid / b.mid, left = fabs(b.mid) - b.rad, ulps = r->contract->ulps[SL_ULPS_DIV];
  if (!(left > 0.0 && 1.0 / left <= sl_format_largest(r->contract->acc)))
    return (sl_ball){q, INFINITY};
  if (ulps == 0.5 && a.rad == 0.0 && b.rad == 0.0 && is_power(b.mid) && kept(r, 1.0 / b.mid))
    return nearest(r, q, 0.0, sl_arith_is_exact(r, SL_QUOTIENT, a.mid, b.mid), r->tiny);
  const double error = (a.rad + fabs(q) * b.rad) / left, unit = (2.0 * ulps + 1.0) * r->u;
  return rounded(r, q, error, unit + unit * unit + OWN, r->tiny * (1.0 + fabs(a.mid) + a.rad));
}

/* |sqrt(a + da) - sqrt(a)| = |da| / (sqrt(a + da) + sqrt(a)), and at most sqrt(|da|) */
sl_ball sl_arith_reciprocal(const sl_arith *r, double a, double b) {
  const double value = 1.0 / (a * b),
               quotient = (2.0 * r->contract->ulps[SL_ULPS_DIV] + 2.0) * r->u;
  if (is_power(a) && is_power(b) && value >= ldexp(1.0, sl_format_least(r->contract->acc)))
    return (sl_ball){value, 0.0};
  return (sl_ball){value,
                   value * (2.0 * quotient + 2.0 * quotient * quotient + 0x1p-50) + 3.0 * r->tiny};
}

sl_ball sl_arith_sqrt(const sl_arith *r, sl_ball a) {
  const double root = sqrt(a.mid), both = root + sqrt(fmax(a.mid - a.rad, 0.0));
  if (a.rad == 0.0)
    return nearest(r, root, 0.0, sl_arith_is_exact(r, SL_ROOT, a.mid, a.mid), r->flushed);
  return rounded(r, root, both > 0.0 ? fmin(a.rad / both, sqrt(a.rad)) : sqrt(a.rad), r->both,
                 r->flushed);
}

/* The farther side is (a - da)^(-1/2). By the function, 2 f u; by root and quotient, u + 2 f' u. */
sl_ball sl_arith_rsqrt(const sl_arith *r, sl_ball a) {
  const double *ulps = r->contract->ulps, value = 1.0 / sqrt(a.mid), part = a.rad / a.mid;
  if (!(a.mid > 0.0 && part < 1.0)) return (sl_ball){value, INFINITY};
  const double error = value * expm1(-0.5 * log1p(-part)),
               unit = fmax(2.0 * ulps[SL_ULPS_RSQRT], 1.0 + 2.0 * ulps[SL_ULPS_DIV]) * r->u;
  return rounded(r, value, error, unit + unit * unit + 2.0 * OWN, 0.0);
}

/* By the slope of the logarithm, 1. A scaled argument is x RN(log2 e), rounded: two roundings. */
sl_ball sl_arith_exp(const sl_arith *r, sl_ball a) {
  if (a.mid == 0.0 && a.rad == 0.0) return (sl_ball){1.0, 0.0};
  const double reach = fabs(a.mid) + a.rad,
               argument = a.rad + (r->contract->scaled ? 2.0 * r->both * reach : 0.0),
               value = exp(a.mid), unit = 2.0 * r->contract->ulps[SL_ULPS_EXP] * r->u;
  return rounded(r, value, fmax(value, DBL_MIN) * expm1(argument), unit + 2.0 * OWN, r->tiny);
}

sl_ball sl_arith_log(const sl_arith *r, sl_ball a) {
  if (a.mid == 1.0 && a.rad == 0.0) return (sl_ball){0.0, 0.0}; /* the error is relative */
  const double value = log(a.mid),
               error = a.rad < a.mid ? -log1p(-a.rad / a.mid) : (double)INFINITY,
               unit = 2.0 * r->contract->ulps[SL_ULPS_LOG] * r->u;
  return rounded(r, value, error, unit + 2.0 * OWN, r->tiny);
}

/* d = 1 + exp(-a), and 1 / d. Where exp may overflow the result may be 0. At a = 0 it is 1/2. */
sl_ball sl_arith_sigmoid(const sl_arith *r, sl_ball a) {
  const sl_ball one = {1.0, 0.0}, e = sl_arith_exp(r, sl_ball_neg(a));
  const double value = a.mid >= 0.0 ? 1.0 / (1.0 + exp(-a.mid)) : exp(a.mid) / (1.0 + exp(a.mid));
  if (!(e.rad < INFINITY)) {
    const double top = exp(a.mid + a.rad + 1.0);
    return (sl_ball){value, fmin(1.0, fmax(value, top))};
  }
  const sl_ball s = sl_arith_div(r, one, sl_arith_add(r, one, e));
  return (sl_ball){value, s.rad + fabs(s.mid - value)};
}

sl_ball sl_arith_worst(sl_ball a, sl_ball b) {
  a.rad = fmax(a.rad, b.rad + fabs(a.mid - b.mid));
  return a;
}

sl_ball sl_arith_product3(const sl_arith *r, sl_ball a, sl_ball b, sl_ball c) {
  const sl_ball first = sl_arith_mul(r, sl_arith_mul(r, a, b), c),
                second = sl_arith_mul(r, sl_arith_mul(r, a, c), b),
                third = sl_arith_mul(r, a, sl_arith_mul(r, b, c));
  return sl_arith_worst(sl_arith_worst(first, second), third);
}

sl_ball sl_arith_product(const sl_arith *r, const sl_ball *factor, size_t n, double roundings) {
  double mid = 1.0, size = 1.0, reach = 1.0, error = 0.0;
  int zero = 0;
  for (size_t i = 0; i < n; i++) {
    const double own = fabs(factor[i].mid), most = own + factor[i].rad;
    error = error * most + size * factor[i].rad;
    mid *= factor[i].mid, size *= own, reach *= fmax(1.0, most);
    zero |= most == 0.0;
  }
  const double gamma = sl_arith_gamma(r, roundings);
  if (!(reach * (1.0 + gamma) <= sl_format_largest(r->contract->acc)))
    return (sl_ball){mid, INFINITY};
  if (zero) return (sl_ball){0.0, 0.0};
  if (product_is_exact(r, factor, n)) return (sl_ball){mid, 0.0};
  return (sl_ball){mid, error + (gamma + (double)n * OWN) * (size + error) +
                            roundings * r->tiny * reach * (1.0 + gamma)};
}

static void add_term(sl_arith_sum *s, double term, double error, int exact) {
  s->mid += term;
  s->magnitude += fabs(term) + error;
  s->error += error;
  s->terms++;
  if (!exact) {
    s->inexact = 1;
  } else if (term != 0.0 && !s->inexact) {
    const int digit = lowest_digit(term);
    if (s->quantum == 0 || digit + 4096 < s->quantum) s->quantum = digit + 4096;
  }
}

void sl_arith_sum_add(sl_arith_sum *s, sl_ball a) { add_term(s, a.mid, a.rad, a.rad == 0.0); }

void sl_arith_sum_product(sl_arith_sum *s, sl_ball a, sl_ball b) {
  const double p = a.mid * b.mid, error = product_error(a, b);
  const int in_range = p == 0.0 ? a.mid == 0.0 || b.mid == 0.0 : fabs(p) >= 0x1p-960;
  add_term(s, p, error, error == 0.0 && in_range && isfinite(p) && fma(a.mid, b.mid, -p) == 0.0);
}

/* All terms are multiples of 2^q, and every partial sum lies below 2^(q + p). */
static int is_exact(const sl_arith *r, const sl_arith_sum *s) {
  if (s->inexact) return 0;
  if (s->quantum == 0) return 1; /* zeros alone */
  const int q = s->quantum - 4096, p = sl_format_digits(r->contract->acc),
            least = sl_format_least(r->contract->acc);
  if (s->magnitude >= ldexp(1.0, q + p)) return 0;
  if (s->magnitude > sl_format_largest(r->contract->acc)) return 0;
  return r->contract->flushed ? q >= least : q >= least - p + 1;
}

sl_ball sl_arith_sum_end(const sl_arith *r, const sl_arith_sum *s, double depth,
                         double underflows) {
  if (is_exact(r, s)) return (sl_ball){s->mid, 0.0};
  const double gamma = sl_arith_gamma(r, depth),
               own = (double)(s->terms + 1) * OWN * (1.0 + 0x1p-20),
               lost = underflows * r->tiny + (double)s->terms * r->flushed,
               rad = s->error + (gamma + own) * s->magnitude + lost * (1.0 + gamma);
  if (!((1.0 + r->u) * s->magnitude + rad <= sl_format_largest(r->contract->acc)))
    return (sl_ball){s->mid, INFINITY};
  return (sl_ball){s->mid, rad};
}

sl_ball sl_arith_dot_end(const sl_arith *r, const sl_arith_sum *s) {
  const sl_contract *c = r->contract;
  const double depth = sl_contract_depth(c, s->terms, 1);
  /* Each cut of a block may reach one unit of the subnormal numbers, two r->tiny. */
  const double underflows = c->order == SL_ORDER_BLOCKS ? depth : (double)s->terms;
  return sl_arith_sum_end(r, s, depth, underflows);
}
