/* A requirement left <= right over a range of r (spec G1.3, G2.3): left - right <= 0 on boxes and
 * in the tail; where it is exactly 0 at an end of a segment, its slope or a higher derivative leads
 * down from there. The ends of the range are joins. */
#include "prove_requirement.h"

#include "beside.h"
#include "place.h"
#include "prove_tail.h"
#include "segment_end.h"

static int constant_holds(sl_problem *p, int segment) {
  if (!sl_segment_is_constant(p, segment, p->segment[segment].w)) return 0;
  const sl_series s = sl_segment_series(p, segment, p->segment[segment].w, 0);
  return s.n && (sl_exact_is_zero(s.c[0]) || sl_exact_sign(p->field, s.c[0]) < 0);
}

/* Does left - right go down from the end on all of the segment, to `far`, which may be infinite? */
static int goes_down(sl_proof *proof, sl_problem *p, int segment, int high, const arf_t end,
                     const arf_t far, sl_budget *budget) {
  enum { HALVINGS = 6, BOXES = 64 };
  sl_budget small = {budget->deadline_s, 0, BOXES};
  sl_witness w;
  sl_witness_init(&w);
  const int holds =
      sl_search(p, segment, high ? SL_GOAL_UP : SL_GOAL_DOWN, 0, high ? far : end, high ? end : far,
                HALVINGS, &small, &proof->claims, &w, NULL) == SL_SEARCH_HOLDS;
  budget->boxes += small.boxes;
  sl_witness_clear(&w);
  return holds;
}

/* Where left - right is exactly not above 0 at the end, moves the end inward over what it goes down
 * on: all of the segment, or a zone. */
static void leave_zero(sl_proof *proof, sl_problem *p, int segment, int high, arf_t end,
                       const arf_t limit, const arf_t far, sl_budget *budget) {
  const sl_series s = sl_segment_series(p, segment, p->segment[segment].w, high);
  sl_end_zone zone;
  sl_witness w;
  if (s.n == 0 || sl_exact_signs(p->field, s.c[0]) & SL_POSITIVE) return;
  if (goes_down(proof, p, segment, high, end, far, budget)) {
    arf_set(end, far);
    return;
  }
  if (!sl_exact_is_zero(s.c[0])) return;
  sl_witness_init(&w);
  if (sl_settle_end(proof, p, segment, high, high ? 1 : -1, limit, end, &zone, budget, &w) > 0 &&
      zone.order == 1)
    sl_slope_zone(proof, p, segment, high, limit, end, budget);
  sl_witness_clear(&w);
}

static void say_open_far(sl_finding *finding) {
  sl_finding_set(finding, SL_UNDECIDED, "holds on boxes; not settled at infinity");
}

/* Is left - right above 0 at an end of the segment itself? Boxes close in on it and need not hit
 * it. */
static int end_fails(sl_problem *p, int segment, sl_witness *w) {
  arf_t r;
  arf_init(r);
  int fails = 0;
  for (int j = segment; j <= segment + 1 && !fails; j++)
    fails = sl_join_is_dyadic(p, j, r) && sl_search_point(p, segment, SL_GOAL_NEGATIVE, r, w);
  arf_clear(r);
  return fails;
}

/* 1 holds, 0 open, -1 refuted */
static int segment_holds(sl_proof *proof, sl_problem *p, int segment, sl_budget *budget) {
  sl_finding *finding = &proof->property[0];
  if (constant_holds(p, segment)) return 1;
  arf_t low, high, top, stuck;
  sl_witness w;
  arf_init(low), arf_init(high), arf_init(top), arf_init(stuck);
  sl_witness_init(&w);
  sl_segment_ends(low, high, top, p, segment);
  leave_zero(proof, p, segment, 0, low, top, high, budget);
  int result = 1, tail = 1;
  if (!arf_is_inf(high) && arf_cmp(low, high) < 0)
    leave_zero(proof, p, segment, 1, high, low, low, budget);
  else if (arf_cmp(low, high) < 0)
    tail =
        sl_tail_from(proof, p, segment, SL_GOAL_NEGATIVE, low, &proof->tail_below, high, budget) ||
        sl_tail_in_log(p, segment, low, &proof->tail_below, high, budget);
  if (arf_cmp(low, high) < 0) {
    const sl_search_result s = sl_search(p, segment, SL_GOAL_NEGATIVE, 0, low, high, SL_DEPTH,
                                         budget, &proof->claims, &w, stuck);
    result = s == SL_SEARCH_HOLDS ? tail : s == SL_SEARCH_FAILS ? -1 : 0;
    if (!result && s != SL_SEARCH_HOLDS && end_fails(p, segment, &w)) result = -1;
    if (!result && s == SL_SEARCH_HOLDS) say_open_far(finding);
    if (!result && s != SL_SEARCH_HOLDS) sl_finding_open(finding, s, stuck, "not settled");
  } else if (!tail) {
    result = 0;
    say_open_far(finding);
  }
  if (result < 0) sl_finding_refute(finding, p, &w, "value", "left - right =");
  arf_clear(low), arf_clear(high), arf_clear(top), arf_clear(stuck);
  sl_witness_clear(&w);
  return result;
}

