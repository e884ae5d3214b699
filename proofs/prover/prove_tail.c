/* From where on the tail form of a segment that has no end shows a goal (spec G4.4): the smallest R
 * = 2^e tried that does. */
#include "prove_tail.h"

enum { CERTIFICATE_EXPONENT = 400, BINADES = 63, BEYOND = 43 };

static int shows(const sl_tail_fact *fact, sl_goal goal) {
  if (!fact->defined) return 0;
  switch (goal) {
    case SL_GOAL_DEFINED:
      return 1;
    case SL_GOAL_UP:
      return fact->slope_sign > 0;
    case SL_GOAL_DOWN:
      return fact->slope_sign < 0;
    case SL_GOAL_BELOW:
      return arb_is_finite(fact->range) && arb_is_negative(fact->range); /* of w - 1 */
    default:
      return fact->sign < 0;
  }
}

static int examine(sl_problem *p, int segment, sl_ref ref, sl_goal goal, slong e) {
  sl_tail_fact fact;
  sl_tail_fact_init(&fact);
  sl_tail_examine(&fact, p->field, &p->segment[segment].tree, ref, p->box, e, 256);
  if (goal == SL_GOAL_BELOW) arb_sub_ui(fact.range, fact.range, 1, 128);
  const int ok = shows(&fact, goal);
  sl_tail_fact_clear(&fact);
  return ok;
}

int sl_tail_from(sl_problem *p, int segment, sl_goal goal, const arf_t low, sl_tail_claim *claim,
                 arf_t end) {
  const sl_segment *g = &p->segment[segment];
  slong first = 1;
  while (arf_cmp_2exp_si(low, first) > 0 && first < CERTIFICATE_EXPONENT) first++;
  for (slong e = first; e <= first + BINADES && e <= CERTIFICATE_EXPONENT;
       e += e < first + 8 ? 1 : 4) {
    if (arf_cmp_2exp_si(low, e) > 0 || !examine(p, segment, g->w, goal, e)) continue;
    if (goal == SL_GOAL_DEFINED && g->f != SL_NO_REF && !examine(p, segment, g->f, goal, e))
      continue;
    *claim = (sl_tail_claim){1, goal, e};
    arf_set_si_2exp_si(end, 1, e);
    return 1;
  }
  arf_set_si_2exp_si(end, 1, first + BEYOND); /* far enough to look for a witness */
  if (arf_cmp(end, low) < 0) arf_set(end, low);
  return 0;
}
