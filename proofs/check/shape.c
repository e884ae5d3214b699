/* P2 and P3 (see shape.h) with exact series at the ends of segments, boxes and tail forms. */
#include "shape.h"

#include "in_log.h"
#include "join_value.h"
#include "region.h"
#include "tail.h"

const char NO_TAIL[] = "expected tail 0: nothing is asked of a tail";

int slc_asks_no_tail(const claim_t *p) { return p->means == T_FORM && p->tail == 0; }

/* Is the region 2^-shift wide, where a shift is named (not -1)? */
static int is_wide(const region_t *g, int shift) {
  mpfr_t width;
  if (shift < 0) return 1;
  mpfr_init2(width, 512);
  const int ok =
      mpfr_sub(width, g->high, g->low, MPFR_RNDN) == 0 && mpfr_cmp_ui_2exp(width, 1, -shift) == 0;
  mpfr_clear(width);
  return ok;
}

/* A zone at an end: every derivative of w below the order vanishes there exactly, the order-th
 * keeps a sign in a region next to it, and that sign sends w the wanted way. `inner` is moved to
 * the zone's other end. */
static int zone_holds(const context_t *c, int segment, int high, int order, int shift, int up,
                      const mpfr_t end, mpfr_t inner) {
  const piece_t *s = &c->pieces->piece[segment];
  mpfr_set(inner, end, MPFR_RNDN);
  if (order <= 1) return 1;
  const series_t t =
      slc_se_expr(&c->pieces->field, &s->e, s->w, c->pieces->join[segment + high], TERMS);
  if (order >= t.n) return 0;
  for (int m = 1; m < order; m++)
    if (!slc_ex_zero(t.c[m])) return 0;
  for (int i = 0; i < c->part->regions; i++) {
    const region_t *g = &c->part->region[i];
    if (g->segment != segment || g->order != order ||
        (g->goal != G_CURVE_UP && g->goal != G_CURVE_DOWN) || !is_wide(g, shift))
      continue;
    const int sign = (g->goal == G_CURVE_UP ? 1 : -1) * (high && order % 2 == 0 ? -1 : 1);
    if (sign != (up ? 1 : -1)) continue;
    if (high ? mpfr_greaterequal_p(g->high, end) && mpfr_less_p(g->low, end)
             : mpfr_lessequal_p(g->low, end) && mpfr_greater_p(g->high, end)) {
      mpfr_set(inner, high ? g->low : g->high, MPFR_RNDN);
      return 1;
    }
  }
  return 0;
}

/* Of the first segment: for 0 < r <= 2^-shift w goes the way, by its tail form in s = -log r, in
 * which it goes the other, or by that of w'. */
static int log_zone_holds(const context_t *c, int shift, int up, mpfr_t inner) {
  const piece_t *s = &c->pieces->piece[0];
  field_t *k = &c->pieces->field;
  const long exponent = slc_log_exponent(shift);
  const int form = s->form[FORM_SLOPE], way = up ? 1 : -1;
  expr_t x;
  tail_t t;
  int r, ok = 0;
  slc_expr_init(&x);
  const int w = exponent < 0 ? -1 : slc_in_log(&x, &s->e, s->w, 1, &r),
            slope = w < 0 || form < 0 ? -1 : slc_in_log(&x, &s->e, form, 1, &r);
  if (w >= 0) {
    slc_tail_examine(&t, k, &x, w, exponent);
    ok = t.defined && (t.slope == -way || slc_tail_sign(k, &x, slope, w, exponent) == way);
  }
  slc_expr_clear(&x);
  mpfr_set_ui_2exp(inner, 1, -shift, MPFR_RNDN);
  return ok;
}

