/* Depth-first branch and bound (see search.h). A box that does not hold is halved along its
 * relatively widest side. */
#include "search.h"

#include "ball.h"
#include "enclosure.h"
#include "joins.h"

#include <limits.h>
#include <time.h>

double sl_clock_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
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
  sl_enclosure spans;
  sl_ball ball;              /* for jets */
  arf_t low_join, high_join; /* ends of the segment that are known exactly, else NaN */
} search;

static void middle(arf_t m, const arf_t low, const arf_t high) {
  arf_add(m, low, high, ARF_PREC_EXACT, ARF_RND_DOWN);
  arf_mul_2exp_si(m, m, -1);
}

static int sign_of(const arb_t x) {
  return !arb_is_finite(x) ? 0 : arb_is_positive(x) ? 1 : arb_is_negative(x) ? -1 : 0;
}

/* What the goal is about, in normal form: w' or w - 1, or of a requirement w; SL_NO_REF. */
static sl_ref form_of(const search *s) {
  const sl_segment *g = &s->p->segment[s->segment];
  switch (s->goal) {
    case SL_GOAL_DEFINED:
      return SL_NO_REF;
    case SL_GOAL_BELOW:
      return g->form[SL_FORM_OVER];
    case SL_GOAL_NEGATIVE:
      return g->form[SL_FORM_WEIGHT];
    default:
      return g->form[SL_FORM_SLOPE];
  }
}

static void form_decides(search *s) {
  s->p->segment[s->segment].form_used[s->goal == SL_GOAL_BELOW      ? SL_FORM_OVER
                                      : s->goal == SL_GOAL_NEGATIVE ? SL_FORM_WEIGHT
                                                                    : SL_FORM_SLOPE] = 1;
}

/* Taylor coefficient `order` of node ref over the box. */
static void jet(search *s, arb_t out, sl_ref ref, const arb_t r, arb_srcptr box, slong order,
                slong prec) {
  arb_ptr params = _arb_vec_init(SL_FIELD_PARAMETERS);
  sl_problem_parameters(params, s->p, box, prec);
  sl_ball_jet(&s->ball, r, params, order + 1, prec);
  arb_poly_get_coeff_arb(out, &s->ball.poly[ref], order);
  _arb_vec_clear(params, SL_FIELD_PARAMETERS);
}

/* Taylor coefficient `order` of a node, by its expansion about the middle of r to the next two orders:
 * where terms cancel, its error falls with the square of the box's width. */
static void centred(search *s, arb_t out, sl_ref ref, const arb_t r, arb_srcptr box, slong order,
                    slong prec) {
  const sl_ref inner = s->ball.inner;
  s->ball.inner = SL_NO_REF; /* the expansion is by r */
  arb_t c, m, step;
  arb_init(c), arb_init(m), arb_init(step);
  arb_get_mid_arb(m, r);
  arb_sub(step, r, m, prec);
  jet(s, c, ref, r, box, order + 2, prec);
  arb_mul_si(c, c, (order + 1) * (order + 2) / 2, prec);
  arb_mul(c, c, step, prec);
  jet(s, out, ref, m, box, order + 1, prec);
  arb_mul_si(out, out, order + 1, prec);
  arb_add(c, c, out, prec);
  arb_mul(c, c, step, prec);
  jet(s, out, ref, m, box, order, prec);
  arb_add(out, out, c, prec);
  s->ball.inner = inner;
  arb_clear(c), arb_clear(m), arb_clear(step);
}

/* The signs of the form over the box; any where it has no value somewhere. */
static unsigned form_signs(const search *s) {
  const sl_ref form = form_of(s);
  return form != SL_NO_REF && s->spans.node[form].ok ? s->spans.node[form].v.signs : SL_ANY_SIGN;
}

/* The sign of the form, by its expansion: 1, -1 or 0. */
static int form_centred(search *s, const arb_t r, arb_srcptr box, slong prec) {
  const sl_ref form = form_of(s);
  if (form == SL_NO_REF) return 0;
  arb_t c;
  arb_init(c);
  centred(s, c, form, r, box, 0, prec);
  const int sign = sign_of(c);
  arb_clear(c);
  return sign;
}

/* 1: w <= limit everywhere; -1: above everywhere. */
static int below(search *s, const sl_enclosed *w, long limit, const arb_t r, arb_srcptr box,
                 slong prec, int finer) {
  if (!w->ok) return 0;
  if (arf_cmp_si(&w->v.high, limit) <= 0 || (limit == 0 && !(w->v.signs & SL_POSITIVE))) return 1;
  if (arf_cmp_si(&w->v.low, limit) > 0 || (limit == 0 && w->v.signs == SL_POSITIVE)) return -1;
  if (!(form_signs(s) & SL_POSITIVE)) {
    form_decides(s);
    return 1;
  }
  if (!finer || !arb_is_finite(r)) return 0;
  arb_t c;
  arb_init(c);
  centred(s, c, s->p->segment[s->segment].w, r, box, 0, prec);
  arb_sub_si(c, c, limit, prec);
  const int holds = arb_is_finite(c) && arb_is_nonpositive(c);
  arb_clear(c);
  if (holds || form_centred(s, r, box, prec) >= 0) return holds;
  form_decides(s);
  return 1;
}

