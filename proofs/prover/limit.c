/* Limits (see limit.h). Where the limits of the parts do not determine it (inf - inf, 0 inf), the
 * germs of the parts may. */
#include "limit.h"

#include "germ.h"

#include <stdlib.h>

static const sl_limit unknown = {.kind = SL_LIMIT_UNKNOWN};

static sl_limit infinite(int sign) {
  return (sl_limit){.kind = sign > 0 ? SL_LIMIT_UP : SL_LIMIT_DOWN};
}
static sl_limit finite(sl_exact value, int side) {
  return value ? (sl_limit){.kind = SL_LIMIT_FINITE, .value = value, .side = side} : unknown;
}
static int is_infinite(sl_limit a) {
  return a.kind == SL_LIMIT_UP ? 1 : a.kind == SL_LIMIT_DOWN ? -1 : 0;
}
static int is_zero(sl_limit a) { return a.kind == SL_LIMIT_FINITE && sl_exact_is_zero(a.value); }

/* The sign of what tends to the limit, near it. */
static int sign_near(sl_field *k, sl_limit a) {
  if (is_infinite(a)) return is_infinite(a);
  if (a.kind != SL_LIMIT_FINITE) return 0;
  return is_zero(a) ? a.side : sl_exact_sign(k, a.value);
}

static sl_limit negated(sl_field *k, sl_limit a) {
  if (is_infinite(a)) return infinite(-is_infinite(a));
  return a.kind == SL_LIMIT_FINITE ? finite(sl_exact_neg(k, a.value), -a.side) : a;
}

static sl_limit sum(sl_field *k, sl_limit a, sl_limit b) {
  if (a.kind == SL_LIMIT_UNKNOWN || b.kind == SL_LIMIT_UNKNOWN) return unknown;
  if (is_infinite(a) || is_infinite(b))
    return is_infinite(a) * is_infinite(b) < 0 ? unknown
                                               : infinite(is_infinite(a) + is_infinite(b));
  const int zero_a = a.constant && is_zero(a), zero_b = b.constant && is_zero(b);
  const int both_zero = is_zero(a) && is_zero(b);
  return finite(sl_exact_add(k, a.value, b.value), zero_a                          ? b.side
                                                   : zero_b                        ? a.side
                                                   : both_zero && a.side == b.side ? a.side
                                                                                   : 0);
}

static sl_limit product(sl_field *k, sl_limit a, sl_limit b) {
  if (a.kind == SL_LIMIT_UNKNOWN || b.kind == SL_LIMIT_UNKNOWN) return unknown;
  if ((a.constant && is_zero(a)) || (b.constant && is_zero(b)))
    return a.constant && is_zero(a) ? a : b; /* of what has a limit, and so values near it */
  const int sign = sign_near(k, a) * sign_near(k, b);
  if (is_infinite(a) || is_infinite(b))
    return is_zero(a) || is_zero(b) || !sign ? unknown : infinite(sign);
  return finite(sl_exact_mul(k, a.value, b.value), is_zero(a) || is_zero(b) ? sign : 0);
}

static sl_limit reciprocal(sl_field *k, sl_limit a) {
  if (is_infinite(a)) return finite(sl_exact_int(k, 0), is_infinite(a));
  if (a.kind == SL_LIMIT_UNKNOWN) return unknown;
  if (is_zero(a)) return a.side ? infinite(a.side) : unknown;
  return finite(sl_exact_div(k, sl_exact_int(k, 1), a.value), 0);
}

static sl_limit power(sl_field *k, const sl_tree *tree, const sl_gate_node *n, sl_limit a) {
  int64_t p, q;
  if (!sl_tree_rational(tree, n->child[1], &p, &q) || a.kind == SL_LIMIT_UNKNOWN) return unknown;
  if (p == 0) return finite(sl_exact_int(k, 1), 0);
  const int s = sign_near(k, a), odd = q == 1 && p % 2, sign = odd ? s : s * s;
  if (q > 1 && s < 0) return unknown;
  if (is_infinite(a)) return p > 0 ? infinite(sign) : finite(sl_exact_int(k, 0), sign);
  if (is_zero(a) && p < 0) return sign ? infinite(sign) : unknown;
  if (is_zero(a)) return q == 1 || s > 0 || a.constant ? finite(a.value, sign) : unknown;
  return finite(sl_exact_power(k, a.value, (slong)p, (slong)q), 0);
}

static sl_exact half_pi(sl_field *k, int sign) {
  const sl_exact root = sl_exact_sqrt_pi(k);
  return sl_exact_mul(k, sl_exact_ratio(k, sign, 2), sl_exact_mul(k, root, root));
}

