/* Taylor coefficients of the nodes of a tree in ball arithmetic (see ball.h). */
#include "ball.h"

#include <arb_hypgeom.h>

/* Every coefficient, not the constant one alone. */
static void jet_unknown(arb_poly_t y, slong order) {
  arb_poly_zero(y);
  arb_poly_fit_length(y, order);
  for (slong i = 0; i < order; i++) arb_indeterminate(y->coeffs + i);
  _arb_poly_set_length(y, order);
}

/* A switch keeps the branch that is certain on the whole box. */
static void jet_switch(arb_poly_t y, const sl_ball *b, const sl_gate_node *n, slong order) {
  const arb_poly_struct *a = &b->poly[n->child[0]];
  arb_t x, other;
  arb_init(x), arb_init(other);
  arb_poly_get_coeff_arb(x, a, 0);
  if (sl_op_arity(n->op) > 1) arb_poly_get_coeff_arb(other, &b->poly[n->child[1]], 0);
  const int sign = arb_gt(x, other) ? 1 : arb_lt(x, other) ? -1 : 0;
  if (!sign || n->op == SL_OP_SOFTSIGN)
    jet_unknown(y, order);
  else if (n->op == SL_OP_SIGN)
    arb_poly_set_si(y, sign);
  else if (n->op == SL_OP_PICK)
    arb_poly_set(y, &b->poly[n->child[sign < 0 ? 2 : 3]]);
  else if (n->op != SL_OP_ABS)
    arb_poly_set(y, &b->poly[n->child[(sign < 0) == (n->op == SL_OP_MIN) ? 0 : 1]]);
  else if (sign < 0)
    arb_poly_neg(y, a);
  else
    arb_poly_set(y, a);
  arb_clear(x), arb_clear(other);
}

static void jet_exp(arb_poly_t y, const arb_poly_t a, slong order, slong prec) {
  arb_poly_exp_series(y, a, order, prec);
}

static void jet_expm1(arb_poly_t y, const arb_poly_t a, slong order, slong prec) {
  arb_poly_exp_series(y, a, order, prec);
  arb_poly_add_si(y, y, -1, prec);
}

static void jet_log(arb_poly_t y, const arb_poly_t a, slong order, slong prec) {
  arb_poly_log_series(y, a, order, prec);
}

static void jet_log1p(arb_poly_t y, const arb_poly_t a, slong order, slong prec) {
  arb_poly_t t;
  arb_poly_init(t);
  arb_poly_add_si(t, a, 1, prec);
  arb_poly_log_series(y, t, order, prec);
  arb_poly_clear(t);
}

static void jet_sqrt(arb_poly_t y, const arb_poly_t a, slong order, slong prec) {
  arb_poly_sqrt_series(y, a, order, prec);
}

static void jet_sigmoid(arb_poly_t y, const arb_poly_t a, slong order, slong prec) {
  arb_poly_t t;
  arb_poly_init(t);
  arb_poly_neg(t, a);
  arb_poly_exp_series(t, t, order, prec);
  arb_poly_add_si(t, t, 1, prec);
  arb_poly_inv_series(y, t, order, prec);
  arb_poly_clear(t);
}

static void jet_tanh(arb_poly_t y, const arb_poly_t a, slong order, slong prec) {
  arb_poly_t t;
  arb_poly_init(t);
  arb_poly_sinh_cosh_series(y, t, a, order, prec);
  arb_poly_div_series(y, y, t, order, prec);
  arb_poly_clear(t);
}

static void jet_sin(arb_poly_t y, const arb_poly_t a, slong order, slong prec) {
  arb_poly_sin_series(y, a, order, prec);
}
static void jet_cos(arb_poly_t y, const arb_poly_t a, slong order, slong prec) {
  arb_poly_cos_series(y, a, order, prec);
}
static void jet_sinh(arb_poly_t y, const arb_poly_t a, slong order, slong prec) {
  arb_poly_sinh_series(y, a, order, prec);
}
static void jet_cosh(arb_poly_t y, const arb_poly_t a, slong order, slong prec) {
  arb_poly_cosh_series(y, a, order, prec);
}
static void jet_erf(arb_poly_t y, const arb_poly_t a, slong order, slong prec) {
  arb_hypgeom_erf_series(y, a, order, prec);
}
static void jet_atan(arb_poly_t y, const arb_poly_t a, slong order, slong prec) {
  arb_poly_atan_series(y, a, order, prec);
}

