/* Boxes and goals (see judge.h): by spans of the segment's expression and of its normal form, by
 * expansions about the middle of r, by jets. */
#include "judge.h"

#include "joins.h"

static int sign_of(const arb_t x) {
  return !arb_is_finite(x) ? 0 : arb_is_positive(x) ? 1 : arb_is_negative(x) ? -1 : 0;
}

/* What the goal is about, in normal form: w' or w - 1, or of a requirement w; SL_NO_REF. */
static sl_ref form_of(const sl_judge *s) {
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

static void form_decides(sl_judge *s) {
  s->p->segment[s->segment].form_used[s->goal == SL_GOAL_BELOW      ? SL_FORM_OVER
                                      : s->goal == SL_GOAL_NEGATIVE ? SL_FORM_WEIGHT
                                                                    : SL_FORM_SLOPE] = 1;
}

/* Taylor coefficient `order` of node ref over the box. */
static void jet(sl_judge *s, arb_t out, sl_ref ref, const arb_t r, arb_srcptr box, slong order,
                slong prec) {
  arb_ptr params = _arb_vec_init(SL_FIELD_PARAMETERS);
  sl_problem_parameters(params, s->p, box, prec);
  sl_ball_jet(&s->ball, r, params, order + 1, prec);
  arb_poly_get_coeff_arb(out, &s->ball.poly[ref], order);
  _arb_vec_clear(params, SL_FIELD_PARAMETERS);
}

/* Taylor coefficient `order` of a node, by its expansion about the middle of r to the next two
 * orders: where terms cancel, its error falls with the square of the box's width. */
static void centred(sl_judge *s, arb_t out, sl_ref ref, const arb_t r, arb_srcptr box, slong order,
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
static unsigned form_signs(const sl_judge *s) {
  const sl_ref form = form_of(s);
  return form != SL_NO_REF && s->spans.node[form].ok ? s->spans.node[form].v.signs : SL_ANY_SIGN;
}

/* The sign of the form, by its expansion: 1, -1 or 0. */
static int form_centred(sl_judge *s, const arb_t r, arb_srcptr box, slong prec) {
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
static int below(sl_judge *s, const sl_enclosed *w, long limit, const arb_t r, arb_srcptr box,
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
static int slope(sl_judge *s, const sl_enclosed *w, int want, int weak, const arb_t r,
                 arb_srcptr box, slong prec, int finer) {
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
static int form_curves(sl_judge *s, const arb_t r, arb_srcptr box, slong prec) {
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
static void r_span(const sl_judge *s, sl_span *y, const arf_t low, const arf_t high) {
  const int point = arf_equal(low, high);
  const unsigned open = (!point && arf_equal(low, s->low_join) ? SL_LOW_OPEN : 0) |
                        (!point && arf_equal(high, s->high_join) ? SL_HIGH_OPEN : 0);
  sl_span_ends(y, low, high, open);
}

int sl_judge_box(sl_judge *s, const arf_t low, const arf_t high, arb_srcptr box, slong prec,
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

void sl_judge_init(sl_judge *s, sl_problem *p, int segment, sl_goal goal, slong order) {
  *s = (sl_judge){.p = p, .segment = segment, .goal = goal, .order = order};
  const sl_segment *g = &p->segment[segment];
  const sl_ref form = form_of(s);
  sl_enclosure_init(&s->spans, p, g, g->w, goal == SL_GOAL_DEFINED ? g->f : form);
  sl_ball_init(&s->ball, &g->tree, g->w, form);
  s->ball.inner = g->inner, s->ball.inner_sign = g->inner_sign;
  arf_init(s->low_join), arf_init(s->high_join);
  sl_join_is_dyadic(p, segment, s->low_join), sl_join_is_dyadic(p, segment + 1, s->high_join);
}

void sl_judge_clear(sl_judge *s) {
  sl_enclosure_clear(&s->spans);
  sl_ball_clear(&s->ball);
  arf_clear(s->low_join), arf_clear(s->high_join);
}
