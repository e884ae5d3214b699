/* Rigorous numbers about a gate with fixed parameters: bounds of f, sup of r f', half-width of f'
 * (spec G2). */
#include "measure.h"

#include "ball.h"
#include "prove_requirement.h"
#include "supremum.h"

#include <math.h>
#include <string.h>

void sl_measures_init(sl_measures *m) {
  arb_init(m->f_low), arb_init(m->f_high), arb_init(m->effective), arb_init(m->half_below),
      arb_init(m->half_above), arb_init(m->supremum), arb_init(m->supremum_at);
  arb_indeterminate(m->f_low), arb_indeterminate(m->f_high), arb_indeterminate(m->effective),
      arb_indeterminate(m->half_below), arb_indeterminate(m->half_above);
  m->f_bounded = -1;
}
void sl_measures_clear(sl_measures *m) {
  arb_clear(m->f_low), arb_clear(m->f_high), arb_clear(m->effective), arb_clear(m->half_below),
      arb_clear(m->half_above), arb_clear(m->supremum), arb_clear(m->supremum_at);
}

/* Value of ref (a root of its segment) at an exact r. */
static void value_at(arb_t out, sl_problem *p, const arf_t r, int weight) {
  arb_t x, join;
  int segment = 0;
  arb_init(x), arb_init(join);
  arb_set_arf(x, r);
  for (int i = 1; i < p->joins; i++) {
    sl_exact_ball(join, p->field, p->join[i], 256);
    if (arb_le(join, x)) segment = i;
  }
  const sl_segment *g = &p->segment[segment];
  const sl_ref ref = weight ? g->w : g->f;
  sl_ball b;
  sl_ball_init(&b, &g->tree, ref, SL_NO_REF);
  sl_ball_flow(&b, x, p->box, 200);
  arb_set(out, b.flow[ref].v);
  sl_ball_clear(&b);
  arb_clear(x), arb_clear(join);
}

/* f' >= 0 everywhere follows from P3 and P4 and f'(0) >= 0; then f runs from f(0) to its limit. */
static void bounds_of_f(sl_measures *m, const sl_proof *proof, sl_problem *p) {
  if (p->f == SL_NO_REF || proof->property[0].verdict != SL_PROVED ||
      proof->property[2].verdict != SL_PROVED)
    return;
  arf_t zero;
  arb_t w0;
  arf_init(zero);
  arb_init(w0);
  value_at(w0, p, zero, 1);
  if (arb_is_nonnegative(w0) && (proof->tail.limit_zero || proof->tail.limit_nonzero)) {
    const sl_segment *last = &p->segment[p->joins - 1];
    value_at(m->f_low, p, zero, 0);
    for (slong e = 1; e <= 64 && m->f_bounded < 0; e++) {
      sl_tail_fact fact;
      sl_tail_fact_init(&fact);
      sl_tail_examine(&fact, p->field, &last->tree, last->f, p->box, e, 256);
      if (fact.limit_zero || fact.limit_nonzero) m->f_bounded = 1, arb_set(m->f_high, fact.limit);
      if (fact.unbounded) m->f_bounded = 0;
      sl_tail_fact_clear(&fact);
    }
    if (m->f_bounded < 0 && proof->tail.kind == SL_TAIL_POLYNOMIAL && proof->tail.order <= 1)
      m->f_bounded = 0; /* the integral of c/r diverges */
  }
  arf_clear(zero);
  arb_clear(w0);
}

/* f' = 1/2 between a (where f' > 1/2) and b (where f' < 1/2), by bisection with certain signs. */
static void half_between(arb_t out, sl_problem *p, double a, double b) {
  arf_t low, high, m;
  arb_t v, half;
  arf_init(low), arf_init(high), arf_init(m);
  arb_init(v), arb_init(half);
  arb_set_d(half, 0.5);
  arf_set_d(low, a), arf_set_d(high, b);
  int certain = 1;
  for (int i = 0; i < 60 && certain; i++) {
    arf_sub(m, high, low, 100, ARF_RND_DOWN); /* 15/32 of the way: a half might hit f' = 1/2
                                                 exactly, where no sign is certain */
    arf_mul_si(m, m, 15, 100, ARF_RND_DOWN);
    arf_mul_2exp_si(m, m, -5);
    arf_add(m, low, m, 100, ARF_RND_DOWN);
    value_at(v, p, m, 1);
    if (arb_gt(v, half))
      arf_set(low, m);
    else if (arb_lt(v, half))
      arf_set(high, m);
    else
      certain = 0;
  }
  if (arf_cmp(low, high) <= 0)
    arb_set_interval_arf(out, low, high, 128);
  else
    arb_set_interval_arf(out, high, low, 128);
  arf_clear(low), arf_clear(high), arf_clear(m);
  arb_clear(v), arb_clear(half);
}

