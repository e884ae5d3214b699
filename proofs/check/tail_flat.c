/* Functions of u all of whose derivatives vanish at u = 0 (see tail_form.h). */
#include "tail_form.h"

/* [0, u0^x] for x > 0; 1 for x = 0 */
void slc_tf_small(mpfi_t y, const tail_ctx *t, const mpq_t x) {
  mpfi_t e;
  mpfi_init2(e, BITS);
  mpfi_set_q(e, x);
  mpfi_mul_si(e, e, -t->exponent);
  mpfi_exp2(y, e);
  if (mpq_sgn(x)) mpfr_set_zero(&y->left, 1);
  mpfi_clear(e);
}

/* [0, max X^q exp(-a X^mu)] over X >= 2^exponent */
static void bump(mpfi_t y, const tail_ctx *t, const mpfi_t q, const mpfi_t a, const mpq_t mu) {
  mpfi_t x, top, m;
  mpfi_init2(x, BITS), mpfi_init2(top, BITS), mpfi_init2(m, BITS);
  mpfi_set_q(m, mu);
  mpfi_mul_si(x, m, t->exponent);
  mpfi_exp2(x, x); /* X0^mu */
  mpfi_mul(top, a, m);
  mpfi_div(top, q, top); /* X^mu of the maximum */
  if (mpfr_greater_p(&top->right, &x->left)) {
    if (mpfr_greater_p(&top->right, &x->right)) mpfr_set(&x->right, &top->right, MPFR_RNDU);
    if (mpfr_greater_p(&top->left, &x->left)) mpfr_set(&x->left, &top->left, MPFR_RNDD);
  }
  mpfi_mul(top, a, x);
  mpfi_neg(top, top);
  mpfi_log(y, x);
  mpfi_mul(y, y, q);
  mpfi_div(y, y, m);
  mpfi_add(y, y, top);
  mpfi_exp(y, y);
  mpfr_set_zero(&y->left, 1);
  mpfi_clear(x), mpfi_clear(top), mpfi_clear(m);
}

static void binomial(mpfi_t y, const mpq_t x, int j) {
  mpq_t p, f;
  mpq_init(p), mpq_init(f);
  mpq_set_si(p, 1, 1);
  for (int i = 0; i < j; i++) {
    mpq_set_si(f, i, 1);
    mpq_sub(f, x, f);
    mpq_mul(p, p, f);
    mpq_set_si(f, i + 1, 1);
    mpq_div(p, p, f);
  }
  mpfi_set_q(y, p);
  mpq_clear(p), mpq_clear(f);
}

/* Jets over [0, u0] of exp(d) u^w c, d = u^-mu p(u) with p < 0: with t = u^(1+mu) s all
 * coefficients in s are bounded, and the j-th in t is that times exp(d) u^(w - j(1+mu)). */
int slc_tf_flat(tail_ctx *t, jet_t *y, const form_t *d, const mpq_t w, const jet_t *c, int m) {
  if (!slc_tf_pole(d) || d->atoms || slc_tf_sign(d) >= 0 || m < 1) return 0;
  if (m > d->m) m = d->m;
  jet_t e, f, g;
  mpfi_t a, x, z, p;
  mpq_t mu, minus, q, step;
  slc_jet_init(&e), slc_jet_init(&f), slc_jet_init(&g);
  mpfi_init2(a, BITS), mpfi_init2(x, BITS), mpfi_init2(z, BITS), mpfi_init2(p, BITS);
  mpq_init(mu), mpq_init(minus), mpq_init(q), mpq_init(step);
  mpq_set(minus, d->v);
  mpq_neg(mu, minus);
  mpq_set_si(step, 1, 1);
  mpq_add(step, step, mu);
  for (int j = 0; j < m; j++) {
    if (j) { /* exponent: sum of binomial(-mu, j-i) p_i u^i, times u^((j-1)mu) */
      for (int i = 0; i <= j; i++) {
        binomial(x, minus, j - i);
        mpfi_mul(x, x, d->c.c[i]);
        mpq_set_si(q, i, 1);
        slc_tf_small(z, t, q);
        mpfi_mul(x, x, z);
        mpfi_add(e.c[j], e.c[j], x);
      }
      mpq_set_si(q, j - 1, 1);
      mpq_mul(q, q, mu);
      slc_tf_small(z, t, q);
      mpfi_mul(e.c[j], e.c[j], z);
    }
    mpq_set_si(q, j, 1);
    mpq_mul(q, q, mu);
    slc_tf_small(z, t, q);
    binomial(x, w, j);
    mpfi_mul(f.c[j], x, z);
    mpq_set_si(q, j, 1);
    mpq_mul(q, q, step);
    slc_tf_small(z, t, q);
    mpfi_mul(g.c[j], c->c[j], z);
  }
  slc_jet_fn(&e, E_EXP, &e, m);
  slc_jet_mul(&f, &f, &g, m);
  slc_jet_mul(&e, &e, &f, m);
  mpfi_neg(a, d->c.c[0]);
  mpfr_set(&a->right, &a->left, MPFR_RNDU); /* the least decay */
  int ok = 1;
  for (int j = 0; j < m; j++) {
    mpq_set_si(q, j, 1);
    mpq_mul(q, q, step);
    mpq_sub(q, q, w);
    mpfi_set_q(p, q);
    bump(x, t, p, a, mu);
    mpfi_mul(y->c[j], e.c[j], x);
    ok &= slc_bounded(y->c[j]);
  }
  slc_jet_clear(&e), slc_jet_clear(&f), slc_jet_clear(&g);
  mpfi_clear(a), mpfi_clear(x), mpfi_clear(z), mpfi_clear(p);
  mpq_clear(mu), mpq_clear(minus), mpq_clear(q), mpq_clear(step);
  return ok;
}
