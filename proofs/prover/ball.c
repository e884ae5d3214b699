/* Ball arithmetic over the nodes of a tree (Arb). */
#include "proofs/prover/ball.h"

#include <arb_hypgeom.h>
#include <stdlib.h>

void sl_arb_decimal(arb_t y, sl_decimal value, slong prec) {
  arb_t ten;
  arb_init(ten);
  arb_set_si(y, value.m);
  arb_ui_pow_ui(ten, 10, (ulong)(value.e < 0 ? -value.e : value.e), 2 * prec + 4096);
  if (value.e < 0)
    arb_div(y, y, ten, prec);
  else
    arb_mul(y, y, ten, prec);
  arb_clear(ten);
}

void sl_arb_power(arb_t y, const arb_t a, int64_t p, int64_t q, slong prec) {
  fmpz_t n;
  arb_t t;
  fmpz_init_set_si(n, p);
  arb_init(t);
  if (p == 0 && !arb_is_finite(a)) { /* a power of what has no value */
    arb_indeterminate(y);
  } else if (q == 1) {
    arb_pow_fmpz(y, a, n, prec);
  } else if (arb_is_zero(a) && p > 0) {
    arb_zero(y);
  } else if (q == 2 && arb_is_nonnegative(a)) {
    arb_sqrt(t, a, prec);
    arb_pow_fmpz(y, t, n, prec);
  } else {
    arb_log(t, a, prec);
    arb_mul_si(t, t, p, prec);
    arb_div_si(t, t, q, prec);
    arb_exp(y, t, prec);
  }
  fmpz_clear(n);
  arb_clear(t);
}

void sl_ball_init(sl_ball *b, const sl_tree *tree, sl_ref ref, sl_ref other) {
  const uint32_t n = tree->count;
  *b = (sl_ball){
      .tree = tree, .ref = ref, .live = calloc(n, 1), .flow = calloc(n, sizeof(sl_flow)), .poly = calloc(n, sizeof(arb_poly_struct))};
  if (!b->live || !b->flow || !b->poly) abort();
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

/* Monotone, so the ends decide: over a wide ball 1/(1 + exp(-a)) would divide by a ball that holds zero. */
static void arb_sigmoid(arb_t y, const arb_t a, slong prec) {
  arf_t end[2];
  arb_t t, u;
  arb_init(t), arb_init(u);
  arf_init(end[0]), arf_init(end[1]);
  if (arb_is_finite(a)) {
    arb_get_interval_arf(end[0], end[1], a, prec);
    for (int i = 0; i < 2; i++) {
      arb_set_arf(t, end[i]);
      arb_neg(t, t);
      arb_exp(t, t, prec);
      arb_add_ui(t, t, 1, prec);
      arb_inv(i ? u : t, t, prec);
      if (arf_cmp_2exp_si(end[i], 80) > 0 || (arf_sgn(end[i]) < 0 && arf_cmpabs_2exp_si(end[i], 80) > 0)) { /* beyond what arb_exp takes */
        arb_zero(i ? u : t);
        arb_add_error_2exp_si(i ? u : t, -1000000);
        if (arf_sgn(end[i]) > 0) arb_add_ui(i ? u : t, i ? u : t, 1, prec);
      }
      if (i == 0) arb_set(y, t);
    }
    arb_union(y, y, u, prec);
  } else {
    arb_indeterminate(y);
  }
  arb_clear(t), arb_clear(u);
  arf_clear(end[0]), arf_clear(end[1]);
}

/* y->v and the outer derivative s for a function of one argument. */
static void function(arb_t v, arb_t s, sl_gate_op op, const arb_t a, slong prec) {
  arb_t t;
  arb_init(t);
  switch (op) {
    case SL_OP_EXP:
      arb_exp(v, a, prec);
      arb_set(s, v);
      break;
    case SL_OP_EXPM1:
      arb_expm1(v, a, prec);
      arb_exp(s, a, prec);
      break;
    case SL_OP_LOG:
      arb_log(v, a, prec);
      arb_inv(s, a, prec);
      break;
    case SL_OP_LOG1P:
      arb_add_ui(s, a, 1, prec);
      if (arf_cmpabs_2exp_si(arb_midref(a), 1) > 0) /* arb_log1p adds exactly, which for a = cosh(2^40) takes terabytes */
        arb_log(v, s, prec);
      else
        arb_log1p(v, a, prec);
      arb_inv(s, s, prec);
      break;
    case SL_OP_SQRT:
      arb_sqrt(v, a, prec);
      arb_mul_2exp_si(s, v, 1);
      arb_inv(s, s, prec);
      break;
    case SL_OP_SIGMOID:
      arb_sigmoid(v, a, prec);
      arb_neg(t, a);
      arb_sigmoid(s, t, prec);
      arb_mul(s, s, v, prec);
      break;
    case SL_OP_TANH:
      arb_tanh(v, a, prec);
      arb_cosh(s, a, prec);
      arb_inv(s, s, prec);
      arb_sqr(s, s, prec);
      break;
    case SL_OP_SIN:
      arb_sin_cos(v, s, a, prec);
      break;
    case SL_OP_COS:
      arb_sin_cos(s, v, a, prec);
      arb_neg(s, s);
      break;
    case SL_OP_SINH:
      arb_sinh_cosh(v, s, a, prec);
      break;
    case SL_OP_COSH:
      arb_sinh_cosh(s, v, a, prec);
      break;
    case SL_OP_ERF:
      arb_hypgeom_erf(v, a, prec);
      arb_sqr(s, a, prec);
      arb_neg(s, s);
      arb_exp(s, s, prec);
      arb_const_sqrt_pi(t, prec);
      arb_div(s, s, t, prec);
      arb_mul_2exp_si(s, s, 1);
      break;
    case SL_OP_ATAN:
      arb_atan(v, a, prec);
      arb_sqr(s, a, prec);
      arb_add_ui(s, s, 1, prec);
      arb_inv(s, s, prec);
      break;
    case SL_OP_ASINH:
      arb_asinh(v, a, prec);
      arb_sqr(s, a, prec);
      arb_add_ui(s, s, 1, prec);
      arb_rsqrt(s, s, prec);
      break;
    default:
      arb_indeterminate(v);
      arb_indeterminate(s);
      break;
  }
  arb_clear(t);
}

/* Certainly no value: log of something <= 0, root of something < 0, division by exactly zero. */
static int certainly_undefined(const sl_ball *b, const sl_gate_node *n) {
  const sl_flow *a = sl_op_arity(n->op) > 0 ? &b->flow[n->child[0]] : NULL, *c = sl_op_arity(n->op) > 1 ? &b->flow[n->child[1]] : NULL;
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
      return sl_tree_rational(b->tree, n->child[1], &p, &q) && ((q > 1 && arb_is_negative(a->v)) || (p < 0 && arb_is_zero(a->v)));
    default:
      return 0;
  }
}

