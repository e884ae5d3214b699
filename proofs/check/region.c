/* Boxes by MPFI (see region.h). */
#include "region.h"

#include "box.h"
#include "cover.h"

#include <stdlib.h>

/* Taylor coefficient `order` of w less `minus`, from its expansion about the middle: its sign. */
static int centred_sign(box_t *b, int w, const mpfi_t r, const mpfi_t *box, int order, long minus) {
  mpfi_t x;
  mpfi_init2(x, BITS);
  slc_box_centred(b, w, r, box, order, x);
  mpfi_sub_si(x, x, minus);
  const int sign = slc_sign_of(x);
  mpfi_clear(x);
  return sign;
}

/* The node that equals what the goal is about: w', w - 1, or of a requirement w; -1: none. */
static int form_of(const piece_t *s, goal_t goal) {
  if (goal == G_DEFINED) return -1;
  return s->form[goal == G_BELOW ? FORM_OVER : goal == G_AT_MOST_0 ? FORM_WEIGHT : FORM_SLOPE];
}

/* The signs of the form over the box, and by its expansion; ANY where it tells nothing. */
static unsigned form_signs(box_t *b, int form, const mpfi_t r, const mpfi_t *box, int expand) {
  if (form < 0) return ANY;
  if (!expand) return b->flow[form].ok ? b->flow[form].v.signs : ANY;
  const int sign = slc_bounded(r) ? centred_sign(b, form, r, box, 0, 0) : 0;
  return sign > 0 ? POS : sign < 0 ? NEG : ANY;
}

/* The derivative of the order by the form, which is w' already, is not by the inner node. */
static int form_curves(box_t *b, const piece_t *s, const mpfi_t r, const mpfi_t *box, int order) {
  const int form = form_of(s, G_CURVE_UP), by_inner = b->by_inner;
  if (form < 0) return 0;
  mpfi_t x;
  mpfi_init2(x, BITS);
  b->by_inner = 0;
  slc_box_jet(b, form, r, box, order - 1, x);
  b->by_inner = by_inner;
  const int sign = slc_sign_of(x);
  mpfi_clear(x);
  return sign;
}

static int never_above(box_t *b, const piece_t *s, goal_t goal, const mpfi_t r, const mpfi_t *box) {
  const int form = form_of(s, goal), limit = goal == G_BELOW;
  const flow_t *w = &b->flow[s->w];
  if (!w->ok) return 0;
  if (mpfr_cmp_si(&w->v.x->right, limit) <= 0 || (!limit && !(w->v.signs & POS)) ||
      !(form_signs(b, form, r, box, 0) & POS))
    return 1;
  return (slc_bounded(r) && centred_sign(b, s->w, r, box, 0, limit) < 0) ||
         form_signs(b, form, r, box, 1) == NEG;
}

static int slope_holds(box_t *b, const piece_t *s, goal_t goal, const mpfi_t r, const mpfi_t *box) {
  const int up = goal == G_UP || goal == G_RISES, weak = goal == G_RISES || goal == G_FALLS;
  const unsigned right = up ? POS : NEG, signs = slc_box_slope_signs(b, s->w);
  if (!b->flow[s->w].ok) return 0;
  if (signs == right || (weak && !(signs & slc_signs_minus(right)))) return 1;
  const int form = form_of(s, goal);
  const unsigned by_form = form_signs(b, form, r, box, 0);
  if (by_form == right || (weak && !(by_form & slc_signs_minus(right)))) return 1;
  return (slc_bounded(r) && centred_sign(b, s->w, r, box, 1, 0) == (up ? 1 : -1)) ||
         form_signs(b, form, r, box, 1) == right;
}

static int goal_holds(box_t *b, const piece_t *s, goal_t goal, int order, const span_t *r,
                      const mpfi_t *box) {
  mpfi_t x;
  int ok = 0;
  mpfi_init2(x, BITS);
  if (goal == G_CURVE_UP || goal == G_CURVE_DOWN) {
    if (slc_bounded(r->x)) {
      slc_box_jet(b, s->w, r->x, box, order, x);
      const int want = goal == G_CURVE_UP ? 1 : -1;
      ok = slc_sign_of(x) == want || form_curves(b, s, r->x, box, order) == want;
    }
  } else {
    slc_box_flow(b, r, box);
    const flow_t *w = &b->flow[s->w];
    if (goal == G_DEFINED)
      ok = w->ok && (s->f < 0 || b->flow[s->f].ok);
    else if (goal == G_BELOW || goal == G_AT_MOST_0)
      ok = never_above(b, s, goal, r->x, box);
    else
      ok = slope_holds(b, s, goal, r->x, box);
  }
  mpfi_clear(x);
  return ok;
}

/* An end of a box that is a join is no point of the piece. */
typedef struct {
  box_t b;
  const piece_t *s;
  goal_t goal;
  int order;
  mpfr_t low, high;              /* dyadic joins, else NaN */
  int ranges, range[MAX_PARAMS]; /* the ranged parameters */
  long steps; /* left: boxes that need many halves could cost more than they are worth */
} open_piece_t;

