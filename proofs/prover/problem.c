/* A side of a gate, or a requirement, bound to a box of parameters (see problem.h). */
#include "problem.h"

#include "segments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sl_problem_parameters(arb_ptr out, const sl_problem *p, arb_srcptr box, slong prec) {
  fmpq_t width;
  arb_t x;
  fmpq_init(width);
  arb_init(x);
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) {
    fmpq_sub(width, p->high + i, p->low + i);
    arb_set_fmpq(x, width, prec);
    arb_set_fmpq(out + i, p->low + i, prec);
    arb_addmul(out + i, x, box + i, prec);
  }
  fmpq_clear(width);
  arb_clear(x);
}

static void bind(sl_problem *p, const sl_gate_definition *def, int positive, const sl_cell *cell) {
  memset(p, 0, sizeof *p);
  p->def = def, p->positive = positive, p->cell = *cell;
  p->ranged = sl_cell_ranged(cell);
  p->box = _arb_vec_init(SL_FIELD_PARAMETERS);
  p->low = _fmpq_vec_init(SL_FIELD_PARAMETERS), p->high = _fmpq_vec_init(SL_FIELD_PARAMETERS);
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) {
    sl_decimal_fmpq(p->low + i, cell->low[i]), sl_decimal_fmpq(p->high + i, cell->high[i]);
    if (p->ranged >> i & 1) arb_unit_interval(p->box + i);
  }
  p->end[0] = p->end[1] = (sl_decimal){0, INT32_MAX};
  sl_tree_init(&p->tree), sl_tree_init(&p->courses);
  p->field = sl_field_new(p->low, p->high);
}

/* With a range in its exponent, or a quotient of long numbers, a power is exp(exponent log(base)):
 * base > 0 has to be shown. */
static sl_ref power(sl_problem *p, sl_ref base, sl_ref exponent) {
  sl_tree *t = &p->tree;
  int64_t a, b;
  if (sl_tree_rational(t, exponent, &a, &b)) return sl_tree_binary(t, SL_OP_POW, base, exponent);
  p->powers_by_log = 1;
  return sl_tree_unary(t, SL_OP_EXP,
                       sl_tree_binary(t, SL_OP_MUL, exponent, sl_tree_unary(t, SL_OP_LOG, base)));
}

/* Copies with the fixed parameters as numbers and the ranged ones kept. */
static sl_ref copy_bound(sl_problem *p, sl_ref ref, sl_ref f, sl_ref w) {
  const sl_tree *from = &p->def->tree;
  sl_ref *map = calloc((size_t)ref + 1, sizeof *map);
  if (!map) flint_abort();
  for (uint32_t i = 0; i <= ref; i++) {
    const sl_gate_node *n = &from->node[i];
    if (n->op == SL_OP_PARAM && !(p->ranged >> n->param & 1))
      map[i] = sl_tree_decimal(&p->tree, p->cell.low[n->param]);
    else if (n->op == SL_OP_PARAM)
      map[i] = sl_tree_param(&p->tree, n->param);
    else if (n->op == SL_OP_NUM)
      map[i] = sl_tree_decimal(&p->tree, n->num);
    else if (n->op == SL_OP_VALUE && f != SL_NO_REF)
      map[i] = f;
    else if (n->op == SL_OP_WEIGHT && w != SL_NO_REF)
      map[i] = w;
    else {
      sl_ref c[4] = {SL_NO_REF, SL_NO_REF, SL_NO_REF, SL_NO_REF};
      for (int k = 0; k < sl_op_arity(n->op); k++) c[k] = map[n->child[k]];
      map[i] = n->op == SL_OP_POW ? power(p, c[0], c[1])
                                  : sl_tree_node(&p->tree, n->op, c[0], c[1], c[2], c[3]);
    }
  }
  const sl_ref out = map[ref];
  free(map);
  return out;
}

/* Keeps the nodes that f and w use, so that foreign switches make no joins. */
static void prune(sl_problem *p) {
  sl_tree kept;
  sl_tree_init(&kept);
  if (p->f != SL_NO_REF) p->f = sl_tree_copy(&kept, &p->tree, p->f, NULL, SL_NO_REF, SL_NO_REF);
  p->w = sl_tree_copy(&kept, &p->tree, p->w, NULL, SL_NO_REF, SL_NO_REF);
  sl_tree_clear(&p->tree);
  p->tree = kept;
}

static int cut(sl_problem *p) {
  prune(p);
  if (p->tree.failed) {
    snprintf(p->why, sizeof p->why, "the derivative has more than %u nodes", SL_TREE_LIMIT);
    return 0;
  }
  return sl_segments_find(p);
}

static void bind_roots(sl_problem *p) {
  const int s = p->positive;
  p->f = p->w = SL_NO_REF;
  if (p->def->f[s] != SL_NO_REF) {
    p->f = copy_bound(p, p->def->f[s], SL_NO_REF, SL_NO_REF);
    p->w = sl_tree_derivative(&p->tree, p->f);
  } else {
    p->w = copy_bound(p, p->def->w[s], SL_NO_REF, SL_NO_REF);
  }
}

int sl_problem_init(sl_problem *p, const sl_gate_definition *def, int positive,
                    const sl_cell *cell) {
  bind(p, def, positive, cell);
  bind_roots(p);
  return cut(p);
}

void sl_problem_init_uncut(sl_problem *p, const sl_gate_definition *def, int positive,
                           const sl_cell *cell) {
  bind(p, def, positive, cell);
}

static int names_weight(const sl_tree *tree, sl_ref ref) {
  unsigned char *live = calloc((size_t)ref + 1, 1);
  int named = 0;
  if (!live) flint_abort();
  sl_tree_mark(tree, ref, live);
  for (uint32_t i = 0; i <= ref; i++) named |= live[i] && tree->node[i].op == SL_OP_WEIGHT;
  free(live);
  return named;
}

int sl_problem_init_expression(sl_problem *p, const sl_gate_definition *def, int positive,
                               const sl_cell *cell, sl_ref left, sl_ref right,
                               const sl_decimal end[2]) {
  bind(p, def, positive, cell);
  memcpy(p->end, end, sizeof p->end);
  bind_roots(p);
  const sl_ref a = copy_bound(p, left, p->f, p->w), b = copy_bound(p, right, p->f, p->w);
  p->limit_at_0 =
      p->f != SL_NO_REF && (names_weight(&def->tree, left) || names_weight(&def->tree, right));
  p->f = SL_NO_REF;
  p->w = sl_tree_is_int(&p->tree, b, 0) ? a : sl_tree_binary(&p->tree, SL_OP_SUB, a, b);
  return cut(p);
}

void sl_problem_clear(sl_problem *p) {
  for (int i = 0; i < SL_SEGMENT_LIMIT; i++) {
    sl_tree_clear(&p->segment[i].tree), sl_tree_clear(&p->at[i].tree);
    free(p->segment[i].signs);
  }
  sl_tree_clear(&p->tree), sl_tree_clear(&p->courses);
  sl_field_free(p->field);
  _arb_vec_clear(p->box, SL_FIELD_PARAMETERS);
  _fmpq_vec_clear(p->low, SL_FIELD_PARAMETERS), _fmpq_vec_clear(p->high, SL_FIELD_PARAMETERS);
}
