/* Balls of decimals, powers and functions of one argument (see arb_function.h). */
#include "arb_function.h"

#include <arb_hypgeom.h>

void sl_arb_decimal(arb_t y, sl_decimal value, slong prec) {
  arb_t ten;
  arb_init(ten);
  arb_set_si(y, value.m);
  arb_ui_pow_ui(ten, 10, (ulong)(value.e < 0 ? -value.e : value.e), 2 * prec + 4096);
  if (value.e < 0)
    arb_div(y, y, ten, prec);
  else
    arb_mul(y, y, ten, prec);
  arb_clear(ten);
}

void sl_arb_power(arb_t y, const arb_t a, int64_t p, int64_t q, slong prec) {
  fmpz_t n;
  arb_t t;
  fmpz_init_set_si(n, p);
  arb_init(t);
  if (p == 0 && !arb_is_finite(a)) { /* a power of what has no value */
    arb_indeterminate(y);
  } else if (q == 1) {
    arb_pow_fmpz(y, a, n, prec);
  } else if (arb_is_zero(a) && p > 0) {
    arb_zero(y);
  } else if (q == 2 && arb_is_nonnegative(a)) {
    arb_sqrt(t, a, prec);
    arb_pow_fmpz(y, t, n, prec);
  } else {
    arb_log(t, a, prec);
    arb_mul_si(t, t, p, prec);
    arb_div_si(t, t, q, prec);
    arb_exp(y, t, prec);
  }
  fmpz_clear(n);
  arb_clear(t);
}

/* By the ends, being monotone: over a wide ball 1 + exp(-a) would hold zero. */
void sl_arb_sigmoid(arb_t y, const arb_t a, slong prec) {
  arf_t end[2];
  arb_t t, u;
  arb_init(t), arb_init(u);
  arf_init(end[0]), arf_init(end[1]);
  if (arb_is_finite(a)) {
    arb_get_interval_arf(end[0], end[1], a, prec);
    for (int i = 0; i < 2; i++) {
      arb_set_arf(t, end[i]);
      arb_neg(t, t);
      arb_exp(t, t, prec);
      arb_add_ui(t, t, 1, prec);
      arb_inv(i ? u : t, t, prec);
      if (arf_cmp_2exp_si(end[i], 80) > 0 ||
          (arf_sgn(end[i]) < 0 &&
           arf_cmpabs_2exp_si(end[i], 80) > 0)) { /* beyond what arb_exp takes */
        arb_zero(i ? u : t);
        arb_add_error_2exp_si(i ? u : t, -1000000);
        if (arf_sgn(end[i]) > 0) arb_add_ui(i ? u : t, i ? u : t, 1, prec);
      }
      if (i == 0) arb_set(y, t);
    }
    arb_union(y, y, u, prec);
  } else {
    arb_indeterminate(y);
  }
  arb_clear(t), arb_clear(u);
  arf_clear(end[0]), arf_clear(end[1]);
}

/* The value v and the slope s of each function at a. */
static void value_exp(arb_t v, arb_t s, const arb_t a, slong prec) {
  arb_exp(v, a, prec);
  arb_set(s, v);
}

static void value_expm1(arb_t v, arb_t s, const arb_t a, slong prec) {
  arb_expm1(v, a, prec);
  arb_exp(s, a, prec);
}

static void value_log(arb_t v, arb_t s, const arb_t a, slong prec) {
  arb_log(v, a, prec);
  arb_inv(s, a, prec);
}

static void value_log1p(arb_t v, arb_t s, const arb_t a, slong prec) {
  arb_add_ui(s, a, 1, prec);
  /* arb_log1p adds exactly, which for a = cosh(2^40) takes terabytes */
  if (arf_cmpabs_2exp_si(arb_midref(a), 1) > 0)
    arb_log(v, s, prec);
  else
    arb_log1p(v, a, prec);
  arb_inv(s, s, prec);
}

static void value_sqrt(arb_t v, arb_t s, const arb_t a, slong prec) {
  arb_sqrt(v, a, prec);
  arb_mul_2exp_si(s, v, 1);
  arb_inv(s, s, prec);
}

static void value_sigmoid(arb_t v, arb_t s, const arb_t a, slong prec) {
  arb_t minus;
  arb_init(minus);
  sl_arb_sigmoid(v, a, prec);
  arb_neg(minus, a);
  sl_arb_sigmoid(s, minus, prec);
  arb_mul(s, s, v, prec);
  arb_clear(minus);
}

static void value_tanh(arb_t v, arb_t s, const arb_t a, slong prec) {
  arb_tanh(v, a, prec);
  arb_cosh(s, a, prec);
  arb_inv(s, s, prec);
  arb_sqr(s, s, prec);
}

/* Of a larger argument they are between -1 and 1: the checker, which has 256 bits, knows no more of
 * an exponential that large, and would not follow a witness. */
static void waves(arb_t sine, arb_t cosine, const arb_t a, slong prec) {
  enum { LARGEST = 128 };
  if (!arf_is_finite(arb_midref(a)) || arf_cmpabs_2exp_si(arb_midref(a), LARGEST) <= 0) {
    arb_sin_cos(sine, cosine, a, prec);
    return;
  }
  arb_zero_pm_one(sine);
  arb_zero_pm_one(cosine);
}

static void value_sin(arb_t v, arb_t s, const arb_t a, slong prec) { waves(v, s, a, prec); }

static void value_cos(arb_t v, arb_t s, const arb_t a, slong prec) {
  waves(s, v, a, prec);
  arb_neg(s, s);
}

static void value_sinh(arb_t v, arb_t s, const arb_t a, slong prec) {
  arb_sinh_cosh(v, s, a, prec);
}
static void value_cosh(arb_t v, arb_t s, const arb_t a, slong prec) {
  arb_sinh_cosh(s, v, a, prec);
}

static void value_erf(arb_t v, arb_t s, const arb_t a, slong prec) {
  arb_t root;
  arb_init(root);
  arb_hypgeom_erf(v, a, prec);
  arb_sqr(s, a, prec);
  arb_neg(s, s);
  arb_exp(s, s, prec);
  arb_const_sqrt_pi(root, prec);
  arb_div(s, s, root, prec);
  arb_mul_2exp_si(s, s, 1);
  arb_clear(root);
}

static void value_atan(arb_t v, arb_t s, const arb_t a, slong prec) {
  arb_atan(v, a, prec);
  arb_sqr(s, a, prec);
  arb_add_ui(s, s, 1, prec);
  arb_inv(s, s, prec);
}

static void value_asinh(arb_t v, arb_t s, const arb_t a, slong prec) {
  arb_asinh(v, a, prec);
  arb_sqr(s, a, prec);
  arb_add_ui(s, s, 1, prec);
  arb_rsqrt(s, s, prec);
}

void sl_arb_function(arb_t v, arb_t s, sl_gate_op op, const arb_t a, slong prec) {
  static void (*const functions[SL_OP_COUNT])(arb_t, arb_t, const arb_t, slong) = {
#define SL_FUNCTION(op, name) [SL_OP_##op] = value_##name,
#include "functions.def"
#undef SL_FUNCTION
  };
  if (functions[op]) {
    functions[op](v, s, a, prec);
  } else {
    arb_indeterminate(v);
    arb_indeterminate(s);
  }
}
