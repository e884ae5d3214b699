/* Sums of tail forms, in which the smaller exponential is flattened (see tail_form.h). */
#include "tail_form.h"

#include <string.h>

static int least(int a, int b) { return a < b ? a : b; }

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

/* y = exp(d) b for a d that stays bounded. */
static void times_bounded(tail_ctx *t, form_t *y, const form_t *b, const form_t *d) {
  form_t e;
  slc_tf_init(&e);
  slc_tf_plain(t, &e, d);
  slc_jet_fn(&e.c, E_EXP, &e.c, e.m);
  e.s = slc_se_fn(t->k, E_EXP, &e.s);
  e.zero = 0;
  slc_tf_mul(t, y, b, &e);
  slc_tf_clear(&e);
}

void slc_tf_fold(tail_ctx *t, form_t *y, const form_t *g) {
  form_t h, folded;
  slc_tf_init(&h), slc_tf_init(&folded);
  slc_tf_set(y, g);
  if (g->ok && g->atoms) slc_tf_exponent(t, &h, g);
  if (g->ok && g->atoms && h.ok && !slc_tf_pole(&h)) {
    times_bounded(t, &folded, g, &h);
    folded.atoms = 0;
    if (folded.ok) slc_tf_set(y, &folded);
  }
  slc_tf_clear(&h), slc_tf_clear(&folded);
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
        times_bounded(t, &e, b, &d);
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
