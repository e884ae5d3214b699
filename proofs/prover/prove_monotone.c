/* P3: the sign of f'' on each segment, the step at each join (spec G2.2). */
#include "prove_monotone.h"

#include "beside.h"
#include "place.h"
#include "prove_tail.h"
#include "segment_end.h"

#include <string.h>

/* What remains of the segment between its zones, and how its search went. */
typedef struct {
  arf_t low, high, stuck;
  sl_witness w;
} stretch;

/* Boxes and tail between the zones with one goal: 1, 0 open, -1 refuted. */
static int stretch_holds(sl_proof *proof, sl_problem *p, int segment, sl_goal goal, stretch *x,
                         sl_budget *budget) {
  sl_finding *f = &proof->property[2];
  int tail = 1;
  arf_t end;
  arf_init(end);
  arf_set(end, x->high);
  if (arf_is_inf(end))
    tail = sl_tail_from(proof, p, segment, goal, x->low, &proof->tail_slope, end, budget);
  sl_search_result s = SL_SEARCH_HOLDS;
  if (arf_cmp(x->low, end) < 0)
    s = sl_search(p, segment, goal, 0, x->low, end, SL_DEPTH, budget, &proof->claims, &x->w,
                  x->stuck);
  if (s == SL_SEARCH_OPEN || s == SL_SEARCH_FAINT)
    sl_finding_open(f, s, x->stuck, "the sign of f'' is not settled");
  else if (s == SL_SEARCH_HOLDS && !tail)
    sl_finding_open(f, SL_SEARCH_OPEN, end,
                    "the sign of f'' is not settled at infinity, boxes stopped");
  arf_clear(end);
  return s == SL_SEARCH_FAILS ? -1 : s == SL_SEARCH_HOLDS && tail;
}

/* Strictly first, with half of the boxes; then weakly, for flat pieces and values of parameters at
 * which w is constant. */
static int strictly_or_weakly(sl_proof *proof, sl_problem *p, int segment, int want, stretch *x,
                              sl_budget *budget) {
  sl_budget half = {budget->deadline_s, budget->boxes, (budget->boxes + budget->box_limit) / 2};
  const double now = sl_clock_s();
  half.deadline_s = now + (budget->deadline_s - now) / 2;
  const size_t mark = proof->claims.count;
  int result = stretch_holds(proof, p, segment, want > 0 ? SL_GOAL_UP : SL_GOAL_DOWN, x, &half);
  budget->boxes = half.boxes;
  if (result) return result;
  sl_claims_truncate(&proof->claims, mark);
  char why[sizeof proof->property[2].text];
  memcpy(why, proof->property[2].text, sizeof why);
  result = stretch_holds(proof, p, segment, want > 0 ? SL_GOAL_RISES : SL_GOAL_FALLS, x, budget);
  if (result == 0) memcpy(proof->property[2].text, why, sizeof why);
  return result > 0 ? 2 : result;
}

/* 1 strictly monotone, 2 weakly or constant, 0 open, -1 refuted (both said in the finding). */
static int segment_monotone(sl_proof *proof, sl_problem *p, int segment, int want,
                            sl_budget *budget) {
  sl_finding *f = &proof->property[2];
  sl_segment_proof *record = &proof->segment[segment];
  *record = (sl_segment_proof){.want = want};
  if (sl_segment_is_constant(p, segment, p->segment[segment].w)) {
    record->constant = 1;
    return 2;
  }
  stretch x;
  arf_t top;
  arf_init(x.low), arf_init(x.high), arf_init(x.stuck), arf_init(top);
  sl_witness_init(&x.w);
  sl_segment_ends(x.low, x.high, top, p, segment);
  int result = sl_settle_end(proof, p, segment, 0, want, top, x.low, &record->low, budget, &x.w);
  if (result > 0 && segment == 0 && record->low.order == 1)
    sl_log_zone(p, want, top, x.low, &record->low, budget);
  if (result >= 0 && !arf_is_inf(x.high) &&
      sl_settle_end(proof, p, segment, 1, want, x.low, x.high, &record->high, budget, &x.w) < 0)
    result = -1;
  if (result >= 0) result = strictly_or_weakly(proof, p, segment, want, &x, budget);
  if (result < 0)
    sl_finding_refute(f, p, &x.w, "slope",
                      want > 0 ? "f' falls before r = 1, f'' =" : "f' rises after r = 1, f'' =");
  arf_clear(x.low), arf_clear(x.high), arf_clear(x.stuck), arf_clear(top);
  sl_witness_clear(&x.w);
  return result;
}

