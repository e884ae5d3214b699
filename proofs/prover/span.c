/* Arithmetic of spans (see span.h). Lower ends are rounded down, upper ends up. */
#include "span.h"

#include "arb_function.h"

void sl_span_init(sl_span *y) {
  arf_init(&y->low), arf_init(&y->high);
  y->signs = SL_ZERO, y->open = 0;
}
void sl_span_clear(sl_span *y) { arf_clear(&y->low), arf_clear(&y->high); }

void sl_span_set(sl_span *y, const sl_span *a) {
  arf_set(&y->low, &a->low), arf_set(&y->high, &a->high);
  y->signs = a->signs, y->open = a->open;
}

static unsigned signs_of_ends(const sl_span *y) {
  const int low = arf_sgn(&y->low), high = arf_sgn(&y->high);
  unsigned s = 0;
  if (low < 0) s |= SL_NEGATIVE;
  if (high > 0) s |= SL_POSITIVE;
  if (low <= 0 && high >= 0 && !(low == 0 && (y->open & SL_LOW_OPEN)) &&
      !(high == 0 && (y->open & SL_HIGH_OPEN)))
    s |= SL_ZERO;
  return s;
}

void sl_span_limit_signs(sl_span *y, unsigned possible) {
  const unsigned s = signs_of_ends(y) & possible;
  y->signs = (unsigned char)(s ? s : signs_of_ends(y)); /* none: no value at all; say nothing */
  if (!(y->signs & SL_NEGATIVE) && arf_sgn(&y->low) < 0) arf_zero(&y->low);
  if (!(y->signs & SL_POSITIVE) && arf_sgn(&y->high) > 0) arf_zero(&y->high);
}

static void settle(sl_span *y, unsigned possible) {
  if (arf_is_nan(&y->low)) arf_neg_inf(&y->low);
  if (arf_is_nan(&y->high)) arf_pos_inf(&y->high);
  sl_span_limit_signs(y, possible);
}

void sl_span_zero(sl_span *y) {
  arf_zero(&y->low), arf_zero(&y->high);
  y->signs = SL_ZERO, y->open = 0;
}

void sl_span_unknown(sl_span *y) {
  arf_neg_inf(&y->low), arf_pos_inf(&y->high);
  y->signs = SL_ANY_SIGN, y->open = 0;
}

void sl_span_ends(sl_span *y, const arf_t low, const arf_t high, unsigned open) {
  arf_set(&y->low, low), arf_set(&y->high, high);
  y->open = (unsigned char)open;
  settle(y, SL_ANY_SIGN);
}

void sl_span_arb(sl_span *y, const arb_t a, slong prec) {
  if (!arb_is_finite(a)) {
    sl_span_unknown(y);
    return;
  }
  arb_get_lbound_arf(&y->low, a, prec);
  arb_get_ubound_arf(&y->high, a, prec);
  y->open = 0;
  settle(y, SL_ANY_SIGN);
}

void sl_span_fmpq(sl_span *y, const fmpq_t low, const fmpq_t high, slong prec) {
  arf_fmpz_div_fmpz(&y->low, fmpq_numref(low), fmpq_denref(low), prec, ARF_RND_FLOOR);
  arf_fmpz_div_fmpz(&y->high, fmpq_numref(high), fmpq_denref(high), prec, ARF_RND_CEIL);
  y->open = 0;
  settle(y, SL_ANY_SIGN);
}

int sl_span_is_zero(const sl_span *a) { return a->signs == SL_ZERO; }
int sl_span_bounded(const sl_span *a) { return arf_is_finite(&a->low) && arf_is_finite(&a->high); }
int sl_span_sign(const sl_span *a) {
  return a->signs == SL_POSITIVE ? 1 : a->signs == SL_NEGATIVE ? -1 : 0;
}

unsigned sl_signs_neg(unsigned a) {
  return (a & SL_ZERO) | (a & SL_NEGATIVE ? SL_POSITIVE : 0) | (a & SL_POSITIVE ? SL_NEGATIVE : 0);
}

unsigned sl_signs_add(unsigned a, unsigned b) {
  if ((a | b) & SL_NEGATIVE && (a | b) & SL_POSITIVE) {
    const int apart = (a == SL_ZERO) || (b == SL_ZERO);
    return apart ? (a == SL_ZERO ? b : a) : SL_ANY_SIGN;
  }
  /* no two of opposite sign: zero only from zero and zero */
  unsigned s = (a | b) & (SL_NEGATIVE | SL_POSITIVE);
  if (a & SL_ZERO && b & SL_ZERO) s |= SL_ZERO;
  return s;
}

