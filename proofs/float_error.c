/* How far a gate's computed weight may lie from the true one (spec G5.2). Over a block of
 * neighbouring ratios every node of the tree has a ball that holds its true and its computed
 * values; its error is what its children's errors become through it, plus the rounding of its own
 * operation. Roundings: u = 2^-53 of the result for a basic operation, functions64_bounds.def for
 * the others, 2^-1074 below. */
#include "float_error.h"

#include "proofs/prover/arb_function.h"
#include "proofs/prover/ball.h"

#include <math.h>
#include <stdlib.h>

static double up(const arb_t x) { /* upper bound of |x| */
  mag_t m;
  mag_init(m);
  arb_get_mag(m, x);
  const double d = mag_get_d(m);
  mag_clear(m);
  return arb_is_finite(x) ? d * (1 + 0x1p-29) : (double)INFINITY;
}
static double down(const arb_t x) { /* lower bound of |x| */
  mag_t m;
  mag_init(m);
  arb_get_mag_lower(m, x);
  const double d = mag_get_d(m);
  mag_clear(m);
  return d * (1 - 0x1p-29);
}

/* Rounding of the node's own operation, in units of 2^-53 of the result. */
static double own_units(const sl_tree *tree, const sl_gate_node *n, const arb_t base) {
  int64_t p, q;
  switch (n->op) {
#define SL_FN64_ULP(op, name, bound, low, high) \
  case SL_OP_##op:                              \
    return 2.0 * (bound);
#include "kernels/gate/functions64_bounds.def"
#undef SL_FN64_ULP
    case SL_OP_SOFTSIGN:
      return 4;
    case SL_OP_NUM:
    case SL_OP_PI:
    case SL_OP_E:
    case SL_OP_ADD:
    case SL_OP_SUB:
    case SL_OP_MUL:
    case SL_OP_DIV:
    case SL_OP_SQRT:
      return 1;
    case SL_OP_POW: { /* a product chain of n factors: n + 2; exp(q log a): the exponent's error is
                       * |q log a| (4 + 1 + 1) units, exp adds 4
                       */
      if (!sl_tree_rational(tree, n->child[1], &p, &q)) return INFINITY;
      if (q <= 2 && llabs(p) <= 128) return (double)llabs(p) + 3;
      arb_t t;
      arb_init(t);
      arb_log(t, base, 64);
      const double units = 6 * up(t) * fabs((double)p / (double)q) + 6;
      arb_clear(t);
      return units;
    }
    default:
      return 0;
  }
}

/* What the children's errors become, to first order with the balls already widened by them. */
static double carried(const sl_ball *b, const sl_gate_node *n, const double *e, const arb_t v,
                      slong prec) {
  const int arity = sl_op_arity(n->op);
  const double ea = arity > 0 ? e[n->child[0]] : 0, eb = arity > 1 ? e[n->child[1]] : 0;
  const arb_struct *a = arity > 0 ? b->flow[n->child[0]].v : NULL,
                   *c = arity > 1 ? b->flow[n->child[1]].v : NULL;
  switch (n->op) {
    case SL_OP_NEG:
    case SL_OP_ABS:
      return ea;
    case SL_OP_ADD:
    case SL_OP_SUB:
      return ea + eb;
    case SL_OP_MUL:
      return up(a) * eb + up(c) * ea;
    case SL_OP_DIV:
      return (ea + up(v) * eb) / down(c);
    case SL_OP_MIN:
    case SL_OP_MAX:
      return fmax(ea, eb);
    case SL_OP_PICK:
      return fmax(
          e[n->child[2]],
          e[n->child[3]]); /* a decision within its error makes the node's ball indeterminate */
    case SL_OP_SIGN:
      return 0;
    default:
      break;
  }
  if (ea == 0) return 0;
  /* |F'| over the widened ball, from the flow's derivative with child slope 1 */
  sl_ball f;
  sl_tree one;
  arb_t x;
  sl_tree_init(&one);
  const sl_ref r = sl_tree_unary(&one, SL_OP_R, SL_NO_REF);
  int64_t p = 0, q = 1;
  sl_ref root;
  if (n->op == SL_OP_POW) {
    if (!sl_tree_rational(b->tree, n->child[1], &p, &q)) {
      sl_tree_clear(&one);
      return INFINITY;
    }
    root =
        sl_tree_binary(&one, SL_OP_POW, r,
                       sl_tree_binary(&one, SL_OP_DIV, sl_tree_int(&one, p), sl_tree_int(&one, q)));
  } else {
    root = sl_tree_unary(&one, n->op, r);
  }
  arb_init(x);
  sl_ball_init(&f, &one, root, SL_NO_REF);
  arb_set(x, a);
  sl_ball_flow(&f, x, NULL, prec);
  const double slope = up(f.flow[root].d);
  sl_ball_clear(&f);
  arb_clear(x);
  sl_tree_clear(&one);
  return slope * ea;
}

static double expression_error(const sl_tree *tree, sl_ref w, const arb_t r, arb_t value) {
  sl_ball b;
  sl_ball_init(&b, tree, w, SL_NO_REF);
  double *e = calloc((size_t)w + 1, sizeof *e);
  if (!e) flint_abort();
  sl_ball_flow(&b, r, NULL, 64);
  for (uint32_t i = 0; i <= w; i++) {
    if (!b.live[i]) continue;
    const sl_gate_node *n = &tree->node[i];
    sl_ball_refresh(&b, i, r, NULL, 64); /* from children already widened */
    arb_struct *v = b.flow[i].v;
    const double base = up(v);
    e[i] = carried(&b, n, e, v, 64);
    e[i] = (e[i] + own_units(tree, n, sl_op_arity(n->op) ? b.flow[n->child[0]].v : v) * 0x1p-53 *
                       (base + e[i])) *
           (1 + 0x1p-20);
    if (n->op != SL_OP_R && n->op != SL_OP_NEG && n->op != SL_OP_ABS) e[i] += 0x1p-1074;
    if (!(e[i] < 1e300)) e[i] = INFINITY;
    if (isfinite(e[i])) {
      mag_t m;
      mag_init(m);
      mag_set_d(m, e[i]);
      arb_add_error_mag(v, m);
      mag_clear(m);
    } else {
      arb_indeterminate(v);
    }
  }
  const double error = e[w];
  arb_set(value, b.flow[w].v);
  free(e);
  sl_ball_clear(&b);
  return error;
}

