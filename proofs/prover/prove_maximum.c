/* P2: f'(1) = 1 exactly, and f' <= 1 elsewhere (spec G2.2). */
#include "prove_maximum.h"

#include "beside.h"
#include "enclosure.h"
#include "joins.h"
#include "place.h"
#include "prove_tail.h"
#include "segment_end.h"

#include <string.h>

enum { DIFFERENCE_BITS = 8192 }; /* twice what values are computed with */

/* Next to 1 the report has f' - 1: twelve digits of f' would not show that it is not 1. Not
 * exactly: f' may be exp(2^80), and that less 1 as long as its exponent. */
static void refute(sl_finding *f, sl_problem *p, const sl_witness *w, const char *refuted_by) {
  sl_finding_refute(f, p, w, refuted_by, "f' =");
  arb_t over;
  arb_init(over);
  arb_sub_ui(over, w->value, 1, DIFFERENCE_BITS);
  if (arf_cmpabs_2exp_si(arb_midref(over), -20) < 0) {
    char r[SL_PLACE_TEXT], *text = arb_get_str(over, 12, 0);
    sl_place_point(r, w->r);
    sl_finding_set(f, f->verdict, "at r = %s: f' - 1 = %s", r, text);
    sl_finding_convict(f, p, refuted_by);
    flint_free(text);
  }
  arb_clear(over);
}

/* Does the piece on this side of r = 1 certainly not tend to 1 there? Leaves its value in w. */
static int side_is_off(sl_problem *p, int side, sl_witness *w) {
  const sl_segment *g = &p->segment[p->one - 1 + side];
  sl_enclosure e;
  sl_span r;
  sl_span_init(&r);
  arf_one(w->r);
  sl_span_ends(&r, w->r, w->r, 0);
  sl_enclosure_init(&e, p, g, g->w, SL_NO_REF);
  e.signs = NULL;
  sl_witness_middle(w, p->ranged);
  int off = 0;
  for (slong prec = SL_WITNESS_BITS / 2; prec <= SL_WITNESS_BITS && !off; prec *= 2) {
    sl_enclose(&e, &r, w->box, prec);
    const sl_span *v = &e.node[g->w].v;
    if (!e.node[g->w].ok || !sl_span_bounded(v) || sl_enclosed_on_edge(&e, 0)) continue;
    arb_set_interval_arf(w->value, &v->low, &v->high, prec);
    off = arf_cmp_si(&v->low, 1) > 0 || arf_cmp_si(&v->high, 1) < 0;
  }
  sl_enclosure_clear(&e);
  sl_span_clear(&r);
  return off;
}

/* Where f' tends to 1 from both sides, f has that slope at 1 if it does not jump there. */
static int value_meets_at_one(sl_problem *p) {
  return p->f == SL_NO_REF || (sl_join_same(p, p->one, 0, SL_AT_JOIN, SL_FROM_RIGHT) &&
                               sl_join_same(p, p->one, 0, SL_FROM_LEFT, SL_FROM_RIGHT) &&
                               sl_join_known(p, p->one, 0, SL_AT_JOIN));
}

static int refute_own(sl_finding *f, sl_problem *p) {
  sl_witness w;
  sl_witness_init(&w);
  sl_witness_middle(&w, p->ranged);
  arf_one(w.r);
  for (slong prec = 128; prec <= 4096; prec *= 4) { /* until it shows that it is not 1 */
    sl_exact_ball(w.value, p->field, sl_join_value(p, p->one, 1, SL_AT_JOIN), prec);
    if (!arb_contains_si(w.value, 1)) break;
  }
  refute(f, p, &w, "one");
  sl_witness_clear(&w);
  return -1;
}

/* f'(1) = 1 at it and from both sides: 1, 0 open, -1 refuted. */
static int one_at_one(sl_proof *proof, sl_problem *p) {
  sl_finding *f = &proof->property[1];
  const sl_exact unit = sl_exact_int(p->field, 1);
  int equal = 1, result = 0;
  for (int side = 0; side < 2 && equal; side++) {
    const sl_exact w = sl_join_value(p, p->one, 1, side ? SL_FROM_RIGHT : SL_FROM_LEFT);
    equal = sl_exact_equal(p->field, w, unit);
  }
  const sl_exact over = sl_exact_sub(p->field, sl_join_value(p, p->one, 1, SL_AT_JOIN), unit);
  if (sl_exact_sign(p->field, over)) return refute_own(f, p);
  if (equal && sl_exact_is_zero(over)) {
    if (value_meets_at_one(p)) return 1;
    sl_finding_set(f, SL_UNDECIDED,
                   "f is not shown to be continuous at r = 1: f' = 1 there need not be its slope");
    return 0;
  }
  if (sl_join_stands_alone(p, p->one)) {
    sl_finding_set(f, SL_UNDECIDED, "%s",
                   p->f == SL_NO_REF ? "f'(1) is a piece of its own, and not settled"
                                     : "f' at r = 1 itself is not settled");
    return 0;
  }
  sl_witness left, right;
  sl_witness_init(&left), sl_witness_init(&right);
  const int l = side_is_off(p, 0, &left), r = side_is_off(p, 1, &right);
  /* a side that goes on to more than 1 is enough; else f'(1) is what one of the two has there */
  const int l_over = l && arf_cmp_si(arb_midref(left.value), 1) > 0 &&
                     sl_join_is_approached(p, p->one, SL_FROM_LEFT),
            r_over = r && arf_cmp_si(arb_midref(right.value), 1) > 0 &&
                     sl_join_is_approached(p, p->one, SL_FROM_RIGHT);
  if ((l && r) || l_over || r_over) {
    refute(f, p, r_over || !l ? &right : &left, "one");
    result = -1;
  } else {
    sl_finding_set(f, SL_UNDECIDED, "no identity shows that f'(1) = 1, and no enclosure denies it");
  }
  sl_witness_clear(&left), sl_witness_clear(&right);
  return result;
}

