/* Depth-first branch and bound (see search.h). A box that does not hold is halved along its
 * relatively widest side. */
#include "search.h"

#include "ball.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

double sl_clock_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct {
  sl_problem *p;
  int segment;
  sl_goal goal;
  slong order;
  int depth_limit;
  sl_budget *budget;
  sl_claim_list *claims;
  sl_witness *witness;
  arf_struct *stuck;
  sl_ball ball;
  sl_ball value; /* f alone (w of a weight gate): only its undefined nodes convict */
} search;

static int sign_of(const arb_t x) {
  return !arb_is_finite(x) ? 0 : arb_is_positive(x) ? 1 : arb_is_negative(x) ? -1 : 0;
}

static void middle(arf_t m, const arf_t low, const arf_t high) {
  arf_add(m, low, high, ARF_PREC_EXACT, ARF_RND_DOWN);
  arf_mul_2exp_si(m, m, -1);
}

/* The sign of w' by the mean-value form w'(m) + w''(box) (r - m). Where terms of w' cancel, its
 * error falls with the square of the box's width. */
static int centred_slope_sign(search *s, const arb_t r, arb_srcptr box, slong prec) {
  const sl_ref w = s->p->segment[s->segment].w;
  arb_t slope, curve, m;
  arb_init(slope), arb_init(curve), arb_init(m);
  sl_ball_jet(&s->ball, r, box, 3, prec);
  arb_poly_get_coeff_arb(curve, &s->ball.poly[w], 2);
  arb_mul_2exp_si(curve, curve, 1);
  arb_get_mid_arb(m, r);
  sl_ball_flow(&s->ball, m, box, prec);
  arb_set(slope, s->ball.flow[w].d);
  arb_sub(m, r, m, prec);
  arb_addmul(slope, curve, m, prec);
  const int sign = sign_of(slope);
  arb_clear(slope), arb_clear(curve), arb_clear(m);
  return sign;
}

/* 1: the goal holds on the whole box; -1: it fails on the whole box; 0: unknown. `value` gets the
 * enclosure that says so. */
static int judge(search *s, const arb_t r, arb_srcptr box, slong prec, int centred, arb_t value) {
  const sl_segment *g = &s->p->segment[s->segment];
  if (s->goal == SL_GOAL_CURVE_UP || s->goal == SL_GOAL_CURVE_DOWN) {
    sl_ball_jet(&s->ball, r, box, s->order + 1, prec);
    arb_poly_get_coeff_arb(value, &s->ball.poly[g->w], s->order);
    return s->goal == SL_GOAL_CURVE_UP ? sign_of(value) : -sign_of(value);
  }
  sl_ball_flow(&s->ball, r, box, prec);
  const sl_flow *w = &s->ball.flow[g->w];
  switch (s->goal) {
    case SL_GOAL_DEFINED:
      arb_set(value, w->v);
      if (s->ball.undefined && s->value.live[s->ball.where]) return -1;
      return arb_is_finite(w->v) && (g->f == SL_NO_REF || arb_is_finite(s->ball.flow[g->f].v));
    case SL_GOAL_UP:
    case SL_GOAL_DOWN:
      arb_set(value, w->d);
      {
        int sign = sl_ball_slope_sign(&s->ball, g->w);
        if (!sign && centred && arb_is_finite(w->d)) sign = centred_slope_sign(s, r, box, prec);
        return s->goal == SL_GOAL_UP ? sign : -sign;
      }
    case SL_GOAL_BELOW:
      arb_set(value, w->v);
      arb_sub_ui(value, value, 1, prec);
      {
        const int sign = sign_of(value);
        arb_set(value, w->v);
        return -sign;
      }
    default:
      arb_set(value, w->v);
      return -(w->sign ? w->sign : sign_of(w->v));
  }
}

/* Middle of the parameter box, exact. */
static void point_box(arb_ptr out, arb_srcptr box, const sl_problem *p) {
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) arb_get_mid_arb(out + i, box + i);
  sl_problem_clamp(out, p);
}