/* A switch whose decision is not certain has an indeterminate value. */
static int choose(const sl_ball *b, const sl_gate_node *n) {
  const arb_struct *a = b->flow[n->child[0]].v;
  if (n->op == SL_OP_ABS || n->op == SL_OP_SIGN || n->op == SL_OP_SOFTSIGN) return arb_is_positive(a) ? 1 : arb_is_negative(a) ? -1 : 0;
  const arb_struct *c = b->flow[n->child[1]].v;
  if (b->ties && n->op == SL_OP_PICK && arb_le(a, c)) return -1;
  return arb_gt(a, c) ? 1 : arb_lt(a, c) ? -1 : 0;
}

static void flow_copy(sl_flow *y, const sl_flow *a, int negate) {
  arb_set(y->v, a->v), arb_set(y->d, a->d), arb_set(y->l, a->l);
  if (negate) arb_neg(y->v, y->v), arb_neg(y->d, y->d);
}

static void flow_softsign(sl_flow *y, const sl_flow *a, slong prec) { /* v = a/(1+|a|), v' = a'/(1+|a|)^2 for either sign */
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

/* Without a certain decision abs, min and max still have a value, being continuous, but no slope; pick and sign have nothing, as they may
 * jump. */
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

static void flow_power(sl_flow *y, const sl_tree *tree, const sl_gate_node *n, const sl_flow *a, slong prec) {
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
  function(y->v, s, op, a->v, prec);
  arb_mul(y->d, s, a->d, prec);
  if (op == SL_OP_EXP) {
    arb_set(y->l, a->d);
  } else if (op == SL_OP_SIGMOID) {
    arb_neg(s, a->v);
    arb_sigmoid(s, s, prec);
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
  const sl_flow *a = sl_op_arity(n->op) > 0 ? &b->flow[n->child[0]] : NULL, *c = sl_op_arity(n->op) > 1 ? &b->flow[n->child[1]] : NULL;
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
    case SL_OP_PICK:
    case SL_OP_MIN:
    case SL_OP_MAX:
    case SL_OP_ABS:
    case SL_OP_SIGN:
    case SL_OP_SOFTSIGN:
      flow_switch(b, y, n, prec);
      break;
    default:
      if (a)
        flow_function(y, n->op, a, prec);
      else
        sl_ball_leaf(y, n, r, box, prec);
  }
}

static int sign_of(const arb_t x) { return !arb_is_finite(x) ? 0 : arb_is_positive(x) ? 1 : arb_is_negative(x) ? -1 : 0; }

static int structural_sign(const sl_ball *b, const sl_gate_node *n, const arb_t v) {
  const int s = sign_of(v), arity = sl_op_arity(n->op);
  const int a = arity > 0 ? b->flow[n->child[0]].sign : 0, c = arity > 1 ? b->flow[n->child[1]].sign : 0;
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

void sl_ball_refresh(sl_ball *b, sl_ref i, const arb_t r, arb_srcptr box, slong prec) { flow_node(b, i, r, box, prec); }

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