/* A function of an infinite argument. */
static sl_limit at_infinity(sl_field *k, sl_gate_op op, int sign) {
  switch (op) {
    case SL_OP_EXP:
      return sign > 0 ? infinite(1) : finite(sl_exact_int(k, 0), 1);
    case SL_OP_EXPM1:
      return sign > 0 ? infinite(1) : finite(sl_exact_int(k, -1), 0);
    case SL_OP_LOG:
    case SL_OP_LOG1P:
    case SL_OP_SQRT:
      return sign > 0 ? infinite(1) : unknown;
    case SL_OP_SIGMOID:
      return finite(sl_exact_int(k, sign > 0), sign < 0);
    case SL_OP_TANH:
    case SL_OP_ERF:
      return finite(sl_exact_int(k, sign), 0);
    case SL_OP_ATAN:
      return finite(half_pi(k, sign), 0);
    case SL_OP_SINH:
    case SL_OP_ASINH:
      return infinite(sign);
    case SL_OP_COSH:
      return infinite(1);
    default:
      return unknown; /* waves */
  }
}

static sl_limit function(sl_field *k, sl_gate_op op, sl_limit a) {
  if (is_infinite(a)) return at_infinity(k, op, is_infinite(a));
  if (a.kind == SL_LIMIT_UNKNOWN) return unknown;
  if (is_zero(a) && op == SL_OP_LOG) return a.side > 0 ? infinite(-1) : unknown;
  if (is_zero(a) && op == SL_OP_SQRT && a.side <= 0 && !a.constant) return unknown;
  const sl_series x = {.n = 1, .c = {a.value}}, y = sl_series_function(k, op, &x);
  const int keeps_sign =
      op != SL_OP_EXP && op != SL_OP_SIGMOID && op != SL_OP_COS && op != SL_OP_COSH;
  const int rises = keeps_sign && (op != SL_OP_SIN || is_zero(a)); /* next to a */
  return y.n ? finite(y.c[0], rises ? a.side : 0) : unknown;
}

static sl_limit switched(sl_field *k, const sl_gate_node *n, const sl_limit *v) {
  const sl_limit a = v[n->child[0]];
  const int two = sl_op_arity(n->op) > 1;
  const sl_limit gap = two ? sum(k, a, negated(k, v[n->child[1]])) : a;
  const int sign = sign_near(k, gap);
  switch (n->op) {
    case SL_OP_ABS:
      return sign > 0 ? a : sign < 0 ? negated(k, a) : is_zero(a) ? finite(a.value, 0) : unknown;
    case SL_OP_SIGN:
      return sign ? finite(sl_exact_int(k, sign), 0) : unknown;
    case SL_OP_SOFTSIGN:
      if (is_infinite(a)) return finite(sl_exact_int(k, is_infinite(a)), 0);
      return is_zero(a) ? a : unknown;
    case SL_OP_PICK:
      return sign ? v[n->child[sign < 0 ? 2 : 3]] : unknown;
    default:
      if (!sign && is_zero(gap)) /* both tend to the same, perhaps from two sides */
        return finite(a.value, a.side == v[n->child[1]].side ? a.side : 0);
      return sign ? v[n->child[(sign < 0) == (n->op == SL_OP_MIN) ? 0 : 1]] : unknown;
  }
}

/* r is at + side x, or 1/x. */
static sl_germ germ_of_r(sl_field *k, sl_limit_point point) {
  if (!point.at) return sl_germ_term_alone(k, sl_exact_int(k, 1), -1, 0);
  const sl_germ c = sl_germ_constant(k, point.at),
                x = sl_germ_term_alone(k, sl_exact_int(k, point.side), 1, 0);
  return sl_germ_sum(k, &c, &x);
}

static sl_limit leaf(sl_field *k, const sl_tree *tree, uint32_t i, sl_limit_point point) {
  if (tree->node[i].op == SL_OP_R) return point.at ? finite(point.at, point.side) : infinite(1);
  const sl_series s = sl_series_root(k, tree, i, sl_exact_int(k, 0), 1);
  sl_limit y = s.n ? finite(s.c[0], 0) : unknown;
  y.constant = 1;
  return y;
}

static sl_limit node(sl_field *k, const sl_tree *tree, const sl_gate_node *n, const sl_limit *v) {
  const int arity = sl_op_arity(n->op);
  if (sl_op_is_switch(n->op)) return switched(k, n, v);
  const sl_limit a = v[n->child[0]], b = v[n->child[arity > 1 ? 1 : 0]];
  switch (n->op) {
    case SL_OP_NEG:
      return negated(k, a);
    case SL_OP_ADD:
      return sum(k, a, b);
    case SL_OP_SUB:
      return sum(k, a, negated(k, b));
    case SL_OP_MUL:
      return product(k, a, b);
    case SL_OP_DIV:
      return product(k, a, reciprocal(k, b));
    case SL_OP_POW:
      return power(k, tree, n, a);
    default:
      return function(k, n->op, a);
  }
}

/* What the germ alone says. */
static sl_limit of_germ(sl_field *k, const sl_germ *g) {
  if (!g->known) return unknown;
  if (!g->n && !g->has_rest) return finite(sl_exact_int(k, 0), 0);
  const sl_germ_term *most = g->n ? g->term : &g->rest;
  const int sign = sl_germ_sign(k, g);
  switch (sl_germ_size(k, most)) {
    case SL_SIZE_SMALL:
      return finite(sl_exact_int(k, 0), sign);
    case SL_SIZE_ONE:
      return g->n ? finite(most->c, 0) : unknown;
    case SL_SIZE_LARGE:
      return sign ? infinite(sign) : unknown;
    default:
      return unknown;
  }
}