/* y' = a'/sqrt(1+a^2) */
static void jet_asinh(arb_poly_t y, const arb_poly_t a, slong order, slong prec) {
  arb_t c;
  arb_poly_t t;
  arb_init(c);
  arb_poly_init(t);
  arb_poly_get_coeff_arb(c, a, 0);
  arb_asinh(c, c, prec);
  arb_poly_mullow(t, a, a, order, prec);
  arb_poly_add_si(t, t, 1, prec);
  arb_poly_rsqrt_series(t, t, order, prec);
  arb_poly_derivative(y, a, prec);
  arb_poly_mullow(y, y, t, order - 1, prec);
  arb_poly_integral(y, y, prec);
  arb_poly_set_coeff_arb(y, 0, c);
  arb_clear(c);
  arb_poly_clear(t);
}

static void jet_function(arb_poly_t y, sl_gate_op op, const arb_poly_t a, slong order, slong prec) {
  static void (*const functions[SL_OP_COUNT])(arb_poly_t, const arb_poly_t, slong, slong) = {
#define SL_FUNCTION(op, name) [SL_OP_##op] = jet_##name,
#include "functions.def"
#undef SL_FUNCTION
  };
  if (functions[op])
    functions[op](y, a, order, prec);
  else
    jet_unknown(y, order);
}

static void jet_power(arb_poly_t y, const sl_ball *b, const sl_gate_node *n, const arb_poly_t a,
                      slong order, slong prec) {
  int64_t p, q;
  arb_t e;
  arb_init(e);
  arb_poly_get_coeff_arb(e, a, 0);
  if (!sl_tree_rational(b->tree, n->child[1], &p, &q) || (p == 0 && !arb_is_finite(e))) {
    jet_unknown(y, order);
  } else if (p == 0) {
    arb_poly_one(y);
  } else if (q == 1 && p > 0) {
    arb_poly_pow_ui_trunc_binexp(y, a, (ulong)p, order, prec);
  } else if (q == 1) {
    arb_poly_pow_ui_trunc_binexp(y, a, (ulong)-p, order, prec);
    arb_poly_inv_series(y, y, order, prec);
  } else {
    arb_set_si(e, p);
    arb_div_si(e, e, q, prec);
    arb_poly_log_series(y, a, order, prec);
    arb_poly_scalar_mul(y, y, e, prec);
    arb_poly_exp_series(y, y, order, prec);
  }
  arb_clear(e);
}

static void jet_leaf(arb_poly_t y, const sl_gate_node *n, const arb_t r, arb_srcptr box,
                     slong order, slong prec) {
  sl_flow t;
  arb_init(t.v), arb_init(t.d), arb_init(t.l);
  sl_ball_leaf(&t, n, r, box, prec);
  arb_poly_zero(y);
  arb_poly_set_coeff_arb(y, 0, t.v);
  if (order > 1) arb_poly_set_coeff_arb(y, 1, t.d);
  arb_clear(t.v), arb_clear(t.d), arb_clear(t.l);
}

static void jet_node(sl_ball *b, sl_ref i, const arb_t r, arb_srcptr box, slong order, slong prec) {
  const sl_gate_node *n = &b->tree->node[i];
  arb_poly_struct *y = &b->poly[i];
  const int arity = sl_op_arity(n->op);
  if (arity == 0) {
    jet_leaf(y, n, r, box, order, prec);
    return;
  }
  if (sl_op_is_switch(n->op)) {
    jet_switch(y, b, n, order);
    return;
  }
  const arb_poly_struct *a = &b->poly[n->child[0]], *c = &b->poly[n->child[arity > 1 ? 1 : 0]];
  switch (n->op) {
    case SL_OP_NEG:
      arb_poly_neg(y, a);
      break;
    case SL_OP_ADD:
      arb_poly_add(y, a, c, prec);
      break;
    case SL_OP_SUB:
      arb_poly_sub(y, a, c, prec);
      break;
    case SL_OP_MUL:
      arb_poly_mullow(y, a, c, order, prec);
      break;
    case SL_OP_DIV:
      arb_poly_div_series(y, a, c, order, prec);
      break;
    case SL_OP_POW:
      jet_power(y, b, n, a, order, prec);
      break;
    default:
      jet_function(y, n->op, a, order, prec);
      break;
  }
}

void sl_ball_jet(sl_ball *b, const arb_t r, arb_srcptr box, slong order, slong prec) {
  for (uint32_t i = 0; i < b->tree->count; i++) {
    if (!b->live[i]) continue;
    jet_node(b, i, r, box, order, prec);
    if (i == b->inner && order > 1) {
      arb_poly_truncate(&b->poly[i], 1);
      arb_poly_set_coeff_si(&b->poly[i], 1, b->inner_sign);
    }
  }
}