unsigned sl_signs_mul(unsigned a, unsigned b) {
  unsigned s = (a | b) & SL_ZERO;
  if (a & SL_POSITIVE) s |= b & (SL_NEGATIVE | SL_POSITIVE);
  if (a & SL_NEGATIVE) s |= sl_signs_neg(b) & (SL_NEGATIVE | SL_POSITIVE);
  return s;
}

void sl_span_neg(sl_span *y, const sl_span *a) {
  arf_t t;
  arf_init(t);
  arf_neg(t, &a->low);
  arf_neg(&y->low, &a->high);
  arf_swap(&y->high, t);
  const unsigned open = a->open;
  y->open = (unsigned char)((open & SL_LOW_OPEN ? SL_HIGH_OPEN : 0) |
                            (open & SL_HIGH_OPEN ? SL_LOW_OPEN : 0));
  y->signs = (unsigned char)sl_signs_neg(a->signs);
  arf_clear(t);
}

void sl_span_add(sl_span *y, const sl_span *a, const sl_span *b, slong prec) {
  const unsigned signs = sl_signs_add(a->signs, b->signs);
  arf_add(&y->low, &a->low, &b->low, prec, ARF_RND_FLOOR);
  arf_add(&y->high, &a->high, &b->high, prec, ARF_RND_CEIL);
  y->open = a->open | b->open;
  settle(y, signs);
}

void sl_span_sub(sl_span *y, const sl_span *a, const sl_span *b, slong prec) {
  sl_span minus;
  sl_span_init(&minus);
  sl_span_neg(&minus, b);
  sl_span_add(y, a, &minus, prec);
  sl_span_clear(&minus);
}

/* 0 times an infinite end is 0: the values themselves are finite. */
static void end_product(arf_t y, const arf_t a, const arf_t b, slong prec, arf_rnd_t to) {
  if (arf_is_zero(a) || arf_is_zero(b))
    arf_zero(y);
  else
    arf_mul(y, a, b, prec, to);
}

void sl_span_mul(sl_span *y, const sl_span *a, const sl_span *b, slong prec) {
  const unsigned signs = sl_signs_mul(a->signs, b->signs);
  const arf_struct *x[] = {&a->low, &a->low, &a->high, &a->high},
                   *z[] = {&b->low, &b->high, &b->low, &b->high};
  arf_t low, high, t;
  arf_init(low), arf_init(high), arf_init(t);
  for (int i = 0; i < 4; i++) {
    end_product(t, x[i], z[i], prec, ARF_RND_FLOOR);
    if (i == 0 || arf_cmp(t, low) < 0) arf_set(low, t);
    end_product(t, x[i], z[i], prec, ARF_RND_CEIL);
    if (i == 0 || arf_cmp(t, high) > 0) arf_set(high, t);
  }
  arf_swap(&y->low, low), arf_swap(&y->high, high);
  y->open = 0;
  settle(y, signs);
  arf_clear(low), arf_clear(high), arf_clear(t);
}

void sl_span_abs(sl_span *y, const sl_span *a) {
  if (!(a->signs & SL_NEGATIVE)) {
    sl_span_set(y, a);
  } else if (!(a->signs & SL_POSITIVE)) {
    sl_span_neg(y, a);
  } else {
    const unsigned signs = SL_POSITIVE | (a->signs & SL_ZERO);
    arf_t t;
    arf_init(t);
    arf_neg(t, &a->low);
    arf_max(&y->high, &a->high, t);
    arf_zero(&y->low);
    y->open = 0;
    settle(y, signs);
    arf_clear(t);
  }
}

void sl_span_sqr(sl_span *y, const sl_span *a, slong prec) {
  sl_span size;
  sl_span_init(&size);
  sl_span_abs(&size, a);
  sl_span_mul(y, &size, &size, prec);
  sl_span_clear(&size);
}

