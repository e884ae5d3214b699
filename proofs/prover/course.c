/* Signs between joins (see course.h). */
#include "course.h"

#include "enclosure.h"
#include "joins.h"
#include "normal_form.h"

/* Node ref over all of the open segment; 0 where it, or s->w, may lack a value. */
static int over_segment(sl_problem *p, sl_segment *s, int segment, sl_ref ref, sl_span *out) {
  sl_enclosure e;
  sl_span r;
  arf_t low, high, join;
  arf_init(low), arf_init(high), arf_init(join);
  sl_span_init(&r);
  sl_segment_low(low, p, segment), sl_segment_high(high, p, segment);
  unsigned open = 0;
  if (sl_join_is_dyadic(p, segment, join)) open |= SL_LOW_OPEN;
  if (sl_join_is_dyadic(p, segment + 1, join)) open |= SL_HIGH_OPEN;
  sl_span_ends(&r, low, high, open);
  sl_enclosure_init(&e, p, s, ref, s->w);
  sl_enclose(&e, &r, p->box, 256);
  const int ok = e.node[s->w].ok && e.node[ref].ok;
  if (ok) sl_span_set(out, &e.node[ref].v);
  sl_enclosure_clear(&e);
  sl_span_clear(&r);
  arf_clear(low), arf_clear(high), arf_clear(join);
  return ok;
}

static unsigned signs_over(sl_problem *p, sl_segment *s, int segment, sl_ref ref) {
  sl_span x;
  sl_span_init(&x);
  const unsigned signs =
      ref != SL_NO_REF && over_segment(p, s, segment, ref, &x) ? x.signs : SL_ANY_SIGN;
  sl_span_clear(&x);
  return signs;
}

/* The signs of the value at an end. */
static unsigned signs_at(sl_problem *p, const sl_segment *s, int join) {
  if (join >= p->joins) return SL_ANY_SIGN;
  const sl_series w = sl_series_root(p->field, &s->tree, s->w, p->join[join], 1);
  return w.n ? sl_exact_signs(p->field, w.c[0]) : SL_ANY_SIGN;
}

/* Ahead of an end with a value of these signs, where the slope has those. */
static unsigned ahead(unsigned end, unsigned slope) {
  const unsigned way = slope & (SL_NEGATIVE | SL_POSITIVE);
  if (way == (SL_NEGATIVE | SL_POSITIVE) || end & sl_signs_neg(way)) return SL_ANY_SIGN;
  const int strictly = end == way || !(slope & SL_ZERO);
  return way == 0 ? end : way | (strictly ? 0 : SL_ZERO);
}

/* Kept for the certificate, where there is room for it. */
static int keep(sl_problem *p, const sl_tree *tree, sl_ref slope) {
  const sl_ref ref = sl_tree_copy(&p->courses, tree, slope, NULL, SL_NO_REF, SL_NO_REF);
  for (int i = 0; i < p->course_count; i++)
    if (p->course[i] == ref) return 1;
  if (p->course_count == SL_COURSE_LIMIT) return 0;
  p->course[p->course_count++] = ref;
  return 1;
}

int sl_courses_take(sl_problem *p, const sl_problem *from) {
  int ok = 1;
  for (int i = 0; i < from->course_count && ok; i++) ok = keep(p, &from->courses, from->course[i]);
  return ok;
}

unsigned sl_signs_between_joins(sl_problem *p, sl_segment *s, int segment) {
  const unsigned direct = signs_over(p, s, segment, s->w);
  if (direct == SL_NEGATIVE || direct == SL_POSITIVE) return direct;
  const sl_series w = sl_series_root(p->field, &s->tree, s->w, NULL, 2);
  const sl_ref form = sl_exact_tree(p->field, &s->tree, w.n < 2 ? NULL : w.c[1]);
  const unsigned slope = signs_over(p, s, segment, form),
                 both = direct & ahead(signs_at(p, s, segment), slope) &
                        ahead(signs_at(p, s, segment + 1), sl_signs_neg(slope));
  if (!both || both == direct || !keep(p, &s->tree, form)) return direct;
  return both;
}