/* w <= 1 on a segment without P3: constants exactly; zones next to r = 1 by the first derivative
 * that does not vanish; boxes; the tail's decrease. */
static int segment_below(sl_proof *proof, sl_problem *p, int segment, sl_budget *budget) {
  sl_finding *f = &proof->property[1];
  if (sl_segment_is_constant(p, segment, p->segment[segment].w)) {
    const sl_series s = sl_segment_series(p, segment, p->segment[segment].w, 0);
    const sl_exact over = s.n ? sl_exact_sub(p->field, s.c[0], sl_exact_int(p->field, 1)) : NULL;
    if (sl_exact_is_zero(over) || sl_exact_sign(p->field, over) < 0) return 1;
  }
  arf_t low, high, top, stuck;
  sl_witness w;
  sl_end_zone zone = {1, 0};
  arf_init(low), arf_init(high), arf_init(top), arf_init(stuck);
  sl_witness_init(&w);
  sl_segment_ends(low, high, top, p, segment);
  int result = 1, tail = 1;
  if (segment == p->one) { /* zone or strict slope next to r = 1 */
    result = sl_settle_end(proof, p, segment, 0, -1, top, low, &zone, budget, &w);
  } else if (segment == p->one - 1) {
    result = sl_settle_end(proof, p, segment, 1, 1, low, high, &zone, budget, &w);
  }
  if ((segment == p->one || segment == p->one - 1) && result > 0 && zone.order == 1) {
    const int left = segment != p->one; /* the slope at 1 does not vanish: a zone for it too */
    sl_slope_zone(proof, p, segment, left, left ? low : top, left ? high : low, budget);
  }
  result = 1; /* without a zone boxes try up to r = 1, where f' <= 1 may hold with equality */
  if (arf_is_inf(high)) {
    tail = sl_tail_from(proof, p, segment, SL_GOAL_BELOW, low, &proof->tail_below, high, budget);
  }
  sl_search_result s = SL_SEARCH_HOLDS;
  if (arf_cmp(low, high) < 0)
    s = sl_search(p, segment, SL_GOAL_BELOW, 0, low, high, SL_DEPTH, budget, &proof->claims, &w,
                  stuck);
  if (s == SL_SEARCH_FAILS) {
    refute(f, p, &w, "value");
    result = -1;
  } else if (s != SL_SEARCH_HOLDS || !tail || result <= 0) {
    result = 0;
    sl_finding_open(f, s, stuck,
                    !tail && s != SL_SEARCH_FAINT
                        ? "f' <= 1 is not settled at infinity; boxes stopped"
                        : "f' <= 1 is not settled");
  }
  arf_clear(low), arf_clear(high), arf_clear(top), arf_clear(stuck);
  sl_witness_clear(&w);
  return result;
}

/* w <= 1 at a join itself, where its value may be that of neither side, or the one value that the
 * piece has which goes on from there. At r = 0 that of f' does not count. 0: open or refuted. */
static int join_below(sl_finding *f, sl_problem *p, int j) {
  if (j == 0 && p->f != SL_NO_REF) return 1;
  const sl_exact value = sl_join_value(p, j, 1, SL_AT_JOIN),
                 over = sl_exact_sub(p->field, value, sl_exact_int(p->field, 1));
  const int sign = sl_exact_sign(p->field, over);
  if (sl_exact_is_zero(over) || sign < 0) return 1;
  if (sign == 0) {
    if (!sl_join_stands_alone(p, j)) return 1;
    sl_finding_set(f, SL_UNDECIDED, "f' at a join itself is not settled");
    return 0;
  }
  sl_witness w;
  sl_witness_init(&w);
  sl_witness_middle(&w, p->ranged);
  sl_join_rounded(w.r, p, j);
  sl_exact_ball(w.value, p->field, value, 128);
  refute(f, p, &w, "value");
  f->join = j;
  sl_witness_clear(&w);
  return 0;
}

void sl_prove_maximum(sl_proof *proof, sl_problem *p, sl_budget *budget) {
  sl_finding *f = &proof->property[1];
  sl_finding_set(f, SL_UNDECIDED, "not reached");
  if (p->weak_order && proof->property[0].verdict != SL_PROVED) {
    char joins[2 * SL_PLACE_TEXT];
    sl_place_coincide(joins, p);
    sl_finding_set(f, SL_UNDECIDED, "%s, and then it rests on P1", joins);
    return;
  }
  const int at_one = one_at_one(proof, p);
  if (at_one < 0) return;
  int ok = at_one > 0;
  const sl_finding *monotone = &proof->property[2];
  if (ok && monotone->verdict == SL_PROVED) {
    sl_finding_set(f, SL_PROVED, "f'(1) = 1 exactly, and f' %s",
                   monotone->strict ? "falls on both sides" : "rises on neither side");
    return;
  }
  char kept[sizeof f->text];
  memcpy(kept, f->text, sizeof kept);
  for (int i = 0; i < p->joins && f->verdict != SL_REFUTED && !f->has_candidate; i++)
    ok &= segment_below(proof, p, i, budget) > 0;
  for (int j = 0; j < p->joins && f->verdict != SL_REFUTED && !f->has_candidate; j++)
    ok &= join_below(f, p, j);
  if (f->verdict == SL_REFUTED) return;
  if (ok)
    sl_finding_set(f, SL_PROVED,
                   "f'(1) = 1 exactly, and f' <= 1 on boxes and in the tail elsewhere");
  else if (at_one == 0)
    memcpy(f->text, kept, sizeof kept);
}
