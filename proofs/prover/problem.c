/* Cutting a gate into analytic segments (see problem.h). */
#include "problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sl_problem_middle(arb_ptr out, const sl_problem *p) {
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) {
    arb_zero(out + i);
    if (!(p->ranged >> i & 1)) continue;
    arf_add(arb_midref(out + i), &p->cell.low[i], &p->cell.high[i], ARF_PREC_EXACT, ARF_RND_DOWN);
    arb_mul_2exp_si(out + i, out + i, -1);
  }
}

void sl_problem_clamp(arb_ptr point, const sl_problem *p) {
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) {
    if (!(p->ranged >> i & 1)) continue;
    if (arf_cmp(arb_midref(point + i), &p->cell.low[i]) < 0)
      arb_set_arf(point + i, &p->cell.low[i]);
    if (arf_cmp(arb_midref(point + i), &p->cell.high[i]) > 0)
      arb_set_arf(point + i, &p->cell.high[i]);
  }
}

typedef struct {
  sl_exact slope, offset; /* of a switch argument that is affine in r; NULL where it is not */
} affine;

typedef struct {
  affine *line;        /* of every node of the whole tree */
  sl_series *constant; /* of nodes without r */
  unsigned char *has_r;
} analysis;

static affine line_of(sl_field *k, const sl_gate_node *n, const affine *v) {
  const affine none = {NULL, NULL};
  const affine a = sl_op_arity(n->op) > 0 ? v[n->child[0]] : none,
               b = sl_op_arity(n->op) > 1 ? v[n->child[1]] : none;
  switch (n->op) {
    case SL_OP_R:
      return (affine){sl_exact_int(k, 1), sl_exact_int(k, 0)};
    case SL_OP_NEG:
      return (affine){sl_exact_neg(k, a.slope), sl_exact_neg(k, a.offset)};
    case SL_OP_ADD:
      return (affine){sl_exact_add(k, a.slope, b.slope), sl_exact_add(k, a.offset, b.offset)};
    case SL_OP_SUB:
      return (affine){sl_exact_sub(k, a.slope, b.slope), sl_exact_sub(k, a.offset, b.offset)};
    case SL_OP_MUL:
      if (sl_exact_is_zero(a.slope))
        return (affine){sl_exact_mul(k, a.offset, b.slope), sl_exact_mul(k, a.offset, b.offset)};
      if (sl_exact_is_zero(b.slope))
        return (affine){sl_exact_mul(k, b.offset, a.slope), sl_exact_mul(k, b.offset, a.offset)};
      return none;
    case SL_OP_DIV:
      return sl_exact_is_zero(b.slope)
                 ? (affine){sl_exact_div(k, a.slope, b.offset), sl_exact_div(k, a.offset, b.offset)}
                 : none;
    default:
      return none;
  }
}

static void analyse(sl_problem *p, const sl_tree *t, analysis *x) {
  x->line = calloc(t->count, sizeof *x->line);
  x->constant = calloc(t->count, sizeof *x->constant);
  x->has_r = calloc(t->count, 1);
  if (!x->line || !x->constant || !x->has_r) abort();
  for (uint32_t i = 0; i < t->count; i++) {
    const sl_gate_node *n = &t->node[i];
    x->has_r[i] = n->op == SL_OP_R;
    for (int c = 0; c < sl_op_arity(n->op); c++) x->has_r[i] |= x->has_r[n->child[c]];
    if (x->has_r[i]) {
      x->line[i] = line_of(p->field, n, x->line);
    } else {
      const sl_series s = sl_series_root(p->field, t, i, sl_exact_int(p->field, 0), 1);
      x->line[i] = (affine){sl_exact_int(p->field, 0), s.n ? s.c[0] : NULL};
    }
  }
}

static void analysis_clear(analysis *x) {
  free(x->line);
  free(x->constant);
  free(x->has_r);
}