static const char *check_monotone_segment(const context_t *c, int i, int *flat) {
  pieces_t *p = c->pieces;
  const zone_t *z = &c->part->zone[i];
  const int up = i < p->one;
  *flat = z->constant || z->weak;
  if (z->up != up) return "P3: a segment goes the wrong way";
  if (z->constant) {
    if (i + 1 == p->joins && !slc_asks_no_tail(&c->part->p[2])) return NO_TAIL;
    return slc_piece_constant(p, i) ? "" : "P3: a segment is not constant";
  }
  mpfr_t low, high, a, b;
  mpfr_inits2(512, low, high, a, b, (mpfr_ptr)0);
  const char *bad = "";
  const goal_t strict = up ? G_UP : G_DOWN, weak = !z->weak ? strict : up ? G_RISES : G_FALLS;
  slc_piece_ends(low, high, p, i);
  if (z->low_order == 0 ? !log_zone_holds(c, z->low_shift, up, a)
                        : !zone_holds(c, i, 0, z->low_order, z->low_shift, up, low, a))
    bad = "P3: a zone at the low end of a segment does not hold";
  if (!*bad && mpfr_inf_p(high) && c->part->p[2].means == T_BOXES) {
    mpfr_set(b, high, MPFR_RNDN);
  } else if (!*bad && mpfr_inf_p(high)) {
    tail_t t;
    const piece_t *s = &p->piece[i];
    const int way = up ? 1 : -1;
    slc_tail_examine(&t, &p->field, &s->e, s->w, c->part->p[2].tail);
    if ((!t.defined || t.slope != way) &&
        slc_tail_sign(&p->field, &s->e, s->form[FORM_SLOPE], s->w, c->part->p[2].tail) != way)
      bad = "P3: the tail is not shown monotone";
    mpfr_set_ui_2exp(b, 1, c->part->p[2].tail, MPFR_RNDN);
  } else if (!*bad && !zone_holds(c, i, 1, z->high_order, z->high_shift, up, high, b)) {
    bad = "P3: a zone at the high end of a segment does not hold";
  }
  if (!*bad && !slc_regions_reach(c, i, strict, weak, a, b))
    bad = "P3: the regions do not reach over a segment";
  mpfr_clears(low, high, a, b, (mpfr_ptr)0);
  return bad;
}

/* From one approach of a join to another w goes the way, or stays. */
static int steps(const context_t *c, int j, side_t from, side_t to, int way) {
  pieces_t *p = c->pieces;
  return slc_join_same(p, j, 1, from, to) ||
         slc_ex_sign(&p->field, slc_ex_sub(&p->field, slc_join_value(p, j, 1, to),
                                           slc_join_value(p, j, 1, from))) == way;
}

static int join_goes(const context_t *c, int j) { /* r = 1 belongs to both sides */
  const int one = c->pieces->one;
  if (j == 0 && !slc_join_alone(c->pieces, 0)) return 1;
  return (j == 0 || steps(c, j, LEFT, AT, j <= one ? 1 : -1)) &&
         steps(c, j, AT, RIGHT, j < one ? 1 : -1);
}

const char *slc_check_monotone(const context_t *c) {
  pieces_t *p = c->pieces;
  int any_flat = 0;
  if (p->weak_order && c->part->p[0].verdict != V_PROVED)
    return "P3: joins may coincide, and P1 is not claimed";
  for (int i = 0; i < p->joins; i++) {
    int flat;
    const char *bad = check_monotone_segment(c, i, &flat);
    if (*bad) return bad;
    if (flat && c->part->p[2].strict) return "P3: strict, with a segment that may be flat";
    any_flat |= flat;
  }
  if (!any_flat && !c->part->p[2].strict) return "P3: weak, with no segment that may be flat";
  for (int j = 0; j < p->joins; j++)
    if (!join_goes(c, j)) return "P3: a step at a join goes the wrong way";
  return "";
}