/* A switch goes the way that the germ of what it decides on does. */
static sl_germ switched_germ(sl_field *k, const sl_gate_node *n, const sl_germ *g) {
  const sl_germ *a = &g[n->child[0]];
  sl_germ gap = *a;
  if (sl_op_arity(n->op) > 1) {
    const sl_germ minus = sl_germ_negated(k, &g[n->child[1]]);
    gap = sl_germ_sum(k, a, &minus);
  }
  const int sign = sl_germ_sign(k, &gap);
  if (!sign) return (sl_germ){.known = 0};
  switch (n->op) {
    case SL_OP_ABS:
      return sign > 0 ? *a : sl_germ_negated(k, a);
    case SL_OP_SIGN:
      return sl_germ_constant(k, sl_exact_int(k, sign));
    case SL_OP_SOFTSIGN: {
      const sl_germ one = sl_germ_constant(k, sl_exact_int(k, 1)),
                    size = sign > 0 ? *a : sl_germ_negated(k, a), sum = sl_germ_sum(k, &size, &one),
                    over = sl_germ_power(k, &sum, -1, 1);
      return sl_germ_product(k, a, &over);
    }
    case SL_OP_PICK:
      return g[n->child[sign < 0 ? 2 : 3]];
    default:
      return g[n->child[(sign < 0) == (n->op == SL_OP_MIN) ? 0 : 1]];
  }
}

static sl_germ germ(sl_field *k, const sl_tree *tree, const sl_gate_node *n, const sl_germ *g) {
  const int arity = sl_op_arity(n->op);
  if (sl_op_is_switch(n->op)) return switched_germ(k, n, g);
  const sl_germ *a = &g[n->child[0]], *b = &g[n->child[arity > 1 ? 1 : 0]];
  sl_germ t;
  int64_t p, q;
  switch (n->op) {
    case SL_OP_NEG:
      return sl_germ_negated(k, a);
    case SL_OP_ADD:
      return sl_germ_sum(k, a, b);
    case SL_OP_SUB:
      t = sl_germ_negated(k, b);
      return sl_germ_sum(k, a, &t);
    case SL_OP_MUL:
      return sl_germ_product(k, a, b);
    case SL_OP_DIV:
      t = sl_germ_power(k, b, -1, 1);
      return sl_germ_product(k, a, &t);
    case SL_OP_POW:
      return sl_tree_rational(tree, n->child[1], &p, &q) ? sl_germ_power(k, a, p, q)
                                                         : (sl_germ){.known = 0};
    default:
      return sl_germ_function(k, n->op, a);
  }
}

/* The limit of every live node: by its parts and, where g is not NULL, by its germ. */
static void limits(sl_field *k, const sl_tree *tree, sl_ref ref, sl_limit_point point,
                   const unsigned char *live, sl_limit *v, sl_germ *g) {
  for (uint32_t i = 0; i <= ref; i++) {
    if (!live[i]) continue;
    const sl_gate_node *n = &tree->node[i];
    const int arity = sl_op_arity(n->op);
    int constant = n->op != SL_OP_R;
    for (int c = 0; c < arity; c++) constant &= v[n->child[c]].constant;
    v[i] = arity ? node(k, tree, n, v) : leaf(k, tree, i, point);
    v[i].constant = constant;
    if (!g) continue;
    if (n->op == SL_OP_R)
      g[i] = germ_of_r(k, point);
    else if (arity == 0)
      g[i] = sl_germ_constant(k, v[i].value);
    else
      g[i] = germ(k, tree, n, g);
    const sl_limit more = of_germ(k, &g[i]);
    if (more.kind == SL_LIMIT_UNKNOWN || (v[i].kind != SL_LIMIT_UNKNOWN && !more.side)) continue;
    v[i] = more;
    v[i].constant = constant;
  }
}

sl_limit sl_limit_of(sl_field *k, const sl_tree *tree, sl_ref ref, sl_limit_point point) {
  sl_limit *v = calloc((size_t)ref + 1, sizeof *v);
  unsigned char *live = calloc((size_t)ref + 1, 1);
  if (!v || !live) flint_abort();
  sl_tree_mark(tree, ref, live);
  limits(k, tree, ref, point, live, v, NULL);
  if (v[ref].kind == SL_LIMIT_UNKNOWN) {
    sl_germ *g = calloc((size_t)ref + 1, sizeof *g);
    if (!g) flint_abort();
    limits(k, tree, ref, point, live, v, g);
    free(g);
  }
  const sl_limit y = v[ref];
  free(v), free(live);
  return y;
}

sl_limit sl_limit_at_infinity(sl_field *k, const sl_tree *tree, sl_ref ref) {
  return sl_limit_of(k, tree, ref, (sl_limit_point){NULL, 1});
}