/* What a switch decides on: its first argument, or the difference of its first two. */
static affine decision(sl_problem *p, const sl_gate_node *n, const analysis *x) {
  const affine a = x->line[n->child[0]];
  if (n->op == SL_OP_ABS || n->op == SL_OP_SIGN || n->op == SL_OP_SOFTSIGN) return a;
  const affine b = x->line[n->child[1]];
  return (affine){sl_exact_sub(p->field, a.slope, b.slope),
                  sl_exact_sub(p->field, a.offset, b.offset)};
}

static sl_exact root_of(sl_problem *p, affine g) {
  if (!g.slope || !g.offset || sl_exact_sign(p->field, g.slope) == 0) return NULL;
  return sl_exact_neg(p->field, sl_exact_div(p->field, g.offset, g.slope));
}

/* Inserts a join in order; 0 where its place depends on the parameters. */
static int add_join(sl_problem *p, sl_exact c) {
  for (int i = 0; i < p->joins; i++) {
    if (sl_exact_equal(p->field, p->join[i], c)) return 1;
    const int sign = sl_exact_sign(p->field, sl_exact_sub(p->field, c, p->join[i]));
    if (sign == 0) return 0;
    if (sign > 0) continue;
    if (i == 0) return 1; /* below r = 0 */
    if (p->joins == SL_SEGMENT_LIMIT) return 0;
    memmove(&p->join[i + 1], &p->join[i], (size_t)(p->joins - i) * sizeof *p->join);
    p->join[i] = c;
    p->joins++;
    return 1;
  }
  if (p->joins == SL_SEGMENT_LIMIT) return 0;
  p->join[p->joins++] = c;
  return 1;
}

/* Is the root strictly inside the segment? 1, 0, or -1 where its place is not certain. */
static int root_inside(sl_problem *p, sl_exact c, int segment) {
  if (sl_exact_equal(p->field, c, p->join[segment])) return 0;
  const int after = sl_exact_sign(p->field, sl_exact_sub(p->field, c, p->join[segment]));
  if (after < 0) return 0;
  if (segment + 1 == p->joins) return after ? 1 : -1;
  if (sl_exact_equal(p->field, c, p->join[segment + 1])) return 0;
  const int before = sl_exact_sign(p->field, sl_exact_sub(p->field, p->join[segment + 1], c));
  if (before < 0) return 0;
  return after && before ? 1 : -1;
}

/* Adds the roots of the affine switches that are left inside a segment. 1 something was added, 0
 * nothing, -1 no order. */
static int add_roots(sl_problem *p, int segment) {
  const sl_tree *t = &p->segment[segment].tree;
  analysis x;
  int added = 0;
  analyse(p, t, &x);
  for (uint32_t i = 0; i < t->count && added == 0; i++) {
    if (!sl_op_is_switch(t->node[i].op)) continue;
    const sl_exact c = root_of(p, decision(p, &t->node[i], &x));
    const int inside = c ? root_inside(p, c, segment) : 0;
    if (inside < 0 || (inside > 0 && !add_join(p, c)))
      added = -1;
    else if (inside > 0)
      added = 1;
  }
  analysis_clear(&x);
  return added;
}

/* What a switch decides on is ... zero; OPEN: its sign changes or is not known. */
typedef enum { BELOW = -1, OPEN, ABOVE, EQUAL } outcome;

static outcome sign_outcome(sl_problem *p, sl_exact x) {
  return sl_exact_is_zero(x) ? EQUAL : (outcome)sl_exact_sign(p->field, x);
}

/* On the open segment. */
static outcome outcome_on(sl_problem *p, affine g, int segment) {
  if (!g.slope || !g.offset) return OPEN;
  if (sl_exact_is_zero(g.slope)) return sign_outcome(p, g.offset);
  const sl_exact c = root_of(p, g);
  if (!c || root_inside(p, c, segment) != 0) return OPEN;
  const int slope = sl_exact_sign(p->field, g.slope);
  if (sl_exact_equal(p->field, c, p->join[segment])) return (outcome)slope;
  return (outcome)(slope * sl_exact_sign(p->field, sl_exact_sub(p->field, p->join[segment], c)));
}

