/* Where r f' is largest (see supremum.h): r f' = (1 + z/tau) w(z) has its only maximum where -w'/w
 * = 1/(tau + z), proved in Coq for every tau > 0. */
#include "supremum.h"

enum { PREC = 160 };

/* (sqrt(a tau^2 + b) - c tau)/d */
static void radical(arb_t z, const arb_t tau, slong a, slong b, slong c, slong d) {
  arb_t t;
  arb_init(t);
  arb_mul(z, tau, tau, PREC);
  arb_mul_si(z, z, a, PREC);
  arb_add_si(z, z, b, PREC);
  arb_sqrt(z, z, PREC);
  arb_mul_si(t, tau, c, PREC);
  arb_sub(z, z, t, PREC);
  arb_div_si(z, z, d, PREC);
  arb_clear(t);
}

/* (tau + z) tanh(z/2) = 1, whose left side rises with z: by bisection with certain signs. */
static void sigmoid_root(arb_t z, const arb_t tau) {
  arf_t low, high, m;
  arb_t x, y;
  arf_init(low), arf_init(high), arf_init(m);
  arb_init(x), arb_init(y);
  arf_set_si(high, 4); /* 4 tanh 2 > 1 */
  for (int i = 0; i < 100; i++) {
    arf_add(m, low, high, PREC, ARF_RND_DOWN);
    arf_mul_2exp_si(m, m, -1);
    arb_set_arf(x, m);
    arb_add(y, tau, x, PREC);
    arb_mul_2exp_si(x, x, -1);
    arb_tanh(x, x, PREC);
    arb_mul(y, y, x, PREC);
    arb_sub_si(y, y, 1, PREC);
    if (arb_is_negative(y))
      arf_set(low, m);
    else if (arb_is_positive(y))
      arf_set(high, m);
    else
      break;
  }
  arb_set_interval_arf(z, low, high, PREC);
  arf_clear(low), arf_clear(high), arf_clear(m);
  arb_clear(x), arb_clear(y);
}

/* w(z) */
static void weight(arb_t w, const arb_t z, sl_gate_family family) {
  arb_t x;
  arb_init(x);
  arb_mul(x, z, z, PREC);
  switch (family) {
    case SL_GATE_SIGMOID:
      arb_mul_2exp_si(x, z, -1);
      arb_sech(w, x, PREC);
      arb_mul(w, w, w, PREC);
      break;
    case SL_GATE_ERF:
      arb_mul_2exp_si(x, x, -1);
      arb_neg(x, x);
      arb_exp(w, x, PREC);
      break;
    default:
      arb_add_si(x, x, 1, PREC);
      arb_inv(w, x, PREC);
      if (family == SL_GATE_SOFTSIGN) {
        arb_rsqrt(x, x, PREC);
        arb_mul(w, w, x, PREC);
      }
      break;
  }
  arb_clear(x);
}

const char *sl_exact_supremum(arb_t value, arb_t at, sl_gate_family family, const fmpq_t tau) {
  const char *where = NULL;
  arb_t t, z;
  arb_init(t), arb_init(z);
  arb_set_fmpq(t, tau, PREC);
  switch (family) {
    case SL_GATE_SIGMOID:
      sigmoid_root(z, t);
      where = "where (tau + z) tanh(z/2) = 1";
      break;
    case SL_GATE_ERF:
      radical(z, t, 1, 4, 1, 2);
      where = "at z = (sqrt(tau^2 + 4) - tau)/2";
      break;
    case SL_GATE_ARCTAN:
      radical(z, t, 1, 1, 1, 1);
      where = "(1 + sqrt(1 + tau^-2))/2, at r = sqrt(1 + tau^-2)";
      break;
    case SL_GATE_SOFTSIGN:
      radical(z, t, 9, 8, 3, 4);
      where = "at z = (sqrt(9 tau^2 + 8) - 3 tau)/4";
      break;
    default:
      break;
  }
  if (where) {
    arb_div(at, z, t, PREC);
    arb_add_si(at, at, 1, PREC);
    weight(value, z, family);
    arb_mul(value, value, at, PREC);
  }
  arb_clear(t), arb_clear(z);
  return where;
}
