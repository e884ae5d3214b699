/* What a part claims, checked with MPFI and exact series (spec G4.3, G4.4). */
#include "claims.h"

#include <stdlib.h>
#include <string.h>

static int goal_holds(box_t *b, const piece_t *s, goal_t goal, int order, const mpfi_t r,
                      mpfi_t *params) {
  mpfi_t x;
  int ok = 0;
  mpfi_init2(x, BITS);
  if (goal == G_CURVE_UP || goal == G_CURVE_DOWN) {
    box_jet(b, s->w, r, params, order, x);
    ok = sign_of(x) == (goal == G_CURVE_UP ? 1 : -1);
  } else {
    box_flow(b, r, params);
    const flow_t *w = &b->flow[s->w];
    if (goal == G_DEFINED) {
      ok = w->ok && (s->f < 0 || b->flow[s->f].ok);
    } else if (goal == G_BELOW) {
      mpfi_sub_si(x, w->v, 1);
      ok = w->ok && sign_of(x) < 0;
    } else {
      const int want = goal == G_UP ? 1 : -1;
      ok = box_slope_sign(b, s->w) == want ||
           (w->ok && box_centred_slope(b, s->w, r, params) == want);
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

static const char *check_region(const context_t *c, const region_t *g) {
  if (g->segment < 0 || g->segment >= c->pieces->joins ||
      (g->goal >= G_CURVE_UP && (g->order < 2 || g->order >= JET)))
    return "a region of no segment or order";
  const cell_t **cells = malloc((size_t)(g->cells ? g->cells : 1) * sizeof *cells);
  if (!cells) abort();
  for (int i = 0; i < g->cells; i++) cells[i] = &g->cell[i];
  int ok = covers(cells, g->cells, g->low, g->high, c->part->box, c->ranged);
  free(cells);
  if (!ok) return "the boxes of a region do not cover it";
  const piece_t *s = &c->pieces->piece[g->segment];
  box_t b;
  box_init(&b, &s->e);
  for (int i = 0; i < g->cells && ok; i++)
    ok = cell_holds(&b, s, g->goal, g->order, g->cell[i].low, g->cell[i].high,
                    (mpfi_t *)g->cell[i].box, 0);
  box_clear(&b);
  return ok ? "" : "a box does not hold";
}

/* Do regions with the goal cover [low, high] of the segment? Regions are intervals of r over the
 * whole part. */
static int reach(const context_t *c, int segment, goal_t goal, goal_t other, const mpfr_t low,
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

/* A zone at an end: every derivative of w below the order vanishes there exactly, the order-th
 * keeps a sign in a region next to it, and that sign sends w the wanted way. `inner` is moved to
 * the zone's other end. */
static int zone_holds(const context_t *c, int segment, int high, int order, int up,
                      const mpfr_t end, mpfr_t inner) {
  const piece_t *s = &c->pieces->piece[segment];
  mpfr_set(inner, end, MPFR_RNDN);
  if (order <= 1) return 1;
  const series_t t =
      se_expr(&c->pieces->field, &s->e, s->w, c->pieces->join[segment + high], TERMS);
  if (order >= t.n) return 0;
  for (int m = 1; m < order; m++)
    if (!ex_zero(t.c[m])) return 0;
  for (int i = 0; i < c->part->regions; i++) {
    const region_t *g = &c->part->region[i];
    if (g->segment != segment || g->order != order ||
        (g->goal != G_CURVE_UP && g->goal != G_CURVE_DOWN))
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

static const char *check_p1(const context_t *c) {
  pieces_t *p = c->pieces;
  const int only = p->piece[0].f < 0;
  for (int j = 0; j < p->joins; j++) {
    if (!join_same(p, j, only, AT, RIGHT))
      return "P1: the value at a join is not shown to be its side's";
    for (int weight = only; weight < 2 && j; weight++)
      if (!join_same(p, j, weight, LEFT, RIGHT))
        return "P1: the sides of a join are not shown equal";
  }
  mpfr_t low, high;
  mpfr_inits2(512, low, high, (mpfr_ptr)0);
  const char *bad = "";
  for (int i = 0; i < p->joins && !*bad; i++) {
    piece_ends(low, high, p, i);
    if (mpfr_inf_p(high)) {
      tail_t w, f = {.defined = 1};
      mpfr_set_ui_2exp(high, 1, c->part->p[0].tail, MPFR_RNDN);
      tail_examine(&w, &p->field, &p->piece[i].e, p->piece[i].w, c->part->p[0].tail);
      if (p->piece[i].f >= 0)
        tail_examine(&f, &p->field, &p->piece[i].e, p->piece[i].f, c->part->p[0].tail);
      if (!w.defined || !f.defined) bad = "P1: f and f' are not shown to have values in the tail";
    }
    if (!*bad && !reach(c, i, G_DEFINED, G_DEFINED, low, high))
      bad = "P1: the regions do not reach over a segment";
  }
  mpfr_clears(low, high, (mpfr_ptr)0);
  return bad;
}

static const char *check_monotone_segment(const context_t *c, int i, int *constant) {
  pieces_t *p = c->pieces;
  const zone_t *z = &c->part->zone[i];
  const int up = i < p->one;
  *constant = z->constant;
  if (z->up != up) return "P3: a segment goes the wrong way";
  if (z->constant) return piece_constant(p, i) ? "" : "P3: a segment is not constant";
  mpfr_t low, high, a, b;
  mpfr_inits2(512, low, high, a, b, (mpfr_ptr)0);
  const char *bad = "";
  piece_ends(low, high, p, i);
  if (!zone_holds(c, i, 0, z->low_order, up, low, a))
    bad = "P3: a zone at the low end of a segment does not hold";
  if (!*bad && mpfr_inf_p(high)) {
    tail_t t;
    tail_examine(&t, &p->field, &p->piece[i].e, p->piece[i].w, c->part->p[2].tail);
    if (!t.defined || t.slope != (up ? 1 : -1)) bad = "P3: the tail is not shown monotone";
    mpfr_set_ui_2exp(b, 1, c->part->p[2].tail, MPFR_RNDN);
  } else if (!*bad && !zone_holds(c, i, 1, z->high_order, up, high, b)) {
    bad = "P3: a zone at the high end of a segment does not hold";
  }
  if (!*bad && !reach(c, i, up ? G_UP : G_DOWN, up ? G_UP : G_DOWN, a, b))
    bad = "P3: the regions do not reach over a segment";
  mpfr_clears(low, high, a, b, (mpfr_ptr)0);
  return bad;
}

/* From one approach of a join to another w goes the way, or stays. */
static int steps(const context_t *c, int j, side_t from, side_t to, int way) {
  pieces_t *p = c->pieces;
  return join_same(p, j, 1, from, to) ||
         ex_sign(&p->field,
                 ex_sub(&p->field, join_value(p, j, 1, to), join_value(p, j, 1, from))) == way;
}

static int join_goes(const context_t *c, int j) { /* r = 1 belongs to both sides */
  const int one = c->pieces->one;
  return smooth_join(c, j) || ((j == 0 || steps(c, j, LEFT, AT, j <= one ? 1 : -1)) &&
                               steps(c, j, AT, RIGHT, j < one ? 1 : -1));
}

static const char *check_p3(const context_t *c) {
  pieces_t *p = c->pieces;
  for (int i = 0; i < p->joins; i++) {
    int constant;
    const char *bad = check_monotone_segment(c, i, &constant);
    if (*bad) return bad;
    if (constant && c->part->p[2].strict) return "P3: strict, with a constant segment";
  }
  for (int j = 0; j < p->joins; j++)
    if (!join_goes(c, j)) return "P3: a step at a join goes the wrong way";
  return "";
}

/* w <= 1 on a segment without P3. Next to 1 a zone or a region with the slope that sends w down
 * from 1. */
static const char *check_below(const context_t *c, int i) {
  pieces_t *p = c->pieces;
  if (piece_constant(p, i)) {
    const exact_t over = ex_sub(&p->field, join_value(p, i, 1, RIGHT), ex_si(&p->field, 1, 1));
    if (ex_zero(over) || ex_sign(&p->field, over) < 0) return "";
  }
  mpfr_t low, high, a, b;
  mpfr_inits2(512, low, high, a, b, (mpfr_ptr)0);
  const char *bad = "";
  piece_ends(low, high, p, i);
  mpfr_set(a, low, MPFR_RNDN), mpfr_set(b, high, MPFR_RNDN);
  for (int side = 0; side < 2; side++) {
    if (i != p->one - 1 + (side == 0)) continue; /* side 0: low end is 1; side 1: high end is 1 */
    int found = 0;
    for (int g = 0; g < c->part->regions && !found; g++) {
      const region_t *q = &c->part->region[g];
      const int touches = side == 0
                              ? mpfr_lessequal_p(q->low, low) && mpfr_greater_p(q->high, low)
                              : mpfr_greaterequal_p(q->high, high) && mpfr_less_p(q->low, high);
      if (q->segment != i || !touches) continue;
      if (q->goal == (side == 0 ? G_DOWN : G_UP))
        found = 1, mpfr_set(side == 0 ? a : b, side == 0 ? q->high : q->low, MPFR_RNDN);
      else if (q->goal >= G_CURVE_UP)
        found = zone_holds(c, i, side, q->order, side, side == 0 ? low : high, side == 0 ? a : b);
    }
    if (!found) bad = "P2: nothing shows f' <= 1 next to r = 1";
  }
  if (!*bad && mpfr_inf_p(b)) {
    tail_t t;
    tail_examine(&t, &p->field, &p->piece[i].e, p->piece[i].w, c->part->p[1].tail);
    if (!t.defined || !t.below_one) bad = "P2: the tail is not shown below 1";
    mpfr_set_ui_2exp(b, 1, c->part->p[1].tail, MPFR_RNDN);
  }
  if (!*bad && !reach(c, i, G_BELOW, G_BELOW, a, b))
    bad = "P2: the regions do not reach over a segment";
  mpfr_clears(low, high, a, b, (mpfr_ptr)0);
  return bad;
}

static const char *check_p2(const context_t *c) {
  pieces_t *p = c->pieces;
  const exact_t unit = ex_si(&p->field, 1, 1);
  for (int side = LEFT; side <= RIGHT; side++)
    if ((side != AT || join_alone(p, p->one)) &&
        !ex_equal(&p->field, join_value(p, p->one, 1, (side_t)side), unit))
      return "P2: f'(1) = 1 is not shown";
  if (c->part->p[1].by_p3)
    return c->part->p[2].verdict == V_PROVED ? "" : "P2: rests on P3, which is not claimed";
  for (int i = 0; i < p->joins; i++) {
    const char *bad = check_below(c, i);
    if (*bad) return bad;
    const exact_t over = join_alone(p, i) ? ex_sub(&p->field, join_value(p, i, 1, AT), unit) : NULL;
    if (join_alone(p, i) && !ex_zero(over) && ex_sign(&p->field, over) >= 0)
      return "P2: f' at a join itself is not shown below 1";
  }
  return "";
}

const char *check_p4(const context_t *c) {
  pieces_t *p = c->pieces;
  const piece_t *s = &p->piece[p->joins - 1];
  tail_t t;
  tail_examine(&t, &p->field, &s->e, s->w, c->part->p[3].tail);
  if (c->part->p[3].verdict == V_PROVED)
    return t.zero_limit ? "" : "P4: the limit is not shown to be 0";
  return t.other_limit || t.unbounded ? "" : "P4: the limit is not shown to differ from 0";
}

const char *part_check(const part_t *part, const expr_t *e, int f, int w, const int *ranged) {
  static const char *(*const proofs[])(const context_t *) = {check_p1, check_p2, check_p3,
                                                             check_p4};
  pieces_t *p = calloc(1, sizeof *p);
  if (!p) abort();
  field_init(&p->field);
  for (int i = 0; i < MAX_PARAMS; i++)
    if (ranged[i]) mpfi_set(p->field.box[i], part->box[i]);
  const context_t c = {part, p, ranged};
  const char *bad = pieces_make(p, e, f, w) ? "" : "the segments cannot be ordered";
  int any = 0;
  for (int i = 0; i < 4; i++) any |= part->p[i].verdict != V_UNDECIDED;
  if (*bad && !any)
    bad = ""; /* nothing was claimed */
  else if (!*bad && p->joins != part->joins)
    bad = "the number of segments differs";
  for (int i = 0; i < part->regions && !*bad && any; i++) bad = check_region(&c, &part->region[i]);
  for (int i = 0; i < 4 && !*bad; i++) {
    if (part->p[i].verdict == V_PROVED)
      bad = proofs[i](&c);
    else if (part->p[i].verdict == V_REFUTED)
      bad = check_refuted(&c, i);
  }
  pieces_clear(p);
  free(p);
  return bad;
}