/* 1: w' has the wanted sign everywhere, or, for a weak goal, not the other; -1: the other. */
static int slope(search *s, const sl_enclosed *w, int want, int weak, const arb_t r, arb_srcptr box,
                 slong prec, int finer) {
  if (!w->ok) return 0;
  const unsigned right = want > 0 ? SL_POSITIVE : SL_NEGATIVE,
                 signs = sl_enclosed_slope_signs(&s->spans, s->p->segment[s->segment].w);
  if (signs == right || (weak && !(signs & sl_signs_neg(right)))) return 1;
  if (signs == sl_signs_neg(right)) return -1;
  const unsigned form = form_signs(s);
  if (form == right || (weak && !(form & sl_signs_neg(right)))) {
    form_decides(s);
    return 1;
  }
  if (!finer || !arb_is_finite(r)) return 0;
  arb_t c;
  arb_init(c);
  centred(s, c, s->p->segment[s->segment].w, r, box, 1, prec);
  const int sign = sign_of(c) * want;
  arb_clear(c);
  if (sign > 0 || form_centred(s, r, box, prec) != want) return sign > 0;
  form_decides(s);
  return 1;
}

/* The sign of the derivative of w by its form, which is w' already. */
static int form_curves(search *s, const arb_t r, arb_srcptr box, slong prec) {
  const sl_ref form = form_of(s), inner = s->ball.inner;
  if (form == SL_NO_REF) return 0;
  s->ball.inner = SL_NO_REF; /* r may stand beside it in the form */
  arb_t c;
  arb_init(c);
  jet(s, c, form, r, box, s->order - 1, prec);
  const int sign = sign_of(c);
  arb_clear(c);
  s->ball.inner = inner;
  return sign;
}

/* r with the ends that belong to a join left out: the gate is something else there, or nothing. */
static void r_span(const search *s, sl_span *y, const arf_t low, const arf_t high) {
  const int point = arf_equal(low, high);
  const unsigned open = (!point && arf_equal(low, s->low_join) ? SL_LOW_OPEN : 0) |
                        (!point && arf_equal(high, s->high_join) ? SL_HIGH_OPEN : 0);
  sl_span_ends(y, low, high, open);
}

/* 1: the goal holds on all of the box; -1: it fails on all of it; 0: unknown. `value` gets the
 * enclosure that says so. */
