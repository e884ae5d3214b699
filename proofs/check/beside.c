/* Values beside a point (see beside.h). */
#include "beside.h"

#include "box.h"
#include "limit.h"

/* Between r and r + step, where that is still in the piece: has w a value on all of it? */
static int has_values(box_t *b, const piece_t *s, const mpfr_t r, const mpfr_t other, int at_join) {
  span_t x;
  slc_sp_init(&x);
  mpfi_set_prec(x.x, 1024);
  if (mpfr_less_p(r, other))
    slc_sp_ends(&x, r, other, at_join ? LOW_OPEN : 0);
  else
    slc_sp_ends(&x, other, r, at_join ? HIGH_OPEN : 0);
  slc_box_flow(b, &x, NULL);
  slc_sp_clear(&x);
  return b->flow[s->w].ok;
}

/* Does x lie inside the open piece for certain? A box from r, however r was rounded, then reaches
 * over the end at r and stops short of the other one. */
static int is_inside(pieces_t *p, int i, const mpfr_t x) {
  mpfi_t end;
  mpfi_init2(end, PREC);
  slc_ex_interval(end, &p->field, p->join[i]);
  int inside = mpfr_greater_p(x, &end->right);
  if (inside && i + 1 < p->joins) {
    slc_ex_interval(end, &p->field, p->join[i + 1]);
    inside = mpfr_less_p(x, &end->left);
  }
  mpfi_clear(end);
  return inside;
}

int slc_goes_on(pieces_t *p, int i, const mpfr_t r, side_t from) {
  static const long halvings[] = {3, 9, 27, 81, 243};
  mpfr_t other, join;
  box_t b;
  mpfr_init2(other, 1024), mpfr_init2(join, 512);
  slc_box_init(&b, &p->field, &p->piece[i]);
  b.by_inner = 0;
  const int at_join = slc_join_dyadic(join, p, from == RIGHT ? i : i + 1) && mpfr_equal_p(join, r);
  int ok = 0;
  for (int k = 0; k < 5 && !ok; k++) {
    mpfr_set_ui_2exp(other, 1, (mpfr_zero_p(r) ? 0 : mpfr_get_exp(r)) - halvings[k], MPFR_RNDN);
    if (from == LEFT) mpfr_neg(other, other, MPFR_RNDN);
    mpfr_add(other, r, other, MPFR_RNDN);
    ok = is_inside(p, i, other) && !mpfr_equal_p(r, other) &&
         has_values(&b, &p->piece[i], r, other, at_join);
  }
  slc_box_clear(&b);
  mpfr_clears(other, join, (mpfr_ptr)0);
  return ok;
}

int slc_join_reached(pieces_t *p, int join, side_t from) {
  if (from == AT) return 1;
  const piece_t *s = slc_piece_towards(p, join, from);
  const int i = (int)(s - p->piece);
  mpfr_t low, high;
  mpfr_inits2(512, low, high, (mpfr_ptr)0);
  slc_piece_ends(low, high, p, i);
  const int ok =
      slc_goes_on(p, i, from == LEFT ? high : low, from) ||
      slc_limit(&p->field, &s->e, s->w, p->join[join], from == LEFT ? -1 : 1).kind != L_UNKNOWN;
  mpfr_clears(low, high, (mpfr_ptr)0);
  return ok;
}