static int not_above_0(sl_problem *p, int j, sl_approach from) {
  return !(sl_exact_signs(p->field, sl_join_value(p, j, 1, from)) & SL_POSITIVE);
}

/* Where the value at the join is neither side's, what the sides tend to must not be above 0 either:
 * no f' may then be claimed that a run has at the join alone. */
static int sides_hold(sl_problem *p, int j) {
  return sl_join_same(p, j, 1, SL_AT_JOIN, SL_FROM_RIGHT) ||
         (j && sl_join_same(p, j, 1, SL_AT_JOIN, SL_FROM_LEFT)) ||
         (not_above_0(p, j, SL_FROM_RIGHT) && (!j || not_above_0(p, j, SL_FROM_LEFT)));
}

/* Is left - right above 0 at the join itself? */
static int join_fails(sl_proof *proof, sl_problem *p, int j) {
  sl_finding *finding = &proof->property[0];
  const sl_exact value = sl_join_value(p, j, 1, SL_AT_JOIN);
  if (sl_exact_sign(p->field, value) <= 0 ||
      (j == 0 && p->limit_at_0 && !sl_join_is_approached(p, 0, SL_FROM_RIGHT)))
    return 0;
  sl_witness w;
  sl_witness_init(&w);
  sl_witness_middle(&w, p->ranged);
  sl_join_rounded(w.r, p, j);
  sl_exact_ball(w.value, p->field, value, 128);
  sl_finding_refute(finding, p, &w, "value", "left - right =");
  finding->join = j;
  sl_witness_clear(&w);
  return 1;
}

/* At a join itself the value may be that of no side in the range, or none. */
static int join_holds(sl_proof *proof, sl_problem *p, int j, int left, int right) {
  if (((right && sl_join_same(p, j, 1, SL_AT_JOIN, SL_FROM_RIGHT)) ||
       (left && sl_join_same(p, j, 1, SL_AT_JOIN, SL_FROM_LEFT))) &&
      sl_join_known(p, j, 1, SL_AT_JOIN))
    return 1;
  if (not_above_0(p, j, SL_AT_JOIN) && sides_hold(p, j)) return 1;
  arb_t at;
  arb_init(at);
  sl_exact_ball(at, p->field, p->join[j], 128);
  char *r = arb_get_str(at, 12, arb_is_exact(at) ? ARB_STR_NO_RADIUS : 0);
  sl_finding_set(&proof->property[0], SL_UNDECIDED, "not settled at r = %s itself, a join", r);
  proof->no_halves = p->powers_by_log && !sl_join_value(p, j, 1, SL_AT_JOIN);
  flint_free(r);
  arb_clear(at);
  return 0;
}

/* The join that is this end of the range; an end without a number lies beyond them all. */
static int join_of(sl_problem *p, sl_decimal end) {
  int j = 0;
  if (end.e == INT32_MAX) return p->joins;
  const sl_exact x = sl_exact_decimal(p->field, end);
  while (j < p->joins && !sl_exact_equal(p->field, p->join[j], x)) j++;
  return j;
}

void sl_prove_requirement(sl_proof *proof, sl_problem *p, sl_budget *budget) {
  sl_finding *finding = &proof->property[0];
  const int first = join_of(p, p->end[0]), last = join_of(p, p->end[1]);
  int ok = first < p->joins;
  sl_finding_set(finding, SL_UNDECIDED, "not reached");
  if (p->weak_order) {
    char joins[2 * SL_PLACE_TEXT];
    sl_place_coincide(joins, p);
    sl_finding_set(finding, SL_UNDECIDED, "%s", joins);
    return;
  }
  for (int i = first; i < last && finding->verdict != SL_REFUTED && !finding->has_candidate; i++)
    ok &= segment_holds(proof, p, i, budget) > 0;
  for (int j = first;
       j <= last && j < p->joins && finding->verdict != SL_REFUTED && !finding->has_candidate; j++)
    if (join_fails(proof, p, j) || (ok && !join_holds(proof, p, j, j > first, j < last))) ok = 0;
  if (ok) sl_finding_set(finding, SL_PROVED, "on boxes and in the tail");
}
