/* P3: the sign of f'' on each segment, the step at each join (spec G2.2). */
#include "prove_monotone.h"

#include "joins.h"
#include "prove_tail.h"
#include "segment_end.h"

#include <string.h>

/* 1 strictly monotone, 2 constant, 0 open, -1 refuted (both said in the finding). */
static int segment_monotone(sl_proof *proof, sl_problem *p, int segment, int want,
                            sl_budget *budget) {
  sl_finding *f = &proof->property[2];
  sl_segment_proof *record = &proof->segment[segment];
  *record = (sl_segment_proof){.want = want};
  if (sl_segment_is_constant(p, segment, p->segment[segment].w)) {
    record->constant = 1;
    return 2;
  }
  arf_t low, high, top, stuck;
  sl_witness w;
  arf_init(low), arf_init(high), arf_init(top), arf_init(stuck);
  sl_witness_init(&w);
  sl_segment_ends(low, high, top, p, segment);
  int result = sl_settle_end(proof, p, segment, 0, want, top, low, &record->low, budget, &w);
  int tail = 1;
  if (result >= 0 && arf_is_inf(high))
    tail = sl_tail_from(p, segment, want > 0 ? SL_GOAL_UP : SL_GOAL_DOWN, low, &proof->tail_slope,
                        high);
  else if (result >= 0)
    result = sl_settle_end(proof, p, segment, 1, want, low, high, &record->high, budget, &w) < 0
                 ? -1
                 : result;
  if (result >= 0) {
    sl_search_result s = SL_SEARCH_HOLDS;
    if (arf_cmp(low, high) < 0)
      s = sl_search(p, segment, want > 0 ? SL_GOAL_UP : SL_GOAL_DOWN, 0, low, high, SL_DEPTH,
                    budget, &proof->claims, &w, stuck);
    if (s == SL_SEARCH_FAILS)
      result = -1;
    else if (s == SL_SEARCH_OPEN)
      result = 0, sl_finding_open(f, stuck, "the sign of f'' is not settled");
    else if (!tail)
      result = 0,
      sl_finding_open(f, high, "the sign of f'' is not settled at infinity, boxes stopped");
    else
      result = 1;
  }
  if (result < 0)
    sl_finding_refute(f, p, &w, "slope",
                      want > 0 ? "f' falls before r = 1, f'' =" : "f' rises after r = 1, f'' =");
  arf_clear(low), arf_clear(high), arf_clear(top), arf_clear(stuck);
  sl_witness_clear(&w);
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
  if (sign == 0) {
    sl_finding_set(
        f, SL_UNDECIDED,
        step ? "the step of f' at a join has no certain sign" : "f' has no exact value at a join");
    return 0;
  }
  arb_t at, s;
  arb_init(at), arb_init(s);
  sl_exact_ball(at, p->field, p->join[j], 128);
  sl_exact_ball(s, p->field, step, 128);
  char *r = arb_get_str(at, 15, arb_is_exact(at) ? ARB_STR_NO_RADIUS : 0),
       *size = arb_get_str(s, 12, 0);
  sl_finding_set(f, SL_REFUTED, "at the join r = %s f' steps by %s, away from monotony", r, size);
  f->has_witness = 1;
  f->refuted_by = "step";
  f->join = j;
  sl_problem_middle(f->witness.box, p);
  arb_get_ubound_arf(f->witness.r, at, 128);
  flint_free(r), flint_free(size);
  arb_clear(at), arb_clear(s);
  return -1;
}

/* From the left to the join itself and on to the right: r = 1 belongs to both sides of the gate. */
static int join_monotone(sl_proof *proof, sl_problem *p, int j) {
  if (p->f != SL_NO_REF && (j == 0 || sl_join_same(p, j, 1, SL_FROM_LEFT, SL_FROM_RIGHT))) return 1;
  return (j == 0 ||
          step_monotone(proof, p, j, SL_FROM_LEFT, SL_AT_JOIN, j <= p->one ? 1 : -1) > 0) &&
         step_monotone(proof, p, j, SL_AT_JOIN, SL_FROM_RIGHT, j < p->one ? 1 : -1) > 0;
}

void sl_prove_monotone(sl_proof *proof, sl_problem *p, sl_budget *budget) {
  sl_finding *f = &proof->property[2];
  int strict = 1, ok = 1;
  sl_finding_set(f, SL_UNDECIDED, "not reached");
  if (proof->property[0].verdict != SL_PROVED && proof->property[0].has_witness == 0 &&
      proof->property[0].verdict == SL_UNDECIDED)
    ok = 0; /* values first */
  for (int i = 0; i < p->joins && f->verdict != SL_REFUTED; i++) {
    char before[sizeof f->text];
    memcpy(before, f->text, sizeof before);
    const int s = segment_monotone(proof, p, i, i < p->one ? 1 : -1, budget);
    ok &= s > 0;
    strict &= s == 1;
  }
  for (int j = 0; j < p->joins && f->verdict != SL_REFUTED; j++) ok &= join_monotone(proof, p, j);
  if (f->verdict == SL_REFUTED || !ok) {
    if (f->verdict != SL_REFUTED && strcmp(f->text, "not reached") == 0)
      sl_finding_set(f, SL_UNDECIDED, "rests on P1, which is open");
    return;
  }
  f->strict = strict;
  sl_finding_set(
      f, SL_PROVED,
      strict ? "strictly monotone on both sides" : "weakly monotone: f' is constant on a piece");
}
