/* What a part claims, checked with MPFI and exact series (spec G4.4). */
#include "claims.h"

#include "box.h"
#include "derive.h"
#include "limit.h"
#include "product.h"
#include "region.h"
#include "shape.h"
#include "tail.h"
#include "witness.h"

#include <stdlib.h>
#include <string.h>

/* Has f or w a finite value at the join, exact or by an enclosure at the point? Where the join is
 * not a dyadic number, boxes extend beyond it. */
static int known(pieces_t *p, int j, int weight, side_t from) {
  mpfr_t r;
  span_t x;
  box_t b;
  if (slc_join_value(p, j, weight, from)) return 1;
  mpfr_init2(r, 512);
  slc_sp_init(&x);
  int ok = !slc_join_dyadic(r, p, j);
  if (!ok) {
    const piece_t *s = from == AT ? &p->at[j] : &p->piece[from == LEFT ? j - 1 : j];
    slc_sp_ends(&x, r, r, 0);
    slc_box_init(&b, &p->field, s);
    b.in_piece = 0;
    mpfi_t range[MAX_PARAMS];
    for (int i = 0; i < MAX_PARAMS; i++) {
      mpfi_init2(range[i], 53);
      mpfi_interv_si(range[i], 0, 1);
    }
    slc_box_flow(&b, &x, (const mpfi_t *)range);
    const flow_t *y = &b.flow[weight ? s->w : s->f];
    ok = y->ok && slc_sp_bounded(&y->v);
    for (int i = 0; i < MAX_PARAMS; i++) mpfi_clear(range[i]);
    slc_box_clear(&b);
  }
  mpfr_clear(r);
  slc_sp_clear(&x);
  return ok;
}

static int agree(pieces_t *p, int j, int weight, side_t a, side_t b) {
  return slc_join_same(p, j, weight, a, b) && known(p, j, weight, a) && known(p, j, weight, b);
}

static const char *check_joins(pieces_t *p) {
  const int only = p->piece[0].f < 0;
  for (int j = 0; j < p->joins; j++) {
    if (!agree(p, j, only, AT, RIGHT))
      return "P1: the value at a join is not shown to be its side's";
    for (int weight = only; weight < 2 && j; weight++)
      if (!agree(p, j, weight, LEFT, RIGHT)) return "P1: the sides of a join are not shown equal";
  }
  return known(p, 0, 1, RIGHT) ? "" : "P1: f' is not shown to have a limit at r = 0";
}

static const char *check_smooth(const context_t *c) {
  pieces_t *p = c->pieces;
  const char *bad = check_joins(p);
  mpfr_t low, high;
  mpfr_inits2(512, low, high, (mpfr_ptr)0);
  for (int i = 0; i < p->joins && !*bad; i++) {
    slc_piece_ends(low, high, p, i);
    if (mpfr_inf_p(high) && c->part->p[0].means == T_FORM) {
      tail_t w, f = {.defined = 1};
      mpfr_set_ui_2exp(high, 1, c->part->p[0].tail, MPFR_RNDN);
      slc_tail_examine(&w, &p->field, &p->piece[i].e, p->piece[i].w, c->part->p[0].tail);
      if (p->piece[i].f >= 0)
        slc_tail_examine(&f, &p->field, &p->piece[i].e, p->piece[i].f, c->part->p[0].tail);
      if (!w.defined || !f.defined) bad = "P1: f and f' are not shown to have values in the tail";
    }
    if (!*bad && !slc_regions_reach(c, i, G_DEFINED, G_DEFINED, low, high))
      bad = "P1: the regions do not reach over a segment";
  }
  mpfr_clears(low, high, (mpfr_ptr)0);
  return bad;
}

