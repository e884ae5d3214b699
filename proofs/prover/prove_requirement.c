/* A requirement left <= right over a range of r (spec G1.3, G2.3): left - right < 0 on boxes and in
 * the tail, or a constant that is exactly <= 0. */
#include "prove_requirement.h"

#include "joins.h"
#include "prove_tail.h"

static int constant_holds(sl_problem *p, int segment) {
  if (!sl_segment_is_constant(p, segment, p->segment[segment].w)) return 0;
  const sl_series s = sl_segment_series(p, segment, p->segment[segment].w, 0);
  return s.n && (sl_exact_is_zero(s.c[0]) || sl_exact_sign(p->field, s.c[0]) < 0);
}

/* 1 holds, 0 open, -1 refuted */
static int segment_holds(sl_finding *finding, sl_problem *p, int segment, const arf_t from,
                         const arf_t to, sl_budget *budget) {
  arf_t low, high, stuck;
  sl_witness w;
  sl_proof unused; /* requirements are no part of a certificate */
  arf_init(low), arf_init(high), arf_init(stuck);
  sl_witness_init(&w);
  sl_proof_init(&unused);
  sl_segment_low(low, p, segment);
  sl_segment_high(high, p, segment);
  if (arf_cmp(from, low) > 0) arf_set(low, from);
  if (to && arf_cmp(to, high) < 0) arf_set(high, to);
  int result = 1;
  if (arf_cmp(low, high) <= 0 && !constant_holds(p, segment)) {
    sl_tail_claim claim;
    const int tail = arf_is_inf(high) ? sl_tail_from(&unused, p, segment, SL_GOAL_NEGATIVE, low,
                                                     &claim, high, budget)
                                      : 1;
    const sl_search_result s = sl_search(p, segment, SL_GOAL_NEGATIVE, 0, low, high, SL_DEPTH,
                                         budget, &unused.claims, &w, stuck);
    result = s == SL_SEARCH_HOLDS ? tail : s == SL_SEARCH_FAILS ? -1 : 0;
    if (result < 0) {
      sl_finding_refute(finding, p, &w, "value", "left - right =");
    } else if (!result) {
      char *at = arf_get_str(stuck, 12);
      if (s == SL_SEARCH_HOLDS)
        sl_finding_set(finding, SL_UNDECIDED, "holds on boxes; not settled at infinity");
      else
        sl_finding_set(finding, SL_UNDECIDED, "not settled next to r = %s", at);
      flint_free(at);
    }
  }
  arf_clear(low), arf_clear(high), arf_clear(stuck);
  sl_witness_clear(&w);
  sl_proof_clear(&unused);
  return result;
}

/* At a join itself the value may be that of neither side. */
static int join_holds(sl_finding *finding, sl_problem *p, int j) {
  if (!sl_join_stands_alone(p, j)) return 1;
  const sl_exact value = sl_join_value(p, j, 1, SL_AT_JOIN);
  if (sl_exact_is_zero(value) || sl_exact_sign(p->field, value) < 0) return 1;
  sl_finding_set(finding, SL_UNDECIDED,
                 "not settled at join %d itself, whose value is that of neither side", j);
  return 0;
}

void sl_prove_requirement(sl_finding *finding, sl_problem *p, const arf_t low, const arf_t high,
                          sl_budget *budget) {
  int ok = 1;
  sl_finding_set(finding, SL_UNDECIDED, "not reached");
  for (int i = 0; i < p->joins && finding->verdict != SL_REFUTED && !finding->has_candidate; i++)
    ok &= segment_holds(finding, p, i, low, high, budget) > 0 && join_holds(finding, p, i);
  if (ok) sl_finding_set(finding, SL_PROVED, "on boxes and in the tail");
}
