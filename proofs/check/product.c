/* P4 (spec G4.4): f' decays faster than 1/r by its tail form, or f'' faster than 1/r^2 where f' ->
 * 0, or r f' vanishes by the tail form in s = log r, or f' falls and f is bounded; refuted where r
 * f' keeps away from 0 by one of the forms or because f' does. */
#include "product.h"

#include "box.h"
#include "derive.h"
#include "in_log.h"
#include "limit.h"
#include "region.h"
#include "tail.h"

#include <stdlib.h>

static const piece_t *last_piece(const context_t *c) {
  return &c->pieces->piece[c->pieces->joins - 1];
}

/* By the form in s for s >= 2^k, which r >= 2^e implies: r w -> 0 (bound NULL), or r w >= bound
 * (<= where it is negative). */
static int log_form_shows(const context_t *c, int w, long e, mpfr_srcptr bound) {
  const piece_t *s = last_piece(c);
  field_t *k = &c->pieces->field;
  const long exponent = slc_log_exponent(e);
  expr_t x;
  int ok = 0, r;
  slc_expr_init(&x);
  const int weight = exponent < 0 ? -1 : slc_in_log(&x, &s->e, w, 0, &r),
            root = weight < 0 ? -1 : slc_expr_add(&x, E_MUL, r, weight, -1, -1);
  if (root >= 0 && bound) {
    ok = slc_tail_keeps(k, &x, root, exponent, 0, bound);
  } else if (root >= 0) {
    tail_t t;
    slc_tail_examine(&t, k, &x, root, exponent);
    ok = t.defined && t.zero_limit;
  }
  slc_expr_clear(&x);
  return ok;
}

/* w -> 0 as r -> inf, by its parts or by its form. */
static int weight_vanishes(const context_t *c, int ref, long e) {
  const piece_t *s = last_piece(c);
  const limit_t w = slc_limit(&c->pieces->field, &s->e, ref, NULL, 1);
  tail_t t;
  if (w.kind == L_FINITE && slc_ex_zero(w.value)) return 1;
  slc_tail_examine(&t, &c->pieces->field, &s->e, ref, e);
  return t.defined && t.zero_limit;
}

/* Where w -> 0, r w is r times the integral of -w' from r on: it vanishes where w' decays by a
 * power above 2 or exponentially, and is at least c where -w' >= c/r^2. */
static int slope_shows(const context_t *c, int w, long e, mpfr_srcptr bound) {
  const piece_t *s = last_piece(c);
  expr_t x;
  int ok = 0, *map = calloc((size_t)w + 1, sizeof *map), room = 1;
  char *live = slc_expr_live(&s->e, w);
  if (!map) abort();
  slc_expr_init(&x);
  for (int i = 0; i <= w && room; i++)
    if (live[i]) room = (map[i] = slc_expr_copy(&x, &s->e.node[i], map)) >= 0;
  const int slope = room ? slc_expr_derive(&x, map[w]) : -1;
  const int vanishes = slope >= 0 && weight_vanishes(c, w, e);
  if (vanishes && bound) {
    mpfr_t minus;
    mpfr_init2(minus, 512);
    mpfr_neg(minus, bound, MPFR_RNDN);
    ok = slc_tail_keeps(&c->pieces->field, &x, slope, e, 2, minus);
    mpfr_clear(minus);
  } else if (vanishes) {
    tail_t t;
    slc_tail_examine(&t, &c->pieces->field, &x, slope, e);
    ok = t.defined && t.square_vanishes;
  }
  slc_expr_clear(&x);
  free(map), free(live);
  return ok;
}

/* Is 2^e certainly no less than the last join? */
static int beyond_joins(const context_t *c, long e) {
  mpfi_t x;
  mpfi_init2(x, PREC);
  slc_ex_interval(x, &c->pieces->field, c->pieces->join[c->pieces->joins - 1]);
  const int ok = slc_bounded(x) && mpfr_cmp_ui_2exp(&x->right, 1, e) <= 0;
  mpfi_clear(x);
  return ok;
}

/* Node ref of s over r >= 2^e, or what variable it has, and all of the part; its logarithmic slope
 * if asked for. */
static int far_flow(const context_t *c, const piece_t *s, int ref, long e, span_t *out,
                    span_t *relative) {
  mpfr_t low, high;
  mpfi_t range[MAX_PARAMS];
  span_t r;
  box_t b;
  mpfr_inits2(512, low, high, (mpfr_ptr)0);
  mpfr_set_ui_2exp(low, 1, e, MPFR_RNDN), mpfr_set_inf(high, 1);
  slc_sp_init(&r);
  slc_sp_ends(&r, low, high, 0);
  for (int i = 0; i < MAX_PARAMS; i++) {
    mpfi_init2(range[i], 53);
    mpfi_interv_si(range[i], 0, c->source->ranged[i]);
  }
  slc_box_init(&b, &c->pieces->field, s);
  b.in_piece = 0, b.by_inner = 0;
  slc_box_flow(&b, &r, (const mpfi_t *)range);
  const int ok = b.flow[ref].ok;
  if (ok) slc_sp_set(out, &b.flow[ref].v);
  if (ok && relative) slc_sp_set(relative, &b.flow[ref].l);
  slc_box_clear(&b);
  for (int i = 0; i < MAX_PARAMS; i++) mpfi_clear(range[i]);
  slc_sp_clear(&r);
  mpfr_clears(low, high, (mpfr_ptr)0);
  return ok;
}