static const char *check_limit(const context_t *c) {
  pieces_t *p = c->pieces;
  const claim_t *q = &c->part->p[P4W];
  const piece_t *s = &p->piece[p->joins - 1];
  int zero, other;
  if (q->by_other)
    return c->part->p[P4].verdict == V_PROVED ? "" : "P4w: rests on P4, which is not claimed";
  if (q->means == T_LIMIT) {
    const limit_t w = slc_limit(&p->field, &s->e, s->w, 0);
    zero = w.kind == L_FINITE && slc_ex_zero(w.value);
    other = w.kind == L_UP || w.kind == L_DOWN ||
            (w.kind == L_FINITE && slc_ex_sign(&p->field, w.value));
  } else {
    tail_t t;
    slc_tail_examine(&t, &p->field, &s->e, s->w, q->tail);
    zero = t.zero_limit, other = t.other_limit || t.unbounded;
  }
  if (q->verdict == V_PROVED) return zero ? "" : "P4w: the limit is not shown to be 0";
  return other ? "" : "P4w: the limit is not shown to differ from 0";
}

static int parse(const source_t *source, const mpq_t *at, expr_t *e, int *f, int *w) {
  mpq_t value[MAX_PARAMS];
  int fixed[MAX_PARAMS], where;
  slc_expr_init(e);
  e->params = source->params;
  memcpy(e->names, source->names, sizeof e->names);
  for (int i = 0; i < MAX_PARAMS; i++) {
    fixed[i] = 1;
    mpq_init(value[i]);
    mpq_set(value[i], source->ranged[i] ? at[i] : source->value[i]);
  }
  const int root = slc_expr_parse(e, source->text, value, fixed, &where);
  *f = source->weight ? -1 : root;
  *w = root < 0 || source->weight ? root : slc_expr_derive(e, root);
  for (int i = 0; i < MAX_PARAMS; i++) mpq_clear(value[i]);
  return *w >= 0;
}

/* A refutation, at the point of the ranges that it names: the gate with those parameters. */
static const char *check_point(const context_t *c, int i) {
  const claim_t *q = &c->part->p[i];
  for (int k = 0; k < MAX_PARAMS; k++)
    if (c->source->ranged[k] &&
        (mpq_cmp(q->at[k], c->part->low[k]) < 0 || mpq_cmp(q->at[k], c->part->high[k]) > 0))
      return "a witness outside the part";
  expr_t e;
  int f, w;
  pieces_t *p = calloc(1, sizeof *p);
  if (!p) abort();
  slc_field_init(&p->field);
  const context_t at = {c->part, p, c->source};
  const char *bad = parse(c->source, q->at, &e, &f, &w) && slc_pieces_make(p, &e, f, w)
                        ? ""
                        : "the segments cannot be ordered at a witness";
  if (!*bad)
    bad = i == P4W  ? check_limit(&at)
          : i == P4 ? slc_check_product_refuted(&at)
                    : slc_check_refuted(&at, i);
  slc_pieces_clear(p);
  slc_expr_clear(&e);
  free(p);
  return bad;
}

const char *slc_check_part(const part_t *part, const expr_t *e, int f, int w,
                           const source_t *source) {
  static const char *(*const proofs[])(const context_t *) = {
      check_smooth, slc_check_maximum, slc_check_monotone, slc_check_product, check_limit};
  pieces_t *p = calloc(1, sizeof *p);
  if (!p) abort();
  slc_field_init(&p->field);
  for (int i = 0; i < MAX_PARAMS; i++)
    if (source->ranged[i])
      mpq_set(p->field.low[i], part->low[i]), mpq_set(p->field.high[i], part->high[i]);
  const context_t c = {part, p, source};
  int proved = 0;
  for (int i = 0; i < PROPERTIES; i++) proved |= part->p[i].verdict == V_PROVED;
  const char *bad = "";
  if (proved && !slc_pieces_make(p, e, f, w)) bad = "the segments cannot be ordered";
  if (proved && !*bad && p->joins != part->joins) bad = "the number of segments differs";
  for (int i = 0; i < part->regions && !*bad && proved; i++)
    bad = slc_check_region(&c, &part->region[i]);
  for (int i = 0; i < PROPERTIES && !*bad; i++) {
    if (part->p[i].verdict == V_PROVED) bad = proofs[i](&c);
    if (part->p[i].verdict == V_REFUTED) bad = check_point(&c, i);
  }
  slc_pieces_clear(p);
  free(p);
  return bad;
}
