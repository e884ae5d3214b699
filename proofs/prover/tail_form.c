/* Arithmetic of tail forms: products, powers, sums with the smaller exponential flattened, exact
 * cancellation (see tail.h). */
#include "tail_form.h"

#include <string.h>

void sl_form_init(sl_tail_form *f) {
  memset(f, 0, sizeof *f);
  arb_poly_init(f->c);
  f->vq = 1;
}
void sl_form_clear(sl_tail_form *f) { arb_poly_clear(f->c); }

void sl_form_copy(sl_tail_form *y, const sl_tail_form *a) {
  sl_form_init(y);
  arb_poly_set(y->c, a->c);
  arb_poly_struct keep = *y->c;
  *y = *a;
  *y->c = keep;
}

void sl_form_constant(sl_tail *t, sl_tail_form *y, const arb_t value, sl_exact exact) {
  sl_form_init(y);
  y->ok = arb_is_finite(value);
  y->zero = arb_is_zero(value);
  y->m = SL_TAIL_TERMS;
  arb_poly_set_arb(y->c, value);
  y->s = sl_series_constant(t->field, exact);
}

void sl_form_int(sl_tail *t, sl_tail_form *y, slong value) {
  arb_t c;
  arb_init(c);
  arb_set_si(c, value);
  sl_form_constant(t, y, c, sl_exact_int(t->field, value));
  arb_clear(c);
}

void sl_form_r(sl_tail *t, sl_tail_form *y) {
  sl_form_init(y);
  y->ok = 1, y->m = SL_TAIL_TERMS, y->vp = -1;
  arb_poly_one(y->c);
  y->s = sl_series_constant(t->field, sl_exact_int(t->field, 1));
}

static void leading(arb_t c, const sl_tail_form *a) { arb_poly_get_coeff_arb(c, a->c, 0); }

int sl_form_sign(const sl_tail_form *a) {
  arb_t c;
  arb_init(c);
  leading(c, a);
  const int sign = !a->ok || !arb_is_finite(c) ? 0
                   : arb_is_positive(c)        ? 1
                   : arb_is_negative(c)        ? -1
                                               : 0;
  arb_clear(c);
  return sign;
}

int sl_form_is_pole(const sl_tail_form *a) { return a->ok && !a->zero && a->vp < 0; }

/* Lowest terms; 0 where they leave the range in which the products here cannot overflow (operands
 * within 10^6, powers within 1000). */
static int reduce_fraction(slong *p, slong *q) {
  slong a = *p < 0 ? -*p : *p, b = *q;
  while (b) {
    const slong r = a % b;
    a = b, b = r;
  }
  if (a > 1) *p /= a, *q /= a;
  return *p <= 1000000 && *p >= -1000000 && *q <= 1000000;
}

/* c(u) = u c1(u) exactly where its exact value at 0 is zero; the Taylor coefficients of c1 over [0,
 * u0] are those of c moved down by one, because c1(u) is the mean of c' over [0, u]. */
static void drop_leading_zeros(sl_tail_form *y) {
  if (y->ok && !y->zero && y->m > 1 && y->s.n > 0 && sl_exact_is_zero(y->s.c[0]) &&
      arb_poly_length(y->c) <= 1) { /* its slope is 0: a constant, and it is 0 */
    arb_poly_zero(y->c);
    y->zero = 1;
  }
  while (y->ok && !y->zero && y->s.n > 0 && sl_exact_is_zero(y->s.c[0])) {
    if (y->m < 2) {
      y->ok = 0;
      return;
    }
    y->s = sl_series_shift(&y->s, -1);
    arb_poly_shift_right(y->c, y->c, 1);
    y->m--;
    y->vp += y->vq;
    y->ok = reduce_fraction(&y->vp, &y->vq);
  }
}

/* Adds the atoms of b, times p/q, to those of y. */
static void add_atoms(sl_tail_form *y, const sl_tail_form *b, slong p, slong q) {
  for (int i = 0; i < b->atoms && y->ok; i++) {
    int k = 0;
    while (k < y->atoms && y->h[k].atom < b->h[i].atom) k++;
    if (k < y->atoms && y->h[k].atom == b->h[i].atom) {
      y->h[k].p = y->h[k].p * b->h[i].q * q + p * b->h[i].p * y->h[k].q;
      y->h[k].q *= b->h[i].q * q;
      y->ok = reduce_fraction(&y->h[k].p, &y->h[k].q);
      if (y->h[k].p == 0) {
        memmove(&y->h[k], &y->h[k + 1], (size_t)(y->atoms - k - 1) * sizeof *y->h);
        y->atoms--;
      }
      continue;
    }
    if (y->atoms == SL_TAIL_ATOMS) {
      y->ok = 0;
      return;
    }
    memmove(&y->h[k + 1], &y->h[k], (size_t)(y->atoms - k) * sizeof *y->h);
    y->h[k] = (sl_tail_atom){p * b->h[i].p, q * b->h[i].q, b->h[i].atom};
    y->ok = reduce_fraction(&y->h[k].p, &y->h[k].q);
    y->atoms++;
  }
}

