/* The derivative of an expression with respect to r (spec G3.2): the tree whose binary64 evaluation
 * is the gate's weight, and whose product-friendly form keeps relative accuracy in the tails
 * (sigmoid' is s(a) s(-a), never s (1 - s)). */
#include "tree.h"

#include <stdlib.h>

/* Structural zeros and ones are the only simplifications; they are part of the clause. */
static sl_ref add(sl_tree *t, sl_ref a, sl_ref b) {
  if (sl_tree_is_int(t, a, 0)) return b;
  return sl_tree_is_int(t, b, 0) ? a : sl_tree_binary(t, SL_OP_ADD, a, b);
}
static sl_ref neg(sl_tree *t, sl_ref a) {
  return sl_tree_is_int(t, a, 0) ? a : sl_tree_unary(t, SL_OP_NEG, a);
}
static sl_ref sub(sl_tree *t, sl_ref a, sl_ref b) {
  if (sl_tree_is_int(t, b, 0)) return a;
  return sl_tree_is_int(t, a, 0) ? neg(t, b) : sl_tree_binary(t, SL_OP_SUB, a, b);
}
static sl_ref mul(sl_tree *t, sl_ref a, sl_ref b) {
  if (sl_tree_is_int(t, a, 0) || sl_tree_is_int(t, b, 1)) return a;
  if (sl_tree_is_int(t, b, 0) || sl_tree_is_int(t, a, 1)) return b;
  return sl_tree_binary(t, SL_OP_MUL, a, b);
}
static sl_ref quotient(sl_tree *t, sl_ref a, sl_ref b) {
  return sl_tree_is_int(t, a, 0) ? a : sl_tree_binary(t, SL_OP_DIV, a, b);
}
static sl_ref square(sl_tree *t, sl_ref a) { return sl_tree_binary(t, SL_OP_MUL, a, a); }
static sl_ref one_plus(sl_tree *t, sl_ref a) {
  return sl_tree_binary(t, SL_OP_ADD, sl_tree_int(t, 1), a);
}

static sl_ref sigmoid_slope(sl_tree *t, sl_ref a) {
  return sl_tree_binary(t, SL_OP_MUL, sl_tree_unary(t, SL_OP_SIGMOID, a),
                        sl_tree_unary(t, SL_OP_SIGMOID, sl_tree_unary(t, SL_OP_NEG, a)));
}

static sl_ref tanh_slope(sl_tree *t, sl_ref a) {
  return sl_tree_binary(t, SL_OP_MUL, sl_tree_int(t, 4),
                        sigmoid_slope(t, sl_tree_binary(t, SL_OP_MUL, sl_tree_int(t, 2), a)));
}

static sl_ref erf_slope(sl_tree *t, sl_ref a) {
  const sl_ref scale = sl_tree_binary(
      t, SL_OP_DIV, sl_tree_int(t, 2),
      sl_tree_unary(t, SL_OP_SQRT,
                    sl_tree_node(t, SL_OP_PI, SL_NO_REF, SL_NO_REF, SL_NO_REF, SL_NO_REF)));
  return sl_tree_binary(t, SL_OP_MUL, scale,
                        sl_tree_unary(t, SL_OP_EXP, sl_tree_unary(t, SL_OP_NEG, square(t, a))));
}

/* e a^(e-1) a'; the exponent e-1 is folded where it is a small rational. */
static sl_ref pow_slope(sl_tree *t, sl_ref a, sl_ref e) {
  int64_t p, q;
  sl_ref less;
  if (sl_tree_rational(t, e, &p, &q)) {
    if (p == 0) return sl_tree_int(t, 0);
    if (p == q) return sl_tree_int(t, 1);
    if (p == 2 * q) return mul(t, e, a);
    less = q == 1 ? sl_tree_int(t, p - q)
                  : sl_tree_binary(t, SL_OP_DIV, sl_tree_int(t, p - q), sl_tree_int(t, q));
  } else {
    if (q < 0) t->failed = 1; /* no memory: this form would be another weight */
    less = sl_tree_binary(t, SL_OP_SUB, e, sl_tree_int(t, 1));
  }
  return sl_tree_binary(t, SL_OP_MUL, e, sl_tree_binary(t, SL_OP_POW, a, less));
}

