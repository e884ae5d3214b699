/* Asymptotic forms on MPFI (see tail_form.h). */
#include "tail_form.h"

#include <stdlib.h>
#include <string.h>

void slc_tf_init(form_t *y) {
  memset(y, 0, sizeof *y);
  for (int i = 0; i < ATOMS; i++) mpq_init(y->f[i]);
  mpq_init(y->v);
  slc_jet_init(&y->c);
}
void slc_tf_clear(form_t *y) {
  for (int i = 0; i < ATOMS; i++) mpq_clear(y->f[i]);
  mpq_clear(y->v);
  slc_jet_clear(&y->c);
}
void slc_tf_set(form_t *y, const form_t *a) {
  y->ok = a->ok, y->zero = a->zero, y->m = a->m, y->atoms = a->atoms, y->s = a->s;
  memcpy(y->atom, a->atom, sizeof y->atom);
  for (int i = 0; i < ATOMS; i++) mpq_set(y->f[i], a->f[i]);
  mpq_set(y->v, a->v);
  slc_jet_set(&y->c, &a->c);
}
void slc_tf_exact(tail_ctx *t, form_t *y, exact_t x) {
  y->atoms = 0, y->m = M, y->zero = slc_ex_zero(x);
  mpq_set_si(y->v, 0, 1);
  mpfi_t c;
  mpfi_init2(c, BITS);
  slc_ex_interval(c, t->k, x);
  slc_jet_const(&y->c, c);
  y->ok = x && slc_bounded(c);
  y->s = slc_se_const(t->k, x);
  mpfi_clear(c);
}
int slc_tf_sign(const form_t *a) { return a->ok ? slc_sign_of(a->c.c[0]) : 0; }
int slc_tf_pole(const form_t *a) { return a->ok && !a->zero && mpq_sgn(a->v) < 0; }
static int least(int a, int b) { return a < b ? a : b; }

void slc_tf_scale(tail_ctx *t, form_t *y, const form_t *a, const mpq_t f) {
  mpfi_t c;
  mpfi_init2(c, BITS);
  mpfi_set_q(c, f);
  const series_t k = slc_se_const(t->k, slc_ex_q(t->k, f));
  slc_tf_set(y, a);
  slc_jet_scale(&y->c, &y->c, c, M);
  y->s = slc_se_mul(t->k, &a->s, &k);
  mpfi_clear(c);
}
void slc_tf_scale_si(tail_ctx *t, form_t *y, const form_t *a, long p, unsigned long q) {
  mpq_t f;
  mpq_init(f);
  mpq_set_si(f, p, q);
  mpq_canonicalize(f);
  slc_tf_scale(t, y, a, f);
  mpq_clear(f);
}

void slc_tf_add_atoms(form_t *y, const form_t *b, const mpq_t times) {
  mpq_t f;
  mpq_init(f);
  for (int i = 0; i < b->atoms && y->ok; i++) {
    mpq_mul(f, b->f[i], times);
    int j = 0;
    while (j < y->atoms && y->atom[j] != b->atom[i]) j++;
    if (j < y->atoms) {
      mpq_add(y->f[j], y->f[j], f);
      if (mpq_sgn(y->f[j]) == 0) {
        y->atoms--;
        y->atom[j] = y->atom[y->atoms];
        mpq_set(y->f[j], y->f[y->atoms]);
      }
    } else if (y->atoms == ATOMS) {
      y->ok = 0;
    } else {
      y->atom[y->atoms] = b->atom[i];
      mpq_set(y->f[y->atoms++], f);
    }
  }
  mpq_clear(f);
}

void slc_tf_mul(tail_ctx *t, form_t *y, const form_t *a, const form_t *b) {
  mpq_t one;
  mpq_init(one);
  mpq_set_si(one, 1, 1);
  form_t r;
  slc_tf_init(&r);
  slc_tf_set(&r, a);
  r.ok = a->ok && b->ok;
  if (r.ok && (a->zero || b->zero)) {
    slc_tf_exact(t, &r, slc_ex_si(t->k, 0, 1));
  } else if (r.ok) {
    r.m = least(a->m, b->m);
    mpq_add(r.v, a->v, b->v);
    slc_jet_mul(&r.c, &a->c, &b->c, r.m);
    r.s = slc_se_mul(t->k, &a->s, &b->s);
    slc_tf_add_atoms(&r, b, one);
  }
  slc_tf_set(y, &r);
  slc_tf_clear(&r);
  mpq_clear(one);
}

