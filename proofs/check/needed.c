/* Records without a claim (see needed.h). */
#include "needed.h"

#include <string.h>

static int is_proved(const part_t *p, int i) { return p->p[i].verdict == V_PROVED; }

/* Is w <= 1 shown by itself? */
static int is_below(const part_t *p) { return is_proved(p, 1) && !p->p[1].by_other; }

static int by_lemma(const part_t *p) { return is_proved(p, P4) && p->p[P4].means == T_BOUNDED; }

static int is_form_needed(const part_t *p, form_kind_t kind, int requirement) {
  if (requirement) return is_proved(p, 0) && kind != FORM_OVER;
  if (kind == FORM_OVER) return is_below(p);
  if (kind == FORM_WEIGHT) return is_proved(p, P4) || is_proved(p, P4W);
  return is_proved(p, 1) || is_proved(p, 2) || by_lemma(p);
}

/* An end of the region is r = 1. */
static int is_next_to_one(const region_t *g) {
  return mpfr_cmp_ui(g->low, 1) == 0 || mpfr_cmp_ui(g->high, 1) == 0;
}

/* Has the segment the region's zone, or what P3 asks for between its zones? */
static int is_of_segment(const zone_t *z, const region_t *g) {
  if (g->goal == G_CURVE_UP || g->goal == G_CURVE_DOWN)
    return g->order == z->low_order || g->order == z->high_order;
  return !z->constant && (z->weak || g->goal == G_UP || g->goal == G_DOWN);
}

static int is_region_needed(const part_t *p, const region_t *g, int requirement) {
  const goal_t goal = g->goal;
  const int weak = goal == G_RISES || goal == G_FALLS;
  if (requirement) return is_proved(p, 0) && goal != G_DEFINED && goal != G_BELOW && !weak;
  if (goal == G_DEFINED) return is_proved(p, 0);
  if (goal == G_BELOW) return is_below(p);
  if (goal == G_AT_MOST_0) return 0;
  if (is_proved(p, 2) && is_of_segment(&p->zone[g->segment], g)) return 1;
  if (is_below(p) && !weak && is_next_to_one(g)) return 1;
  return by_lemma(p) && (goal == G_FALLS || goal == G_DOWN) && mpfr_inf_p(g->high) &&
         g->segment + 1 == p->joins;
}

static int is_plain(const part_t *p, int i) {
  const zone_t *z = &p->zone[i];
  return !z->constant && !z->weak && z->low_order == 1 && z->high_order == (i + 1 < p->joins);
}

/* Without P3 a segment says nothing but its way. */
static const char *check_segments(const part_t *p) {
  for (int i = 0; i < p->joins; i++) {
    if (!is_proved(p, 2) && !is_plain(p, i)) return "a segment's kind or zone without P3";
    if (i ? p->zone[i].up > p->zone[i - 1].up : !p->zone[i].up)
      return "a segment goes the wrong way";
  }
  return p->joins && p->zone[p->joins - 1].up ? "a segment goes the wrong way" : "";
}

const char *slc_check_needed(const part_t *p, int requirement) {
  int any = 0;
  const char *bad = requirement ? "" : check_segments(p);
  for (int i = 0; i < PROPERTIES; i++) any |= p->p[i].verdict != V_UNDECIDED;
  if (!any && p->courses) bad = "a course on which no claim rests";
  for (int i = 0; i < p->courses; i++)
    for (int k = 0; k < i; k++)
      if (!strcmp(p->course[i], p->course[k])) bad = "a course twice";
  for (int i = 0; i < p->forms && !*bad; i++)
    if (!is_form_needed(p, p->form[i].kind, requirement)) bad = "a form on which no claim rests";
  for (int i = 0; i < p->regions && !*bad; i++) {
    if (!is_region_needed(p, &p->region[i], requirement)) bad = "a region on which no claim rests";
    for (int k = 0; k < i; k++) {
      const region_t *a = &p->region[i], *b = &p->region[k];
      if (a->segment == b->segment && a->goal == b->goal && a->order == b->order &&
          mpfr_equal_p(a->low, b->low) && mpfr_equal_p(a->high, b->high))
        bad = "a region twice";
    }
  }
  return bad;
}
