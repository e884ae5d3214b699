/* Ends of segments (see segment_end.h). A derivative that does not vanish at the end keeps its sign
 * in a zone next to it, so w' has one there. */
#include "segment_end.h"

#include "joins.h"
#include "product_tree.h"

/* Order and sign of the first term of w - w(end) at an end of the segment; order 0: not known. */
static int first_term(sl_problem *p, int segment, int high, int *sign) {
  const sl_series s = sl_segment_series(p, segment, p->segment[segment].w, high);
  for (int m = 1; m < s.n; m++) {
    if (sl_exact_is_zero(s.c[m])) continue;
    *sign = sl_exact_sign(p->field, s.c[m]);
    return *sign ? m : 0;
  }
  return 0;
}

/* A point 2^-k inside the end where w' has the wrong sign, for the smallest such k. */
static int refute_near(sl_problem *p, int segment, int high, sl_goal goal, sl_witness *w) {
  arf_t end, step, r;
  arf_init(end), arf_init(step), arf_init(r);
  int found = 0;
  if (high)
    sl_segment_high(end, p, segment);
  else
    sl_segment_low(end, p, segment);
  for (slong k = 1; k <= 400 && !found; k++) {
    arf_set_si_2exp_si(step, high ? -1 : 1, -k);
    arf_add(r, end, step, ARF_PREC_EXACT, ARF_RND_DOWN);
    if (arf_sgn(r) >= 0) found = sl_search_point(p, segment, goal, r, w);
  }
  arf_clear(end), arf_clear(step), arf_clear(r);
  return found;
}

int sl_settle_end(sl_proof *proof, sl_problem *p, int segment, int high, int want,
                  const arf_t limit, arf_t inner, sl_end_zone *zone, sl_budget *budget,
                  sl_witness *w) {
  int sign = 0;
  const int m = first_term(p, segment, high, &sign);
  *zone = (sl_end_zone){1, 0};
  if (m == 0) return 1; /* let the boxes try up to the end */
  if ((high && m % 2 == 0 ? -sign : sign) != want)
    return refute_near(p, segment, high, want > 0 ? SL_GOAL_UP : SL_GOAL_DOWN, w) ? -1 : 0;
  if (m == 1) return 1;
  arf_t a, b, step;
  arf_init(a), arf_init(b), arf_init(step);
  int done = 0;
  for (int k = 1; k <= 24 && !done && !sl_time_over(budget); k++) {
    arf_set_si_2exp_si(step, high ? -1 : 1, -k);
    arf_add(a, inner, step, ARF_PREC_EXACT, ARF_RND_DOWN);
    if (high ? arf_cmp(a, limit) <= 0 : arf_cmp(a, limit) >= 0) continue;
    arf_set(b, inner);
    sl_budget small = {budget->deadline_s, 0, 200};
    const sl_goal goal = sign > 0 ? SL_GOAL_CURVE_UP : SL_GOAL_CURVE_DOWN;
    done = sl_search(p, segment, goal, m, high ? a : b, high ? b : a, 10, &small, &proof->claims, w,
                     NULL) == SL_SEARCH_HOLDS;
    budget->boxes += small.boxes;
    if (done) *zone = (sl_end_zone){m, k}, arf_set(inner, a);
  }
  arf_clear(a), arf_clear(b), arf_clear(step);
  return done;
}

int sl_slope_zone(sl_proof *proof, sl_problem *p, int segment, int high, const arf_t limit,
                  arf_t end, sl_budget *budget) {
  arf_t a, step;
  sl_witness w;
  int done = 0;
  arf_init(a), arf_init(step);
  sl_witness_init(&w);
  for (int k = 1; k <= 24 && !done && !sl_time_over(budget); k++) {
    arf_set_si_2exp_si(step, high ? -1 : 1, -k);
    arf_add(a, end, step, ARF_PREC_EXACT, ARF_RND_DOWN);
    if (high ? arf_cmp(a, limit) <= 0 : arf_cmp(a, limit) >= 0) continue;
    sl_budget small = {budget->deadline_s, 0, 200};
    done = sl_search(p, segment, high ? SL_GOAL_UP : SL_GOAL_DOWN, 0, high ? a : end,
                     high ? end : a, 10, &small, &proof->claims, &w, NULL) == SL_SEARCH_HOLDS;
    budget->boxes += small.boxes;
  }
  if (done) arf_set(end, a);
  arf_clear(a), arf_clear(step);
  sl_witness_clear(&w);
  return done;
}

