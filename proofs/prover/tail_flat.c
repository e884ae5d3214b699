/* Jets of functions that vanish at u = 0 with all their derivatives: exp(d) u^w c with d = u^-mu
 * p(u), p < 0. With t = u^(1+mu) s the Taylor series at u is exp(d(u)) u^w times a series in s
 * whose coefficients S_j are bounded on [0, u0]; so the j-th coefficient in t lies in S_j [0, max
 * X^q exp(-a X^mu)], X = 1/u >= 1/u0, q = j (1+mu) - w, a = min -p, and that maximum is at X^mu =
 * q/(a mu) or at 1/u0. */
#include "tail_flat.h"

/* u0^(p/q) for p >= 0 as an upper end: [0, u0^(p/q)] */
static void small_power(arb_t y, const sl_tail *t, const arb_t exponent) {
  arb_t bound;
  arb_init(bound);
  arb_one(bound);
  arb_mul_2exp_si(bound, bound, -t->exponent);
  arb_pow(bound, bound, exponent, t->prec);
  arb_zero(y);
  arb_union(y, y, bound, t->prec);
  arb_clear(bound);
}

/* Upper bound of X^q exp(-a X^mu) for X >= 2^exponent. */
static void peak(arb_t y, const sl_tail *t, const arb_t q, const arb_t a, const arb_t mu) {
  arb_t x0, top, z;
  arb_init(x0), arb_init(top), arb_init(z);
  arb_one(x0);
  arb_mul_2exp_si(x0, x0, t->exponent);
  arb_pow(x0, x0, mu, t->prec); /* X0^mu */
  arb_mul(z, a, mu, t->prec);
  arb_div(top, q, z, t->prec); /* X^mu at the maximum over all X > 0, if positive */
  if (!arb_lt(top, x0)) arb_max(x0, x0, top, t->prec);
  arb_mul(z, a, x0, t->prec);
  arb_neg(z, z);
  arb_exp(z, z, t->prec);
  arb_div(y, q, mu, t->prec);
  arb_pow(y, x0, y, t->prec); /* X^q */
  arb_mul(y, y, z, t->prec);
  arb_clear(x0), arb_clear(top), arb_clear(z);
}

/* binomial(x, j) */
static void binomial(arb_t y, const arb_t x, slong j, slong prec) {
  arb_t f;
  arb_init(f);
  arb_one(y);
  for (slong i = 0; i < j; i++) {
    arb_sub_si(f, x, i, prec);
    arb_mul(y, y, f, prec);
    arb_div_si(y, y, i + 1, prec);
  }
  arb_clear(f);
}

/* The exponent in s: sum over j >= 1 of Q_j u^((j-1) mu) s^j, Q_j = sum over i of binomial(-mu,
 * j-i) p_i u^i. */
static void exponent_series(arb_poly_t y, const sl_tail *t, const sl_tail_form *d, const arb_t mu,
                            int m) {
  arb_t minus, b, c, power, q, x;
  arb_init(minus), arb_init(b), arb_init(c), arb_init(power), arb_init(q), arb_init(x);
  arb_neg(minus, mu);
  arb_poly_zero(y);
  for (slong j = 1; j < m; j++) {
    arb_zero(q);
    for (slong i = 0; i <= j; i++) {
      arb_poly_get_coeff_arb(c, d->c, i);
      binomial(b, minus, j - i, t->prec);
      arb_pow_ui(power, t->u, (ulong)i, t->prec);
      arb_mul(b, b, c, t->prec);
      arb_mul(b, b, power, t->prec);
      arb_add(q, q, b, t->prec);
    }
    arb_mul_si(x, mu, j - 1, t->prec);
    small_power(power, t, x);
    if (j == 1) arb_one(power);
    arb_mul(q, q, power, t->prec);
    arb_poly_set_coeff_arb(y, j, q);
  }
  arb_clear(minus), arb_clear(b), arb_clear(c), arb_clear(power), arb_clear(q), arb_clear(x);
}

/* (u^w)(1 + u^mu s)^w / u^w and c(u + u^(1+mu) s), multiplied. */
static void factor_series(arb_poly_t y, const sl_tail *t, const arb_t w, const arb_t mu,
                          const arb_poly_t c, int m) {
  arb_poly_t left, right;
  arb_t b, power, x;
  arb_poly_init(left), arb_poly_init(right);
  arb_init(b), arb_init(power), arb_init(x);
  for (slong j = 0; j < m; j++) {
    arb_mul_si(x, mu, j, t->prec);
    small_power(power, t, x);
    if (j == 0) arb_one(power);
    binomial(b, w, j, t->prec);
    arb_mul(b, b, power, t->prec);
    arb_poly_set_coeff_arb(left, j, b);
    arb_add_si(x, mu, 1, t->prec);
    arb_mul_si(x, x, j, t->prec);
    small_power(power, t, x);
    if (j == 0) arb_one(power);
    arb_poly_get_coeff_arb(b, c, j);
    arb_mul(b, b, power, t->prec);
    arb_poly_set_coeff_arb(right, j, b);
  }
  arb_poly_mullow(y, left, right, m, t->prec);
  arb_poly_clear(left), arb_poly_clear(right);
  arb_clear(b), arb_clear(power), arb_clear(x);
}

int sl_form_flat(sl_tail *t, arb_poly_t y, const sl_tail_form *d, slong vp, slong vq,
                 const arb_poly_t c, int m) {
  if (!sl_form_is_pole(d) || d->atoms || sl_form_sign(d) >= 0) return 0;
  if (d->m < m) m = d->m;
  arb_poly_t e, f;
  arb_t mu, w, a, q, bound, s;
  arf_t low;
  arb_poly_init(e), arb_poly_init(f);
  arb_init(mu), arb_init(w), arb_init(a), arb_init(q), arb_init(bound), arb_init(s);
  arf_init(low);
  arb_set_si(mu, -d->vp);
  arb_div_si(mu, mu, d->vq, t->prec);
  arb_set_si(w, vp);
  arb_div_si(w, w, vq, t->prec);
  arb_poly_get_coeff_arb(a, d->c, 0);
  arb_neg(a, a);
  arb_get_lbound_arf(low, a, t->prec);
  arb_set_arf(a, low);
  exponent_series(e, t, d, mu, m);
  arb_poly_exp_series(e, e, m, t->prec);
  factor_series(f, t, w, mu, c, m);
  arb_poly_mullow(e, e, f, m, t->prec);
  arb_poly_zero(y);
  int finite = 1;
  for (slong j = 0; j < m; j++) {
    arb_add_si(q, mu, 1, t->prec);
    arb_mul_si(q, q, j, t->prec);
    arb_sub(q, q, w, t->prec);
    peak(bound, t, q, a, mu);
    arb_zero(s);
    arb_union(bound, bound, s, t->prec);
    arb_poly_get_coeff_arb(s, e, j);
    arb_mul(s, s, bound, t->prec);
    arb_poly_set_coeff_arb(y, j, s);
    finite &= arb_is_finite(s);
  }
  arb_poly_clear(e), arb_poly_clear(f);
  arb_clear(mu), arb_clear(w), arb_clear(a), arb_clear(q), arb_clear(bound), arb_clear(s);
  arf_clear(low);
  return finite && m > 0;
}