/* At r = join itself. */
static outcome outcome_at(sl_problem *p, affine g, int join) {
  return sign_outcome(
      p, sl_exact_add(p->field, sl_exact_mul(p->field, g.slope, p->join[join]), g.offset));
}

static sl_ref resolved_switch(sl_tree *t, const sl_gate_node *n, const sl_ref *map, outcome is) {
  const sl_ref a = map[n->child[0]];
  switch (n->op) {
    case SL_OP_ABS:
      return is == BELOW ? sl_tree_unary(t, SL_OP_NEG, a) : a;
    case SL_OP_SIGN:
      return sl_tree_int(t, is == EQUAL ? 0 : is);
    case SL_OP_SOFTSIGN:
      return sl_tree_binary(
          t, SL_OP_DIV, a,
          sl_tree_binary(t, is == BELOW ? SL_OP_SUB : SL_OP_ADD, sl_tree_int(t, 1), a));
    case SL_OP_MIN:
      return is == ABOVE ? map[n->child[1]] : a;
    case SL_OP_MAX:
      return is == BELOW ? map[n->child[1]] : a;
    default:
      return is == ABOVE ? map[n->child[3]] : map[n->child[2]]; /* PICK: a <= b */
  }
}

/* One pass over the tree of a segment, or of a join itself; a switch within a switch may need
 * another. 1 if something was resolved. */
static int resolve_pass(sl_problem *p, sl_segment *s, int index,
                        outcome (*decide)(sl_problem *, affine, int)) {
  const sl_tree *from = &s->tree;
  sl_ref *map = calloc(from->count, sizeof *map);
  sl_tree to;
  analysis x;
  int changed = 0;
  if (!map) abort();
  sl_tree_init(&to);
  analyse(p, from, &x);
  for (uint32_t i = 0; i < from->count; i++) {
    const sl_gate_node *n = &from->node[i];
    const outcome is = sl_op_is_switch(n->op) ? decide(p, decision(p, n, &x), index) : OPEN;
    sl_ref c[4] = {SL_NO_REF, SL_NO_REF, SL_NO_REF, SL_NO_REF};
    changed |= is != OPEN;
    for (int k = 0; k < sl_op_arity(n->op); k++) c[k] = map[n->child[k]];
    if (is != OPEN)
      map[i] = resolved_switch(&to, n, map, is);
    else if (n->op == SL_OP_NUM)
      map[i] = sl_tree_decimal(&to, n->num);
    else if (n->op == SL_OP_PARAM)
      map[i] = sl_tree_param(&to, n->param);
    else
      map[i] = sl_tree_node(&to, n->op, c[0], c[1], c[2], c[3]);
  }
  sl_tree kept;
  sl_tree_init(&kept);
  if (s->f != SL_NO_REF) s->f = sl_tree_copy(&kept, &to, map[s->f], NULL, SL_NO_REF, SL_NO_REF);
  s->w = sl_tree_copy(&kept, &to, map[s->w], NULL, SL_NO_REF, SL_NO_REF);
  analysis_clear(&x);
  free(map);
  sl_tree_clear(&to);
  sl_tree_clear(&s->tree);
  s->tree = kept;
  return changed;
}

static void resolve(sl_problem *p, sl_segment *s, int index,
                    outcome (*decide)(sl_problem *, affine, int)) {
  sl_tree_clear(&s->tree);
  s->f = p->f == SL_NO_REF ? SL_NO_REF
                           : sl_tree_copy(&s->tree, &p->tree, p->f, NULL, SL_NO_REF, SL_NO_REF);
  s->w = sl_tree_copy(&s->tree, &p->tree, p->w, NULL, SL_NO_REF, SL_NO_REF);
  while (resolve_pass(p, s, index, decide)) continue;
}

