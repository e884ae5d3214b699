/* Sums of tail forms: the smaller exponential is flattened, leading terms cancel exactly. */
#include "tail_sum.h"

#include "tail_flat.h"

#include <string.h>

static int least(int a, int b) { return a < b ? a : b; }

static void add_same_exponent(sl_tail *t, sl_tail_form *y, const sl_tail_form *a,
                              const sl_tail_form *b) {
  const slong top = a->vp * b->vq - b->vp * a->vq, bottom = a->vq * b->vq; /* va - vb */
  const sl_tail_form *low = top <= 0 ? a : b, *high = top <= 0 ? b : a;
  const slong by = (top < 0 ? -top : top) / bottom;
  sl_form_copy(y, low);
  if (top % bottom != 0 || by > 1000) {
    y->ok = 0;
    return;
  }
  sl_tail_form lifted;
  sl_form_copy(&lifted, high);
  lifted.atoms = 0, lifted.vp = by, lifted.vq = 1;
  sl_tail_form plain;
  sl_form_plain(t, &plain, &lifted);
  y->ok = low->ok && plain.ok;
  y->m = least(low->m, plain.m);
  arb_poly_add(y->c, low->c, plain.c, t->prec);
  arb_poly_truncate(y->c, y->m);
  y->s = sl_series_add(t->field, &low->s, &plain.s, 0);
  y->zero = arb_poly_is_zero(y->c);
  sl_form_drop_zeros(y);
  sl_form_clear(&lifted);
  sl_form_clear(&plain);
}

/* y = a + b with exp(hb - ha) flat: b counts as a smooth function all of whose derivatives vanish
 * at u = 0. */
static void add_negligible(sl_tail *t, sl_tail_form *y, const sl_tail_form *a,
                           const sl_tail_form *b, const sl_tail_form *d) {
  arb_poly_t flat;
  arb_poly_init(flat);
  sl_form_copy(y, a);
  y->m = least(least(a->m, b->m), d->m);
  y->ok = sl_form_flat(t, flat, d, b->vp * a->vq - a->vp * b->vq, a->vq * b->vq, b->c, y->m);
  arb_poly_add(y->c, a->c, flat, t->prec);
  arb_poly_truncate(y->c, y->m);
  arb_poly_clear(flat);
}

/* exp(d) of a bounded d, times b. */
static void multiply_bounded(sl_tail *t, sl_tail_form *y, const sl_tail_form *b,
                             const sl_tail_form *d) {
  sl_tail_form e;
  sl_form_plain(t, &e, d);
  arb_poly_exp_series(e.c, e.c, e.m, t->prec);
  e.s = sl_series_function(t->field, SL_OP_EXP, &e.s);
  e.zero = 0;
  sl_form_mul(t, y, b, &e);
  sl_form_clear(&e);
}

void sl_form_fold(sl_tail *t, sl_tail_form *y, const sl_tail_form *a) {
  sl_tail_form h, folded;
  sl_form_copy(y, a);
  if (!a->ok || !a->atoms) return;
  sl_form_exponent(t, &h, a->h, a->atoms);
  if (h.ok && !sl_form_is_pole(&h)) {
    multiply_bounded(t, &folded, a, &h);
    folded.atoms = 0;
    if (folded.ok) {
      sl_form_clear(y);
      sl_form_copy(y, &folded);
    }
    sl_form_clear(&folded);
  }
  sl_form_clear(&h);
}

void sl_form_exponent(sl_tail *t, sl_tail_form *y, const sl_tail_atom *h, int atoms) {
  arb_t zero;
  arb_init(zero);
  sl_form_constant(t, y, zero, sl_exact_int(t->field, 0));
  arb_clear(zero);
  for (int i = 0; i < atoms; i++) {
    sl_tail_form part, sum;
    sl_form_scale(t, &part, &t->form[h[i].atom], h[i].p, h[i].q);
    sl_form_add(t, &sum, y, &part);
    sl_form_clear(y);
    sl_form_clear(&part);
    *y = sum;
  }
}

void sl_form_add(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, const sl_tail_form *b) {
  if (!a->ok || !b->ok || a->zero || b->zero) {
    sl_form_copy(y, a->zero ? b : a);
    y->ok = a->ok && b->ok;
    return;
  }
  sl_tail_form gap, d;
  sl_form_copy(&gap, b);
  sl_form_add_atoms(&gap, a, -1, 1); /* hb - ha */
  if (gap.ok && gap.atoms == 0) {
    add_same_exponent(t, y, a, b);
    sl_form_clear(&gap);
    return;
  }
  sl_form_exponent(t, &d, gap.h, gap.atoms);
  const int sign = sl_form_sign(&d);
  if (gap.ok && sl_form_is_pole(&d) && sign < 0) {
    add_negligible(t, y, a, b, &d);
  } else if (gap.ok && sl_form_is_pole(&d) && sign > 0) {
    sl_tail_form minus;
    sl_form_negate(t, &minus, &d);
    add_negligible(t, y, b, a, &minus);
    sl_form_clear(&minus);
  } else if (gap.ok && d.ok && !sl_form_is_pole(&d)) {
    sl_tail_form moved;
    multiply_bounded(t, &moved, b, &d);
    moved.atoms = a->atoms;
    memcpy(moved.h, a->h, sizeof a->h);
    add_same_exponent(t, y, a, &moved);
    sl_form_clear(&moved);
  } else {
    sl_form_copy(y, a);
    y->ok = 0;
  }
  sl_form_clear(&gap);
  sl_form_clear(&d);
}

void sl_form_affine(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, slong p, slong q,
                    slong offset) {
  sl_tail_form s, c;
  sl_form_scale(t, &s, a, p, q);
  sl_form_int(t, &c, offset);
  sl_form_add(t, y, &s, &c);
  sl_form_clear(&s), sl_form_clear(&c);
}
