/* Requirements (spec G4.5). The ends of the range of r are joins. */
#include "requirement.h"

#include "in_log.h"
#include "join_value.h"
#include "region.h"
#include "shape.h"
#include "tail.h"
#include "witness.h"

static int not_above_0(pieces_t *p, exact_t x) {
  return slc_ex_zero(x) || (x && !(slc_ex_signs(&p->field, x) & POS));
}

/* w < 0 for r >= 2^e, by its form in s = log r or in r. */
static int tail_holds(const context_t *c, const piece_t *s) {
  field_t *k = &c->pieces->field;
  const claim_t *q = &c->part->p[0];
  tail_t t = {.defined = 0};
  if (q->means == T_LOG) {
    const long exponent = slc_log_exponent(q->tail);
    expr_t x;
    int r;
    slc_expr_init(&x);
    const int w = exponent < 0 ? -1 : slc_in_log(&x, &s->e, s->w, 0, &r);
    if (w >= 0) slc_tail_examine(&t, k, &x, w, exponent);
    slc_expr_clear(&x);
    return t.defined && t.sign < 0;
  }
  slc_tail_examine(&t, k, &s->e, s->w, q->tail);
  return (t.defined && t.sign < 0) ||
         slc_tail_sign(k, &s->e, s->form[FORM_WEIGHT], s->w, q->tail) < 0;
}

/* *tail: was one asked for? */
static const char *check_segment(const context_t *c, int i, int *tail) {
  pieces_t *p = c->pieces;
  const claim_t *q = &c->part->p[0];
  const int flat = slc_piece_constant(p, i) && not_above_0(p, slc_join_value(p, i, 1, RIGHT));
  if (flat && (i + 1 < p->joins || q->means != T_BOXES)) return "";
  mpfr_t low, high, a, b;
  mpfr_inits2(512, low, high, a, b, (mpfr_ptr)0);
  const char *bad = "";
  slc_piece_ends(low, high, p, i);
  mpfr_set(a, low, MPFR_RNDN), mpfr_set(b, high, MPFR_RNDN);
  if (not_above_0(p, slc_join_value(p, i, 1, RIGHT))) slc_leave_end(c, i, 0, low, a);
  if (i + 1 < p->joins && not_above_0(p, slc_join_value(p, i + 1, 1, LEFT)))
    slc_leave_end(c, i, 1, high, b);
  *tail |= mpfr_inf_p(b) && !mpfr_inf_p(a);
  if (mpfr_inf_p(b) && !mpfr_inf_p(a) && q->means != T_BOXES) {
    if (!tail_holds(c, &p->piece[i])) bad = "R: the tail is not shown below 0";
    mpfr_set_ui_2exp(b, 1, q->tail, MPFR_RNDN);
  }
  if (!*bad && !slc_regions_reach(c, i, G_AT_MOST_0, G_AT_MOST_0, a, b))
    bad = "R: the regions do not reach over a segment";
  mpfr_clears(low, high, a, b, (mpfr_ptr)0);
  return bad;
}

/* A value that is neither side's holds only if what the sides tend to does. */
static int join_holds(pieces_t *p, int j, int left, int right) {
  const int at_right = slc_join_same(p, j, 1, AT, RIGHT),
            at_left = j && slc_join_same(p, j, 1, AT, LEFT);
  if (((right && at_right) || (left && at_left)) && slc_join_known(p, j, 1, AT)) return 1;
  int ok = not_above_0(p, slc_join_value(p, j, 1, AT));
  for (int from = j ? LEFT : RIGHT; from <= RIGHT && !at_right && !at_left; from += RIGHT - LEFT)
    ok = ok && not_above_0(p, slc_join_value(p, j, 1, (side_t)from));
  return ok;
}

/* The segments of the range: from join first to join last, which is `joins` where it has no end. */
static int find_range(pieces_t *p, int *first, int *last) {
  *first = *last = -1;
  for (int j = 0; j < p->joins; j++) {
    if (slc_ex_equal(&p->field, p->join[j], p->end[0])) *first = j;
    if (p->end[1] && slc_ex_equal(&p->field, p->join[j], p->end[1])) *last = j;
  }
  if (!p->end[1]) *last = p->joins;
  return *first >= 0 && *last >= *first;
}

const char *slc_check_requirement(const context_t *c) {
  pieces_t *p = c->pieces;
  int first, last, tail = 0;
  if (p->weak_order) return "R: joins may coincide";
  if (!find_range(p, &first, &last)) return "R: the range of r is not one of joins";
  for (int i = first; i < last; i++) {
    const char *bad = check_segment(c, i, &tail);
    if (*bad) return bad;
  }
  if (!tail && !slc_asks_no_tail(&c->part->p[0])) return NO_TAIL;
  for (int j = first; j <= last && j < p->joins; j++)
    if (!join_holds(p, j, j > first, j < last)) return "R: a join itself is not shown below 0";
  return "";
}

const char *slc_check_requirement_refuted(const context_t *c) {
  int first, last;
  return find_range(c->pieces, &first, &last) && slc_above_0(c, first, last)
             ? ""
             : "R: the witness does not break the requirement";
}
