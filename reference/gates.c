/* The built-in gates over the real numbers (spec O2.1, O2.2, O2.3). */
#include "gates.h"

#define RN MPFR_RNDN
/* 64, and what 1 + c loses where f is small: f(0) >= tau^2 / 8 > 2^-43 (spec O1.3). */
#define GUARD_BITS 112

/* Working values of one evaluation: y = r - 1, z = tau y, and the three results. */
typedef struct {
  mpfr_t y, z, f, df, ddf, a, b;
} scratch;

/* f = (4/tau) s(z), f' = sech^2(z/2), f'' = -tau f' tanh(z/2). The sum 1 + e^-z has no
 * cancellation. */
static void sigmoid_gate(scratch *s, float tau) {
  mpfr_neg(s->a, s->z, RN);
  mpfr_exp(s->a, s->a, RN);
  mpfr_add_ui(s->a, s->a, 1, RN);
  mpfr_ui_div(s->f, 4, s->a, RN);
  mpfr_div_d(s->f, s->f, (double)tau, RN);
  mpfr_div_2ui(s->a, s->z, 1, RN);
  mpfr_sech(s->df, s->a, RN);
  mpfr_sqr(s->df, s->df, RN);
  mpfr_tanh(s->b, s->a, RN);
  mpfr_mul(s->ddf, s->df, s->b, RN);
  mpfr_mul_d(s->ddf, s->ddf, -(double)tau, RN);
}

/* f = 1 + sqrt(pi/2)/tau erf(z/sqrt 2), f' = e^(-z^2/2), f'' = -tau z f'. z^2 is exact: its
 * precision is doubled. */
static void erf_gate(scratch *s, float tau) {
  mpfr_set_ui(s->a, 2, RN);
  mpfr_rec_sqrt(s->a, s->a, RN);
  mpfr_mul(s->b, s->z, s->a, RN);
  mpfr_erf(s->b, s->b, RN);
  mpfr_const_pi(s->f, RN);
  mpfr_sqrt(s->f, s->f, RN);
  mpfr_mul(s->f, s->f, s->a, RN);
  mpfr_mul(s->f, s->f, s->b, RN);
  mpfr_div_d(s->f, s->f, (double)tau, RN);
  mpfr_add_ui(s->f, s->f, 1, RN);
  mpfr_t square;
  mpfr_init2(square, 2 * mpfr_get_prec(s->z));
  mpfr_sqr(square, s->z, RN);
  mpfr_div_2ui(square, square, 1, RN);
  mpfr_neg(square, square, RN);
  mpfr_exp(s->df, square, RN);
  mpfr_clear(square);
  mpfr_mul(s->ddf, s->df, s->z, RN);
  mpfr_mul_d(s->ddf, s->ddf, -(double)tau, RN);
}

/* f = 1 + atan(z)/tau, f' = 1/(1+z^2), f'' = -2 tau z f'^2 */
static void arctan_gate(scratch *s, float tau) {
  mpfr_atan(s->f, s->z, RN);
  mpfr_div_d(s->f, s->f, (double)tau, RN);
  mpfr_add_ui(s->f, s->f, 1, RN);
  mpfr_sqr(s->a, s->z, RN);
  mpfr_add_ui(s->a, s->a, 1, RN);
  mpfr_ui_div(s->df, 1, s->a, RN);
  mpfr_sqr(s->ddf, s->df, RN);
  mpfr_mul(s->ddf, s->ddf, s->z, RN);
  mpfr_mul_d(s->ddf, s->ddf, -2.0 * (double)tau, RN);
}

/* f = 1 + y/sqrt(1+z^2), f' = (1+z^2)^(-3/2), f'' = -3 tau z (1+z^2)^(-5/2) */
static void softsign_gate(scratch *s, float tau) {
  mpfr_sqr(s->a, s->z, RN);
  mpfr_add_ui(s->a, s->a, 1, RN);
  mpfr_rec_sqrt(s->b, s->a, RN);
  mpfr_mul(s->f, s->y, s->b, RN);
  mpfr_add_ui(s->f, s->f, 1, RN);
  mpfr_pow_ui(s->df, s->b, 3, RN);
  mpfr_div(s->ddf, s->df, s->a, RN);
  mpfr_mul(s->ddf, s->ddf, s->z, RN);
  mpfr_mul_d(s->ddf, s->ddf, -3.0 * (double)tau, RN);
}

static void clip_gate(scratch *s, const sl_gate *gate, int positive, mpfr_srcptr r) {
  const float edge = (float)(positive ? 1.0 + gate->clip_high : 1.0 - gate->clip_low);
  const int side = mpfr_cmp_d(r, (double)edge), open = positive ? side <= 0 : side >= 0;
  if (open)
    mpfr_set(s->f, r, RN);
  else
    mpfr_set_flt(s->f, edge, RN);
  mpfr_set_si(s->df, open, RN);
  mpfr_set_zero(s->ddf, 1);
}

static void identity_gate(scratch *s, mpfr_srcptr r) {
  mpfr_set(s->f, r, RN);
  mpfr_set_ui(s->df, 1, RN);
  mpfr_set_zero(s->ddf, 1);
}

static mpfr_prec_t larger(mpfr_prec_t a, mpfr_prec_t b) { return a > b ? a : b; }

sl_status sl_ref_gate(mpfr_t f, mpfr_t df, mpfr_t ddf, const sl_gate *gate, int positive,
                      mpfr_srcptr r) {
  const sl_gate_family family = gate->family[positive != 0];
  if (family == SL_GATE_EXPRESSION) return SL_ERR_UNAVAILABLE;
  const mpfr_prec_t outputs =
      larger(larger(mpfr_get_prec(f), mpfr_get_prec(df)), mpfr_get_prec(ddf));
  const mpfr_prec_t precision = larger(outputs, mpfr_get_prec(r)) + GUARD_BITS;
  const float tau = gate->tau[positive != 0];
  scratch s;
  mpfr_inits2(precision, s.y, s.z, s.f, s.df, s.ddf, s.a, s.b, (mpfr_ptr)0);
  mpfr_sub_ui(s.y, r, 1, RN);
  mpfr_mul_d(s.z, s.y, (double)tau, RN);
  switch (family) {
    case SL_GATE_SIGMOID:
      sigmoid_gate(&s, tau);
      break;
    case SL_GATE_ERF:
      erf_gate(&s, tau);
      break;
    case SL_GATE_ARCTAN:
      arctan_gate(&s, tau);
      break;
    case SL_GATE_SOFTSIGN:
      softsign_gate(&s, tau);
      break;
    case SL_GATE_CLIP:
      clip_gate(&s, gate, positive, r);
      break;
    default:
      identity_gate(&s, r);
      break;
  }
  mpfr_set(f, s.f, RN);
  mpfr_set(df, s.df, RN);
  mpfr_set(ddf, s.ddf, RN);
  mpfr_clears(s.y, s.z, s.f, s.df, s.ddf, s.a, s.b, (mpfr_ptr)0);
  return SL_OK;
}
