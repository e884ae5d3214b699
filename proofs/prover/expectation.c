/* The mean of f' over log-normal ratios (see expectation.h).
 *
 * With r = exp(s q - s^2/2) it is the integral of H(q) = f'(r) exp(-q^2/2)/sqrt(2 pi) over all q.
 * On a segment of f' H is one analytic expression, whose tree is made here. A cell [m - h, m + h]
 * of q gives, by Taylor's theorem with c_k the coefficients at m and C_N one over the whole cell,
 *
 *     the integral of H = the sum over even k < N of 2 c_k h^(k+1)/(k+1)  +  2 C_N h^(N+1)/(N+1),
 *
 * N even, all in balls; a cell is halved until its ball is small. Far out, where Taylor's terms are
 * wide and f' next to nothing, the span of f' times the density decides. Beside the cells there are
 * |q| > Q, where the normal distribution has 2 (1 - Phi(Q)) < 2^-75, and the balls of joins that
 * are no dyadic numbers: there |H| is at most bound/sqrt(2 pi) < bound/2. */
#include "expectation.h"

#include "ball.h"
#include "enclosure.h"
#include "joins.h"

#include <stdlib.h>

enum { ORDER = 12, PRECISION = 128, DEPTH = 48, CELLS = 20000, FAR = 10, FAR_MASS = -75 };
/* Of a cell's ball, per unit of q: there are 20 < 2^5 units. */
enum { UNITS = 5 };

typedef struct {
  const sl_problem *p;
  sl_tree tree;
  sl_ref root, ratio, density;
  sl_ball ball;
  sl_enclosure weight; /* of the segment's own tree, over r */
  sl_ref w;
  const arf_struct *bound;
  arb_t sum;
  int cells, failed, bits;
} integral;

static sl_ref ratio_node(sl_tree *t, sl_decimal spread) {
  const sl_ref q = sl_tree_unary(t, SL_OP_R, SL_NO_REF), s = sl_tree_decimal(t, spread),
               square = sl_tree_binary(t, SL_OP_MUL, s, s),
               half = sl_tree_binary(t, SL_OP_DIV, square, sl_tree_int(t, 2));
  return sl_tree_unary(t, SL_OP_EXP,
                       sl_tree_binary(t, SL_OP_SUB, sl_tree_binary(t, SL_OP_MUL, s, q), half));
}

static sl_ref density_node(sl_tree *t) {
  const sl_ref q = sl_tree_unary(t, SL_OP_R, SL_NO_REF), two = sl_tree_int(t, 2),
               half = sl_tree_binary(t, SL_OP_DIV, sl_tree_binary(t, SL_OP_MUL, q, q), two),
               top = sl_tree_unary(t, SL_OP_EXP, sl_tree_unary(t, SL_OP_NEG, half)),
               pi = sl_tree_unary(t, SL_OP_PI, SL_NO_REF),
               root = sl_tree_unary(t, SL_OP_SQRT, sl_tree_binary(t, SL_OP_MUL, two, pi));
  return sl_tree_binary(t, SL_OP_DIV, top, root);
}

/* The segment's f' with r replaced. */
static sl_ref substitute(sl_tree *to, const sl_tree *from, sl_ref ref, sl_ref r) {
  sl_ref *map = calloc((size_t)ref + 1, sizeof *map);
  if (!map) flint_abort();
  for (sl_ref i = 0; i <= ref; i++) {
    const sl_gate_node *n = &from->node[i];
    sl_ref c[4] = {SL_NO_REF, SL_NO_REF, SL_NO_REF, SL_NO_REF};
    for (int k = 0; k < sl_op_arity(n->op); k++) c[k] = map[n->child[k]];
    map[i] = n->op == SL_OP_R     ? r
             : n->op == SL_OP_NUM ? sl_tree_decimal(to, n->num)
                                  : sl_tree_node(to, n->op, c[0], c[1], c[2], c[3]);
  }
  const sl_ref out = map[ref];
  free(map);
  return out;
}

/* sum += coefficient 2 h^(k+1)/(k+1) */
static void add_term(arb_t sum, const arb_t coefficient, const arb_t h, slong k) {
  arb_t t;
  arb_init(t);
  arb_pow_ui(t, h, (ulong)k + 1, PRECISION);
  arb_mul_2exp_si(t, t, 1);
  arb_div_si(t, t, k + 1, PRECISION);
  arb_addmul(sum, t, coefficient, PRECISION);
  arb_clear(t);
}

