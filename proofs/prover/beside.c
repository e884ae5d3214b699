/* Values beside a point (see beside.h), by boxes that begin there. */
#include "beside.h"

#include "enclosure.h"
#include "limit.h"
#include "witness.h"

/* The end of the segment on the other side of r, rounded inward: a box reaches over the join
 * itself, however r was rounded, only if it ends beyond this. */
static void near_end(arf_t out, sl_problem *p, int segment, int side) {
  arb_t c;
  arb_init(c);
  sl_exact_ball(c, p->field, p->join[segment + (side < 0)], 256);
  if (side > 0)
    arb_get_ubound_arf(out, c, 256);
  else
    arb_get_lbound_arf(out, c, 256);
  arb_clear(c);
}

/* The end of the segment on this side, rounded inward. */
static void far_end(arf_t out, sl_problem *p, int segment, int side) {
  if (side > 0 && segment + 1 == p->joins) {
    arf_pos_inf(out);
    return;
  }
  arb_t c;
  arb_init(c);
  sl_exact_ball(c, p->field, p->join[segment + (side > 0)], 256);
  if (side > 0)
    arb_get_lbound_arf(out, c, 256);
  else
    arb_get_ubound_arf(out, c, 256);
  arb_clear(c);
}

/* The box from r to `to`, without r where that is a join. */
static void box_from(sl_span *y, sl_problem *p, int segment, const arf_t r, const arf_t to,
                     int side) {
  arf_t join;
  arf_init(join);
  const int at_join = sl_join_is_dyadic(p, segment + (side < 0), join) && arf_equal(join, r);
  if (side > 0)
    sl_span_ends(y, r, to, at_join ? SL_LOW_OPEN : 0);
  else
    sl_span_ends(y, to, r, at_join ? SL_HIGH_OPEN : 0);
  arf_clear(join);
}

int sl_has_values_beside(sl_problem *p, int segment, sl_ref ref, const arf_t r, int side,
                         arb_srcptr box) {
  enum { NARROWEST = 256 }; /* 2^-256 of r; of r = 0, itself */
  arf_t near, far, to, step;
  sl_span x;
  sl_enclosure e;
  arf_init(near), arf_init(far), arf_init(to), arf_init(step);
  sl_span_init(&x);
  sl_enclosure_init(&e, p, &p->segment[segment], ref, SL_NO_REF);
  far_end(far, p, segment, side);
  const int last = side < 0 && segment + 1 == p->joins; /* it has no near end */
  if (!last) near_end(near, p, segment, side);
  int shown = 0;
  for (slong k = 2; k <= NARROWEST && !shown; k *= 2) {
    if (arf_is_zero(r))
      arf_one(step);
    else
      arf_set_round(step, r, 2, ARF_RND_DOWN);
    arf_mul_2exp_si(step, step, -k);
    if (side < 0) arf_neg(step, step);
    arf_add(to, r, step, ARF_PREC_EXACT, ARF_RND_DOWN);
    if (side * arf_cmp(to, far) >= 0 || (!last && side * arf_cmp(to, near) <= 0)) continue;
    box_from(&x, p, segment, r, to, side);
    sl_enclose(&e, &x, box, SL_WITNESS_BITS);
    shown = e.node[ref].ok;
  }
  sl_enclosure_clear(&e);
  sl_span_clear(&x);
  arf_clear(near), arf_clear(far), arf_clear(to), arf_clear(step);
  return shown;
}

int sl_join_is_approached(sl_problem *p, int join, sl_approach from) {
  if (from == SL_AT_JOIN) return 1;
  const int left = from == SL_FROM_LEFT, segment = left ? join - 1 : join;
  const sl_segment *s = &p->segment[segment];
  sl_witness middle;
  arf_t r;
  sl_witness_init(&middle);
  arf_init(r);
  sl_witness_middle(&middle, p->ranged);
  if (left)
    sl_segment_high(r, p, segment);
  else
    sl_segment_low(r, p, segment);
  const int shown =
      sl_has_values_beside(p, segment, s->w, r, left ? -1 : 1, middle.box) ||
      sl_limit_of(p->field, &s->tree, s->w, (sl_limit_point){p->join[join], left ? -1 : 1}).kind !=
          SL_LIMIT_UNKNOWN;
  sl_witness_clear(&middle);
  arf_clear(r);
  return shown;
}