/* Between two approaches of join j, w goes the wanted way or stays. 1, 0 open, -1 refuted. */
static int step_monotone(sl_proof *proof, sl_problem *p, int j, sl_approach from, sl_approach to,
                         int want) {
  sl_finding *f = &proof->property[2];
  if (sl_join_same(p, j, 1, from, to)) return 1;
  const sl_exact step =
      sl_exact_sub(p->field, sl_join_value(p, j, 1, to), sl_join_value(p, j, 1, from));
  const int sign = sl_exact_sign(p->field, step);
  if (sign == want) return 1;
  if (sign == 0 || !sl_join_is_approached(p, j, from) || !sl_join_is_approached(p, j, to)) {
    sl_finding_set(f, SL_UNDECIDED, "%s",
                   !step       ? "f' has no exact value at a join"
                   : sign == 0 ? "the step of f' at a join has no certain sign"
                               : "f' is not shown to have values beside a join");
    return 0;
  }
  arb_t s;
  arb_init(s);
  sl_exact_ball(s, p->field, step, 128);
  char r[SL_PLACE_TEXT], *size = arb_get_str(s, 12, 0);
  sl_place_join(r, p, j);
  sl_finding_set(f, SL_REFUTED, "at the join r = %s f' steps by %s, away from monotony", r, size);
  f->join = j;
  sl_witness_middle(&f->witness, p->ranged);
  sl_join_rounded(f->witness.r, p, j);
  sl_finding_convict(f, p, "step");
  flint_free(size);
  arb_clear(s);
  return -1;
}

/* From the left to the join itself and on to the right: r = 1 belongs to both sides of the gate. */
static int join_monotone(sl_proof *proof, sl_problem *p, int j) {
  if (j == 0 && !sl_join_stands_alone(p, 0)) return 1;
  return (j == 0 ||
          step_monotone(proof, p, j, SL_FROM_LEFT, SL_AT_JOIN, j <= p->one ? 1 : -1) > 0) &&
         step_monotone(proof, p, j, SL_AT_JOIN, SL_FROM_RIGHT, j < p->one ? 1 : -1) > 0;
}

void sl_prove_monotone(sl_proof *proof, sl_problem *p, sl_budget *budget) {
  sl_finding *f = &proof->property[2];
  int strict = 1, ok = 1;
  sl_finding_set(f, SL_UNDECIDED, "not reached");
  /* where joins may coincide, the steps at them are not looked at one by one: f' has to be
   * continuous */
  const int rests = p->weak_order && proof->property[0].verdict != SL_PROVED;
  if (rests) ok = 0;
  for (int i = 0; i < p->joins && f->verdict != SL_REFUTED && !f->has_candidate; i++) {
    const int s = segment_monotone(proof, p, i, i < p->one ? 1 : -1, budget);
    ok &= s > 0;
    strict &= s == 1;
    proof->segment[i].weak = s == 2 && !proof->segment[i].constant;
  }
  for (int j = 0; j < p->joins && f->verdict != SL_REFUTED && !f->has_candidate; j++)
    ok &= join_monotone(proof, p, j);
  if (f->verdict == SL_REFUTED || !ok) {
    if (f->verdict != SL_REFUTED && rests && !f->has_candidate) {
      char joins[2 * SL_PLACE_TEXT];
      sl_place_coincide(joins, p);
      sl_finding_set(f, SL_UNDECIDED, "%s, and then it rests on P1", joins);
    }
    return;
  }
  f->strict = strict;
  sl_finding_set(f, SL_PROVED,
                 strict ? "strictly monotone on both sides"
                        : "weakly monotone: f' is constant on a piece, or may be");
}