void sl_measure_half_above(arb_t out, sl_problem *p) {
  arf_t r;
  arb_t v, half;
  arf_init(r);
  arb_init(v), arb_init(half);
  arb_set_d(half, 0.5);
  arb_indeterminate(out);
  for (int e = -10; e < 40; e++) {
    const double b = ldexp(1.0, e);
    arf_set_d(r, 1 + b);
    value_at(v, p, r, 1);
    if (!arb_lt(v, half)) continue;
    half_between(out, p, 1.0, 1 + b);
    break;
  }
  arf_clear(r);
  arb_clear(v), arb_clear(half);
}

static void half_width(sl_measures *m, const sl_proof *proof, sl_problem *p) {
  if (proof->property[2].verdict != SL_PROVED || proof->property[1].verdict != SL_PROVED) return;
  arf_t r;
  arb_t v, half;
  arf_init(r);
  arb_init(v), arb_init(half);
  arb_set_d(half, 0.5);
  value_at(v, p, r, 1);
  m->has_half_below = arb_lt(v, half), m->no_half_below = arb_gt(v, half);
  m->no_half_above = proof->tail.limit_nonzero && arb_gt(proof->tail.limit, half);
  if (m->has_half_below) half_between(m->half_below, p, 1.0, 0.0);
  if (!m->no_half_above) sl_measure_half_above(m->half_above, p);
  arf_clear(r);
  arb_clear(v), arb_clear(half);
}

/* What is aimed at: f' in binary64 by the program of `def`, or, where def is NULL, in balls. */
typedef struct {
  const sl_gate_definition *def;
  sl_problem *p;
} aim_on;

static double product_at(const aim_on *on, double r) {
  double w;
  if (on->def) {
    sl_gate_evaluate64(on->def, on->p->positive, &r, NULL, &w, 1);
    return r * w;
  }
  arf_t x;
  arb_t v;
  arf_init(x);
  arb_init(v);
  arf_set_d(x, r);
  value_at(v, on->p, x, 1);
  w = arb_is_finite(v) ? arf_get_d(arb_midref(v), ARF_RND_DOWN) : 0;
  arf_clear(x);
  arb_clear(v);
  return r * w;
}

/* The largest of r f' on a grid, refined; only to aim the proof. */
static double aim(const aim_on *on, double *best) {
  double at = 1;
  *best = 0;
  for (int i = 0; i <= 4000; i++) {
    const double r = exp2(-10 + i * (60.0 / 4000)), y = product_at(on, r);
    if (y > *best) *best = y, at = r;
  }
  double step = at * 0.02;
  for (int i = 0; i < 200 && step > at * 1e-12; i++) {
    int moved = 0;
    for (int s = -1; s <= 1; s += 2) {
      const double r = at + s * step, y = product_at(on, r);
      if (r > 0 && y > *best) *best = y, at = r, moved = 1;
    }
    if (!moved) step /= 2;
  }
  return at;
}

