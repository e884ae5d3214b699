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

/* u^v c with v a non-negative integer and no h, as v = 0. */
/* exp(h) u^v c with h -> -inf, which vanishes at u = 0 with all its derivatives. */
static void flat_form(tail_ctx *t, form_t *y, const form_t *a) {
  form_t h, flat;
  slc_tf_init(&h), slc_tf_init(&flat);
  slc_tf_exponent(t, &h, a);
  slc_tf_exact(t, &flat, slc_ex_si(t->k, 0, 1));
  flat.zero = 0;
  flat.m = least(a->m, h.m);
  flat.ok = a->ok && h.ok && slc_tf_flat(t, &flat.c, &h, a->v, &a->c, flat.m);
  slc_tf_set(y, &flat);
  slc_tf_clear(&h), slc_tf_clear(&flat);
}

void slc_tf_plain(tail_ctx *t, form_t *y, const form_t *a) {
  if (a->ok && !a->zero && a->atoms) {
    flat_form(t, y, a);
    return;
  }
  if (a->ok && a->zero) { /* whatever power of u stood before it */
    slc_tf_exact(t, y, slc_ex_si(t->k, 0, 1));
    return;
  }
  slc_tf_set(y, a);
  y->ok = a->ok && a->atoms == 0 && mpz_cmp_ui(mpq_denref(a->v), 1) == 0 && mpq_sgn(a->v) >= 0 &&
          mpq_cmp_si(a->v, 500, 1) < 0;
  if (!y->ok) return;
  jet_t u;
  slc_jet_init(&u);
  mpfi_set(u.c[0], t->u), mpfi_set_si(u.c[1], 1);
  slc_jet_pow(&u, &u, a->v, M);
  slc_jet_mul(&y->c, &y->c, &u, a->m);
  y->s = slc_se_shift(t->k, &a->s, least(TERMS, (int)mpz_get_si(mpq_numref(a->v))));
  mpq_set_si(y->v, 0, 1);
  slc_jet_clear(&u);
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

static void add_same(tail_ctx *t, form_t *y, const form_t *a, const form_t *b) {
  form_t lifted, r;
  slc_tf_init(&lifted), slc_tf_init(&r);
  const int swap = mpq_cmp(a->v, b->v) > 0;
  const form_t *low = swap ? b : a, *high = swap ? a : b;
  slc_tf_set(&r, high);
  mpq_sub(r.v, high->v, low->v);
  r.atoms = 0;
  slc_tf_plain(t, &lifted, &r);
  slc_tf_set(&r, low);
  r.ok = low->ok && lifted.ok;
  r.m = least(low->m, lifted.m);
  slc_jet_add(&r.c, &low->c, &lifted.c, 0, M);
  r.s = slc_se_add(t->k, &low->s, &lifted.s, 0);
  r.zero = 1;
  for (int i = 0; i < r.m; i++) r.zero &= mpfi_is_zero(r.c.c[i]);
  slc_tf_drop_zeros(&r);
  slc_tf_set(y, &r);
  slc_tf_clear(&lifted), slc_tf_clear(&r);
}

void slc_tf_exponent(tail_ctx *t, form_t *y, const form_t *g) {
  form_t part;
  slc_tf_init(&part);
  slc_tf_exact(t, y, slc_ex_si(t->k, 0, 1));
  for (int i = 0; i < g->atoms; i++) {
    slc_tf_scale(t, &part, &t->form[g->atom[i]], g->f[i]);
    slc_tf_add(t, y, y, &part);
  }
  slc_tf_clear(&part);
}

void slc_tf_add(tail_ctx *t, form_t *y, const form_t *a, const form_t *b) {
  form_t gap, d, r;
  mpq_t q;
  slc_tf_init(&gap), slc_tf_init(&d), slc_tf_init(&r);
  mpq_init(q);
  slc_tf_set(&r, a->zero ? b : a);
  r.ok = a->ok && b->ok;
  if (r.ok && !a->zero && !b->zero) {
    slc_tf_set(&gap, b);
    mpq_set_si(q, -1, 1);
    slc_tf_add_atoms(&gap, a, q);
    if (gap.ok && gap.atoms == 0) {
      add_same(t, &r, a, b);
    } else {
      slc_tf_exponent(t, &d, &gap);
      const int sign = slc_tf_sign(&d);
      const form_t *big = sign < 0 ? a : b, *little = sign < 0 ? b : a;
      if (gap.ok && slc_tf_pole(&d) && sign) {
        jet_t f;
        slc_jet_init(&f);
        if (sign > 0) slc_tf_scale_si(t, &d, &d, -1, 1);
        slc_tf_set(&r, big);
        r.m = least(least(a->m, b->m), d.m);
        mpq_sub(q, little->v, big->v);
        r.ok = slc_tf_flat(t, &f, &d, q, &little->c, r.m);
        slc_jet_add(&r.c, &big->c, &f, 0, M);
        slc_jet_clear(&f);
      } else if (gap.ok && d.ok && !slc_tf_pole(&d)) {
        form_t e;
        slc_tf_init(&e);
        slc_tf_plain(t, &e, &d);
        slc_jet_fn(&e.c, E_EXP, &e.c, e.m);
        e.s = slc_se_fn(t->k, E_EXP, &e.s);
        e.zero = 0;
        slc_tf_mul(t, &e, b, &e);
        e.atoms = a->atoms;
        memcpy(e.atom, a->atom, sizeof e.atom);
        for (int i = 0; i < ATOMS; i++) mpq_set(e.f[i], a->f[i]);
        add_same(t, &r, a, &e);
        slc_tf_clear(&e);
      } else {
        r.ok = 0;
      }
    }
  }
  slc_tf_set(y, &r);
  slc_tf_clear(&gap), slc_tf_clear(&d), slc_tf_clear(&r);
  mpq_clear(q);
}