/* Do boxes of r show the goal next to r = 0? */
static int boxes_reach_zero(sl_problem *p, sl_goal goal, sl_budget *budget) {
  sl_claim_list claims;
  sl_witness w;
  arf_t zero, high;
  sl_claims_init(&claims);
  sl_witness_init(&w);
  arf_init(zero), arf_init(high);
  int holds = 0;
  for (slong k = 2; k <= 32 && !holds && !sl_time_over(budget); k *= 4) {
    sl_budget small = {budget->deadline_s, 0, 32};
    arf_set_si_2exp_si(high, 1, -k);
    holds = sl_search(p, 0, goal, 0, zero, high, 6, &small, &claims, &w, NULL) == SL_SEARCH_HOLDS;
    budget->boxes += small.boxes;
  }
  sl_claims_clear(&claims);
  sl_witness_clear(&w);
  arf_clear(zero), arf_clear(high);
  return holds;
}

/* In s = -log(r) w goes the other way, and w' has the sign that it has in r. */
static int log_form_shows(sl_problem *p, const sl_tree *t, const sl_ref root[2], int want,
                          slong e) {
  const slong k = sl_log_exponent(e);
  sl_tail_fact w, slope;
  sl_tail_fact_init(&w), sl_tail_fact_init(&slope);
  sl_tail_examine(&w, p->field, t, root[0], p->box, k, 256);
  int shown = w.defined ? w.slope_sign == -want ? 1 : 2 : 0;
  if (shown == 2) {
    shown = 0;
    if (root[1] != SL_NO_REF) {
      sl_tail_examine(&slope, p->field, t, root[1], p->box, k, 256);
      shown = slope.defined && slope.sign == want ? 2 : 0;
    }
  }
  sl_tail_fact_clear(&w), sl_tail_fact_clear(&slope);
  return shown;
}

/* A little less of the zone than is found, where the checker's intervals decide too. */
void sl_log_zone(sl_problem *p, int want, const arf_t limit, arf_t inner, sl_end_zone *zone,
                 sl_budget *budget) {
  enum { FURTHEST = 200, FURTHER = 3 };
  sl_segment *g = &p->segment[0];
  sl_tree t;
  if (boxes_reach_zero(p, want > 0 ? SL_GOAL_UP : SL_GOAL_DOWN, budget)) return;
  sl_tree_init(&t);
  const sl_ref root[] = {sl_tree_in_minus_log(&t, &g->tree, g->w),
                         g->form[SL_FORM_SLOPE] == SL_NO_REF
                             ? SL_NO_REF
                             : sl_tree_in_minus_log(&t, &g->tree, g->form[SL_FORM_SLOPE])};
  int shown = 0;
  for (slong e = 2; e <= FURTHEST && !shown && !t.failed && !sl_time_over(budget);
       e += e < 16 ? 1 : e / 4) {
    if (arf_cmp_2exp_si(limit, -e) < 0) continue;
    shown = log_form_shows(p, &t, root, want, e);
    if (!shown) continue;
    const int out = log_form_shows(p, &t, root, want, e + FURTHER) == shown;
    *zone = (sl_end_zone){0, (int)(out ? e + FURTHER : e)};
    arf_set_si_2exp_si(inner, 1, -zone->shift);
  }
  if (shown == 2) g->form_used[SL_FORM_SLOPE] = 1;
  sl_tree_clear(&t);
}

void sl_finding_open(sl_finding *f, sl_search_result s, const arf_t stuck, const char *why) {
  char *at = arf_get_str(stuck, 12);
  sl_finding_set(
      f, SL_UNDECIDED, "%s next to r = %s%s", why, at,
      s == SL_SEARCH_FAINT ? ": it fails there, by too little for a checker to see" : "");
  flint_free(at);
}

void sl_segment_ends(arf_t low, arf_t high, arf_t top, sl_problem *p, int segment) {
  sl_segment_low(low, p, segment);
  sl_segment_high(high, p, segment);
  arf_set(top, high);
  if (arf_is_inf(top)) arf_add_ui(top, low, 4, ARF_PREC_EXACT, ARF_RND_DOWN);
}