/* A positive fractional power of a constant that may be 0. */
static int constant_power(tail_ctx *t, form_t *y, const form_t *a, const mpq_t q) {
  if (!a->ok || a->atoms || mpq_sgn(a->v) || mpq_sgn(q) <= 0 || a->s.n == 0 ||
      slc_ex_signs(t->k, a->s.c[0]) != (NIL | POS))
    return 0;
  for (int i = 1; i < a->m; i++)
    if (!mpfi_is_zero(a->c.c[i])) return 0;
  for (int i = 1; i < a->s.n; i++)
    if (!slc_ex_zero(a->s.c[i])) return 0;
  mpfi_t c, e;
  mpfi_init2(c, BITS), mpfi_init2(e, BITS);
  mpfi_set_fr(c, &a->c.c[0]->right);
  mpfi_log(c, c);
  mpfi_set_q(e, q);
  mpfi_mul(c, c, e);
  mpfi_exp(c, c);
  mpfr_set_zero(&c->left, 1);
  slc_tf_exact(t, y, slc_ex_si(t->k, 1, 1));
  mpfi_set(y->c.c[0], c);
  y->s.n = 0;
  mpfi_clear(c), mpfi_clear(e);
  return 1;
}

void slc_tf_power(tail_ctx *t, form_t *y, const form_t *a, const mpq_t q) {
  if (a->ok && a->zero && mpq_sgn(q) > 0) { /* 0 for a positive power of 0 */
    slc_tf_exact(t, y, slc_ex_si(t->k, 0, 1));
    return;
  }
  if (!slc_tf_sign(a) && mpz_cmp_ui(mpq_denref(q), 1) && constant_power(t, y, a, q)) return;
  form_t r;
  slc_tf_init(&r);
  slc_tf_set(&r, a);
  const int integer = mpz_cmp_ui(mpq_denref(q), 1) == 0;
  r.ok =
      a->ok && !a->zero && (integer || slc_tf_sign(a) > 0) && (mpq_sgn(q) >= 0 || slc_tf_sign(a));
  if (r.ok) {
    mpq_mul(r.v, a->v, q);
    r.atoms = 0;
    slc_tf_add_atoms(&r, a, q);
    slc_jet_pow(&r.c, &a->c, q, a->m);
    r.s = slc_se_pow(t->k, &a->s, q);
    r.ok = r.ok && slc_bounded(r.c.c[0]);
  }
  slc_tf_set(y, &r);
  slc_tf_clear(&r);
}
void slc_tf_reciprocal(tail_ctx *t, form_t *y, const form_t *a) {
  mpq_t q;
  mpq_init(q);
  mpq_set_si(q, -1, 1);
  slc_tf_power(t, y, a, q);
  mpq_clear(q);
}

void slc_tf_drop_zeros(form_t *y) {
  int constant = 1;
  for (int i = 1; i < y->m; i++) constant &= mpfi_is_zero(y->c.c[i]);
  if (y->ok && constant && y->m == M && y->s.n > 0 &&
      slc_ex_zero(y->s.c[0])) { /* a constant, and it is 0 */
    mpfi_set_si(y->c.c[0], 0);
    y->zero = 1;
  }
  while (y->ok && !y->zero && y->m > 1 && y->s.n > 0 && slc_ex_zero(y->s.c[0])) {
    for (int i = 0; i + 1 < JET; i++) mpfi_set(y->c.c[i], y->c.c[i + 1]);
    for (int i = 0; i + 1 < y->s.n; i++) y->s.c[i] = y->s.c[i + 1];
    y->s.n--, y->m--;
    mpq_t one;
    mpq_init(one);
    mpq_set_si(one, 1, 1);
    mpq_add(y->v, y->v, one);
    mpq_clear(one);
  }
}