/* A box may reach over a join that moves with the parameters; only a point of the segment itself is
 * a witness. */
static int inside(search *s, const arf_t r, arb_srcptr point) {
  arb_t c, x;
  arb_init(c), arb_init(x);
  arb_set_arf(x, r);
  sl_exact_ball_at(c, s->p->field, s->p->join[s->segment], point, 512);
  int ok = arb_le(c, x);
  if (s->segment + 1 < s->p->joins) {
    sl_exact_ball_at(c, s->p->field, s->p->join[s->segment + 1], point, 512);
    ok = ok && arb_le(x, c);
  }
  arb_clear(c), arb_clear(x);
  return ok;
}

/* At a join the gate is what its own tree says, whatever the piece does that ends there. */
static int undefined_at_join(search *s, const arf_t r, arb_srcptr point, slong prec) {
  int result = 1;
  arb_t c, x;
  arb_init(c), arb_init(x);
  arb_set_arf(x, r);
  for (int j = s->segment; j <= s->segment + 1 && j < s->p->joins && result == 1; j++) {
    sl_exact_ball_at(c, s->p->field, s->p->join[j], point, prec);
    if (!arb_overlaps(c, x)) continue;
    const sl_segment *g = &s->p->at[j];
    sl_ball at;
    sl_ball_init(&at, &g->tree, g->f == SL_NO_REF ? g->w : g->f, SL_NO_REF);
    sl_ball_flow(&at, x, point, prec);
    result = at.undefined;
    sl_ball_clear(&at);
  }
  arb_clear(c), arb_clear(x);
  return result;
}

/* Within the exponents of MPFR's numbers. */
static int plain_size(const arf_t x) {
  return !arf_is_normal(x) ||
         (arf_cmpabs_2exp_si(x, LONG_MAX / 4) < 0 && arf_cmpabs_2exp_si(x, -LONG_MAX / 4) > 0);
}

static int refutes(search *s, const arf_t r, arb_srcptr box) {
  if (s->goal == SL_GOAL_CURVE_UP || s->goal == SL_GOAL_CURVE_DOWN) return 0;
  arb_ptr point = _arb_vec_init(SL_FIELD_PARAMETERS);
  arb_t x, value;
  arb_init(x), arb_init(value);
  point_box(point, box, s->p);
  arb_set_arf(x, r);
  int verdict = inside(s, r, point) ? 0 : 1;
  for (slong prec = 128; prec <= 2048 && verdict == 0; prec *= 4)
    verdict = judge(s, x, point, prec, 0, value);
  if (verdict < 0 && s->goal == SL_GOAL_DEFINED && !undefined_at_join(s, r, point, 512))
    verdict = 0;
  if (verdict < 0 && s->goal != SL_GOAL_DEFINED && !plain_size(arb_midref(value)))
    verdict = 0; /* the checker could not follow; there may be a plainer witness */
  if (verdict < 0) {
    arf_set(s->witness->r, r);
    arb_set(s->witness->value, value);
    _arb_vec_set(s->witness->box, point, SL_FIELD_PARAMETERS);
  }
  arb_clear(x), arb_clear(value);
  _arb_vec_clear(point, SL_FIELD_PARAMETERS);
  return verdict < 0;
}

/* Which side to halve: -1 is r, else a parameter. Widths are relative to the magnitude. */
static int widest(const arf_t low, const arf_t high, arb_srcptr box) {
  arb_t r;
  arb_init(r);
  arb_set_interval_arf(r, low, high, 64);
  int side = -1;
  slong best = arb_rel_error_bits(r);
  if (arf_is_zero(low)) best = -1;
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) {
    if (arb_is_exact(box + i)) continue;
    const slong bits = arb_rel_error_bits(box + i);
    if (bits > best) best = bits, side = i;
  }
  arb_clear(r);
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