static int cell_holds(open_piece_t *o, const mpfr_t low, const mpfr_t high, mpfi_t *box, int depth);

/* Between low and high: on wide ranges the geometric mean parts better; towards infinity, twice
 * low. */
static void between(mpfr_t m, const mpfr_t low, const mpfr_t high) {
  mpfr_mul_2ui(m, low, 3, MPFR_RNDN);
  if (mpfr_inf_p(high)) {
    mpfr_mul_2ui(m, low, 1, MPFR_RNDN);
    if (mpfr_cmp_ui(m, 1) < 0) mpfr_set_ui(m, 1, MPFR_RNDN);
  } else if (mpfr_sgn(low) > 0 && mpfr_less_p(m, high)) {
    mpfr_mul(m, low, high, MPFR_RNDN);
    mpfr_sqrt(m, m, MPFR_RNDN);
  } else {
    mpfr_add(m, low, high, MPFR_RNDN);
    mpfr_div_2ui(m, m, 1, MPFR_RNDN);
  }
}

static int halves_of_r(open_piece_t *o, const mpfr_t low, const mpfr_t high, mpfi_t *box,
                       int depth) {
  mpfr_t m;
  mpfr_init2(m, 512);
  between(m, low, high);
  const int ok = cell_holds(o, low, m, box, depth + 1) && cell_holds(o, m, high, box, depth + 1);
  mpfr_clear(m);
  return ok;
}

static int halves_of_parameter(open_piece_t *o, const mpfr_t low, const mpfr_t high, mpfi_t *box,
                               int side, int depth) {
  mpfi_t keep;
  mpfr_t m;
  mpfi_init2(keep, 512);
  mpfr_init2(m, 512);
  mpfi_set(keep, box[side]);
  mpfi_mid(m, keep);
  mpfr_set(&box[side]->right, m, MPFR_RNDN);
  int ok = cell_holds(o, low, high, box, depth + 1);
  mpfi_set(box[side], keep);
  mpfr_set(&box[side]->left, m, MPFR_RNDN);
  ok = ok && cell_holds(o, low, high, box, depth + 1);
  mpfi_set(box[side], keep);
  mpfi_clear(keep);
  mpfr_clear(m);
  return ok;
}

/* The two arithmetics enclose differently: a box that fails is halved, along r and along the ranged
 * parameters in turn, as enclosures narrow with their boxes. */
static int cell_holds(open_piece_t *o, const mpfr_t low, const mpfr_t high, mpfi_t *box,
                      int depth) {
  enum { DEPTH = 24 };
  span_t r;
  slc_sp_init(&r);
  mpfi_set_prec(r.x, 512);
  slc_sp_ends(
      &r, low, high,
      (mpfr_equal_p(low, o->low) ? LOW_OPEN : 0) | (mpfr_equal_p(high, o->high) ? HIGH_OPEN : 0));
  int ok = goal_holds(&o->b, o->s, o->goal, o->order, &r, (const mpfi_t *)box);
  slc_sp_clear(&r);
  if (ok || depth == DEPTH || --o->steps < 0) return ok;
  const int side = depth % (o->ranges + 1);
  return side == 0 ? halves_of_r(o, low, high, box, depth)
                   : halves_of_parameter(o, low, high, box, o->range[side - 1], depth);
}

const char *slc_check_region(const context_t *c, const region_t *g) {
  if (g->segment < 0 || g->segment >= c->pieces->joins ||
      ((g->goal == G_CURVE_UP || g->goal == G_CURVE_DOWN) && (g->order < 2 || g->order >= JET)))
    return "a region of no segment or order";
  const cell_t **cells = malloc((size_t)(g->cells ? g->cells : 1) * sizeof *cells);
  if (!cells) abort();
  for (int i = 0; i < g->cells; i++) cells[i] = &g->cell[i];
  int ok = slc_covers(cells, g->cells, g->low, g->high, c->source->ranged);
  free(cells);
  if (!ok) return "the boxes of a region do not cover it";
  open_piece_t o = {.s = &c->pieces->piece[g->segment],
                    .goal = g->goal,
                    .order = g->order,
                    .steps = 4096L + 1024L * g->cells};
  slc_box_init(&o.b, &c->pieces->field, o.s);
  for (int i = 0; i < MAX_PARAMS; i++)
    if (c->source->ranged[i]) o.range[o.ranges++] = i;
  mpfr_inits2(512, o.low, o.high, (mpfr_ptr)0);
  if (!slc_join_dyadic(o.low, c->pieces, g->segment)) mpfr_set_nan(o.low);
  if (!slc_join_dyadic(o.high, c->pieces, g->segment + 1)) mpfr_set_nan(o.high);
  for (int i = 0; i < g->cells && ok; i++)
    ok = cell_holds(&o, g->cell[i].low, g->cell[i].high, g->cell[i].box, 0);
  slc_box_clear(&o.b);
  mpfr_clears(o.low, o.high, (mpfr_ptr)0);
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
