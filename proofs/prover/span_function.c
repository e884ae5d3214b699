/* Functions of spans (see span.h): most rise, so that their ends are those of the argument. */
#include "span.h"

#include "arb_function.h"

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
  if (at_plus == ONE_END && arf_is_one(&y->high)) y->open |= SL_HIGH_OPEN; /* never attained */
  if (at_minus == MINUS_ONE && arf_equal_si(&y->low, -1)) y->open |= SL_LOW_OPEN;
  sl_span_settle(y, signs);
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
  sl_span_invert(s, a, prec);
}
static void span_log1p(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  sl_span b;
  sl_span_init(&b);
  one_plus(&b, a, prec);
  log_of(y, SL_OP_LOG1P, a, b.signs == SL_POSITIVE, prec);
  sl_span_invert(s, &b, prec);
  sl_span_clear(&b);
}
static void span_sqrt(sl_span *y, sl_span *s, const sl_span *a, slong prec) {
  sl_span_power(y, a, 1, 2, prec);
  sl_span_power_slope(s, a, 1, 2, prec);
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
  sl_span_settle(y, SL_ANY_SIGN);
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
  sl_span_invert(s, s, prec);
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