static sl_search_result halve(search *s, const arf_t low, const arf_t high, arb_srcptr box,
                              int depth) {
  const int side = widest(low, high, box);
  sl_search_result result;
  arf_t m, a, b;
  arf_init(m), arf_init(a), arf_init(b);
  if (side < 0) {
    split_point(m, low, high);
    result = explore(s, low, m, box, depth + 1);
    if (result == SL_SEARCH_HOLDS) result = explore(s, m, high, box, depth + 1);
  } else {
    arb_ptr half = _arb_vec_init(SL_FIELD_PARAMETERS);
    _arb_vec_set(half, box, SL_FIELD_PARAMETERS);
    arb_get_interval_arf(a, b, box + side, 128);
    middle(m, a, b);
    arb_set_interval_arf(half + side, a, m, 256);
    result = explore(s, low, high, half, depth + 1);
    arb_set_interval_arf(half + side, m, b, 256);
    if (result == SL_SEARCH_HOLDS) result = explore(s, low, high, half, depth + 1);
    _arb_vec_clear(half, SL_FIELD_PARAMETERS);
  }
  arf_clear(m), arf_clear(a), arf_clear(b);
  return result;
}

static sl_search_result explore(search *s, const arf_t low, const arf_t high, arb_srcptr box,
                                int depth) {
  if (++s->budget->boxes > s->budget->box_limit || sl_clock_s() > s->budget->deadline_s) {
    if (s->stuck) arf_set(s->stuck, low);
    return SL_SEARCH_OPEN;
  }
  arb_t r, value;
  arf_t m;
  arb_init(r), arb_init(value);
  arf_init(m);
  arb_set_interval_arf(r, low, high, 512);
  const int verdict = judge(s, r, box, depth < 20 ? 128 : 256, depth >= 5, value);
  sl_search_result result = SL_SEARCH_OPEN;
  split_point(m, low, high);
  if (verdict > 0) {
    sl_claims_add(s->claims, s->segment, s->goal, s->order, low, high, box);
    result = SL_SEARCH_HOLDS;
  } else if (refutes(s, m, box) ||
             (middle(m, low, high),
              refutes(s, m, box))) { /* the nearer point first: its numbers are plainer */
    result = SL_SEARCH_FAILS;
  } else if (depth < s->depth_limit && arf_cmp(low, high) < 0) {
    result = halve(s, low, high, box, depth);
  } else if (s->stuck) {
    arf_set(s->stuck, low);
  }
  arb_clear(r), arb_clear(value);
  arf_clear(m);
  return result;
}

static void start(search *s, sl_problem *p, int segment, sl_goal goal, slong order,
                  sl_budget *budget, sl_claim_list *claims, sl_witness *witness) {
  *s = (search){.p = p,
                .segment = segment,
                .goal = goal,
                .order = order,
                .budget = budget,
                .claims = claims,
                .witness = witness};
  const sl_segment *g = &p->segment[segment];
  sl_ball_init(&s->ball, &g->tree, g->w, goal == SL_GOAL_DEFINED ? g->f : SL_NO_REF);
  sl_ball_init(&s->value, &g->tree, g->f == SL_NO_REF ? g->w : g->f, SL_NO_REF);
}

static void finish(search *s) {
  sl_ball_clear(&s->ball);
  sl_ball_clear(&s->value);
}

sl_search_result sl_search(sl_problem *p, int segment, sl_goal goal, slong order, const arf_t low,
                           const arf_t high, int depth, sl_budget *budget, sl_claim_list *claims,
                           sl_witness *witness, arf_t stuck) {
  search s;
  const size_t mark = claims->count;
  start(&s, p, segment, goal, order, budget, claims, witness);
  s.depth_limit = depth;
  s.stuck = stuck;
  const sl_search_result result = explore(&s, low, high, p->box, 0);
  finish(&s);
  if (result == SL_SEARCH_HOLDS) sl_claims_region(claims, segment, goal, order, low, high, mark);
  if (result != SL_SEARCH_HOLDS) sl_claims_truncate(claims, mark);
  return result;
}

int sl_search_point(sl_problem *p, int segment, sl_goal goal, const arf_t r, sl_witness *witness) {
  search s;
  start(&s, p, segment, goal, 0, NULL, NULL, witness);
  const int found = refutes(&s, r, p->box);
  finish(&s);
  return found;
}
