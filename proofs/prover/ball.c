/* Ball arithmetic over the nodes of a tree (Arb). */
#include "ball.h"

#include "arb_function.h"

#include <stdlib.h>

void sl_ball_init(sl_ball *b, const sl_tree *tree, sl_ref ref, sl_ref other) {
  const uint32_t n = tree->count;
  *b = (sl_ball){.tree = tree,
                 .ref = ref,
                 .inner = SL_NO_REF,
                 .live = calloc(n, 1),
                 .flow = calloc(n, sizeof(sl_flow)),
                 .poly = calloc(n, sizeof(arb_poly_struct))};
  if (!b->live || !b->flow || !b->poly) flint_abort();
  sl_tree_mark(tree, ref, b->live);
  if (other != SL_NO_REF) sl_tree_mark(tree, other, b->live);
  for (uint32_t i = 0; i < n; i++) {
    arb_init(b->flow[i].v), arb_init(b->flow[i].d), arb_init(b->flow[i].l);
    arb_poly_init(&b->poly[i]);
  }
}

void sl_ball_clear(sl_ball *b) {
  for (uint32_t i = 0; i < b->tree->count; i++) {
    arb_clear(b->flow[i].v), arb_clear(b->flow[i].d), arb_clear(b->flow[i].l);
    arb_poly_clear(&b->poly[i]);
  }
  free(b->live), free(b->flow), free(b->poly);
}

void sl_ball_leaf(sl_flow *y, const sl_gate_node *n, const arb_t r, arb_srcptr box, slong prec) {
  arb_zero(y->d);
  arb_zero(y->l);
  switch (n->op) {
    case SL_OP_NUM:
      sl_arb_decimal(y->v, n->num, prec);
      break;
    case SL_OP_PI:
      arb_const_pi(y->v, prec);
      break;
    case SL_OP_E:
      arb_const_e(y->v, prec);
      break;
    case SL_OP_PARAM:
      arb_set(y->v, box + n->param);
      break;
    case SL_OP_R:
      arb_set(y->v, r);
      arb_one(y->d);
      arb_inv(y->l, r, prec);
      break;
    default:
      arb_indeterminate(y->v);
      break;
  }
}

/* Certainly no value: log of something <= 0, root of something < 0, division by exactly zero. */
static int certainly_undefined(const sl_ball *b, const sl_gate_node *n) {
  const int arity = sl_op_arity(n->op);
  if (arity == 0) return 0;
  const sl_flow *a = &b->flow[n->child[0]], *c = &b->flow[n->child[arity > 1 ? 1 : 0]];
  int64_t p, q;
  switch (n->op) {
    case SL_OP_LOG:
      return arb_is_nonpositive(a->v);
    case SL_OP_LOG1P:
      return arb_is_exact(a->v) && arf_cmp_si(arb_midref(a->v), -1) <= 0;
    case SL_OP_SQRT:
      return arb_is_negative(a->v);
    case SL_OP_DIV:
      return arb_is_zero(c->v);
    case SL_OP_POW:
      return sl_tree_rational(b->tree, n->child[1], &p, &q) &&
             ((q > 1 && arb_is_negative(a->v)) || (p < 0 && arb_is_zero(a->v)));
    default:
      return 0;
  }
}

/* A switch whose decision is not certain has an indeterminate value. */
static int choose(const sl_ball *b, const sl_gate_node *n) {
  const arb_struct *a = b->flow[n->child[0]].v;
  if (n->op == SL_OP_ABS || n->op == SL_OP_SIGN || n->op == SL_OP_SOFTSIGN)
    return arb_is_positive(a) ? 1 : arb_is_negative(a) ? -1 : 0;
  const arb_struct *c = b->flow[n->child[1]].v;
  if (b->ties && n->op == SL_OP_PICK && arb_le(a, c)) return -1;
  return arb_gt(a, c) ? 1 : arb_lt(a, c) ? -1 : 0;
}

static void flow_copy(sl_flow *y, const sl_flow *a, int negate) {
  arb_set(y->v, a->v), arb_set(y->d, a->d), arb_set(y->l, a->l);
  if (negate) arb_neg(y->v, y->v), arb_neg(y->d, y->d);
}