/* Relative distance of z = RN(tau32 RN(r - 1)) from tau (r - 1), up to second order: tau's own
 * rounding; the difference's, which is exact on [1/2, 2] (Sterbenz) and, as long as the spacing of
 * floats is at most 1, above; the product's, exact for a power of two. */
static double argument_error(const sl_gate *gate, int positive, double tau_error, float low,
                             float high) {
  int binade;
  const int exact_difference = low >= 0.5f && high <= 0x1p24f,
            power_of_two = frexpf(gate->tau[positive], &binade) == 0.5f;
  return tau_error + (exact_difference ? 0 : 0x1p-24) + (power_of_two ? 0 : 0x1p-24);
}

/* A kernel's weight is W(z) correctly rounded, z off by a relative `off` of at most 3 * 2^-24, and
 * |dW| <= |z W'(z)| times that, W' taken over z widened by as much. z W'(z) = (r - 1) dw/dr. */
static double kernel_error(const sl_tree *tree, sl_ref w, const arb_t r, double off, arb_t value) {
  sl_ball b;
  arb_t wide, t;
  arb_init(wide), arb_init(t);
  arb_sub_ui(t, r, 1, 64);
  mag_t m;
  mag_init(m);
  arb_get_mag(m, t);
  mag_mul_2exp_si(m, m, -22);
  arb_set(wide, r);
  arb_add_error_mag(wide, m);
  mag_clear(m);
  sl_ball_init(&b, tree, w, SL_NO_REF);
  sl_ball_flow(&b, wide, NULL, 64);
  arb_set(value, b.flow[w].v);
  arb_sub_ui(t, wide, 1, 64);
  arb_mul(t, t, b.flow[w].d, 64);
  double error = off == 0 ? 0 : up(t) * off * (1 + 0x1p-20);
  if (!isfinite(error))
    error = 2 * mag_get_d(arb_radref(value)) *
            (1 + 0x1p-20); /* a kink in the block: both values lie in the ball */
  sl_ball_clear(&b);
  arb_clear(wide), arb_clear(t);
  return error;
}

double sl_float_error(const sl_float_weight *k, float low, float high, double *min_w) {
  arb_t r, a, b, value;
  arb_init(r), arb_init(a), arb_init(b), arb_init(value);
  arb_set_d(a, (double)low);
  arb_set_d(b, (double)high);
  arb_union(r, a, b, 64);
  double error;
  if (k->gate->family[k->positive] == SL_GATE_EXPRESSION)
    error = expression_error(&k->form, k->form_w, r, value);
  else
    error = kernel_error(&k->form, k->form_w, r,
                         argument_error(k->gate, k->positive, k->tau_error, low, high), value);
  *min_w = arb_is_finite(value) ? down(value) : 0;
  arb_clear(r), arb_clear(a), arb_clear(b), arb_clear(value);
  return error;
}

double sl_float_apart(const sl_float_weight *k, float low, float high, float w_low, float w_high,
                      double *min_w) {
  sl_ball b;
  arb_t r, t;
  arb_init(r), arb_init(t);
  arb_set_d(r, (double)low);
  arb_set_d(t, (double)high);
  arb_union(r, r, t, 128);
  sl_ball_init(&b, &k->form, k->form_w, SL_NO_REF);
  b.ties = 1;
  sl_ball_flow(&b, r, NULL, 128);
  const arb_struct *v = b.flow[k->form_w].v;
  double apart = 0;
  for (int i = 0; i < 2; i++) {
    arb_set_d(t, (double)(i ? w_high : w_low));
    arb_sub(t, t, v, 128);
    apart = fmax(apart, up(t));
  }
  *min_w = arb_is_finite(v) ? down(v) : 0;
  sl_ball_clear(&b);
  arb_clear(r), arb_clear(t);
  return apart;
}

double sl_float_ulps(const sl_float_weight *k, float r, float got) {
  sl_ball b;
  arb_t x, d;
  double ulps = -1;
  arb_init(x), arb_init(d);
  arb_set_d(x, (double)r);
  sl_ball_init(&b, &k->tree, k->w, SL_NO_REF);
  b.ties = 1;
  for (slong prec = 128; prec <= 512 && ulps < 0; prec *= 2) {
    sl_ball_flow(&b, x, NULL, prec);
    const arb_struct *v = b.flow[k->w].v;
    if (!arb_is_finite(v) || !isfinite(got)) continue;
    int binade;
    frexp(arf_get_d(arb_midref(v), ARF_RND_DOWN), &binade);
    arb_set_d(d, (double)got);
    arb_sub(d, d, v, prec);
    arb_mul_2exp_si(d, d, binade - 24 > -149 ? 24 - binade : 149);
    if (mag_cmp_2exp_si(arb_radref(d), -20) < 0)
      ulps = fabs(arf_get_d(arb_midref(d), ARF_RND_NEAR));
  }
  sl_ball_clear(&b);
  arb_clear(x), arb_clear(d);
  return ulps;
}