void sl_form_scale(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, slong p, slong q) {
  arb_t c;
  arb_init(c);
  sl_form_copy(y, a);
  arb_set_si(c, p);
  arb_div_si(c, c, q, t->prec);
  arb_poly_scalar_mul(y->c, y->c, c, t->prec);
  const sl_series k = sl_series_constant(t->field, sl_exact_ratio(t->field, p, q));
  y->s = sl_series_mul(t->field, &a->s, &k);
  arb_clear(c);
}
void sl_form_negate(sl_tail *t, sl_tail_form *y, const sl_tail_form *a) {
  sl_form_scale(t, y, a, -1, 1);
}

static int least(int a, int b) { return a < b ? a : b; }

void sl_form_mul(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, const sl_tail_form *b) {
  sl_form_copy(y, a);
  y->ok = a->ok && b->ok;
  if (!y->ok) return;
  if (a->zero || b->zero) {
    arb_t zero;
    arb_init(zero);
    sl_form_clear(y);
    sl_form_constant(t, y, zero, sl_exact_int(t->field, 0));
    arb_clear(zero);
    return;
  }
  y->m = least(a->m, b->m);
  y->vp = a->vp * b->vq + b->vp * a->vq;
  y->vq = a->vq * b->vq;
  y->ok = reduce_fraction(&y->vp, &y->vq);
  arb_poly_mullow(y->c, a->c, b->c, y->m, t->prec);
  y->s = sl_series_mul(t->field, &a->s, &b->s);
  add_atoms(y, b, 1, 1);
}

void sl_form_power(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, int64_t p, int64_t q) {
  sl_form_copy(y, a);
  const int sign = sl_form_sign(a);
  if (!a->ok || a->zero || p > 1000 || p < -1000 || q > 1000 || (q > 1 && sign <= 0) ||
      (p < 0 && sign == 0)) {
    y->ok = 0;
    return;
  }
  y->vp = a->vp * (slong)p, y->vq = a->vq * (slong)q;
  y->ok = reduce_fraction(&y->vp, &y->vq);
  y->s = sl_series_power(t->field, &a->s, p, q);
  y->atoms = 0;
  add_atoms(y, a, (slong)p, (slong)q);
  if (q == 1) {
    arb_poly_pow_ui_trunc_binexp(y->c, a->c, (ulong)(p < 0 ? -p : p), a->m, t->prec);
    if (p < 0) arb_poly_inv_series(y->c, y->c, a->m, t->prec);
  } else {
    arb_t e;
    arb_init(e);
    arb_set_si(e, (slong)p);
    arb_div_si(e, e, (slong)q, t->prec);
    arb_poly_log_series(y->c, a->c, a->m, t->prec);
    arb_poly_scalar_mul(y->c, y->c, e, t->prec);
    arb_poly_exp_series(y->c, y->c, a->m, t->prec);
    arb_clear(e);
  }
}

/* c times u^by, by >= 0, as jets over [0, u0]. */
static void raise_by(sl_tail *t, arb_poly_t c, int m, slong by) {
  arb_poly_t u;
  arb_poly_init(u);
  arb_poly_set_coeff_arb(u, 0, t->u);
  arb_poly_set_coeff_si(u, 1, 1);
  arb_poly_pow_ui_trunc_binexp(u, u, (ulong)by, m, t->prec);
  arb_poly_mullow(c, c, u, m, t->prec);
  arb_poly_clear(u);
}

void sl_form_plain(sl_tail *t, sl_tail_form *y, const sl_tail_form *a) {
  if (a->ok && a->zero) { /* whatever power of u stood before it */
    arb_t zero;
    arb_init(zero);
    sl_form_constant(t, y, zero, sl_exact_int(t->field, 0));
    arb_clear(zero);
    return;
  }
  sl_form_copy(y, a);
  if (!a->ok || a->atoms || a->vq != 1 || a->vp < 0 || a->vp > 1000) {
    y->ok = 0;
    return;
  }
  raise_by(t, y->c, y->m, y->vp);
  y->s = sl_series_shift(&a->s, y->vp > SL_SERIES_TERMS ? SL_SERIES_TERMS : (int)y->vp);
  for (int i = 0; i < y->s.n && i < y->vp; i++) y->s.c[i] = sl_exact_int(t->field, 0);
  y->vp = 0;
}

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
  arb_t c;
  arb_init(c);
  leading(c, y);
  y->zero = arb_poly_is_zero(y->c);
  arb_clear(c);
  drop_leading_zeros(y);
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
  add_atoms(&gap, a, -1, 1); /* hb - ha */
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