static void flow_softsign(sl_flow *y, const sl_flow *a,
                          slong prec) { /* v = a/(1+|a|), v' = a'/(1+|a|)^2 for either sign */
  arb_t t;
  arb_init(t);
  arb_abs(t, a->v);
  arb_add_ui(t, t, 1, prec);
  arb_div(y->v, a->v, t, prec);
  arb_sqr(t, t, prec);
  arb_div(y->d, a->d, t, prec);
  arb_div(y->l, y->d, y->v, prec);
  arb_clear(t);
}

/* Without a certain decision abs, min and max still have a value, being continuous, but no slope;
 * pick and sign have nothing, as they may jump. */
static void flow_open(const sl_ball *b, sl_flow *y, const sl_gate_node *n, slong prec) {
  const sl_flow *a = &b->flow[n->child[0]];
  arb_indeterminate(y->v), arb_indeterminate(y->d), arb_indeterminate(y->l);
  if (n->op == SL_OP_ABS) {
    arb_abs(y->v, a->v);
    arb_neg(y->d, a->d);
    arb_union(y->d, y->d, a->d, prec);
  } else if (n->op == SL_OP_MIN || n->op == SL_OP_MAX) {
    const sl_flow *c = &b->flow[n->child[1]];
    if (n->op == SL_OP_MIN)
      arb_min(y->v, a->v, c->v, prec);
    else
      arb_max(y->v, a->v, c->v, prec);
    arb_union(y->d, a->d, c->d, prec);
  }
}

static void flow_switch(const sl_ball *b, sl_flow *y, const sl_gate_node *n, slong prec) {
  const sl_flow *a = &b->flow[n->child[0]];
  if (n->op == SL_OP_SOFTSIGN) {
    flow_softsign(y, a, prec);
    return;
  }
  const int sign = choose(b, n);
  if (!sign) {
    flow_open(b, y, n, prec);
    return;
  }
  switch (n->op) {
    case SL_OP_ABS:
      flow_copy(y, a, sign < 0);
      break;
    case SL_OP_SIGN:
      arb_set_si(y->v, sign), arb_zero(y->d), arb_zero(y->l);
      break;
    case SL_OP_MIN:
      flow_copy(y, sign < 0 ? a : &b->flow[n->child[1]], 0);
      break;
    case SL_OP_MAX:
      flow_copy(y, sign > 0 ? a : &b->flow[n->child[1]], 0);
      break;
    case SL_OP_PICK:
      flow_copy(y, &b->flow[n->child[sign < 0 ? 2 : 3]], 0);
      break;
    default:
      break;
  }
}

static void flow_product(sl_flow *y, const sl_flow *a, const sl_flow *c, int same, slong prec) {
  arb_t t;
  arb_init(t);
  if (same) {
    arb_sqr(y->v, a->v, prec);
    arb_mul(y->d, a->v, a->d, prec);
    arb_mul_2exp_si(y->d, y->d, 1);
  } else {
    arb_mul(y->v, a->v, c->v, prec);
    arb_mul(y->d, a->d, c->v, prec);
    arb_mul(t, a->v, c->d, prec);
    arb_add(y->d, y->d, t, prec);
  }
  arb_add(y->l, a->l, c->l, prec);
  arb_clear(t);
}

static void flow_quotient(sl_flow *y, const sl_flow *a, const sl_flow *c, slong prec) {
  arb_t t;
  arb_init(t);
  arb_div(y->v, a->v, c->v, prec);
  arb_mul(t, y->v, c->d, prec);
  arb_sub(t, a->d, t, prec);
  arb_div(y->d, t, c->v, prec);
  arb_sub(y->l, a->l, c->l, prec);
  arb_clear(t);
}

static void flow_sum(sl_flow *y, const sl_flow *a, const sl_flow *c, int subtract, slong prec) {
  if (subtract)
    arb_sub(y->v, a->v, c->v, prec), arb_sub(y->d, a->d, c->d, prec);
  else
    arb_add(y->v, a->v, c->v, prec), arb_add(y->d, a->d, c->d, prec);
  arb_div(y->l, y->d, y->v, prec);
}

static void flow_power(sl_flow *y, const sl_tree *tree, const sl_gate_node *n, const sl_flow *a,
                       slong prec) {
  int64_t p, q;
  if (!sl_tree_rational(tree, n->child[1], &p, &q)) {
    arb_indeterminate(y->v), arb_indeterminate(y->d), arb_indeterminate(y->l);
    return;
  }
  sl_arb_power(y->v, a->v, p, q, prec);
  sl_arb_power(y->d, a->v, p - q, q, prec);
  arb_mul(y->d, y->d, a->d, prec);
  arb_mul_si(y->d, y->d, p, prec);
  arb_div_si(y->d, y->d, q, prec);
  arb_mul_si(y->l, a->l, p, prec);
  arb_div_si(y->l, y->l, q, prec);
}