/* f'(a) for a function of one argument. */
static sl_ref slope(sl_tree *t, sl_ref self, const sl_gate_node *n) {
  const sl_ref a = n->child[0];
  switch (n->op) {
    case SL_OP_EXP:
      return self;
    case SL_OP_EXPM1:
      return sl_tree_unary(t, SL_OP_EXP, a);
    case SL_OP_LOG:
      return sl_tree_binary(t, SL_OP_DIV, sl_tree_int(t, 1), a);
    case SL_OP_LOG1P:
      return sl_tree_binary(t, SL_OP_DIV, sl_tree_int(t, 1), one_plus(t, a));
    case SL_OP_SQRT:
      return sl_tree_binary(t, SL_OP_DIV, sl_tree_int(t, 1),
                            sl_tree_binary(t, SL_OP_MUL, sl_tree_int(t, 2), self));
    case SL_OP_ABS:
      return sl_tree_unary(t, SL_OP_SIGN, a);
    case SL_OP_SIGMOID:
      return sigmoid_slope(t, a);
    case SL_OP_TANH:
      return tanh_slope(t, a);
    case SL_OP_SIN:
      return sl_tree_unary(t, SL_OP_COS, a);
    case SL_OP_COS:
      return sl_tree_unary(t, SL_OP_NEG, sl_tree_unary(t, SL_OP_SIN, a));
    case SL_OP_SINH:
      return sl_tree_unary(t, SL_OP_COSH, a);
    case SL_OP_COSH:
      return sl_tree_unary(t, SL_OP_SINH, a);
    case SL_OP_ERF:
      return erf_slope(t, a);
    case SL_OP_ATAN:
      return sl_tree_binary(t, SL_OP_DIV, sl_tree_int(t, 1), one_plus(t, square(t, a)));
    case SL_OP_ASINH:
      return sl_tree_binary(t, SL_OP_DIV, sl_tree_int(t, 1),
                            sl_tree_unary(t, SL_OP_SQRT, one_plus(t, square(t, a))));
    case SL_OP_SOFTSIGN:
      return sl_tree_binary(t, SL_OP_DIV, sl_tree_int(t, 1),
                            square(t, one_plus(t, sl_tree_unary(t, SL_OP_ABS, a))));
    default:
      return sl_tree_int(t, 0);
  }
}

static sl_ref derive(sl_tree *t, sl_ref self, const sl_ref *d) {
  const sl_gate_node n = t->node[self]; /* a copy: the array may move */
  const sl_ref a = n.child[0], b = n.child[1];
  switch (n.op) {
    case SL_OP_NUM:
    case SL_OP_PI:
    case SL_OP_E:
    case SL_OP_PARAM:
    case SL_OP_VALUE:
    case SL_OP_WEIGHT:
    case SL_OP_SIGN:
      return sl_tree_int(t, 0);
    case SL_OP_R:
      return sl_tree_int(t, 1);
    case SL_OP_NEG:
      return neg(t, d[a]);
    case SL_OP_ADD:
      return add(t, d[a], d[b]);
    case SL_OP_SUB:
      return sub(t, d[a], d[b]);
    case SL_OP_MUL:
      return add(t, mul(t, d[a], b), mul(t, a, d[b]));
    case SL_OP_DIV:
      return sl_tree_is_int(t, d[b], 0) ? quotient(t, d[a], b)
                                        : quotient(t, sub(t, d[a], mul(t, self, d[b])), b);
    case SL_OP_POW:
      return sl_tree_is_int(t, d[a], 0) ? d[a] : mul(t, pow_slope(t, a, b), d[a]);
    case SL_OP_MIN:
      return d[a] == d[b] ? d[a] : sl_tree_node(t, SL_OP_PICK, a, b, d[a], d[b]);
    case SL_OP_MAX:
      return d[a] == d[b] ? d[a] : sl_tree_node(t, SL_OP_PICK, b, a, d[a], d[b]);
    case SL_OP_PICK:
      return d[n.child[2]] == d[n.child[3]]
                 ? d[n.child[2]]
                 : sl_tree_node(t, SL_OP_PICK, a, b, d[n.child[2]], d[n.child[3]]);
    default:
      return sl_tree_is_int(t, d[a], 0) ? d[a] : mul(t, slope(t, self, &n), d[a]);
  }
}

sl_ref sl_tree_derivative(sl_tree *tree, sl_ref ref) {
  if (tree->failed) return 0; /* it may have no node at all */
  sl_ref *d = calloc((size_t)ref + 1, sizeof *d);
  unsigned char *live = calloc((size_t)ref + 1, 1);
  sl_ref result = 0;
  if (d && live) {
    live[ref] = 1;
    for (uint32_t i = ref + 1; i-- > 0;)
      if (live[i])
        for (int k = 0; k < sl_op_arity(tree->node[i].op); k++) live[tree->node[i].child[k]] = 1;
    for (uint32_t i = 0; i <= ref && !tree->failed; i++)
      if (live[i]) d[i] = derive(tree, i, d);
    result = d[ref];
  } else {
    tree->failed = 1;
  }
  free(d);
  free(live);
  return result;
}
