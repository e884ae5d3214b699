/* Exact values at joins (see joins.h). */
#include "joins.h"

#include "enclosure.h"
#include "limit.h"

#include <stdlib.h>

/* At r = 0 itself the limit may be what counts. */
static sl_approach counted(const sl_problem *p, int join, sl_approach from) {
  return join == 0 && from == SL_AT_JOIN && p->limit_at_0 ? SL_FROM_RIGHT : from;
}

static const sl_segment *approached(const sl_problem *p, int join, sl_approach from) {
  from = counted(p, join, from);
  return from == SL_AT_JOIN ? &p->at[join] : &p->segment[from == SL_FROM_LEFT ? join - 1 : join];
}

sl_exact sl_join_value(sl_problem *p, int join, int weight, sl_approach from) {
  from = counted(p, join, from);
  const sl_segment *s = approached(p, join, from);
  const sl_ref ref = weight ? s->w : s->f;
  const sl_series v = sl_series_root(p->field, &s->tree, ref, p->join[join], 1);
  if (v.n || from == SL_AT_JOIN) return v.n ? v.c[0] : NULL;
  const sl_limit limit = sl_limit_of(
      p->field, &s->tree, ref, (sl_limit_point){p->join[join], from == SL_FROM_LEFT ? -1 : 1});
  return limit.kind == SL_LIMIT_FINITE ? limit.value : NULL;
}

int sl_join_is_dyadic(sl_problem *p, int join, arf_t out) {
  fmpq_t q, back;
  fmpq_init(q), fmpq_init(back);
  int dyadic = join < p->joins && sl_exact_rational(p->field, p->join[join], q);
  if (dyadic) {
    arf_fmpz_div_fmpz(out, fmpq_numref(q), fmpq_denref(q), 256, ARF_RND_DOWN);
    arf_get_fmpq(back, out);
    dyadic = fmpq_equal(back, q);
  }
  if (!dyadic) arf_nan(out);
  fmpq_clear(q), fmpq_clear(back);
  return dyadic;
}

void sl_join_rounded(arf_t out, sl_problem *p, int join) {
  enum { BITS = 128, MOST = 8192 };
  arb_t ball;
  arb_init(ball);
  for (slong prec = 2 * BITS; prec <= MOST; prec *= 2) {
    sl_exact_ball(ball, p->field, p->join[join], prec);
    if (arb_is_exact(ball) || arb_rel_accuracy_bits(ball) >= BITS) break;
  }
  arf_set_round(out, arb_midref(ball), BITS, ARF_RND_NEAR);
  arb_clear(ball);
}

/* Over numbers that hold the join, of both of its sides: the signs on the open segment say nothing.
 */
static int is_enclosed(sl_problem *p, int join, int weight, sl_approach from) {
  const sl_segment *s = approached(p, join, from);
  const sl_ref ref = weight ? s->w : s->f;
  arf_t low, high;
  arb_t ball;
  sl_span x;
  sl_enclosure e;
  arf_init(low), arf_init(high);
  arb_init(ball);
  sl_span_init(&x);
  sl_exact_ball(ball, p->field, p->join[join], 256);
  arb_get_lbound_arf(low, ball, 256), arb_get_ubound_arf(high, ball, 256);
  sl_span_ends(&x, low, high, 0);
  sl_enclosure_init(&e, p, s, ref, SL_NO_REF);
  e.signs = NULL;
  sl_enclose(&e, &x, p->box, 256);
  const int known = e.node[ref].ok && sl_span_bounded(&e.node[ref].v);
  sl_enclosure_clear(&e);
  arf_clear(low), arf_clear(high);
  arb_clear(ball);
  sl_span_clear(&x);
  return known;
}

int sl_join_known(sl_problem *p, int join, int weight, sl_approach from) {
  return sl_join_value(p, join, weight, from) || is_enclosed(p, join, weight, from);
}

/* Does it jump nowhere where it has a value? */
static int is_continuous(const sl_tree *tree) {
  for (uint32_t i = 0; i < tree->count; i++)
    if (tree->node[i].op == SL_OP_SIGN || tree->node[i].op == SL_OP_PICK) return 0;
  return !tree->failed;
}

