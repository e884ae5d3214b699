/* Functions of expansions (see germ.h). */
#include "germ.h"

enum { BEYOND = 64 }; /* stands for all powers */

static const germ_t unknown = {.ok = 0};

static germ_t number(field_t *k, long v) { return slc_germ_mono(k, slc_ex_si(k, v, 1), 0, 0); }
static germ_t plus(field_t *k, const germ_t *a, long v) {
  const germ_t c = number(k, v);
  return slc_germ_add(k, a, &c, 0);
}
static germ_t times(field_t *k, const germ_t *a, long v) {
  const germ_t c = number(k, v);
  return slc_germ_mul(k, a, &c);
}

/* a less its limit, where it has one that is a number; NULL: none. */
static exact_t limit_of(field_t *k, const germ_t *a, germ_t *e) {
  exact_t c = slc_ex_si(k, 0, 1);
  *e = *a;
  if (a->n && slc_mono_size(k, &a->t[0]) == STAYS) {
    c = a->t[0].c;
    const germ_t out = slc_germ_mono(k, c, 0, 0);
    *e = slc_germ_add(k, a, &out, 1);
  }
  if (!e->ok) return NULL;
  return (!e->n && !e->open) || slc_mono_size(k, &e->t[0]) == SHRINKS ? c : NULL;
}

/* F(c + e), F analytic at c. */
static germ_t analytic(field_t *k, op_t op, exact_t c, const germ_t *e) {
  series_t x = {.n = GERM, .c = {c, slc_ex_si(k, 1, 1)}};
  for (int i = 2; i < GERM; i++) x.c[i] = slc_ex_si(k, 0, 1);
  const series_t y = slc_se_fn(k, op, &x);
  return slc_germ_taylor(k, y.c, y.n, e);
}

/* Of a first term t that tends to -inf: x^-p falls as no power of x does, log(1/x)^q so for q > 1,
 * and for q < 1 as no power of the logarithm does. q = 1 is not asked. */
static germ_t falling(field_t *k, const mono_t *t) {
  if (slc_ex_sign(k, t->c) >= 0) return unknown;
  const int q = slc_ex_sign(k, slc_ex_sub(k, t->q, slc_ex_si(k, 1, 1)));
  if (!slc_ex_zero(t->p) || q > 0) return slc_germ_bound(k, BEYOND, 0);
  return q < 0 ? slc_germ_bound(k, 0, -BEYOND) : unknown;
}

static germ_t expo(field_t *k, const germ_t *a) {
  germ_t power = number(k, 1), e, left = *a;
  if (a->n && slc_mono_size(k, &a->t[0]) == GROWS) {
    const mono_t t = a->t[0];
    if (!slc_ex_zero(t.p) || !slc_ex_equal(k, t.q, slc_ex_si(k, 1, 1))) return falling(k, &t);
    const germ_t first = {.ok = 1, .n = 1, .t = {t}};
    left = slc_germ_add(k, a, &first, 1);
    power.t[0].p = slc_ex_sub(k, slc_ex_si(k, 0, 1), t.c); /* exp(c log(1/x)) = x^-c */
  }
  const exact_t c = limit_of(k, &left, &e);
  if (!c) return unknown;
  const germ_t y = analytic(k, E_EXP, c, &e);
  return slc_germ_mul(k, &power, &y);
}

static germ_t logarithm(field_t *k, const germ_t *a) {
  if (slc_germ_sign(k, a) <= 0 || !slc_ex_zero(a->t[0].q)) return unknown;
  const mono_t t = a->t[0];
  const germ_t first = {.ok = 1, .n = 1, .t = {t}}, ratio = slc_germ_div(k, a, &first),
               e = plus(k, &ratio, -1), c = slc_germ_mono(k, slc_ex_fn(k, E_LOG, t.c), 0, 0),
               power = slc_germ_mono(k, t.p, 0, 1), y = slc_germ_add(k, &c, &power, 1),
               rest = analytic(k, E_LOG, slc_ex_si(k, 1, 1), &e);
  return slc_germ_add(k, &y, &rest, 0);
}

