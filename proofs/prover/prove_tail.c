/* The smallest R = 2^e, of those tried, beyond which the tail form of a segment without end shows a
 * goal (spec G4.4). */
#include "prove_tail.h"

#include "product_tree.h"

enum { CERTIFICATE_EXPONENT = 400, BINADES = 63, BEYOND = 43, FURTHER = 3 };

static int shows(const sl_tail_fact *fact, sl_goal goal) {
  if (!fact->defined) return 0;
  switch (goal) {
    case SL_GOAL_DEFINED:
      return 1;
    case SL_GOAL_UP:
    case SL_GOAL_RISES:
      return fact->slope_sign > 0;
    case SL_GOAL_DOWN:
    case SL_GOAL_FALLS:
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

/* w has values, and its normal form has the sign that the goal asks for. */
static int normal_form_shows(sl_problem *p, int segment, sl_goal goal, slong e) {
  sl_segment *g = &p->segment[segment];
  const sl_form kind = goal == SL_GOAL_BELOW      ? SL_FORM_OVER
                       : goal == SL_GOAL_NEGATIVE ? SL_FORM_WEIGHT
                                                  : SL_FORM_SLOPE;
  const int want = goal == SL_GOAL_UP || goal == SL_GOAL_RISES ? 1 : -1;
  if (goal == SL_GOAL_DEFINED || g->form[kind] == SL_NO_REF ||
      !examine(p, segment, g->w, SL_GOAL_DEFINED, e))
    return 0;
  sl_tail_fact fact;
  sl_tail_fact_init(&fact);
  sl_tail_examine(&fact, p->field, &g->tree, g->form[kind], p->box, e, 256);
  const int ok = fact.defined && fact.sign == want;
  if (ok) g->form_used[kind] = 1;
  sl_tail_fact_clear(&fact);
  return ok;
}

static int form_shows(sl_problem *p, int segment, sl_goal goal, slong e) {
  const sl_segment *g = &p->segment[segment];
  return (examine(p, segment, g->w, goal, e) &&
          (goal != SL_GOAL_DEFINED || g->f == SL_NO_REF || examine(p, segment, g->f, goal, e))) ||
         normal_form_shows(p, segment, goal, e);
}

/* A box [2^e, inf). */
static int box_shows(sl_proof *proof, sl_problem *p, int segment, sl_goal goal, const arf_t low,
                     sl_budget *budget) {
  enum { HALVINGS = 6 };
  sl_witness w;
  arf_t inf;
  sl_budget small = {budget->deadline_s, 0, 64};
  sl_witness_init(&w);
  arf_init(inf);
  arf_pos_inf(inf);
  const int holds = sl_search(p, segment, goal, 0, low, inf, HALVINGS, &small, &proof->claims, &w,
                              NULL) == SL_SEARCH_HOLDS;
  budget->boxes += small.boxes;
  sl_witness_clear(&w);
  arf_clear(inf);
  return holds;
}

int sl_tail_box(sl_proof *proof, sl_problem *p, int segment, sl_goal goal, slong e,
                sl_budget *budget) {
  arf_t low;
  arf_init(low);
  arf_set_si_2exp_si(low, 1, e);
  const int holds = box_shows(proof, p, segment, goal, low, budget);
  arf_clear(low);
  return holds;
}

int sl_tail_from(sl_proof *proof, sl_problem *p, int segment, sl_goal goal, const arf_t low,
                 sl_tail_claim *claim, arf_t end, sl_budget *budget) {
  enum { BOX_TRIALS = 12 };
  arf_t from;
  arf_init(from);
  slong first = 1;
  int done = 0;
  while (arf_cmp_2exp_si(low, first) > 0 && first < CERTIFICATE_EXPONENT) first++;
  for (slong e = first;
       e <= first + BINADES && e <= CERTIFICATE_EXPONENT && !done && !sl_time_over(budget);
       e += e < first + 8 ? 1 : 4) {
    if (arf_cmp_2exp_si(low, e) > 0) continue;
    arf_set_si_2exp_si(from, 1, e);
    if (e < first + BOX_TRIALS && box_shows(proof, p, segment, goal, from, budget)) {
      *claim = (sl_tail_claim){SL_TAIL_BY_BOXES, e};
      arf_set(end, from), done = 1;
    } else if (form_shows(p, segment, goal, e)) {
      /* a little further out than need be, where the checker's intervals decide too */
      const slong out = form_shows(p, segment, goal, e + FURTHER) ? e + FURTHER : e;
      *claim = (sl_tail_claim){SL_TAIL_BY_FORM, out};
      arf_set_si_2exp_si(end, 1, out), done = 1;
    }
  }
  arf_clear(from);
  if (done) return 1;
  arf_set_si_2exp_si(end, 1, first + BEYOND); /* far enough to look for a witness */
  if (arf_cmp(end, low) < 0) arf_set(end, low);
  return 0;
}

static int negative_in_log(sl_problem *p, const sl_tree *t, sl_ref w, slong e) {
  const slong k = sl_log_exponent(e);
  sl_tail_fact fact;
  if (k < 0) return 0;
  sl_tail_fact_init(&fact);
  sl_tail_examine(&fact, p->field, t, w, p->box, k, 256);
  const int ok = fact.defined && fact.sign < 0;
  sl_tail_fact_clear(&fact);
  return ok;
}

int sl_tail_in_log(sl_problem *p, int segment, const arf_t low, sl_tail_claim *claim, arf_t end,
                   const sl_budget *budget) {
  const sl_segment *g = &p->segment[segment];
  sl_tree t;
  sl_tree_init(&t);
  const sl_ref w = sl_tree_in_log(&t, &g->tree, g->w);
  slong e = 1;
  while (arf_cmp_2exp_si(low, e) > 0 && e <= CERTIFICATE_EXPONENT) e++;
  int shown = 0;
  for (; e + FURTHER <= CERTIFICATE_EXPONENT && !shown && !t.failed && !sl_time_over(budget);
       e += e < 16 ? 1 : e / 4) {
    if (!negative_in_log(p, &t, w, e)) continue;
    shown = 1;
    *claim = (sl_tail_claim){SL_TAIL_BY_LOG_FORM, e + FURTHER};
    arf_set_si_2exp_si(end, 1, e + FURTHER);
  }
  sl_tree_clear(&t);
  return shown;
}
