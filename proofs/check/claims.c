/* What a part claims, checked with MPFI and exact series (spec G4.4). */
#include "claims.h"

#include "box.h"
#include "form.h"
#include "join_value.h"
#include "limit.h"
#include "needed.h"
#include "product.h"
#include "region.h"
#include "requirement.h"
#include "shape.h"
#include "tail.h"
#include "witness.h"

#include <stdlib.h>
#include <string.h>

/* f and f' (of a weight gate f' alone); at r = 0 f' needs no more than a limit. */
static const char *check_joins(pieces_t *p) {
  const int only = p->piece[0].f < 0;
  for (int j = 0; j < p->joins; j++)
    for (int weight = only; weight <= (j || only); weight++)
      if (!slc_join_agrees(p, j, weight))
        return weight && !only ? "P1: f' at a join and from its sides is not shown equal"
                               : "P1: the value at a join is not shown to be its side's";
  return slc_join_known(p, 0, 1, RIGHT) ? "" : "P1: f' is not shown to have a limit at r = 0";
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

typedef struct {
  int zero, other;
} limit_claim_t;

/* What the limit of a node of the last piece is shown to be. */
static limit_claim_t limit_of(pieces_t *p, const claim_t *q, int ref) {
  const piece_t *s = &p->piece[p->joins - 1];
  if (q->means == T_LIMIT) {
    const limit_t w = slc_limit(&p->field, &s->e, ref, NULL, 1);
    return (limit_claim_t){w.kind == L_FINITE && slc_ex_zero(w.value),
                           w.kind == L_UP || w.kind == L_DOWN ||
                               (w.kind == L_FINITE && slc_ex_sign(&p->field, w.value))};
  }
  tail_t t;
  slc_tail_examine(&t, &p->field, &s->e, ref, q->tail);
  return (limit_claim_t){t.zero_limit, t.other_limit || t.unbounded};
}

static const char *check_limit(const context_t *c) {
  pieces_t *p = c->pieces;
  const claim_t *q = &c->part->p[P4W];
  const piece_t *s = &p->piece[p->joins - 1];
  if (q->by_other)
    return c->part->p[P4].verdict == V_PROVED ? "" : "P4w: rests on P4, which is not claimed";
  limit_claim_t w = limit_of(p, q, s->w);
  if (!w.zero && s->form[FORM_WEIGHT] >= 0 && c->part->p[0].verdict == V_PROVED)
    w = limit_of(p, q, s->form[FORM_WEIGHT]);
  if (q->verdict == V_PROVED) return w.zero ? "" : "P4w: the limit is not shown to be 0";
  return w.other ? "" : "P4w: the limit is not shown to differ from 0";
}

static int make_pieces(pieces_t *p, const part_t *part, const source_t *source, const mpq_t *at,
                       const expr_t *e, int f, int w) {
  slc_expr_init(&p->course_e);
  for (int i = 0; i < part->courses; i++) {
    p->course[i] = slc_source_term(source, at, &p->course_e, part->course[i]);
    if (p->course[i] < 0) return 0;
    p->courses++;
  }
  if (source->left) {
    p->end[0] = slc_ex_q(&p->field, source->r_low);
    p->end[1] = source->endless ? NULL : slc_ex_q(&p->field, source->r_high);
    p->limit_at_0 = !source->weight && (strstr(source->left, "f'") || strstr(source->right, "f'"));
  }
  return slc_pieces_make(p, e, f, w);
}

static int is_ranged(const context_t *c) {
  int ranged = 0;
  for (int k = 0; k < MAX_PARAMS; k++) ranged |= c->source->ranged[k];
  return ranged;
}

/* Of the part's segments, which are those of p: up before r = 1, down after it. */
static const char *check_segments(const context_t *c) {
  const part_t *part = c->part;
  if (part->joins != c->pieces->joins) return "the number of segments differs";
  for (int i = 0; i < part->joins && !c->source->left; i++)
    if (part->zone[i].up != (i < c->pieces->one)) return "a segment goes the wrong way";
  return "";
}

/* A refutation, at the point of the ranges that it names: the gate with those parameters. */
static const char *check_point(const context_t *c, int i, unsigned *inside, unsigned *slopes) {
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
  const char *bad = slc_source_parse(c->source, q->at, &e, &f, &w) &&
                            make_pieces(p, c->part, c->source, q->at, &e, f, w)
                        ? ""
                        : "the segments cannot be ordered at a witness";
  if (!*bad && !is_ranged(c)) bad = check_segments(&at);
  if (!*bad && c->source->left)
    bad = slc_check_requirement_refuted(&at);
  else if (!*bad)
    bad = i == P4W  ? check_limit(&at)
          : i == P4 ? slc_check_product_refuted(&at)
                    : slc_check_refuted(&at, i);
  if (!*bad && i < P4 && c->source->old >= 0 && slc_witness_inside(&at, i)) *inside |= 1u << i;
  *slopes |= p->slopes;
  slc_pieces_clear(p);
  slc_expr_clear(&e);
  free(p);
  return bad;
}

const char *slc_check_part(const part_t *part, const expr_t *e, int f, int w,
                           const source_t *source, unsigned *inside) {
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
  const char *bad = slc_check_needed(part, source->left != NULL);
  const int made = !*bad && make_pieces(p, part, source, NULL, e, f, w);
  unsigned slopes = p->slopes;
  if (proved && !made && !*bad) bad = "the segments cannot be ordered";
  if (made && (proved || part->joins)) bad = check_segments(&c);
  if (proved && !*bad) bad = slc_take_forms(&c);
  for (int i = 0; i < part->regions && !*bad && proved; i++)
    bad = slc_check_region(&c, &part->region[i]);
  for (int i = 0; i < PROPERTIES && !*bad; i++) {
    if (part->p[i].verdict == V_PROVED)
      bad = source->left ? slc_check_requirement(&c) : proofs[i](&c);
    if (part->p[i].verdict == V_REFUTED) bad = check_point(&c, i, inside, &slopes);
  }
  if (!*bad && slopes != (1u << part->courses) - 1) bad = "a course that is the slope of no switch";
  slc_pieces_clear(p);
  free(p);
  return bad;
}
