/* The joins of an expression and its segments between them (see segments.h). */
#include "segments.h"

#include "course.h"
#include "normal_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
  if (!x->line || !x->constant || !x->has_r) flint_abort();
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

static void may_coincide(sl_problem *p, sl_exact a, sl_exact b) {
  if (!p->weak_order) p->coincide[0] = a, p->coincide[1] = b;
  p->weak_order = 1;
}

/* The order of two joins: -1, 1; 0 equal by an identity; 2 where it depends on the parameters.
 * Where they may coincide the order is a weak one. */
static int order(sl_problem *p, sl_exact a, sl_exact b) {
  if (sl_exact_equal(p->field, a, b)) return 0;
  const unsigned signs = sl_exact_signs(p->field, sl_exact_sub(p->field, a, b));
  if (!(signs & SL_NEGATIVE)) {
    if (signs & SL_ZERO) may_coincide(p, a, b);
    return 1;
  }
  if (!(signs & SL_POSITIVE)) {
    if (signs & SL_ZERO) may_coincide(p, a, b);
    return -1;
  }
  return 2;
}

/* Inserts a join in order; 0 where its place depends on the parameters. */
static int add_join(sl_problem *p, sl_exact c) {
  for (int i = 0; i < p->joins; i++) {
    const int place = order(p, c, p->join[i]);
    if (place == 0) return 1;
    if (place == 2) return 0;
    if (place > 0) continue;
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

/* Is the root inside the segment? 1, 0, or -1 where its place is not certain. */
static int root_inside(sl_problem *p, sl_exact c, int segment) {
  const int after = order(p, c, p->join[segment]);
  if (after <= 0) return 0;
  const int before = segment + 1 == p->joins ? 1 : order(p, p->join[segment + 1], c);
  if (before <= 0) return 0;
  return after == 1 && before == 1 ? 1 : -1;
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

/* What a switch decides on: its line, and its place in a tree. */
typedef struct {
  affine line;
  const sl_tree *tree;
  const sl_gate_node *node;
} switch_input;

/* a - b of the switch, or a, in a tree of its own. */
static sl_ref switch_inputree(sl_tree *to, const switch_input *d) {
  const sl_ref a = sl_tree_copy(to, d->tree, d->node->child[0], NULL, SL_NO_REF, SL_NO_REF);
  if (d->node->op == SL_OP_ABS || d->node->op == SL_OP_SIGN || d->node->op == SL_OP_SOFTSIGN)
    return a;
  return sl_tree_binary(to, SL_OP_SUB, a,
                        sl_tree_copy(to, d->tree, d->node->child[1], NULL, SL_NO_REF, SL_NO_REF));
}

/* The signs of a line on the open segment; SL_ANY_SIGN: not known. */
static unsigned line_on(sl_problem *p, affine g, int segment) {
  if (!g.slope || !g.offset) return SL_ANY_SIGN;
  if (sl_exact_is_zero(g.slope)) return sl_exact_signs(p->field, g.offset);
  const sl_exact c = root_of(p, g);
  if (!c || root_inside(p, c, segment) != 0) return SL_ANY_SIGN;
  const unsigned slope = sl_exact_signs(p->field, g.slope);
  return order(p, c, p->join[segment]) <= 0 ? slope : sl_signs_neg(slope);
}

/* The signs that what a switch decides on may have. */
static unsigned outcome_on(sl_problem *p, const switch_input *d, int segment) {
  if (d->line.slope && d->line.offset) return line_on(p, d->line, segment);
  sl_segment s = {.f = SL_NO_REF, .inner = SL_NO_REF};
  sl_tree_init(&s.tree);
  s.w = switch_inputree(&s.tree, d);
  const unsigned signs = s.tree.failed ? SL_ANY_SIGN : sl_signs_between_joins(p, &s, segment);
  sl_tree_clear(&s.tree);
  return signs;
}

/* At r = join itself. */
static unsigned outcome_at(sl_problem *p, const switch_input *d, int join) {
  sl_tree t;
  sl_tree_init(&t);
  const sl_ref root = switch_inputree(&t, d);
  const sl_series s = sl_series_root(p->field, &t, root, p->join[join], 1);
  sl_tree_clear(&t);
  unsigned signs = s.n ? sl_exact_signs(p->field, s.c[0]) : SL_ANY_SIGN;
  /* it is continuous there: what it is on a segment it is at the end, or 0 */
  for (int i = join - 1; s.n && !p->weak_order && i <= join; i++)
    if (i >= 0 && signs & SL_NEGATIVE && signs & SL_POSITIVE)
      signs &= outcome_on(p, d, i) | SL_ZERO;
  return signs;
}

/* Which way a switch goes for those signs: -1 for what holds at <= 0, 1 for >= 0 (of PICK: > 0), 0
 * open. */
static int way_of(sl_gate_op op, unsigned signs) {
  if (op == SL_OP_SIGN)
    return signs == SL_NEGATIVE || signs == SL_POSITIVE || signs == SL_ZERO ? 1 : 0;
  if (!(signs & SL_POSITIVE)) return -1;
  return !(signs & SL_NEGATIVE) && (op != SL_OP_PICK || !(signs & SL_ZERO)) ? 1 : 0;
}

static sl_ref resolved_switch(sl_tree *t, const sl_gate_node *n, const sl_ref *map,
                              unsigned signs) {
  const sl_ref a = map[n->child[0]];
  const int way = way_of(n->op, signs);
  switch (n->op) {
    case SL_OP_ABS:
      return way < 0 ? sl_tree_unary(t, SL_OP_NEG, a) : a;
    case SL_OP_SIGN:
      return sl_tree_int(t, signs == SL_ZERO ? 0 : signs == SL_NEGATIVE ? -1 : 1);
    case SL_OP_SOFTSIGN:
      return sl_tree_binary(
          t, SL_OP_DIV, a,
          sl_tree_binary(t, way < 0 ? SL_OP_SUB : SL_OP_ADD, sl_tree_int(t, 1), a));
    case SL_OP_MIN:
      return way > 0 ? map[n->child[1]] : a;
    case SL_OP_MAX:
      return way < 0 ? map[n->child[1]] : a;
    default:
      return way > 0 ? map[n->child[3]] : map[n->child[2]]; /* PICK: a <= b */
  }
}

/* One pass over the tree of a segment, or of a join itself; a switch within a switch may need
 * another. 1 if something was resolved. */
static int resolve_pass(sl_problem *p, sl_segment *s, int index,
                        unsigned (*decide)(sl_problem *, const switch_input *, int)) {
  const sl_tree *from = &s->tree;
  sl_ref *map = calloc(from->count, sizeof *map);
  sl_tree to;
  analysis x;
  int changed = 0;
  if (!map) flint_abort();
  sl_tree_init(&to);
  analyse(p, from, &x);
  for (uint32_t i = 0; i < from->count; i++) {
    const sl_gate_node *n = &from->node[i];
    const unsigned signs = sl_op_is_switch(n->op)
                               ? decide(p, &(switch_input){decision(p, n, &x), from, n}, index)
                               : SL_ANY_SIGN;
    const int decided = sl_op_is_switch(n->op) && way_of(n->op, signs) != 0;
    sl_ref c[4] = {SL_NO_REF, SL_NO_REF, SL_NO_REF, SL_NO_REF};
    changed |= decided;
    for (int k = 0; k < sl_op_arity(n->op); k++) c[k] = map[n->child[k]];
    if (decided)
      map[i] = resolved_switch(&to, n, map, signs);
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
                    unsigned (*decide)(sl_problem *, const switch_input *, int)) {
  sl_tree_clear(&s->tree);
  s->f = p->f == SL_NO_REF ? SL_NO_REF
                           : sl_tree_copy(&s->tree, &p->tree, p->f, NULL, SL_NO_REF, SL_NO_REF);
  s->w = sl_tree_copy(&s->tree, &p->tree, p->w, NULL, SL_NO_REF, SL_NO_REF);
  while (resolve_pass(p, s, index, decide)) continue;
}

/* Does ref depend on r by a path that does not lead through z? */
static int depends_beside(const sl_tree *t, sl_ref ref, sl_ref z) {
  unsigned char *depends = calloc((size_t)ref + 1, 1);
  if (!depends) flint_abort();
  for (uint32_t i = 0; i <= ref; i++) {
    depends[i] = t->node[i].op == SL_OP_R;
    for (int c = 0; c < sl_op_arity(t->node[i].op); c++) depends[i] |= depends[t->node[i].child[c]];
    if (i == z) depends[i] = 0;
  }
  const int result = depends[ref];
  free(depends);
  return result;
}

/* The signs of affine nodes, and the innermost variable: the last affine node through which all of
 * w's dependence on r goes. Their roots are no joins: they may coincide with joins. */
static void find_inner(sl_problem *p, sl_segment *s, int segment) {
  const int weak_order = p->weak_order;
  analysis x;
  analyse(p, &s->tree, &x);
  s->signs = malloc(s->tree.count);
  if (!s->signs) flint_abort();
  for (uint32_t i = 0; i < s->tree.count; i++)
    s->signs[i] = (unsigned char)(x.has_r[i] ? line_on(p, x.line[i], segment) : SL_ANY_SIGN);
  s->inner = SL_NO_REF;
  for (uint32_t i = s->w; i-- > 0 && s->inner == SL_NO_REF;) {
    if (!x.has_r[i] || s->tree.node[i].op == SL_OP_R || !x.line[i].slope || !x.line[i].offset)
      continue;
    s->inner_sign = sl_exact_sign(p->field, x.line[i].slope);
    if (s->inner_sign && !depends_beside(&s->tree, s->w, i)) s->inner = i;
  }
  p->weak_order = weak_order;
  analysis_clear(&x);
}

/* w, w - 1 and w' in normal form, where that reads back as what it says: the checker too has only
 * the expression to go by. */
static void add_forms(sl_problem *p, sl_segment *s) {
  sl_field *k = p->field;
  const sl_series w = sl_series_root(k, &s->tree, s->w, NULL, 2);
  const sl_exact of[SL_FORMS] = {w.n > 0 ? w.c[0] : NULL,
                                 w.n > 0 ? sl_exact_sub(k, w.c[0], sl_exact_int(k, 1)) : NULL,
                                 w.n > 1 ? w.c[1] : NULL};
  for (int i = 0; i < SL_FORMS; i++) {
    s->form[i] = sl_exact_tree(k, &s->tree, of[i]);
    if (s->form[i] == SL_NO_REF) continue;
    const sl_series back = sl_series_root(k, &s->tree, s->form[i], NULL, 1);
    if (!back.n || !sl_exact_equal(k, back.c[0], of[i])) s->form[i] = SL_NO_REF;
  }
}

int sl_segments_find(sl_problem *p) {
  p->joins = 2;
  p->join[0] = sl_exact_int(p->field, 0);
  p->join[1] = sl_exact_int(p->field, 1);
  for (int k = 0; k < 2; k++)
    if (p->end[k].e != INT32_MAX) add_join(p, sl_exact_decimal(p->field, p->end[k]));
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
  for (int i = 0; i < p->joins; i++) {
    resolve(p, &p->at[i], i, outcome_at);
    p->at[i].inner = SL_NO_REF;
    add_forms(p, &p->segment[i]);
    find_inner(p, &p->segment[i], i);
  }
  const sl_exact unit = sl_exact_int(p->field, 1);
  for (p->one = 0; !sl_exact_equal(p->field, p->join[p->one], unit);) p->one++;
  return 1;
}