static int judge(search *s, const arf_t low, const arf_t high, arb_srcptr box, slong prec,
                 int finer, arb_t value) {
  const sl_segment *g = &s->p->segment[s->segment];
  sl_span x;
  arb_t r;
  int result = 0;
  sl_span_init(&x);
  arb_init(r);
  if (arf_is_inf(high))
    arb_indeterminate(r);
  else
    arb_set_interval_arf(r, low, high, 512);
  if (s->goal == SL_GOAL_CURVE_UP || s->goal == SL_GOAL_CURVE_DOWN) {
    const int want = s->goal == SL_GOAL_CURVE_UP ? 1 : -1;
    jet(s, value, g->w, r, box, s->order, prec);
    result = want * sign_of(value);
    if (!result && form_curves(s, r, box, prec) == want) {
      form_decides(s);
      result = 1;
    }
  } else {
    r_span(s, &x, low, high);
    sl_enclose(&s->spans, &x, box, prec);
    const sl_enclosed *w = &s->spans.node[g->w], *f = g->f == SL_NO_REF ? w : &s->spans.node[g->f];
    const int up = s->goal == SL_GOAL_UP || s->goal == SL_GOAL_RISES;
    const sl_span *shown = &w->v;
    switch (s->goal) {
      case SL_GOAL_DEFINED:
        result = f->undefined ? -1 : w->ok && f->ok;
        break;
      case SL_GOAL_BELOW:
        result = below(s, w, 1, r, box, prec, finer);
        break;
      case SL_GOAL_NEGATIVE:
        result = below(s, w, 0, r, box, prec, finer);
        break;
      default:
        shown = &w->d;
        result = slope(s, w, up ? 1 : -1, s->goal >= SL_GOAL_RISES, r, box, prec, finer);
        break;
    }
    if (sl_span_bounded(shown))
      arb_set_interval_arf(value, &shown->low, &shown->high, prec);
    else
      arb_indeterminate(value);
  }
  sl_span_clear(&x);
  arb_clear(r);
  return result;
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
  for (int j = s->segment; j <= s->segment + 1 && j < s->p->joins && result == 1; j++) {
    sl_exact_ball(c, s->p->field, s->p->join[j], prec);
    if (!arb_overlaps(c, x)) continue;
    const sl_segment *g = &s->p->at[j];
    const sl_ref root = g->f == SL_NO_REF ? g->w : g->f;
    sl_enclosure e;
    sl_enclosure_init(&e, s->p, g, root, SL_NO_REF);
    sl_enclose(&e, &at, s->p->box, prec);
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
  sl_exact_ball(c, s->p->field, s->p->join[s->segment], 512);
  int ok = arb_le(c, x);
  if (s->segment + 1 < s->p->joins) {
    sl_exact_ball(c, s->p->field, s->p->join[s->segment + 1], 512);
    ok = ok && arb_le(x, c);
  }
  arb_clear(c), arb_clear(x);
  return ok;
}

/* Within the exponents of MPFR's numbers. */
static int plain_size(const arf_t x) {
  return !arf_is_normal(x) ||
         (arf_cmpabs_2exp_si(x, LONG_MAX / 4) < 0 && arf_cmpabs_2exp_si(x, -LONG_MAX / 4) > 0);
}

/* The goal certainly fails at r, and at the middle of the box. Where parameters have ranges that is
 * a place to look for a witness, no more. */
static int fails_at(search *s, const arf_t r, arb_srcptr box) {
  if (s->goal == SL_GOAL_CURVE_UP || s->goal == SL_GOAL_CURVE_DOWN || arf_is_inf(r)) return 0;
  arb_ptr point = _arb_vec_init(SL_FIELD_PARAMETERS);
  arb_t value;
  arb_init(value);
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) arb_get_mid_arb(point + i, box + i);
  int verdict = s->p->ranged || inside(s, r) ? 0 : 1;
  const sl_ref inner = s->spans.inner;
  s->spans.inner = SL_NO_REF; /* the witness says what f'' is */
  s->spans.signs = NULL;
  for (slong prec = 128; prec <= 2048 && verdict == 0; prec *= 4)
    verdict = judge(s, r, r, point, prec, 0, value);
  s->spans.inner = inner;
  s->spans.signs = s->p->segment[s->segment].signs;
  if (verdict < 0 && s->goal == SL_GOAL_DEFINED && !undefined_at_join(s, r, 512)) verdict = 0;
  /* beyond MPFR's exponents the checker could not follow; there may be a plainer witness */
  if (verdict < 0 && s->goal != SL_GOAL_DEFINED && !plain_size(arb_midref(value))) verdict = 0;
  if (verdict < 0) {
    arf_set(s->witness->r, r);
    arb_set(s->witness->value, value);
    _arb_vec_set(s->witness->box, point, SL_FIELD_PARAMETERS);
  }
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
  sl_problem_parameters(params, s->p, box, 64);
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

static sl_search_result explore(search *s, const arf_t low, const arf_t high, arb_srcptr box,
                                int depth) {
  if (sl_clock_s() > s->budget->deadline_s || ++s->budget->boxes > s->budget->box_limit) {
    if (s->stuck) arf_set(s->stuck, low);
    return SL_SEARCH_OPEN;
  }
  arb_t value;
  arb_init(value);
  const int verdict = judge(s, low, high, box, depth < 20 ? 128 : 256, depth >= 5, value);
  arb_clear(value);
  if (verdict > 0) {
    sl_claims_add(s->claims, s->segment, s->goal, s->order, low, high, box);
    return SL_SEARCH_HOLDS;
  }
  if (fails_inside(s, low, high, box)) return SL_SEARCH_FAILS;
  if (depth < s->depth_limit && arf_cmp(low, high) < 0) return halve(s, low, high, box, depth);
  if (s->stuck) arf_set(s->stuck, low);
  return SL_SEARCH_OPEN;
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
  const sl_ref form = form_of(s);
  sl_enclosure_init(&s->spans, p, g, g->w, goal == SL_GOAL_DEFINED ? g->f : form);
  sl_ball_init(&s->ball, &g->tree, g->w, form);
  s->ball.inner = g->inner, s->ball.inner_sign = g->inner_sign;
  arf_init(s->low_join), arf_init(s->high_join);
  sl_join_is_dyadic(p, segment, s->low_join), sl_join_is_dyadic(p, segment + 1, s->high_join);
}

static void finish(search *s) {
  sl_enclosure_clear(&s->spans);
  sl_ball_clear(&s->ball);
  arf_clear(s->low_join), arf_clear(s->high_join);
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
  const int found = fails_at(&s, r, p->box);
  finish(&s);
  return found;
}