static void by_taylor(arb_t out, integral *x, const arf_t low, const arf_t high) {
  arb_t cell, m, h, c;
  arb_init(cell), arb_init(m), arb_init(h), arb_init(c);
  arb_set_interval_arf(cell, low, high, PRECISION);
  arf_add(arb_midref(m), low, high, ARF_PREC_EXACT, ARF_RND_DOWN);
  arb_mul_2exp_si(m, m, -1);
  arf_sub(arb_midref(h), high, low, ARF_PREC_EXACT, ARF_RND_DOWN);
  arb_mul_2exp_si(h, h, -1);
  arb_zero(out);
  sl_ball_jet(&x->ball, cell, x->p->box, ORDER + 1, PRECISION);
  arb_poly_get_coeff_arb(c, &x->ball.poly[x->root], ORDER);
  add_term(out, c, h, ORDER);
  sl_ball_jet(&x->ball, m, x->p->box, ORDER, PRECISION);
  for (slong k = 0; k < ORDER; k += 2) {
    arb_poly_get_coeff_arb(c, &x->ball.poly[x->root], k);
    add_term(out, c, h, k);
  }
  arb_clear(cell), arb_clear(m), arb_clear(h), arb_clear(c);
}

/* Encloses f' over the cell, whose node `ratio` has been evaluated; the bound where a span does
 * not.
 */
static void weight_over(arb_t out, integral *x, const arb_t ratio) {
  sl_span r;
  arf_t low, high;
  arf_init(low), arf_init(high);
  sl_span_init(&r);
  arb_get_lbound_arf(low, ratio, PRECISION), arb_get_ubound_arf(high, ratio, PRECISION);
  if (arf_sgn(low) < 0) arf_zero(low);
  sl_span_ends(&r, low, high, 0);
  sl_enclose(&x->weight, &r, x->p->box, PRECISION);
  const sl_enclosed *w = &x->weight.node[x->w];
  if (w->ok && sl_span_bounded(&w->v)) {
    arb_set_interval_arf(out, &w->v.low, &w->v.high, PRECISION);
  } else {
    arf_neg(low, x->bound);
    arb_set_interval_arf(out, low, x->bound, PRECISION);
  }
  sl_span_clear(&r);
  arf_clear(low), arf_clear(high);
}

/* Width times f' times density. */
static void by_value(arb_t out, integral *x, const arf_t low, const arf_t high) {
  arb_t cell, w;
  arb_init(cell), arb_init(w);
  arb_set_interval_arf(cell, low, high, PRECISION);
  sl_ball_flow(&x->ball, cell, x->p->box, PRECISION);
  weight_over(w, x, x->ball.flow[x->ratio].v);
  arb_set_arf(out, high);
  arb_sub_arf(out, out, low, PRECISION);
  arb_mul(out, out, w, PRECISION);
  arb_mul(out, out, x->ball.flow[x->density].v, PRECISION);
  arb_clear(cell), arb_clear(w);
}

/* Is the ball's radius at most 2^-(bits + UNITS) of the cell's width? */
static int is_small(const integral *x, const arb_t value, const arf_t low, const arf_t high) {
  arf_t width, radius;
  arf_init(width), arf_init(radius);
  arf_sub(width, high, low, 64, ARF_RND_DOWN);
  arf_mul_2exp_si(width, width, -x->bits - UNITS);
  arf_set_mag(radius, arb_radref(value));
  const int small = arb_is_finite(value) && arf_cmp(radius, width) <= 0;
  arf_clear(width), arf_clear(radius);
  return small;
}

static void add_cell(integral *x, const arf_t low, const arf_t high, int depth) {
  arb_t value;
  if (x->failed) return;
  if (++x->cells > CELLS) {
    x->failed = 1;
    return;
  }
  arb_init(value);
  by_taylor(value, x, low, high);
  int small = is_small(x, value, low, high);
  if (!small) {
    by_value(value, x, low, high);
    small = is_small(x, value, low, high);
  }
  if (small || depth == DEPTH) {
    arb_add(x->sum, x->sum, value, PRECISION);
  } else {
    arf_t middle;
    arf_init(middle);
    arf_add(middle, low, high, ARF_PREC_EXACT, ARF_RND_DOWN);
    arf_mul_2exp_si(middle, middle, -1);
    add_cell(x, low, middle, depth + 1);
    add_cell(x, middle, high, depth + 1);
    arf_clear(middle);
  }
  arb_clear(value);
}

/* q of a join: (log r + s^2/2)/s, within [-FAR, FAR]; join 0 is r = 0, the one after the last has
 * no end. */
static void join_place(arb_t out, sl_problem *p, int join, const arb_t s) {
  arb_t t;
  if (join == 0 || join == p->joins) {
    arb_set_si(out, join ? FAR : -FAR);
    return;
  }
  arb_init(t);
  sl_exact_ball(t, p->field, p->join[join], PRECISION);
  arb_log(t, t, PRECISION);
  arb_div(t, t, s, PRECISION);
  arb_mul_2exp_si(out, s, -1);
  arb_add(out, out, t, PRECISION);
  arb_set_si(t, FAR);
  arb_min(out, out, t, PRECISION);
  arb_neg(t, t);
  arb_max(out, out, t, PRECISION);
  arb_clear(t);
}