/* sup r f' <= top, by the requirement prover. */
static int effective_below(sl_problem *p, double top, sl_budget *budget) {
  sl_gate_definition copy = *p->def;
  sl_tree *t = &copy.tree;
  sl_tree work;
  sl_tree_init(&work);
  for (uint32_t i = 0; i < t->count;
       i++) { /* the same nodes in the same order, so that references stay valid */
    const sl_gate_node n = t->node[i];
    if (n.op == SL_OP_NUM)
      sl_tree_decimal(&work, n.num);
    else if (n.op == SL_OP_PARAM)
      sl_tree_param(&work, n.param);
    else
      sl_tree_node(&work, n.op, n.child[0], n.child[1], n.child[2], n.child[3]);
  }
  copy.tree = work;
  const sl_ref r = sl_tree_unary(&copy.tree, SL_OP_R, SL_NO_REF),
               w = sl_tree_unary(&copy.tree, SL_OP_WEIGHT, SL_NO_REF);
  const sl_ref left = sl_tree_binary(&copy.tree, SL_OP_MUL, r, w),
               right = sl_tree_decimal(&copy.tree, sl_decimal_from_double(top));
  static const sl_decimal all[2] = {{0, 0}, {0, INT32_MAX}};
  sl_problem q;
  sl_proof proof;
  sl_proof_init(&proof);
  if (sl_problem_init_expression(&q, &copy, p->positive, &p->cell, left, right, all))
    sl_prove_requirement(&proof, &q, budget);
  const int ok = proof.property[0].verdict == SL_PROVED;
  sl_problem_clear(&q);
  sl_proof_clear(&proof);
  sl_tree_clear(&copy.tree);
  return ok;
}

/* Terms of f' that cancel in binary64 leave noise, which r magnifies: then balls aim instead. */
static const double NOISE = 1e-7;

/* At the parameters of the problem, which need not be those that the gate was loaded with. */
static double aim_at(sl_problem *p, double *best) {
  sl_gate_definition bound = *p->def;
  sl_error err;
  *best = 0;
  if (p->ranged || sl_program_compile(&bound.program[p->positive], &p->tree, p->f, p->w, &err))
    return 0;
  double at = aim(&(aim_on){&bound, p}, best);
  sl_program_clear(&bound.program[p->positive]);
  const aim_on balls = {NULL, p};
  if (!(fabs(product_at(&balls, at) - *best) <= NOISE * *best)) at = aim(&balls, best);
  return at;
}

enum { EFFECTIVE_BOXES = 20000, EFFECTIVE_SECONDS = 5 }; /* a bound is optional */

void sl_measure_effective(sl_measures *m, sl_problem *p, sl_budget *budget) {
  double best;
  const double at = aim_at(p, &best);
  if (!(best > 0) || !isfinite(best)) return;
  const double top = best * (1 + 1e-6);
  sl_budget small = {budget->deadline_s, 0, EFFECTIVE_BOXES};
  if (small.deadline_s > sl_clock_s() + EFFECTIVE_SECONDS)
    small.deadline_s = sl_clock_s() + EFFECTIVE_SECONDS;
  m->effective_at = at > 1e12 ? (double)INFINITY : at;
  if (!effective_below(p, top, &small)) return;
  arf_t r, low, high;
  arb_t v;
  arf_init(r), arf_init(low), arf_init(high);
  arb_init(v);
  arf_set_d(r, at);
  value_at(v, p, r, 1);
  arb_mul_arf(v, v, r, 128);
  arb_get_lbound_arf(low, v, 64);
  arf_set_d(high, top);
  if (arf_cmp(low, high) <= 0) arb_set_interval_arf(m->effective, low, high, 64);
  arf_clear(r), arf_clear(low), arf_clear(high);
  arb_clear(v);
}

/* The formula is of the paper's family: it has to agree with what was found of this gate. */
static void exact_supremum(sl_measures *m, const sl_problem *p) {
  const int kernel = p->def->kernel[p->positive];
  int tau = 0;
  if (kernel >= SL_GATE_CLIP || !arb_is_finite(m->effective)) return;
  while (strcmp(p->def->param[tau].name, "tau") != 0) tau++; /* which its file declares */
  m->supremum_where =
      sl_exact_supremum(m->supremum, m->supremum_at, (sl_gate_family)kernel, p->low + tau);
  if (!arb_overlaps(m->supremum, m->effective)) m->supremum_where = NULL;
}

void sl_measure(sl_measures *m, const sl_proof *proof, sl_problem *p, sl_budget *budget) {
  bounds_of_f(m, proof, p);
  half_width(m, proof, p);
  /* a step of f' does not hinder the proof of a bound */
  if (proof->property[0].verdict == SL_PROVED || proof->property[2].verdict == SL_PROVED)
    sl_measure_effective(m, p, budget);
  exact_supremum(m, p);
  const sl_tail_fact *tail = &proof->tail;
  m->unbounded = (tail->limit_nonzero && arb_is_positive(tail->limit)) ||
                 (tail->kind == SL_TAIL_POLYNOMIAL && tail->order < 1 && tail->sign > 0);
}
