/* Depth-first branch and bound (see search.h). A box that does not hold is halved along its
 * relatively widest side. */
#include "search.h"

#include "beside.h"
#include "judge.h"

#include <limits.h>
#include <time.h>

double sl_clock_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int sl_time_over(const sl_budget *b) { return sl_clock_s() > b->deadline_s; }

typedef struct {
  sl_judge judge;
  int depth_limit;
  sl_budget *budget;
  sl_claim_list *claims;
  sl_witness *witness;
  arf_struct *stuck;
  const arf_struct *low, *high; /* of all of the search */
  int faint;                    /* a point was met that fails by too little for a witness */
} search;

static void middle(arf_t m, const arf_t low, const arf_t high) {
  arf_add(m, low, high, ARF_PREC_EXACT, ARF_RND_DOWN);
  arf_mul_2exp_si(m, m, -1);
}

/* At a join the gate is what its own tree says, whatever the piece does that ends there. */
static int undefined_at_join(search *s, const arf_t r, slong prec) {
  int result = 1;
  arb_t c, x;
  sl_span at;
  arb_init(c), arb_init(x);
  sl_span_init(&at);
  arb_set_arf(x, r);
  sl_span_ends(&at, r, r, 0);
  for (int j = s->judge.segment; j <= s->judge.segment + 1 && j < s->judge.p->joins && result == 1;
       j++) {
    sl_exact_ball(c, s->judge.p->field, s->judge.p->join[j], prec);
    if (!arb_overlaps(c, x)) continue;
    const sl_segment *g = &s->judge.p->at[j];
    const sl_ref root = g->f == SL_NO_REF ? g->w : g->f;
    sl_enclosure e;
    sl_enclosure_init(&e, s->judge.p, g, root, SL_NO_REF);
    sl_enclose(&e, &at, s->judge.p->box, prec);
    result = e.node[root].undefined;
    sl_enclosure_clear(&e);
  }
  arb_clear(c), arb_clear(x);
  sl_span_clear(&at);
  return result;
}

/* Only a point within the segment is a witness. */
static int inside(const search *s, const arf_t r) {
  arb_t c, x;
  arb_init(c), arb_init(x);
  arb_set_arf(x, r);
  sl_exact_ball(c, s->judge.p->field, s->judge.p->join[s->judge.segment], SL_WITNESS_BITS);
  int ok = arb_le(c, x);
  if (s->judge.segment + 1 < s->judge.p->joins) {
    sl_exact_ball(c, s->judge.p->field, s->judge.p->join[s->judge.segment + 1], SL_WITNESS_BITS);
    ok = ok && arb_le(x, c);
  }
  arb_clear(c), arb_clear(x);
  return ok;
}

/* What fails at r, does it of the gate? A slope is one only with values beside r, in the segment;
 * so is a value at an end, where the gate itself may have another. */
static int counts_at(const search *s, const arf_t r, arb_srcptr point) {
  sl_problem *p = s->judge.p;
  const sl_goal goal = s->judge.goal;
  const int i = s->judge.segment, of_value = goal == SL_GOAL_BELOW || goal == SL_GOAL_NEGATIVE;
  if (goal == SL_GOAL_DEFINED) return 1;
  if (sl_enclosed_on_edge(&s->judge.spans, !of_value)) return 0;
  arb_t c;
  arb_init(c);
  sl_exact_ball(c, p->field, p->join[i], SL_WITNESS_BITS);
  int ends = arb_contains_arf(c, r);
  if (i + 1 < p->joins) {
    sl_exact_ball(c, p->field, p->join[i + 1], SL_WITNESS_BITS);
    ends |= arb_contains_arf(c, r);
  }
  arb_clear(c);
  return (of_value && !ends) || sl_has_values_beside(p, i, p->segment[i].w, r, 1, point) ||
         sl_has_values_beside(p, i, p->segment[i].w, r, -1, point);
}

/* Within the exponents of MPFR's numbers. */
static int plain_size(const arf_t x) {
  return !arf_is_normal(x) ||
         (arf_cmpabs_2exp_si(x, LONG_MAX / 4) < 0 && arf_cmpabs_2exp_si(x, -LONG_MAX / 4) > 0);
}

/* The verdict at the point, by `last` bits at most. */
static int judge_point(search *s, const arf_t r, arb_srcptr point, slong first, slong last,
                       arb_t value) {
  int verdict = 0;
  for (slong prec = first; prec <= last && verdict == 0; prec *= 2) {
    verdict = sl_judge_box(&s->judge, r, r, point, prec, 0, value);
    if (verdict < 0 && s->judge.goal == SL_GOAL_DEFINED && !undefined_at_join(s, r, prec))
      verdict = 0;
    if (verdict < 0 && !counts_at(s, r, point)) verdict = 0;
  }
  return verdict;
}

/* The goal certainly fails at r, rounded, and at the middle of the box. Where parameters have
 * ranges that is a place to look for a witness, no more. */