/* f is smooth for r >= 2^e and bounded there, f' does not rise. */
static const char *check_lemma(const context_t *c, long e) {
  const piece_t *s = last_piece(c);
  if (s->f < 0) return "P4: a weight gate has no f that is bounded";
  if (!beyond_joins(c, e)) return "P4: a join lies beyond the place from which f' falls";
  span_t f, w;
  mpfr_t low, high;
  slc_sp_init(&f), slc_sp_init(&w);
  mpfr_inits2(512, low, high, (mpfr_ptr)0);
  mpfr_set_ui_2exp(low, 1, e, MPFR_RNDN), mpfr_set_inf(high, 1);
  const char *bad = "";
  if (!far_flow(c, s, s->f, e, &f, NULL) || !far_flow(c, s, s->w, e, &w, NULL))
    bad = "P4: f and f' are not shown to have values far out";
  else if (!slc_sp_bounded(&f) &&
           slc_limit(&c->pieces->field, &s->e, s->f, NULL, 1).kind != L_FINITE)
    bad = "P4: f is not shown to be bounded";
  else if (!slc_regions_reach(c, c->pieces->joins - 1, G_FALLS, G_DOWN, low, high))
    bad = "P4: f' is not shown to fall far out";
  mpfr_clears(low, high, (mpfr_ptr)0);
  slc_sp_clear(&f), slc_sp_clear(&w);
  return bad;
}

/* A node keeps its sign from 2^e on, and its logarithmic slope is at most a negative number. */
static int decays(const context_t *c, const piece_t *s, int ref, long e) {
  span_t v, relative;
  slc_sp_init(&v), slc_sp_init(&relative);
  const int ok = far_flow(c, s, ref, e, &v, &relative) && (v.signs == POS || v.signs == NEG) &&
                 !mpfr_nan_p(&relative.x->right) && mpfr_sgn(&relative.x->right) < 0;
  slc_sp_clear(&v), slc_sp_clear(&relative);
  return ok;
}

static const char *check_decay(const context_t *c, long e, int in_log) {
  const piece_t *s = last_piece(c);
  if (!beyond_joins(c, e)) return "P4: a join lies beyond the place from which f' decays";
  if (!in_log) return decays(c, s, s->w, e) ? "" : "P4: f' is not shown to decay";
  piece_t x = {.f = -1, .inner = -1, .form = {-1, -1, -1}};
  const long exponent = slc_log_exponent(e);
  int r;
  slc_expr_init(&x.e);
  const int weight = exponent < 0 ? -1 : slc_in_log(&x.e, &s->e, s->w, 0, &r);
  x.w = weight < 0 ? -1 : slc_expr_add(&x.e, E_MUL, r, weight, -1, -1);
  const int ok = x.w >= 0 && decays(c, &x, x.w, exponent);
  slc_expr_clear(&x.e);
  return ok ? "" : "P4: r f' is not shown to decay";
}

/* r times a node of the last piece, w or what equals it; -1 stands for none. */
static int vanishes(const context_t *c, const claim_t *q, int w) {
  if (w < 0) return 0;
  if (q->means == T_LOG) return log_form_shows(c, w, q->tail, NULL);
  if (q->means == T_SLOPE) return slope_shows(c, w, q->tail, NULL);
  tail_t t;
  slc_tail_examine(&t, &c->pieces->field, &last_piece(c)->e, w, q->tail);
  return t.defined && t.product_vanishes;
}

const char *slc_check_product(const context_t *c) {
  const claim_t *q = &c->part->p[3];
  const piece_t *s = last_piece(c);
  if (q->means == T_BOUNDED) return check_lemma(c, q->tail);
  if (q->means == T_DECAY || q->means == T_LOG_DECAY)
    return check_decay(c, q->tail, q->means == T_LOG_DECAY);
  return vanishes(c, q, s->w) ||
                 (c->part->p[0].verdict == V_PROVED && vanishes(c, q, s->form[FORM_WEIGHT]))
             ? ""
             : "P4: r f' is not shown to tend to 0";
}

/* Has w values for r >= 2^e? */
static int has_values(const context_t *c, long e) {
  const piece_t *s = last_piece(c);
  tail_t t;
  span_t w;
  slc_sp_init(&w);
  slc_tail_examine(&t, &c->pieces->field, &s->e, s->w, e);
  const int ok = t.defined || far_flow(c, s, s->w, e, &w, NULL);
  slc_sp_clear(&w);
  return ok;
}

/* w keeps away from 0 beyond 2^e, and 2^e w is what was claimed. */
static int weight_keeps(const context_t *c, long e, mpfr_srcptr bound) {
  span_t w;
  mpfr_t x;
  slc_sp_init(&w);
  mpfr_init2(x, 512);
  int ok = far_flow(c, last_piece(c), last_piece(c)->w, e, &w, NULL);
  mpfr_mul_2si(x, mpfr_sgn(bound) > 0 ? &w.x->left : &w.x->right, e,
               mpfr_sgn(bound) > 0 ? MPFR_RNDD : MPFR_RNDU);
  ok = ok && (mpfr_sgn(bound) > 0 ? mpfr_greaterequal_p(x, bound) : mpfr_lessequal_p(x, bound));
  mpfr_clear(x);
  slc_sp_clear(&w);
  return ok;
}

const char *slc_check_product_refuted(const context_t *c) {
  const claim_t *q = &c->part->p[3];
  const piece_t *s = last_piece(c);
  const int sign = q->above ? 1 : -1;
  if (mpfr_sgn(q->r) != sign) return "P4: a bound of r f' that does not part it from 0";
  if (!beyond_joins(c, q->tail)) return "P4: a join lies beyond the place of the bound";
  return slc_tail_keeps(&c->pieces->field, &s->e, s->w, q->tail, 1, q->r) ||
                 (has_values(c, q->tail) && slope_shows(c, s->w, q->tail, q->r)) ||
                 log_form_shows(c, s->w, q->tail, q->r) || weight_keeps(c, q->tail, q->r)
             ? ""
             : "P4: r f' is not shown to keep away from 0";
}