/* 1/a for a that is not zero. */
static void invert(sl_span *y, const sl_span *a, slong prec) {
  if (a->signs & SL_ZERO || (a->signs & SL_NEGATIVE && a->signs & SL_POSITIVE)) {
    sl_span_unknown(y);
    return;
  }
  const unsigned signs = a->signs;
  const int down = signs == SL_NEGATIVE;
  arf_t low, high;
  arf_init(low), arf_init(high);
  if (arf_is_zero(&a->high))
    arf_neg_inf(low); /* a < 0 may be arbitrarily near to 0 */
  else
    arf_ui_div(low, 1, &a->high, prec, ARF_RND_FLOOR);
  if (arf_is_zero(&a->low))
    arf_pos_inf(high);
  else
    arf_ui_div(high, 1, &a->low, prec, ARF_RND_CEIL);
  if (down && arf_is_inf(&a->low)) arf_zero(high);
  if (!down && arf_is_inf(&a->high)) arf_zero(low);
  arf_swap(&y->low, low), arf_swap(&y->high, high);
  y->open = 0;
  settle(y, signs);
  arf_clear(low), arf_clear(high);
}

void sl_span_div(sl_span *y, const sl_span *a, const sl_span *b, slong prec) {
  sl_span inverse;
  sl_span_init(&inverse);
  if (b->signs & SL_ZERO) {
    sl_span_unknown(y);
  } else {
    invert(&inverse, b, prec);
    sl_span_mul(y, a, &inverse, prec);
  }
  sl_span_clear(&inverse);
}

void sl_span_union(sl_span *y, const sl_span *a, const sl_span *b) {
  const unsigned signs = a->signs | b->signs;
  arf_min(&y->low, &a->low, &b->low);
  arf_max(&y->high, &a->high, &b->high);
  y->open = 0;
  settle(y, signs);
}

/* a^(p/q) of one end, a >= 0 or q = 1, p > 0: rounded down or up. */
static void end_power(arf_t y, const arf_t a, int64_t p, int64_t q, slong prec, int up) {
  if (arf_is_zero(a) || arf_is_pos_inf(a)) {
    arf_set(y, a);
    return;
  }
  if (arf_is_neg_inf(a)) {
    if (p % 2)
      arf_neg_inf(y);
    else
      arf_pos_inf(y);
    return;
  }
  arb_t x;
  arb_init(x);
  arb_set_arf(x, a);
  sl_arb_power(x, x, p, q, prec);
  if (up)
    arb_get_ubound_arf(y, x, prec);
  else
    arb_get_lbound_arf(y, x, prec);
  arb_clear(x);
}

static void positive_power(sl_span *y, const sl_span *a, int64_t p, int64_t q, slong prec) {
  sl_span base;
  sl_span_init(&base);
  if (q == 1 && p % 2 == 0)
    sl_span_abs(&base, a);
  else
    sl_span_set(&base, a);
  const unsigned signs = base.signs; /* of the base, and so of the power */
  end_power(&y->low, &base.low, p, q, prec, 0);
  end_power(&y->high, &base.high, p, q, prec, 1);
  y->open = 0;
  settle(y, signs);
  sl_span_clear(&base);
}

void sl_span_power(sl_span *y, const sl_span *a, int64_t p, int64_t q, slong prec) {
  if (p == 0) {
    arf_one(&y->low), arf_one(&y->high);
    y->open = 0;
    settle(y, SL_POSITIVE);
  } else if ((q > 1 && a->signs & SL_NEGATIVE) || (p < 0 && a->signs & SL_ZERO)) {
    sl_span_unknown(y);
  } else if (p > 0) {
    positive_power(y, a, p, q, prec);
  } else {
    sl_span t;
    sl_span_init(&t);
    positive_power(&t, a, -p, q, prec);
    invert(y, &t, prec);
    sl_span_clear(&t);
  }
}

/* Values at an infinite end, of functions that rise: at -inf and at inf. */
typedef enum { NO_END, MINUS_INF, MINUS_ONE, ZERO_END, ONE_END, PLUS_INF, HALF_PI } end_value;

static void end_constant(arf_t y, end_value v, int minus, int up, slong prec) {
  arb_t t;
  switch (v) {
    case MINUS_INF:
      arf_neg_inf(y);
      break;
    case MINUS_ONE:
      arf_set_si(y, -1);
      break;
    case ZERO_END:
      arf_zero(y);
      break;
    case ONE_END:
      arf_one(y);
      break;
    case PLUS_INF:
      arf_pos_inf(y);
      break;
    case HALF_PI:
      arb_init(t);
      arb_const_pi(t, prec);
      arb_mul_2exp_si(t, t, -1);
      if (minus) arb_neg(t, t);
      if (up)
        arb_get_ubound_arf(y, t, prec);
      else
        arb_get_lbound_arf(y, t, prec);
      arb_clear(t);
      break;
    default:
      arf_nan(y);
      break;
  }
}