void slc_leave_end(const context_t *c, int i, int high, const mpfr_t end, mpfr_t inner) {
  for (int g = 0; g < c->part->regions; g++) {
    const region_t *q = &c->part->region[g];
    const int touches = high ? mpfr_greaterequal_p(q->high, end) && mpfr_less_p(q->low, end)
                             : mpfr_lessequal_p(q->low, end) && mpfr_greater_p(q->high, end);
    if (q->segment != i || !touches) continue;
    if (q->goal == (high ? G_UP : G_DOWN)) {
      mpfr_set(inner, high ? q->low : q->high, MPFR_RNDN);
      return;
    }
    if ((q->goal == G_CURVE_UP || q->goal == G_CURVE_DOWN) &&
        zone_holds(c, i, high, q->order, -1, high, end, inner))
      return;
  }
}

/* w <= 1 on a segment without P3. Next to 1 a zone or a region with the slope that sends w down
 * from 1. */
static const char *check_below(const context_t *c, int i) {
  pieces_t *p = c->pieces;
  if (slc_piece_constant(p, i)) {
    const exact_t over =
        slc_ex_sub(&p->field, slc_join_value(p, i, 1, RIGHT), slc_ex_si(&p->field, 1, 1));
    if (slc_ex_zero(over) || slc_ex_sign(&p->field, over) < 0)
      return i + 1 == p->joins && !slc_asks_no_tail(&c->part->p[1]) ? NO_TAIL : "";
  }
  mpfr_t low, high, a, b;
  mpfr_inits2(512, low, high, a, b, (mpfr_ptr)0);
  const char *bad = "";
  slc_piece_ends(low, high, p, i);
  mpfr_set(a, low, MPFR_RNDN), mpfr_set(b, high, MPFR_RNDN);
  if (i == p->one) slc_leave_end(c, i, 0, low, a);
  if (i == p->one - 1) slc_leave_end(c, i, 1, high, b);
  if (mpfr_inf_p(b) && c->part->p[1].means == T_FORM) {
    tail_t t;
    const piece_t *s = &p->piece[i];
    slc_tail_examine(&t, &p->field, &s->e, s->w, c->part->p[1].tail);
    if ((!t.defined || !t.below_one) &&
        slc_tail_sign(&p->field, &s->e, s->form[FORM_OVER], s->w, c->part->p[1].tail) >= 0)
      bad = "P2: the tail is not shown below 1";
    mpfr_set_ui_2exp(b, 1, c->part->p[1].tail, MPFR_RNDN);
  }
  if (!*bad && !slc_regions_reach(c, i, G_BELOW, G_BELOW, a, b))
    bad = "P2: the regions do not reach over a segment";
  mpfr_clears(low, high, a, b, (mpfr_ptr)0);
  return bad;
}

const char *slc_check_maximum(const context_t *c) {
  pieces_t *p = c->pieces;
  const exact_t unit = slc_ex_si(&p->field, 1, 1);
  if (p->weak_order && c->part->p[0].verdict != V_PROVED)
    return "P2: joins may coincide, and P1 is not claimed";
  for (int side = LEFT; side <= RIGHT; side++)
    if (!slc_ex_equal(&p->field, slc_join_value(p, p->one, 1, (side_t)side), unit))
      return side == AT ? "P2: f' is not shown to be 1 at r = 1 itself"
                        : "P2: f'(1) = 1 is not shown";
  if (p->piece[0].f >= 0 && !slc_join_agrees(p, p->one, 0))
    return "P2: f is not shown to be continuous at r = 1";
  if (c->part->p[1].by_other)
    return c->part->p[2].verdict == V_PROVED ? "" : "P2: rests on P3, which is not claimed";
  for (int i = 0; i < p->joins; i++) {
    const char *bad = check_below(c, i);
    if (*bad) return bad;
    const exact_t over =
        slc_join_alone(p, i) ? slc_ex_sub(&p->field, slc_join_value(p, i, 1, AT), unit) : NULL;
    if (slc_join_alone(p, i) && !slc_ex_zero(over) && slc_ex_sign(&p->field, over) >= 0)
      return "P2: f' at a join itself is not shown below 1";
  }
  return "";
}