/* 1/(1 + exp(-a)), by way of the exponential that falls. */
static germ_t sigmoid(field_t *k, const germ_t *a, int sign) {
  const germ_t b = times(k, a, -sign), e = expo(k, &b), below = plus(k, &e, 1), one = number(k, 1);
  return slc_germ_div(k, sign > 0 ? &one : &e, &below);
}

/* (exp(a) -+ exp(-a))/2; the one that falls may be no more than a bound. */
static germ_t hyperbolic(field_t *k, const germ_t *a, int minus) {
  const germ_t b = times(k, a, -1), up = expo(k, a), down = expo(k, &b),
               y = slc_germ_add(k, &up, &down, minus),
               half = slc_germ_mono(k, slc_ex_si(k, 1, 2), 0, 0);
  return slc_germ_mul(k, &half, &y);
}

static germ_t arctan_far(field_t *k, const germ_t *a, int sign) {
  const exact_t root = slc_ex_sqrt_pi(k), pi = slc_ex_mul(k, root, root);
  const germ_t one = number(k, 1), x = slc_germ_div(k, &one, a),
               t = analytic(k, E_ATAN, slc_ex_si(k, 0, 1), &x),
               half = slc_germ_mono(k, slc_ex_mul(k, slc_ex_si(k, sign, 2), pi), 0, 0);
  return slc_germ_add(k, &half, &t, 1);
}

static germ_t asinh_far(field_t *k, const germ_t *a, int sign) {
  mpq_t half;
  mpq_init(half);
  mpq_set_ui(half, 1, 2);
  const germ_t size = times(k, a, sign), square = slc_germ_mul(k, a, a),
               under = plus(k, &square, 1), root = slc_germ_pow(k, &under, half),
               sum = slc_germ_add(k, &size, &root, 0), y = logarithm(k, &sum);
  mpq_clear(half);
  return times(k, &y, sign);
}

/* 0 < 1 - erf(b) < exp(-b^2) for b > 0 */
static germ_t erf_far(field_t *k, const germ_t *a, int sign) {
  const germ_t square = slc_germ_mul(k, a, a), b = times(k, &square, -1), e = expo(k, &b);
  if (!e.ok || (!e.n && !e.open)) return unknown;
  const germ_t left = {.ok = 1, .open = 1, .t = {e.t[0]}};
  return plus(k, &left, sign);
}

static germ_t far(field_t *k, op_t op, const germ_t *a) {
  const int sign = slc_germ_sign(k, a);
  germ_t b;
  if (!sign) return unknown;
  switch (op) {
    case E_EXPM1:
      b = expo(k, a);
      return plus(k, &b, -1);
    case E_LOG1P:
      b = plus(k, a, 1);
      return logarithm(k, &b);
    case E_SIGMOID:
      return sigmoid(k, a, sign);
    case E_TANH:
      b = times(k, a, 2);
      b = sigmoid(k, &b, sign);
      b = times(k, &b, 2);
      return plus(k, &b, -1);
    case E_SINH:
    case E_COSH:
      return hyperbolic(k, a, op == E_SINH);
    case E_ATAN:
      return arctan_far(k, a, sign);
    case E_ASINH:
      return asinh_far(k, a, sign);
    case E_ERF:
      return erf_far(k, a, sign);
    default:
      return unknown;
  }
}

germ_t slc_germ_fn(field_t *k, op_t op, const germ_t *a) {
  if (!a->ok) return unknown;
  if (op == E_EXP) return expo(k, a);
  if (op == E_LOG) return logarithm(k, a);
  if (op == E_SQRT) {
    mpq_t half;
    mpq_init(half);
    mpq_set_ui(half, 1, 2);
    const germ_t y = slc_germ_pow(k, a, half);
    mpq_clear(half);
    return y;
  }
  germ_t e;
  const exact_t c = limit_of(k, a, &e);
  if (c) {
    const germ_t y = analytic(k, op, c, &e);
    if (y.ok) return y;
  }
  if (op == E_SIN || op == E_COS) return slc_germ_bound(k, 0, 0); /* a has values */
  return a->n && slc_mono_size(k, &a->t[0]) == GROWS ? far(k, op, a) : unknown;
}
