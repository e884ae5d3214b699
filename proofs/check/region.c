/* Boxes by MPFI (see region.h). */
#include "region.h"

#include "box.h"
#include "cover.h"

#include <stdlib.h>

static int goal_holds(box_t *b, const piece_t *s, goal_t goal, int order, const mpfi_t r,
                      mpfi_t *params) {
  mpfi_t x;
  int ok = 0;
  mpfi_init2(x, BITS);
  if (goal == G_CURVE_UP || goal == G_CURVE_DOWN) {
    slc_box_jet(b, s->w, r, params, order, x);
    ok = slc_sign_of(x) == (goal == G_CURVE_UP ? 1 : -1);
  } else {
    slc_box_flow(b, r, params);
    const flow_t *w = &b->flow[s->w];
    if (goal == G_DEFINED) {
      ok = w->ok && (s->f < 0 || b->flow[s->f].ok);
    } else if (goal == G_BELOW) {
      mpfi_sub_si(x, w->v, 1);
      ok = w->ok && slc_sign_of(x) < 0;
    } else {
      const int want = goal == G_UP ? 1 : -1;
      ok = slc_box_slope_sign(b, s->w) == want ||
           (w->ok && slc_box_centred_slope(b, s->w, r, params) == want);
    }
  }
  mpfi_clear(x);
  return ok;
}

/* The two arithmetics round differently: a box that just fails is halved a few times. */
static int cell_holds(box_t *b, const piece_t *s, goal_t goal, int order, const mpfr_t low,
                      const mpfr_t high, mpfi_t *params, int depth) {
  mpfi_t r;
  mpfi_init2(r, 512);
  mpfi_interv_fr(r, low, high);
  int ok = goal_holds(b, s, goal, order, r, params);
  if (!ok && depth < 9) {
    mpfr_t m;
    mpfr_init2(m, 512);
    mpfi_mid(m, r);
    ok = cell_holds(b, s, goal, order, low, m, params, depth + 1) &&
         cell_holds(b, s, goal, order, m, high, params, depth + 1);
    mpfr_clear(m);
  }
  mpfi_clear(r);
  return ok;
}

const char *slc_check_region(const context_t *c, const region_t *g) {
  if (g->segment < 0 || g->segment >= c->pieces->joins ||
      (g->goal >= G_CURVE_UP && (g->order < 2 || g->order >= JET)))
    return "a region of no segment or order";
  const cell_t **cells = malloc((size_t)(g->cells ? g->cells : 1) * sizeof *cells);
  if (!cells) abort();
  for (int i = 0; i < g->cells; i++) cells[i] = &g->cell[i];
  int ok = slc_covers(cells, g->cells, g->low, g->high, c->part->box, c->ranged);
  free(cells);
  if (!ok) return "the boxes of a region do not cover it";
  const piece_t *s = &c->pieces->piece[g->segment];
  box_t b;
  slc_box_init(&b, &s->e);
  for (int i = 0; i < g->cells && ok; i++)
    ok = cell_holds(&b, s, g->goal, g->order, g->cell[i].low, g->cell[i].high,
                    (mpfi_t *)g->cell[i].box, 0);
  slc_box_clear(&b);
  return ok ? "" : "a box does not hold";
}

/* Regions are intervals of r over all of the part. */
int slc_regions_reach(const context_t *c, int segment, goal_t goal, goal_t other, const mpfr_t low,
                      const mpfr_t high) {
  mpfr_t at;
  mpfr_init2(at, 512);
  mpfr_set(at, low, MPFR_RNDN);
  int moved = 1;
  while (mpfr_less_p(at, high) && moved) {
    moved = 0;
    for (int i = 0; i < c->part->regions; i++) {
      const region_t *g = &c->part->region[i];
      if (g->segment != segment || (g->goal != goal && g->goal != other)) continue;
      if (mpfr_lessequal_p(g->low, at) && mpfr_greater_p(g->high, at))
        mpfr_set(at, g->high, MPFR_RNDN), moved = 1;
    }
  }
  const int ok = mpfr_greaterequal_p(at, high);
  mpfr_clear(at);
  return ok;
}
