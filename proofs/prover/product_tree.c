/* The expression r w (see product_tree.h). */
#include "product_tree.h"

#include <stdlib.h>

static sl_ref variable(sl_tree *to, int in_log) {
  const sl_ref s = sl_tree_unary(to, SL_OP_R, SL_NO_REF);
  return in_log ? sl_tree_unary(to, SL_OP_EXP, s) : s;
}

static sl_ref copied(sl_tree *to, const sl_tree *from, uint32_t i, const sl_ref *map, int in_log) {
  const sl_gate_node *n = &from->node[i];
  sl_ref c[4] = {SL_NO_REF, SL_NO_REF, SL_NO_REF, SL_NO_REF};
  if (n->op == SL_OP_R) return variable(to, in_log);
  if (n->op == SL_OP_NUM) return sl_tree_decimal(to, n->num);
  if (n->op == SL_OP_PARAM) return sl_tree_param(to, n->param);
  if (in_log && n->op == SL_OP_LOG && from->node[n->child[0]].op == SL_OP_R)
    return sl_tree_unary(to, SL_OP_R, SL_NO_REF);
  for (int k = 0; k < sl_op_arity(n->op); k++) c[k] = map[n->child[k]];
  return sl_tree_node(to, n->op, c[0], c[1], c[2], c[3]);
}

sl_ref sl_product_tree(sl_tree *to, const sl_tree *from, sl_ref w, sl_product kind) {
  const int in_log = kind == SL_PRODUCT_IN_LOG;
  sl_ref *map = calloc((size_t)w + 1, sizeof *map);
  unsigned char *live = calloc((size_t)w + 1, 1);
  if (!map || !live) abort();
  sl_tree_mark(from, w, live);
  for (uint32_t i = 0; i <= w; i++)
    if (live[i]) map[i] = copied(to, from, i, map, in_log);
  const sl_ref r = variable(to, in_log), weight = map[w];
  free(map), free(live);
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