/* One expression on both, and it jumps nowhere? */
static int is_one(const sl_segment *x, const sl_segment *y, int weight) {
  sl_tree both; /* equal expressions become one node */
  sl_tree_init(&both);
  const sl_ref left =
                   sl_tree_copy(&both, &x->tree, weight ? x->w : x->f, NULL, SL_NO_REF, SL_NO_REF),
               right =
                   sl_tree_copy(&both, &y->tree, weight ? y->w : y->f, NULL, SL_NO_REF, SL_NO_REF);
  const int same = left == right && is_continuous(&both);
  sl_tree_clear(&both);
  return same;
}

/* An expression that is continuous at the join has one value there; else values are compared. */
int sl_join_same(sl_problem *p, int join, int weight, sl_approach a, sl_approach b) {
  if (sl_exact_equal(p->field, sl_join_value(p, join, weight, a),
                     sl_join_value(p, join, weight, b)))
    return 1;
  const sl_segment *x = approached(p, join, a), *y = approached(p, join, b);
  if (!is_one(x, y, weight)) return 0;
  const sl_series found =
      sl_series_root(p->field, &x->tree, weight ? x->w : x->f, p->join[join], 1);
  return found.n > 0 || is_enclosed(p, join, weight, a);
}

/* At r = 0 there is one side: f' has its limit; and an expression that goes on there without a jump
 * has it for its value, or none. So r^a of a range of a above 0. */
int sl_join_stands_alone(sl_problem *p, int join) {
  if (join == 0 && (p->f != SL_NO_REF || is_one(&p->at[0], &p->segment[0], 1))) return 0;
  return !sl_join_same(p, join, 1, SL_AT_JOIN, SL_FROM_RIGHT) &&
         !(join && sl_join_same(p, join, 1, SL_AT_JOIN, SL_FROM_LEFT));
}

sl_series sl_segment_series(sl_problem *p, int segment, sl_ref ref, int end_is_high) {
  return sl_series_root(p->field, &p->segment[segment].tree, ref, p->join[segment + end_is_high],
                        SL_SERIES_TERMS);
}

/* Has it a value everywhere, and no jump? A quotient of numbers has. */
static int is_everywhere(const sl_tree *tree, sl_ref ref) {
  unsigned char *live = calloc((size_t)ref + 1, 1), *has_r = calloc((size_t)ref + 1, 1);
  int ok = live && has_r;
  if (ok) sl_tree_mark(tree, ref, live);
  for (sl_ref i = 0; ok && i <= ref; i++) {
    const sl_gate_node *n = &tree->node[i];
    int64_t p, q;
    if (!live[i]) continue;
    has_r[i] = n->op == SL_OP_R;
    for (int c = 0; c < sl_op_arity(n->op); c++) has_r[i] |= has_r[n->child[c]];
    if (n->op == SL_OP_DIV) ok = !has_r[n->child[1]];
    if (n->op == SL_OP_POW)
      ok = !has_r[i] || (sl_tree_rational(tree, n->child[1], &p, &q) && p > 0 && q == 1);
    if (n->op == SL_OP_LOG || n->op == SL_OP_LOG1P || n->op == SL_OP_SQRT || n->op == SL_OP_PICK ||
        n->op == SL_OP_SIGN)
      ok = !has_r[i];
  }
  free(live), free(has_r);
  return ok;
}

/* w' = 0 by an identity, and nowhere a pole between two values. */
int sl_segment_is_constant(sl_problem *p, int segment, sl_ref ref) {
  if (!is_everywhere(&p->segment[segment].tree, ref)) return 0;
  const sl_series s = sl_series_root(p->field, &p->segment[segment].tree, ref, NULL, 2);
  return s.n == 2 && sl_exact_is_zero(s.c[1]);
}

void sl_segment_low(arf_t out, sl_problem *p, int segment) {
  arb_t c;
  arb_init(c);
  sl_exact_ball(c, p->field, p->join[segment], 256);
  arb_get_lbound_arf(out, c, 256);
  if (arf_sgn(out) < 0) arf_zero(out);
  arb_clear(c);
}

void sl_segment_high(arf_t out, sl_problem *p, int segment) {
  if (segment + 1 == p->joins) {
    arf_pos_inf(out);
    return;
  }
  arb_t c;
  arb_init(c);
  sl_exact_ball(c, p->field, p->join[segment + 1], 256);
  arb_get_ubound_arf(out, c, 256);
  arb_clear(c);
}