enum {
  FAR = 50
}; /* arguments beyond 2^50 count as infinite ends, on the side that stays rigorous */

/* f at one end, for a rising f: its value rounded down and up. */
static void end_function(arf_t down, arf_t up, sl_gate_op op, const arf_t a, end_value at_minus,
                         end_value at_plus, slong prec) {
  const int slow = op == SL_OP_LOG || op == SL_OP_SQRT || op == SL_OP_ASINH || op == SL_OP_LOG1P;
  const int far = !arf_is_finite(a) || (arf_cmpabs_2exp_si(a, FAR) > 0 && !slow);
  const int minus = arf_sgn(a) < 0;
  arb_t x, s;
  arb_init(x), arb_init(s);
  arb_set_arf(x, a);
  if (far) { /* the nearer argument bounds it from one side */
    arb_set_si(x, minus ? -1 : 1);
    arb_mul_2exp_si(x, x, FAR);
  }
  if (!arf_is_inf(a)) sl_arb_function(x, s, op, x, prec);
  if (arf_is_inf(a) || !arb_is_finite(x)) {
    arf_nan(down), arf_nan(up);
  } else {
    arb_get_lbound_arf(down, x, prec);
    arb_get_ubound_arf(up, x, prec);
  }
  if (far && (minus || arf_is_inf(a)))
    end_constant(down, minus ? at_minus : at_plus, minus, 0, prec);
  if (far && (!minus || arf_is_inf(a)))
    end_constant(up, minus ? at_minus : at_plus, minus, 1, prec);
  arb_clear(x), arb_clear(s);
}

static void rising(sl_span *y, sl_gate_op op, const sl_span *a, end_value at_minus,
                   end_value at_plus, unsigned signs, slong prec) {
  arf_t low, high, unused;
  arf_init(low), arf_init(high), arf_init(unused);
  const int point = arf_equal(&a->low, &a->high);
  end_function(low, point ? high : unused, op, &a->low, at_minus, at_plus, prec);
  if (!point) end_function(unused, high, op, &a->high, at_minus, at_plus, prec);
  const unsigned open = a->open;
  arf_swap(&y->low, low), arf_swap(&y->high, high);
  y->open = (unsigned char)open;
  settle(y, signs);
  arf_clear(low), arf_clear(high), arf_clear(unused);
}

static void one_plus(sl_span *y, const sl_span *a, slong prec) {
  sl_span one;
  sl_span_init(&one);
  arf_one(&one.low), arf_one(&one.high);
  one.signs = SL_POSITIVE;
  sl_span_add(y, &one, a, prec);
  sl_span_clear(&one);
}
static void one_plus_square(sl_span *y, const sl_span *a, slong prec) {
  sl_span_sqr(y, a, prec);
  one_plus(y, y, prec);
}

/* The value y and the slope s of each function at a. */
static void span_exp(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  rising(y, SL_OP_EXP, a, ZERO_END, PLUS_INF, SL_POSITIVE, prec);
  sl_span_set(s, y);
}
static void span_expm1(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  rising(s, SL_OP_EXP, a, ZERO_END, PLUS_INF, SL_POSITIVE, prec);
  rising(y, SL_OP_EXPM1, a, MINUS_ONE, PLUS_INF, a->signs, prec);
}

/* log a, with everything below where a may be zero or less. */
static void log_of(sl_span *y, sl_gate_op op, const sl_span *a, int defined, slong prec) {
  if (!defined) {
    sl_span_unknown(y);
    return;
  }
  sl_span b;
  sl_span_init(&b);
  sl_span_set(&b, a);
  rising(y, op, &b, MINUS_INF, PLUS_INF, op == SL_OP_LOG1P ? a->signs : SL_ANY_SIGN, prec);
  sl_span_clear(&b);
}
static void span_log(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  log_of(y, SL_OP_LOG, a, a->signs == SL_POSITIVE, prec);
  invert(s, a, prec);
}
static void span_log1p(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  sl_span b;
  sl_span_init(&b);
  one_plus(&b, a, prec);
  log_of(y, SL_OP_LOG1P, a, b.signs == SL_POSITIVE, prec);
  invert(s, &b, prec);
  sl_span_clear(&b);
}
static void span_sqrt(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  sl_span_power(y, a, 1, 2, prec);
  sl_span_add(s, y, y, prec);
  invert(s, s, prec);
}
static void span_sigmoid(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  sl_span minus;
  sl_span_init(&minus);
  sl_span_neg(&minus, a);
  rising(&minus, SL_OP_SIGMOID, &minus, ZERO_END, ONE_END, SL_POSITIVE, prec);
  rising(y, SL_OP_SIGMOID, a, ZERO_END, ONE_END, SL_POSITIVE, prec);
  sl_span_mul(s, y, &minus, prec);
  sl_span_clear(&minus);
}
static void span_tanh(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  sl_span twice, t;
  sl_span_init(&twice), sl_span_init(&t);
  sl_span_add(&twice, a, a, prec);
  span_sigmoid(&t, s, &twice, prec);
  sl_span_add(s, s, s, prec);
  sl_span_add(s, s, s, prec);
  rising(y, SL_OP_TANH, a, MINUS_ONE, ONE_END, a->signs, prec);
  sl_span_clear(&twice), sl_span_clear(&t);
}