/* Resolves with the joins known so far, takes in those that this uncovers, and starts over until
 * there are none. */
static int find_segments(sl_problem *p) {
  p->joins = 2;
  p->join[0] = sl_exact_int(p->field, 0);
  p->join[1] = sl_exact_int(p->field, 1);
  for (int i = 0; i < p->joins; i++) {
    resolve(p, &p->segment[i], i, outcome_on);
    const int added = add_roots(p, i);
    if (added < 0) {
      snprintf(p->why, sizeof p->why,
               "the order of the joins depends on the parameters, or there are more than %d",
               SL_SEGMENT_LIMIT);
      return 0;
    }
    if (added) i = -1;
  }
  for (int i = 0; i < p->joins; i++) resolve(p, &p->at[i], i, outcome_at);
  const sl_exact unit = sl_exact_int(p->field, 1);
  for (p->one = 0; !sl_exact_equal(p->field, p->join[p->one], unit);) p->one++;
  return 1;
}

static void bind(sl_problem *p, const sl_gate_definition *def, int positive, unsigned ranged,
                 const sl_cell *range) {
  memset(p, 0, sizeof *p);
  p->def = def, p->positive = positive, p->ranged = ranged;
  p->box = _arb_vec_init(SL_FIELD_PARAMETERS);
  sl_cell_init(&p->cell);
  sl_cell_set(&p->cell, range);
  for (int i = 0; i < def->param_count; i++)
    if (ranged >> i & 1) arb_set_interval_arf(p->box + i, &range->low[i], &range->high[i], 512);
  sl_tree_init(&p->tree);
  p->field = sl_field_new(p->box);
}

/* Copies with the fixed parameters as numbers and the ranged ones kept. */
static sl_ref copy_bound(sl_problem *p, sl_ref ref, sl_ref f, sl_ref w) {
  const sl_gate_definition *def = p->def;
  const sl_tree *from = &def->tree;
  sl_ref *map = calloc((size_t)ref + 1, sizeof *map);
  if (!map) abort();
  for (uint32_t i = 0; i <= ref; i++) {
    const sl_gate_node *n = &from->node[i];
    if (n->op == SL_OP_PARAM && !(p->ranged >> n->param & 1))
      map[i] = sl_tree_decimal(&p->tree, def->param[n->param].value[p->positive]);
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
      map[i] = sl_tree_node(&p->tree, n->op, c[0], c[1], c[2], c[3]);
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
  return find_segments(p);
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

int sl_problem_init(sl_problem *p, const sl_gate_definition *def, int positive, unsigned ranged,
                    const sl_cell *range) {
  bind(p, def, positive, ranged, range);
  bind_roots(p);
  return cut(p);
}

int sl_problem_init_expression(sl_problem *p, const sl_gate_definition *def, int positive,
                               unsigned ranged, const sl_cell *range, sl_ref left, sl_ref right) {
  bind(p, def, positive, ranged, range);
  bind_roots(p);
  const sl_ref a = copy_bound(p, left, p->f, p->w), b = copy_bound(p, right, p->f, p->w);
  p->f = SL_NO_REF;
  p->w = sl_tree_is_int(&p->tree, b, 0) ? a : sl_tree_binary(&p->tree, SL_OP_SUB, a, b);
  return cut(p);
}

void sl_problem_clear(sl_problem *p) {
  for (int i = 0; i < SL_SEGMENT_LIMIT; i++)
    sl_tree_clear(&p->segment[i].tree), sl_tree_clear(&p->at[i].tree);
  sl_tree_clear(&p->tree);
  sl_field_free(p->field);
  _arb_vec_clear(p->box, SL_FIELD_PARAMETERS);
  sl_cell_clear(&p->cell);
}