static void flow_function(sl_flow *y, sl_gate_op op, const sl_flow *a, slong prec) {
  arb_t s;
  arb_init(s);
  sl_arb_function(y->v, s, op, a->v, prec);
  arb_mul(y->d, s, a->d, prec);
  if (op == SL_OP_EXP) {
    arb_set(y->l, a->d);
  } else if (op == SL_OP_SIGMOID) {
    arb_neg(s, a->v);
    sl_arb_sigmoid(s, s, prec);
    arb_mul(y->l, s, a->d, prec);
  } else if (op == SL_OP_SQRT) {
    arb_mul_2exp_si(y->l, a->l, -1);
  } else {
    arb_div(y->l, y->d, y->v, prec);
  }
  arb_clear(s);
}

static void flow_node(sl_ball *b, sl_ref i, const arb_t r, arb_srcptr box, slong prec) {
  const sl_gate_node *n = &b->tree->node[i];
  sl_flow *y = &b->flow[i];
  const int arity = sl_op_arity(n->op);
  if (arity == 0) {
    sl_ball_leaf(y, n, r, box, prec);
    return;
  }
  if (sl_op_is_switch(n->op)) {
    flow_switch(b, y, n, prec);
    return;
  }
  const sl_flow *a = &b->flow[n->child[0]], *c = &b->flow[n->child[arity > 1 ? 1 : 0]];
  switch (n->op) {
    case SL_OP_NEG:
      flow_copy(y, a, 1);
      break;
    case SL_OP_ADD:
    case SL_OP_SUB:
      flow_sum(y, a, c, n->op == SL_OP_SUB, prec);
      break;
    case SL_OP_MUL:
      flow_product(y, a, c, n->child[0] == n->child[1], prec);
      break;
    case SL_OP_DIV:
      flow_quotient(y, a, c, prec);
      break;
    case SL_OP_POW:
      flow_power(y, b->tree, n, a, prec);
      break;
    default:
      flow_function(y, n->op, a, prec);
      break;
  }
}

static int sign_of(const arb_t x) {
  return !arb_is_finite(x) ? 0 : arb_is_positive(x) ? 1 : arb_is_negative(x) ? -1 : 0;
}

static int structural_sign(const sl_ball *b, const sl_gate_node *n, const arb_t v) {
  const int s = sign_of(v), arity = sl_op_arity(n->op);
  const int a = arity > 0 ? b->flow[n->child[0]].sign : 0,
            c = arity > 1 ? b->flow[n->child[1]].sign : 0;
  if (s || !arb_is_finite(v)) return s;
  switch (n->op) {
    case SL_OP_EXP:
    case SL_OP_SIGMOID:
    case SL_OP_COSH:
      return 1;
    case SL_OP_NEG:
      return -a;
    case SL_OP_MUL:
    case SL_OP_DIV:
      return a * c;
    case SL_OP_ADD:
      return a == c ? a : 0;
    case SL_OP_SUB:
      return a == -c ? a : 0;
    case SL_OP_SQRT:
    case SL_OP_POW:
      return a > 0 ? 1 : 0;
    default:
      return 0;
  }
}

void sl_ball_refresh(sl_ball *b, sl_ref i, const arb_t r, arb_srcptr box, slong prec) {
  flow_node(b, i, r, box, prec);
}

void sl_ball_flow(sl_ball *b, const arb_t r, arb_srcptr box, slong prec) {
  b->undefined = 0;
  for (uint32_t i = 0; i < b->tree->count; i++) {
    if (!b->live[i]) continue;
    flow_node(b, i, r, box, prec);
    b->flow[i].sign = structural_sign(b, &b->tree->node[i], b->flow[i].v);
    if (!b->undefined && certainly_undefined(b, &b->tree->node[i])) b->undefined = 1, b->where = i;
  }
}

int sl_ball_slope_sign(const sl_ball *b, sl_ref ref) {
  const sl_flow *y = &b->flow[ref];
  if (!arb_is_finite(y->v)) return 0;
  const int direct = sign_of(y->d);
  return direct ? direct : y->sign * sign_of(y->l);
}
