/* What a part claims, checked with MPFI and exact series (spec G4.4). */
#include "claims.h"

#include "region.h"
#include "shape.h"
#include "tail.h"
#include "witness.h"

#include <stdlib.h>

static const char *check_smooth(const context_t *c) {
  pieces_t *p = c->pieces;
  const int only = p->piece[0].f < 0;
  for (int j = 0; j < p->joins; j++) {
    if (!slc_join_same(p, j, only, AT, RIGHT))
      return "P1: the value at a join is not shown to be its side's";
    for (int weight = only; weight < 2 && j; weight++)
      if (!slc_join_same(p, j, weight, LEFT, RIGHT))
        return "P1: the sides of a join are not shown equal";
  }
  mpfr_t low, high;
  mpfr_inits2(512, low, high, (mpfr_ptr)0);
  const char *bad = "";
  for (int i = 0; i < p->joins && !*bad; i++) {
    slc_piece_ends(low, high, p, i);
    if (mpfr_inf_p(high)) {
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
  const piece_t *s = &p->piece[p->joins - 1];
  tail_t t;
  slc_tail_examine(&t, &p->field, &s->e, s->w, c->part->p[3].tail);
  if (c->part->p[3].verdict == V_PROVED)
    return t.zero_limit ? "" : "P4: the limit is not shown to be 0";
  return t.other_limit || t.unbounded ? "" : "P4: the limit is not shown to differ from 0";
}

const char *slc_check_part(const part_t *part, const expr_t *e, int f, int w, const int *ranged) {
  static const char *(*const proofs[])(const context_t *) = {check_smooth, slc_check_maximum,
                                                             slc_check_monotone, check_limit};
  pieces_t *p = calloc(1, sizeof *p);
  if (!p) abort();
  slc_field_init(&p->field);
  for (int i = 0; i < MAX_PARAMS; i++)
    if (ranged[i]) mpfi_set(p->field.box[i], part->box[i]);
  const context_t c = {part, p, ranged};
  const char *bad = slc_pieces_make(p, e, f, w) ? "" : "the segments cannot be ordered";
  int any = 0;
  for (int i = 0; i < 4; i++) any |= part->p[i].verdict != V_UNDECIDED;
  if (*bad && !any)
    bad = ""; /* nothing was claimed */
  else if (!*bad && p->joins != part->joins)
    bad = "the number of segments differs";
  for (int i = 0; i < part->regions && !*bad && any; i++)
    bad = slc_check_region(&c, &part->region[i]);
  for (int i = 0; i < 4 && !*bad; i++) {
    if (part->p[i].verdict == V_PROVED)
      bad = proofs[i](&c);
    else if (part->p[i].verdict == V_REFUTED)
      bad = i == 3 ? check_limit(&c) : slc_check_refuted(&c, i);
  }
  slc_pieces_clear(p);
  free(p);
  return bad;
}