static void add_segment(arb_t sum, int *failed, sl_problem *p, int segment, sl_decimal spread,
                        const arf_t bound, int bits, const arf_t low, const arf_t high) {
  integral x = {.p = p, .bound = bound, .failed = *failed, .bits = bits};
  const sl_segment *g = &p->segment[segment];
  if (arf_cmp(low, high) >= 0) return;
  sl_tree_init(&x.tree);
  arb_init(x.sum);
  x.ratio = ratio_node(&x.tree, spread), x.density = density_node(&x.tree), x.w = g->w;
  x.root =
      sl_tree_binary(&x.tree, SL_OP_MUL, substitute(&x.tree, &g->tree, g->w, x.ratio), x.density);
  *failed |= x.tree.failed;
  if (!*failed) {
    sl_ball_init(&x.ball, &x.tree, x.root, x.ratio); /* which a constant f' does not use */
    sl_enclosure_init(&x.weight, p, g, g->w, SL_NO_REF);
    x.weight.signs = NULL;
    add_cell(&x, low, high, 0);
    sl_enclosure_clear(&x.weight);
    sl_ball_clear(&x.ball);
    arb_add(sum, sum, x.sum, PRECISION);
    *failed |= x.failed;
  }
  sl_tree_clear(&x.tree);
  arb_clear(x.sum);
}

/* sum +- bound 2^-75 beyond FAR, and +- bound/2 times the widths of the joins' balls. */
static void add_left_out(arb_t sum, const arf_t bound, const arf_t widths) {
  mag_t m, t;
  mag_init(m), mag_init(t);
  arf_get_mag(m, widths);
  mag_mul_2exp_si(m, m, -1);
  mag_one(t);
  mag_mul_2exp_si(t, t, FAR_MASS);
  mag_add(m, m, t);
  arf_get_mag(t, bound);
  mag_mul(m, m, t);
  mag_add(arb_radref(sum), arb_radref(sum), m);
  mag_clear(m), mag_clear(t);
}

/* out is at least |f'| on the segment, if an enclosure says so. */
static int bound_segment(arf_t out, sl_problem *p, int segment) {
  const sl_segment *g = &p->segment[segment];
  sl_enclosure e;
  sl_span r;
  arf_t low, high;
  arf_init(low), arf_init(high);
  sl_span_init(&r);
  sl_segment_low(low, p, segment), sl_segment_high(high, p, segment);
  sl_span_ends(&r, low, high, 0);
  sl_enclosure_init(&e, p, g, g->w, SL_NO_REF);
  sl_enclose(&e, &r, p->box, PRECISION);
  const sl_enclosed *w = &e.node[g->w];
  const int bounded = w->ok && sl_span_bounded(&w->v);
  if (bounded && arf_cmpabs(out, &w->v.low) < 0) arf_abs(out, &w->v.low);
  if (bounded && arf_cmpabs(out, &w->v.high) < 0) arf_abs(out, &w->v.high);
  sl_enclosure_clear(&e);
  sl_span_clear(&r);
  arf_clear(low), arf_clear(high);
  return bounded;
}

static int bound_at_zero(arf_t out, sl_problem *p) {
  const sl_segment *g = &p->segment[0];
  sl_ball b;
  arb_t zero, one;
  arb_init(zero), arb_init(one);
  arb_one(one);
  sl_ball_init(&b, &g->tree, g->w, SL_NO_REF);
  sl_ball_flow(&b, zero, p->box, PRECISION);
  arb_abs(zero, b.flow[g->w].v);
  arb_max(zero, zero, one, PRECISION);
  const int bounded = arb_is_finite(zero);
  if (bounded) arb_get_ubound_arf(out, zero, 64);
  sl_ball_clear(&b);
  arb_clear(zero), arb_clear(one);
  return bounded;
}

int sl_weight_bound(arf_t out, sl_problem *p, int falls) {
  int bounded = 1;
  arf_zero(out);
  for (int i = 0; i < p->joins && bounded; i++) bounded = bound_segment(out, p, i);
  return bounded || (falls && bound_at_zero(out, p));
}

void sl_expected_weight(arb_t out, sl_problem *p, sl_decimal spread, const arf_t bound, int bits) {
  arb_t s, q;
  arf_t low, high, widths, gap;
  int failed = 0;
  arb_init(s), arb_init(q);
  arf_init(low), arf_init(high), arf_init(widths), arf_init(gap);
  fmpq_t exact;
  fmpq_init(exact);
  sl_decimal_fmpq(exact, spread);
  arb_set_fmpq(s, exact, PRECISION);
  arb_zero(out);
  join_place(q, p, 0, s);
  arb_get_ubound_arf(low, q, PRECISION);
  for (int i = 0; i < p->joins; i++) {
    join_place(q, p, i + 1, s);
    arb_get_lbound_arf(high, q, PRECISION);
    add_segment(out, &failed, p, i, spread, bound, bits, low, high);
    arb_get_ubound_arf(low, q, PRECISION);
    arf_sub(gap, low, high, 64, ARF_RND_UP);
    arf_add(widths, widths, gap, 64, ARF_RND_UP);
  }
  add_left_out(out, bound, widths);
  if (failed) arb_indeterminate(out);
  fmpq_clear(exact);
  arb_clear(s), arb_clear(q);
  arf_clear(low), arf_clear(high), arf_clear(widths), arf_clear(gap);
}
