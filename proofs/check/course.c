/* Signs on a piece (see course.h). */
#include "course.h"

#include "box.h"

/* Of node ref, over all of the open piece; ANY where it, or s->w, may lack a value. */
static unsigned signs_over(pieces_t *p, const piece_t *s, int i, int ref) {
  mpfr_t low, high, join;
  mpfi_t range[MAX_PARAMS];
  span_t r;
  box_t b;
  unsigned open = 0;
  mpfr_inits2(512, low, high, join, (mpfr_ptr)0);
  slc_sp_init(&r);
  mpfi_set_prec(r.x, 512);
  slc_piece_ends(low, high, p, i);
  if (slc_join_dyadic(join, p, i)) open |= LOW_OPEN;
  if (slc_join_dyadic(join, p, i + 1)) open |= HIGH_OPEN;
  slc_sp_ends(&r, low, high, open);
  for (int k = 0; k < MAX_PARAMS; k++) {
    mpfi_init2(range[k], 53);
    mpfi_interv_si(range[k], 0, 1);
  }
  slc_box_init(&b, &p->field, s);
  slc_box_flow(&b, &r, (const mpfi_t *)range);
  const unsigned signs = b.flow[s->w].ok && b.flow[ref].ok ? b.flow[ref].v.signs : ANY;
  slc_box_clear(&b);
  for (int k = 0; k < MAX_PARAMS; k++) mpfi_clear(range[k]);
  slc_sp_clear(&r);
  mpfr_clears(low, high, join, (mpfr_ptr)0);
  return signs;
}

static unsigned signs_at(pieces_t *p, const piece_t *s, int join) {
  if (join >= p->joins) return ANY;
  const series_t w = slc_se_expr(&p->field, &s->e, s->w, p->join[join], 1);
  return w.n ? slc_ex_signs(&p->field, w.c[0]) : ANY;
}

/* Away from an end with a value of these signs, the slope in that direction having those. */
static unsigned from_end(unsigned value, unsigned slope) {
  if ((slope | value) == NIL || slope == NIL) return value;
  if (slope & NEG && slope & POS) return ANY;
  const unsigned way = slope & NEG ? NEG : POS;
  if (value & slc_signs_minus(way)) return ANY;
  return slope & NIL && value & NIL ? way | NIL : way;
}

/* Course k as a node of s->e, if it equals w's slope; else -1. */
static int slope_by(pieces_t *p, piece_t *s, const series_t *w, int k) {
  const int ref = slc_expr_copy_root(&s->e, &p->course_e, p->course[k]);
  const series_t x = ref < 0 ? (series_t){.n = 0} : slc_se_expr(&p->field, &s->e, ref, NULL, 1);
  return x.n && slc_ex_equal(&p->field, x.c[0], w->c[1]) ? ref : -1;
}

void slc_course_match(pieces_t *p, piece_t *s) {
  if (p->slopes == (1u << p->courses) - 1) return;
  const series_t w = slc_se_expr(&p->field, &s->e, s->w, NULL, 2);
  for (int k = 0; k < p->courses && w.n > 1; k++)
    if (slope_by(p, s, &w, k) >= 0) p->slopes |= 1u << k;
}

unsigned slc_course_signs(pieces_t *p, piece_t *s, int i) {
  unsigned signs = signs_over(p, s, i, s->w);
  if (signs == NEG || signs == POS || !p->courses) return signs;
  const series_t w = slc_se_expr(&p->field, &s->e, s->w, NULL, 2);
  for (int k = 0; k < p->courses && w.n > 1; k++) {
    const int ref = slope_by(p, s, &w, k);
    if (ref < 0) continue;
    const unsigned slope = signs_over(p, s, i, ref),
                   both = signs & from_end(signs_at(p, s, i), slope) &
                          from_end(signs_at(p, s, i + 1), slc_signs_minus(slope));
    if (both) signs = both;
  }
  return signs;
}
