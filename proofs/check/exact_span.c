/* Exact numbers as spans over the ranges of the parameters, and what they are as rational numbers
 * (see exact.h). */
#include "exact.h"

#include <string.h>

int slc_ex_zero(exact_t a) { return a && a->num.n == 0; }

static int poly_has_r(const field_t *k, const poly_t *p) {
  for (int i = 0; i < p->n; i++) {
    if (p->t[i].e[R_VAR]) return 1;
    for (int s = 0; s < k->symbols; s++)
      if (p->t[i].e[FIRST_SYMBOL + s] && k->symbol[s].arg && slc_ex_has_r(k, k->symbol[s].arg))
        return 1;
  }
  return 0;
}
int slc_ex_has_r(const field_t *k, exact_t a) {
  return a && (poly_has_r(k, &a->num) || poly_has_r(k, &a->den));
}

int slc_ex_rational(mpq_t out, exact_t a) {
  static const unsigned char none[VARS];
  if (!a || a->num.n > 1 || a->den.n != 1 || memcmp(a->den.t[0].e, none, VARS)) return 0;
  if (a->num.n && memcmp(a->num.t[0].e, none, VARS)) return 0;
  mpq_set_si(out, 0, 1);
  if (a->num.n) mpq_div(out, a->num.t[0].c, a->den.t[0].c);
  return 1;
}

/* The parameter of a term c s_i, -1 for a constant term, -2 for any other. */
static int linear_in(const term_t *t) {
  int found = -1;
  for (int v = 0; v < VARS; v++) {
    if (!t->e[v]) continue;
    if (t->e[v] > 1 || found >= 0 || v >= MAX_PARAMS) return -2;
    found = v;
  }
  return found;
}

int slc_ex_affine_span(span_t *out, field_t *k, exact_t a, const mpfi_t *box) {
  if (!a || a->den.n != 1 || linear_in(&a->den.t[0]) != -1) return 0;
  for (int i = 0; i < a->num.n; i++)
    if (linear_in(&a->num.t[i]) == -2) return 0;
  mpq_t end[2], c, s, width;
  mpq_inits(end[0], end[1], c, s, width, (mpq_ptr)0);
  for (int i = 0; i < a->num.n; i++) {
    const int v = linear_in(&a->num.t[i]);
    mpq_div(c, a->num.t[i].c, a->den.t[0].c);
    for (int high = 0; high < 2; high++) {
      const int upper = mpq_sgn(c) > 0 ? high : !high;
      mpq_set_si(s, 1, 1);
      if (v >= 0 && box)
        mpfr_get_q(s, upper ? &box[v]->right : &box[v]->left);
      else if (v >= 0)
        mpq_set_si(s, upper, 1);
      if (v >= 0) { /* low + (high - low) s */
        mpq_sub(width, k->high[v], k->low[v]);
        mpq_mul(s, s, width);
        mpq_add(s, s, k->low[v]);
      }
      mpq_mul(s, s, c);
      mpq_add(end[high], end[high], s);
    }
  }
  slc_sp_q(out, end[0], end[1]);
  mpq_clears(end[0], end[1], c, s, width, (mpq_ptr)0);
  return 1;
}

static void ex_span(span_t *out, field_t *k, exact_t a);

static void symbol_span(span_t *y, field_t *k, int i) {
  span_t a, slope;
  mpfi_t c;
  mpq_t q;
  slc_sp_init(&a), slc_sp_init(&slope);
  mpfi_init2(c, PREC);
  mpq_init(q);
  if (k->symbol[i].arg) ex_span(&a, k, k->symbol[i].arg);
  switch (k->symbol[i].op) {
    case E_PI:
      mpfi_const_pi(c);
      mpfi_sqrt(c, c);
      slc_sp_mpfi(y, c);
      break;
    case E_E:
      mpfi_set_si(c, 1);
      mpfi_exp(c, c);
      slc_sp_mpfi(y, c);
      break;
    case E_POW:
      mpq_set_ui(q, 1, k->symbol[i].root);
      slc_sp_pow(y, &a, q);
      break;
    default:
      slc_sp_fn(y, &slope, k->symbol[i].op, &a);
      break;
  }
  slc_sp_clear(&a), slc_sp_clear(&slope);
  mpfi_clear(c);
  mpq_clear(q);
}

static void poly_span(span_t *y, field_t *k, const poly_t *p) {
  span_t term, x;
  mpq_t q;
  slc_sp_init(&term), slc_sp_init(&x);
  mpq_init(q);
  slc_sp_zero(y);
  for (int i = 0; i < p->n; i++) {
    slc_sp_q(&term, p->t[i].c, p->t[i].c);
    for (int v = 0; v < VARS; v++) {
      if (!p->t[i].e[v]) continue;
      if (v < MAX_PARAMS)
        slc_sp_q(&x, k->low[v], k->high[v]);
      else if (v == R_VAR)
        slc_sp_anything(&x); /* r has no value here */
      else
        symbol_span(&x, k, v - FIRST_SYMBOL);
      mpq_set_ui(q, p->t[i].e[v], 1);
      slc_sp_pow(&x, &x, q);
      slc_sp_mul(&term, &term, &x);
    }
    slc_sp_add(y, y, &term);
  }
  slc_sp_clear(&term), slc_sp_clear(&x);
  mpq_clear(q);
}

static void ex_span(span_t *out, field_t *k, exact_t a) {
  if (!a) {
    slc_sp_anything(out);
    return;
  }
  if (slc_ex_affine_span(out, k, a, NULL)) return;
  span_t den;
  slc_sp_init(&den);
  poly_span(out, k, &a->num);
  poly_span(&den, k, &a->den);
  slc_sp_div(out, out, &den);
  slc_sp_clear(&den);
}

void slc_ex_interval(mpfi_t out, field_t *k, exact_t a) {
  span_t s;
  slc_sp_init(&s);
  ex_span(&s, k, a);
  mpfi_set(out, s.x);
  slc_sp_clear(&s);
}

unsigned slc_ex_signs(field_t *k, exact_t a) {
  if (!a || slc_ex_has_r(k, a)) return ANY;
  if (slc_ex_zero(a)) return NIL;
  span_t s;
  slc_sp_init(&s);
  ex_span(&s, k, a);
  const unsigned signs = s.signs;
  slc_sp_clear(&s);
  return signs;
}

int slc_ex_sign(field_t *k, exact_t a) {
  const unsigned signs = slc_ex_signs(k, a);
  return signs == POS ? 1 : signs == NEG ? -1 : 0;
}
