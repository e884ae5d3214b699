/* The expression r w (see product_tree.h). */
#include "product_tree.h"

#include <stdlib.h>

typedef enum { IN_R, IN_LOG, IN_MINUS_LOG } variable_kind; /* r is r, exp(s), exp(-s) */

static sl_ref logarithm(sl_tree *to, variable_kind kind) {
  const sl_ref s = sl_tree_unary(to, SL_OP_R, SL_NO_REF);
  return kind == IN_MINUS_LOG ? sl_tree_unary(to, SL_OP_NEG, s) : s;
}

static sl_ref variable(sl_tree *to, variable_kind kind) {
  return kind == IN_R ? sl_tree_unary(to, SL_OP_R, SL_NO_REF)
                      : sl_tree_unary(to, SL_OP_EXP, logarithm(to, kind));
}

/* r, or 1 + (r - 1), as normal forms have it: in s that would be a difference of what cancels. */
static int is_r(const sl_tree *t, sl_ref ref) {
  const sl_gate_node *n = &t->node[ref];
  if (n->op != SL_OP_ADD || !sl_tree_is_int(t, n->child[0], 1)) return n->op == SL_OP_R;
  const sl_gate_node *m = &t->node[n->child[1]];
  return m->op == SL_OP_SUB && t->node[m->child[0]].op == SL_OP_R &&
         sl_tree_is_int(t, m->child[1], 1);
}

static sl_ref copied(sl_tree *to, const sl_tree *from, uint32_t i, const sl_ref *map,
                     variable_kind kind) {
  const sl_gate_node *n = &from->node[i];
  sl_ref c[4] = {SL_NO_REF, SL_NO_REF, SL_NO_REF, SL_NO_REF};
  if (n->op == SL_OP_R || (kind != IN_R && is_r(from, i))) return variable(to, kind);
  if (n->op == SL_OP_NUM) return sl_tree_decimal(to, n->num);
  if (n->op == SL_OP_PARAM) return sl_tree_param(to, n->param);
  if (kind != IN_R && n->op == SL_OP_LOG && is_r(from, n->child[0])) return logarithm(to, kind);
  for (int k = 0; k < sl_op_arity(n->op); k++) c[k] = map[n->child[k]];
  return sl_tree_node(to, n->op, c[0], c[1], c[2], c[3]);
}

static sl_ref substituted(sl_tree *to, const sl_tree *from, sl_ref w, variable_kind kind) {
  sl_ref *map = calloc((size_t)w + 1, sizeof *map);
  unsigned char *live = calloc((size_t)w + 1, 1);
  if (!map || !live) abort();
  sl_tree_mark(from, w, live);
  for (uint32_t i = 0; i <= w; i++)
    if (live[i]) map[i] = copied(to, from, i, map, kind);
  const sl_ref y = map[w];
  free(map), free(live);
  return y;
}

sl_ref sl_tree_in_log(sl_tree *to, const sl_tree *from, sl_ref w) {
  return substituted(to, from, w, IN_LOG);
}

sl_ref sl_tree_in_minus_log(sl_tree *to, const sl_tree *from, sl_ref w) {
  return substituted(to, from, w, IN_MINUS_LOG);
}

sl_ref sl_product_tree(sl_tree *to, const sl_tree *from, sl_ref w, sl_product kind) {
  const variable_kind in = kind == SL_PRODUCT_IN_LOG ? IN_LOG : IN_R;
  const sl_ref weight = substituted(to, from, w, in), r = variable(to, in);
  if (kind != SL_PRODUCT_BY_SLOPE) return sl_tree_binary(to, SL_OP_MUL, r, weight);
  return sl_tree_unary(to, SL_OP_NEG,
                       sl_tree_binary(to, SL_OP_MUL, sl_tree_binary(to, SL_OP_MUL, r, r),
                                      sl_tree_derivative(to, weight)));
}

/* log 2 > 693/1000, and e log 2 is no power of two for e >= 1. */
slong sl_log_exponent(slong e) {
  slong k = -1;
  while (k < 62 && 1000 * ((slong)1 << (k + 1)) <= 693 * e) k++;
  return k;
}