static int fails_at(search *s, const arf_t near, arb_srcptr box) {
  if (s->judge.goal == SL_GOAL_CURVE_UP || s->judge.goal == SL_GOAL_CURVE_DOWN || arf_is_inf(near))
    return 0;
  arf_t r;
  arf_init(r);
  arf_set_round(r, near, SL_WITNESS_BITS, ARF_RND_NEAR);
  arb_ptr point = _arb_vec_init(SL_FIELD_PARAMETERS);
  arb_t value;
  arb_init(value);
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) arb_get_mid_arb(point + i, box + i);
  int verdict = s->judge.p->ranged || inside(s, r) ? 0 : 1;
  const sl_ref inner = s->judge.spans.inner;
  s->judge.spans.inner = SL_NO_REF; /* the witness says what f'' is */
  s->judge.spans.signs = NULL;
  if (verdict == 0) verdict = judge_point(s, r, point, SL_WITNESS_BITS / 2, SL_WITNESS_BITS, value);
  if (verdict == 0 && !s->faint && judge_point(s, r, point, 2048, 2048, value) < 0) {
    s->faint = 1;
    if (s->stuck) arf_set(s->stuck, r);
  }
  s->judge.spans.inner = inner;
  s->judge.spans.signs = s->judge.p->segment[s->judge.segment].signs;
  /* beyond MPFR's exponents the checker could not follow; there may be a plainer witness */
  if (verdict < 0 && s->judge.goal != SL_GOAL_DEFINED && !plain_size(arb_midref(value)))
    verdict = 0;
  if (verdict < 0) {
    arf_set(s->witness->r, r);
    arb_set(s->witness->value, value);
    _arb_vec_set(s->witness->box, point, SL_FIELD_PARAMETERS);
  }
  arf_clear(r);
  arb_clear(value);
  _arb_vec_clear(point, SL_FIELD_PARAMETERS);
  return verdict < 0;
}

/* Which side to halve: -1 is r, else a parameter; -2: none is wide. Widths are relative to the
 * magnitude. */
static int widest(const search *s, const arf_t low, const arf_t high, arb_srcptr box) {
  arb_t r;
  arb_ptr params = _arb_vec_init(SL_FIELD_PARAMETERS);
  arb_init(r);
  int side = -2;
  slong best = LONG_MIN;
  sl_problem_parameters(params, s->judge.p, box, 64);
  if (!arf_is_inf(high)) {
    arb_set_interval_arf(r, low, high, 64);
    best = arf_is_zero(low) ? -1 : arb_rel_error_bits(r), side = -1;
  }
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) {
    if (arb_is_exact(box + i)) continue;
    const slong bits = arb_rel_error_bits(params + i);
    if (bits > best || side == -2) best = bits, side = i;
  }
  arb_clear(r);
  _arb_vec_clear(params, SL_FIELD_PARAMETERS);
  return side;
}

/* On wide ranges of r the geometric mean splits better than the arithmetic one; any dyadic point
 * between will do. */
static void split_point(arf_t m, const arf_t low, const arf_t high) {
  arf_t eight;
  arf_init(eight);
  arf_mul_2exp_si(eight, low, 3);
  middle(m, low, high);
  if (arf_sgn(low) > 0 && arf_cmp(high, eight) > 0) {
    arf_t g;
    arf_init(g);
    arf_mul(g, low, high, 53, ARF_RND_DOWN);
    arf_sqrt(g, g, 20, ARF_RND_DOWN);
    if (arf_cmp(g, low) > 0 && arf_cmp(g, high) < 0) arf_set(m, g);
    arf_clear(g);
  }
  arf_clear(eight);
}

static sl_search_result explore(search *s, const arf_t low, const arf_t high, arb_srcptr box,
                                int depth);

/* One half of an interval of s: exact, as its length is a power of two. */
static void half_of(arb_t y, const arb_t s, int upper) {
  arf_t step;
  arf_init(step);
  mag_mul_2exp_si(arb_radref(y), arb_radref(s), -1);
  arf_set_mag(step, arb_radref(y));
  if (!upper) arf_neg(step, step);
  arf_add(arb_midref(y), arb_midref(s), step, ARF_PREC_EXACT, ARF_RND_DOWN);
  arf_clear(step);
}

static sl_search_result halve_parameter(search *s, const arf_t low, const arf_t high,
                                        arb_srcptr box, int side, int depth) {
  arb_ptr half = _arb_vec_init(SL_FIELD_PARAMETERS);
  sl_search_result result = SL_SEARCH_HOLDS;
  _arb_vec_set(half, box, SL_FIELD_PARAMETERS);
  for (int upper = 0; upper < 2 && result == SL_SEARCH_HOLDS; upper++) {
    half_of(half + side, box + side, upper);
    result = explore(s, low, high, half, depth + 1);
  }
  _arb_vec_clear(half, SL_FIELD_PARAMETERS);
  return result;
}