/* A wave by balls; within [-1, 1] where a is not bounded. */
static void wave(sl_span *y, sl_gate_op op, const sl_span *a, slong prec) {
  arb_t x, s;
  arb_init(x), arb_init(s);
  arf_set_si(&y->low, -1), arf_one(&y->high);
  y->open = 0;
  if (sl_span_bounded(a)) {
    arf_t one;
    arf_init(one);
    arf_one(one);
    arb_set_interval_arf(x, &a->low, &a->high, prec);
    sl_arb_function(x, s, op, x, prec);
    arb_get_lbound_arf(&y->low, x, prec);
    arb_get_ubound_arf(&y->high, x, prec);
    if (arf_cmp(&y->high, one) > 0) arf_one(&y->high);
    if (arf_cmp_si(&y->low, -1) < 0) arf_set_si(&y->low, -1);
    arf_clear(one);
  }
  settle(y, SL_ANY_SIGN);
  arb_clear(x), arb_clear(s);
}
static void span_sin(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  wave(s, SL_OP_COS, a, prec);
  wave(y, SL_OP_SIN, a, prec);
}
static void span_cos(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  wave(s, SL_OP_SIN, a, prec);
  sl_span_neg(s, s);
  wave(y, SL_OP_COS, a, prec);
}

static void cosh_of(sl_span *y, const sl_span *a, slong prec) {
  sl_span size;
  sl_span_init(&size);
  sl_span_abs(&size, a);
  rising(y, SL_OP_COSH, &size, PLUS_INF, PLUS_INF, SL_POSITIVE, prec);
  y->open = 0;
  sl_span_clear(&size);
}
static void span_sinh(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  cosh_of(s, a, prec);
  rising(y, SL_OP_SINH, a, MINUS_INF, PLUS_INF, a->signs, prec);
}
static void span_cosh(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  rising(s, SL_OP_SINH, a, MINUS_INF, PLUS_INF, a->signs, prec);
  cosh_of(y, a, prec);
}
static void span_erf(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  sl_span t;
  arb_t c;
  sl_span_init(&t);
  arb_init(c);
  sl_span_sqr(s, a, prec);
  sl_span_neg(s, s);
  rising(s, SL_OP_EXP, s, ZERO_END, PLUS_INF, SL_POSITIVE, prec);
  arb_const_sqrt_pi(c, prec);
  arb_inv(c, c, prec);
  arb_mul_2exp_si(c, c, 1);
  sl_span_arb(&t, c, prec);
  sl_span_mul(s, s, &t, prec);
  rising(y, SL_OP_ERF, a, MINUS_ONE, ONE_END, a->signs, prec);
  sl_span_clear(&t);
  arb_clear(c);
}
static void span_atan(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  one_plus_square(s, a, prec);
  invert(s, s, prec);
  rising(y, SL_OP_ATAN, a, HALF_PI, HALF_PI, a->signs, prec);
}
static void span_asinh(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  one_plus_square(s, a, prec);
  sl_span_power(s, s, -1, 2, prec);
  rising(y, SL_OP_ASINH, a, MINUS_INF, PLUS_INF, a->signs, prec);
}

void sl_span_function(sl_span *y, sl_span *slope, sl_gate_op op, const sl_span *a, slong prec) {
  static void (*const functions[SL_OP_COUNT])(sl_span *, sl_span *, const sl_span *, slong) = {
#define SL_FUNCTION(op, name) [SL_OP_##op] = span_##name,
#include "functions.def"
#undef SL_FUNCTION
  };
  if (functions[op])
    functions[op](y, slope, a, prec);
  else
    sl_span_unknown(y), sl_span_unknown(slope);
}
