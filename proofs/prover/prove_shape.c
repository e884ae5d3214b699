/* P3 and P2: the sign of f'' on each segment, the step at each join, the value at r = 1 (spec
 * G2.2). Next to a point where f'' vanishes the first derivative of f' that does not is used: it
 * keeps its sign in a zone, so f'' has one there. */
#include "ball.h"
#include "prove_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* A point near the end (2^-k inside) where w' has the wrong sign, for the smallest k that shows it.
 */
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

/* Settles the end of a segment: zone->order 1 leaves it to the boxes. Moves `inner` inward by the
 * zone. 1 done, 0 open, -1 refuted. */
static int settle_end(sl_proof *proof, sl_problem *p, int segment, int high, int want,
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
  for (int k = 1; k <= 24 && !done; k++) {
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

static void open_finding(sl_finding *f, const arf_t stuck, const char *why) {
  char *at = arf_get_str(stuck, 12);
  sl_finding_set(f, SL_UNDECIDED, "%s next to r = %s", why, at);
  flint_free(at);
}

/* top: the high end, or a place from which to look for a zone at the low one. */
static void segment_ends(arf_t low, arf_t high, arf_t top, sl_problem *p, int segment) {
  sl_segment_low(low, p, segment);
  sl_segment_high(high, p, segment);
  arf_set(top, high);
  if (arf_is_inf(top)) arf_add_ui(top, low, 4, ARF_PREC_EXACT, ARF_RND_DOWN);
}

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
  segment_ends(low, high, top, p, segment);
  int result = settle_end(proof, p, segment, 0, want, top, low, &record->low, budget, &w);
  int tail = 1;
  if (result >= 0 && arf_is_inf(high))
    tail = sl_tail_from(p, segment, want > 0 ? SL_GOAL_UP : SL_GOAL_DOWN, low, &proof->tail_slope,
                        high);
  else if (result >= 0)
    result = settle_end(proof, p, segment, 1, want, low, high, &record->high, budget, &w) < 0
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
      result = 0, open_finding(f, stuck, "the sign of f'' is not settled");
    else if (!tail)
      result = 0,
      open_finding(f, high, "the sign of f'' is not settled at infinity, boxes stopped");
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

/* w goes the way that `want` says, or not at all, between two approaches of join j. 1, 0 open, -1
 * refuted. */
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
  f->how = "step";
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

/* Does the piece on this side of r = 1 certainly not tend to 1 there? Leaves its value in w. */
static int side_is_off(sl_problem *p, int side, sl_witness *w) {
  const sl_segment *g = &p->segment[p->one - 1 + side];
  sl_ball piece;
  arb_t r;
  arb_init(r);
  arb_one(r);
  sl_ball_init(&piece, &g->tree, g->w, SL_NO_REF);
  sl_problem_middle(w->box, p);
  int off = 0;
  for (slong prec = 128; prec <= 4096 && !off; prec *= 4) {
    sl_ball_flow(&piece, r, w->box, prec);
    off = arb_is_finite(piece.flow[g->w].v) && !arb_contains_si(piece.flow[g->w].v, 1);
  }
  arf_one(w->r);
  arb_set(w->value, piece.flow[g->w].v);
  sl_ball_clear(&piece);
  arb_clear(r);
  return off;
}

/* r = 1 with a value of its own. 1 it is 1 as its sides are, 0 open, -1 refuted. */
static int alone_is_one(sl_finding *f, sl_problem *p, int sides_are_one) {
  const sl_exact over =
      sl_exact_sub(p->field, sl_join_value(p, p->one, 1, SL_AT_JOIN), sl_exact_int(p->field, 1));
  if (!sl_exact_sign(p->field, over)) {
    sl_finding_set(f, SL_UNDECIDED, "f'(1) is a piece of its own, and not settled");
    return sides_are_one && sl_exact_is_zero(over);
  }
  sl_witness w;
  sl_witness_init(&w);
  sl_problem_middle(w.box, p);
  arf_one(w.r);
  sl_exact_ball_at(w.value, p->field, sl_join_value(p, p->one, 1, SL_AT_JOIN), w.box, 128);
  sl_finding_refute(f, p, &w, "one", "f' =");
  sl_witness_clear(&w);
  return -1;
}

/* f'(1) = 1 from both sides: 1, 0 open, -1 refuted. */
static int one_at_one(sl_proof *proof, sl_problem *p) {
  sl_finding *f = &proof->property[1];
  const sl_exact unit = sl_exact_int(p->field, 1);
  int equal = 1, result = 0;
  for (int side = 0; side < 2 && equal; side++) {
    const sl_segment *g = &p->segment[p->one - 1 + side];
    const sl_series s = sl_series_root(p->field, &g->tree, g->w, unit, 1);
    equal = s.n && sl_exact_equal(p->field, s.c[0], unit);
  }
  if (equal && !sl_join_stands_alone(p, p->one)) return 1;
  if (sl_join_stands_alone(p, p->one)) return alone_is_one(f, p, equal);
  sl_witness left, right;
  sl_witness_init(&left), sl_witness_init(&right);
  const int l = side_is_off(p, 0, &left), r = side_is_off(p, 1, &right);
  const int l_over = l && arf_cmp_si(arb_midref(left.value), 1) > 0,
            r_over = r && arf_cmp_si(arb_midref(right.value), 1) > 0;
  if ((l && r) || l_over || r_over) {
    sl_finding_refute(f, p, r_over || !l ? &right : &left, "one", "f' =");
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
  segment_ends(low, high, top, p, segment);
  int result = 1, tail = 1;
  if (segment == p->one) { /* zone or strict slope next to r = 1 */
    result = settle_end(proof, p, segment, 0, -1, top, low, &zone, budget, &w);
  } else if (segment == p->one - 1) {
    result = settle_end(proof, p, segment, 1, 1, low, high, &zone, budget, &w);
  }
  if ((segment == p->one || segment == p->one - 1) && result > 0 &&
      zone.order == 1) { /* the slope at 1 does not vanish: find a zone for it too */
    arf_t a;
    arf_init(a);
    result = 0;
    for (int k = 1; k <= 24 && !result; k++) {
      arf_set_si_2exp_si(a, segment == p->one ? 1 : -1, -k);
      arf_add_ui(a, a, 1, ARF_PREC_EXACT, ARF_RND_DOWN);
      if (segment == p->one ? arf_cmp(a, top) >= 0 : arf_cmp(a, low) <= 0) continue;
      sl_budget small = {budget->deadline_s, 0, 200};
      const int right = segment == p->one;
      result = sl_search(p, segment, right ? SL_GOAL_DOWN : SL_GOAL_UP, 0, right ? low : a,
                         right ? a : high, 10, &small, &proof->claims, &w, NULL) == SL_SEARCH_HOLDS;
      if (result) arf_set(right ? low : high, a);
    }
    arf_clear(a);
  }
  if (arf_is_inf(high)) {
    tail = sl_tail_from(p, segment, SL_GOAL_BELOW, low, &proof->tail_below, high);
  }
  sl_search_result s = SL_SEARCH_HOLDS;
  if (arf_cmp(low, high) < 0)
    s = sl_search(p, segment, SL_GOAL_BELOW, 0, low, high, SL_DEPTH, budget, &proof->claims, &w,
                  stuck);
  if (s == SL_SEARCH_FAILS) {
    sl_finding_refute(f, p, &w, "value", "f' =");
    result = -1;
  } else if (s == SL_SEARCH_OPEN || !tail || result <= 0) {
    result = 0;
    open_finding(
        f, stuck,
        !tail ? "f' <= 1 is not settled at infinity; boxes stopped" : "f' <= 1 is not settled");
  }
  arf_clear(low), arf_clear(high), arf_clear(top), arf_clear(stuck);
  sl_witness_clear(&w);
  return result;
}

/* w <= 1 at a join whose value is that of neither side. 0: open or refuted. */
static int join_below(sl_finding *f, sl_problem *p, int j) {
  if (!sl_join_stands_alone(p, j)) return 1;
  const sl_exact value = sl_join_value(p, j, 1, SL_AT_JOIN),
                 over = sl_exact_sub(p->field, value, sl_exact_int(p->field, 1));
  const int sign = sl_exact_sign(p->field, over);
  if (sl_exact_is_zero(over) || sign < 0) return 1;
  if (sign == 0) {
    sl_finding_set(f, SL_UNDECIDED, "f' at a join itself is not settled");
    return 0;
  }
  sl_witness w;
  sl_witness_init(&w);
  sl_problem_middle(w.box, p);
  sl_exact_ball_at(w.value, p->field, p->join[j], w.box, 128);
  arf_set(w.r, arb_midref(w.value));
  sl_exact_ball_at(w.value, p->field, value, w.box, 128);
  sl_finding_refute(f, p, &w, "value", "f' =");
  f->join = j;
  sl_witness_clear(&w);
  return 0;
}

void sl_prove_maximum(sl_proof *proof, sl_problem *p, sl_budget *budget) {
  sl_finding *f = &proof->property[1];
  sl_finding_set(f, SL_UNDECIDED, "not reached");
  const int at_one = one_at_one(proof, p);
  if (at_one < 0) return;
  int ok = at_one > 0;
  const int follows = proof->property[2].verdict == SL_PROVED;
  if (ok && follows) {
    sl_finding_set(f, SL_PROVED, "f'(1) = 1 exactly, and f' falls on both sides");
    return;
  }
  char kept[sizeof f->text];
  memcpy(kept, f->text, sizeof kept);
  for (int i = 0; i < p->joins && f->verdict != SL_REFUTED; i++)
    ok &= segment_below(proof, p, i, budget) > 0;
  for (int j = 0; j < p->joins && f->verdict != SL_REFUTED; j++) ok &= join_below(f, p, j);
  if (f->verdict == SL_REFUTED) return;
  if (ok)
    sl_finding_set(f, SL_PROVED,
                   "f'(1) = 1 exactly, and f' < 1 on boxes and in the tail elsewhere");
  else if (at_one == 0)
    memcpy(f->text, kept, sizeof kept);
}