static sl_search_result halve(search *s, const arf_t low, const arf_t high, arb_srcptr box,
                              int depth) {
  const int side = widest(s, low, high, box);
  if (side >= 0) return halve_parameter(s, low, high, box, side, depth);
  if (side == -2) return SL_SEARCH_OPEN;
  arf_t m;
  arf_init(m);
  split_point(m, low, high);
  sl_search_result result = explore(s, low, m, box, depth + 1);
  if (result == SL_SEARCH_HOLDS) result = explore(s, m, high, box, depth + 1);
  arf_clear(m);
  return result;
}

/* The nearer point first: its numbers are plainer. */
static int fails_inside(search *s, const arf_t low, const arf_t high, arb_srcptr box) {
  if (arf_is_inf(high)) return 0;
  arf_t m;
  arf_init(m);
  split_point(m, low, high);
  int fails = fails_at(s, m, box);
  if (!fails) {
    middle(m, low, high);
    fails = fails_at(s, m, box);
  }
  arf_clear(m);
  return fails;
}

/* A point of the search where the goal fails by enough: over all of it, and towards its ends. */
static int hunt(search *s, arb_srcptr box) {
  enum { SHARES = 32, HALVINGS = 64, POINTS = SHARES + 2 * HALVINGS };
  arf_t r, width;
  arf_init(r), arf_init(width);
  arf_sub(width, s->high, s->low, ARF_PREC_EXACT, ARF_RND_DOWN);
  int found = 0;
  for (int i = 1; i < POINTS && !found && arf_is_finite(width) && !sl_time_over(s->budget); i++) {
    const int past = i - SHARES, from_high = past > 0 && past % 2;
    if (past > 0)
      arf_mul_2exp_si(r, width, -past / 2 - 5);
    else
      arf_mul_ui(r, width, (ulong)i, ARF_PREC_EXACT, ARF_RND_DOWN), arf_mul_2exp_si(r, r, -5);
    if (from_high)
      arf_sub(r, s->high, r, 53, ARF_RND_DOWN);
    else
      arf_add(r, s->low, r, 53, ARF_RND_DOWN);
    found = arf_cmp(r, s->low) > 0 && arf_cmp(r, s->high) < 0 && fails_at(s, r, box);
  }
  arf_clear(r), arf_clear(width);
  return found;
}

static sl_search_result explore(search *s, const arf_t low, const arf_t high, arb_srcptr box,
                                int depth) {
  if (sl_time_over(s->budget) || ++s->budget->boxes > s->budget->box_limit) {
    if (s->stuck) arf_set(s->stuck, low);
    return SL_SEARCH_OPEN;
  }
  arb_t value;
  arb_init(value);
  const int verdict =
      sl_judge_box(&s->judge, low, high, box, depth < 20 ? 128 : 256, depth >= 5, value);
  arb_clear(value);
  if (verdict > 0) {
    sl_claims_add(s->claims, s->judge.segment, s->judge.goal, s->judge.order, low, high, box);
    return SL_SEARCH_HOLDS;
  }
  if (fails_inside(s, low, high, box)) return SL_SEARCH_FAILS;
  if (s->faint) return hunt(s, box) ? SL_SEARCH_FAILS : SL_SEARCH_FAINT;
  if (depth < s->depth_limit && arf_cmp(low, high) < 0) return halve(s, low, high, box, depth);
  if (s->stuck) arf_set(s->stuck, low);
  return SL_SEARCH_OPEN;
}

sl_search_result sl_search(sl_problem *p, int segment, sl_goal goal, slong order, const arf_t low,
                           const arf_t high, int depth, sl_budget *budget, sl_claim_list *claims,
                           sl_witness *witness, arf_t stuck) {
  search s;
  const size_t mark = claims->count;
  if (sl_time_over(budget)) { /* before what the judge prepares */
    if (stuck) arf_set(stuck, low);
    return SL_SEARCH_OPEN;
  }
  s = (search){.depth_limit = depth,
               .budget = budget,
               .claims = claims,
               .witness = witness,
               .stuck = stuck,
               .low = low,
               .high = high};
  sl_judge_init(&s.judge, p, segment, goal, order);
  const sl_search_result result = explore(&s, low, high, p->box, 0);
  sl_judge_clear(&s.judge);
  if (result == SL_SEARCH_HOLDS) sl_claims_region(claims, segment, goal, order, low, high, mark);
  if (result != SL_SEARCH_HOLDS) sl_claims_truncate(claims, mark);
  return result;
}

int sl_search_point(sl_problem *p, int segment, sl_goal goal, const arf_t r, sl_witness *witness) {
  search s;
  s = (search){.witness = witness, .faint = 1}; /* nothing is done about such a point */
  sl_judge_init(&s.judge, p, segment, goal, 0);
  const int found = fails_at(&s, r, p->box);
  sl_judge_clear(&s.judge);
  return found;
}
