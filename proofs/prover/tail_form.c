/* Tail forms: constants, products, powers, exact cancellation (see tail_form.h). */
#include "tail_form.h"

#include <string.h>

static int least(int a, int b) { return a < b ? a : b; }

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
void sl_form_drop_zeros(sl_tail_form *y) {
  if (y->ok && !y->zero && y->m > 1 && y->s.n > 0 && sl_exact_is_zero(y->s.c[0]) &&
      arb_poly_length(y->c) <= 1) { /* its slope is 0: a constant, and it is 0 */
    arb_poly_zero(y->c);
    y->zero = 1;
  }
  while (y->ok && !y->zero && y->m > 1 && y->s.n > 0 && sl_exact_is_zero(y->s.c[0])) {
    y->s = sl_series_shift(&y->s, -1);
    arb_poly_shift_right(y->c, y->c, 1);
    y->m--;
    y->vp += y->vq;
    y->ok = reduce_fraction(&y->vp, &y->vq);
  }
}

void sl_form_add_atoms(sl_tail_form *y, const sl_tail_form *b, slong p, slong q) {
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

/* Balls lose the sign of a product of wide ones: coefficient 0 is that of the intervals. */
static void sharpen(arb_poly_t y, const arb_poly_t a, const arb_poly_t b, slong prec) {
  sl_span p, q;
  arb_t x;
  arb_init(x);
  sl_span_init(&p), sl_span_init(&q);
  arb_poly_get_coeff_arb(x, a, 0);
  sl_span_arb(&p, x, prec);
  arb_poly_get_coeff_arb(x, b, 0);
  sl_span_arb(&q, x, prec);
  sl_span_mul(&p, &p, &q, prec);
  if (sl_span_bounded(&p)) {
    arb_set_interval_arf(x, &p.low, &p.high, prec);
    arb_poly_set_coeff_arb(y, 0, x);
  }
  arb_clear(x);
  sl_span_clear(&p), sl_span_clear(&q);
}

/* a^p for coefficient 0, p >= 1. */
static void sharpen_power(arb_poly_t y, const arb_poly_t a, int64_t p, slong prec) {
  sl_span s;
  arb_t x;
  arb_init(x);
  sl_span_init(&s);
  arb_poly_get_coeff_arb(x, a, 0);
  sl_span_arb(&s, x, prec);
  sl_span_power(&s, &s, p, 1, prec);
  if (sl_span_bounded(&s)) {
    arb_set_interval_arf(x, &s.low, &s.high, prec);
    arb_poly_set_coeff_arb(y, 0, x);
  }
  arb_clear(x);
  sl_span_clear(&s);
}

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
  sharpen(y->c, a->c, b->c, t->prec);
  y->s = sl_series_mul(t->field, &a->s, &b->s);
  sl_form_add_atoms(y, b, 1, 1);
}

/* A positive power of a constant that may be 0, exact only where it is a number. */
static int constant_power(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, int64_t p,
                          int64_t q) {
  if (!a->ok || a->vp || a->atoms || a->s.n == 0 || p <= 0 || arb_poly_length(a->c) > 1 ||
      sl_exact_signs(t->field, a->s.c[0]) != (SL_ZERO | SL_POSITIVE))
    return 0;
  for (int i = 1; i < a->s.n; i++)
    if (!sl_exact_is_zero(a->s.c[i])) return 0;
  arb_t c, e, zero;
  arb_init(c), arb_init(e), arb_init(zero);
  arb_poly_get_coeff_arb(c, a->c, 0);
  arb_set_si(e, (slong)p);
  arb_div_si(e, e, (slong)q, t->prec);
  arb_get_ubound_arf(arb_midref(c), c, t->prec);
  mag_zero(arb_radref(c));
  arb_pow(c, c, e, t->prec);
  arb_union(c, c, zero, t->prec); /* [0, the largest] */
  sl_form_constant(t, y, c, NULL);
  arb_clear(c), arb_clear(e), arb_clear(zero);
  return 1;
}

void sl_form_power(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, int64_t p, int64_t q) {
  const int sign = sl_form_sign(a);
  if (a->ok && a->zero && p > 0) { /* 0 for a positive power of 0 */
    sl_form_int(t, y, 0);
    return;
  }
  if (!sign && q > 1 && constant_power(t, y, a, p, q)) return;
  sl_form_copy(y, a);
  if (!a->ok || a->zero || p > 1000 || p < -1000 || q > 1000 || (q > 1 && sign <= 0) ||
      (p < 0 && sign == 0)) {
    y->ok = 0;
    return;
  }
  y->vp = a->vp * (slong)p, y->vq = a->vq * (slong)q;
  y->ok = reduce_fraction(&y->vp, &y->vq);
  y->s = sl_series_power(t->field, &a->s, p, q);
  y->atoms = 0;
  sl_form_add_atoms(y, a, (slong)p, (slong)q);
  if (q == 1) {
    arb_poly_pow_ui_trunc_binexp(y->c, a->c, (ulong)(p < 0 ? -p : p), a->m, t->prec);
    if (p) sharpen_power(y->c, a->c, p < 0 ? -p : p, t->prec);
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
