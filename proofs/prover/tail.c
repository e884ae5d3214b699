/* Tail forms of the nodes of a tree, and what the root's form says of r -> inf (see tail.h). */
#include "proofs/prover/tail_form.h"

#include <arb_hypgeom.h>
#include <math.h>
#include <stdlib.h>

static void not_ok(sl_tail_form *y) { sl_form_init(y); }

static void constant_si(sl_tail *t, sl_tail_form *y, slong value) {
  arb_t c;
  arb_init(c);
  arb_set_si(c, value);
  sl_form_constant(t, y, c, sl_exact_int(t->field, value));
  arb_clear(c);
}

static void leaf(sl_tail *t, sl_tail_form *y, const sl_gate_node *n) {
  sl_field *k = t->field;
  sl_exact e = NULL;
  switch (n->op) {
    case SL_OP_R:
      sl_form_r(t, y);
      return;
    case SL_OP_NUM:
      e = sl_exact_decimal(k, n->num);
      break;
    case SL_OP_PARAM:
      e = sl_exact_parameter(k, n->param);
      break;
    case SL_OP_PI:
      e = sl_exact_mul(k, sl_exact_sqrt_pi(k), sl_exact_sqrt_pi(k));
      break;
    case SL_OP_E:
      e = sl_exact_e(k);
      break;
    default:
      break;
  }
  arb_t c;
  arb_init(c);
  sl_exact_ball(c, k, e, t->prec);
  sl_form_constant(t, y, c, e);
  arb_clear(c);
}

static sl_ref squared(const sl_tree *tree, const sl_gate_node *n) {
  const int square = (n->op == SL_OP_MUL && n->child[0] == n->child[1]) || (n->op == SL_OP_POW && sl_tree_is_int(tree, n->child[1], 2));
  return square ? n->child[0] : SL_NO_REF;
}

/* z*z and z^2 are one atom: the first node that is either. */
static sl_ref first_square(const sl_tail *t, sl_ref ref) {
  const sl_ref z = squared(t->tree, &t->tree->node[ref]);
  for (uint32_t i = 0; z != SL_NO_REF && i < ref; i++)
    if (t->form[i].ok && squared(t->tree, &t->tree->node[i]) == z) return i;
  return ref;
}

/* Writes p/q times node ref as a combination of atoms: sums, differences, signs and rational factors are taken apart. */
static void decompose(const sl_tail *t, sl_ref ref, slong p, slong q, sl_tail_form *out, int depth) {
  const sl_tree *tree = t->tree;
  const sl_gate_node *n = &tree->node[ref];
  int64_t a, b;
  if (depth < 50) switch (n->op) {
      case SL_OP_NEG:
        decompose(t, n->child[0], -p, q, out, depth + 1);
        return;
      case SL_OP_ADD:
      case SL_OP_SUB:
        decompose(t, n->child[0], p, q, out, depth + 1);
        decompose(t, n->child[1], n->op == SL_OP_ADD ? p : -p, q, out, depth + 1);
        return;
      case SL_OP_MUL:
        for (int k = 0; k < 2; k++)
          if (sl_tree_rational(tree, n->child[k], &a, &b) && a != 0 && labs(a * p) < 1000000 && b * q < 1000000) {
            decompose(t, n->child[1 - k], p * a, q * b, out, depth + 1);
            return;
          }
        break;
      case SL_OP_DIV:
        if (sl_tree_rational(tree, n->child[1], &a, &b) && a > 0 && a * q < 1000000 && labs(b * p) < 1000000) {
          decompose(t, n->child[0], p * b, q * a, out, depth + 1);
          return;
        }
        break;
      default:
        break;
    }
  sl_tail_form one;
  sl_form_init(&one);
  one.ok = 1, one.atoms = 1;
  one.h[0] = (sl_tail_atom){p, q, first_square(t, ref)};
  sl_tail_form sum;
  /* atoms are added by a product of exponentials whose cofactors are 1 */
  sl_tail product = {.prec = 64};
  out->m = one.m = 1;
  arb_poly_one(out->c), arb_poly_one(one.c);
  sl_form_mul(&product, &sum, out, &one);
  sl_form_clear(out);
  sl_form_clear(&one);
  *out = sum;
}

/* exp of p/q times node ref, whose form is a: a pole becomes h. */
static void exponential(sl_tail *t, sl_tail_form *y, sl_ref ref, slong p, slong q) {
  sl_tail_form a;
  sl_form_scale(t, &a, &t->form[ref], p, q);
  if (!sl_form_is_pole(&a)) {
    sl_form_plain(t, y, &a);
    y->zero = 0;
    arb_poly_exp_series(y->c, y->c, y->m, t->prec);
    y->s = sl_series_function(t->field, SL_OP_EXP, &y->s);
  } else {
    sl_form_init(y);
    y->ok = a.atoms == 0;
    if (y->ok) decompose(t, ref, p, q, y, 0);
    for (int i = 0; i < y->atoms; i++) y->ok &= t->form[y->h[i].atom].ok;
    arb_poly_one(y->c);
    y->m = SL_TAIL_TERMS;
    y->vp = 0, y->vq = 1, y->zero = 0;
    y->s = sl_series_constant(t->field, sl_exact_int(t->field, 1));
  }
  sl_form_clear(&a);
}

/* 1 / (1 + exp(-p/q a)), with exp of the sign that vanishes */
static void sigmoid(sl_tail *t, sl_tail_form *y, sl_ref ref, slong p, slong q) {
  const sl_tail_form *a = &t->form[ref];
  const int sign = sl_form_is_pole(a) ? sl_form_sign(a) * (p > 0 ? 1 : -1) : 1;
  if (!a->ok || sign == 0) {
    not_ok(y);
    return;
  }
  sl_tail_form e, one, sum, inverse;
  exponential(t, &e, ref, sign > 0 ? -p : p, q);
  constant_si(t, &one, 1);
  sl_form_add(t, &sum, &one, &e);
  sl_form_power(t, &inverse, &sum, -1, 1);
  if (sign > 0)
    sl_form_copy(y, &inverse);
  else
    sl_form_mul(t, y, &e, &inverse);
  sl_form_clear(&e), sl_form_clear(&one), sl_form_clear(&sum), sl_form_clear(&inverse);
}

static void affine(sl_tail *t, sl_tail_form *y, const sl_tail_form *a, slong p, slong q, slong offset) {
  sl_tail_form s, c;
  sl_form_scale(t, &s, a, p, q);
  constant_si(t, &c, offset);
  sl_form_add(t, y, &s, &c);
  sl_form_clear(&s), sl_form_clear(&c);
}

static void tangent(sl_tail *t, sl_tail_form *y, sl_ref ref) { /* 2 sigmoid(2a) - 1 */
  sl_tail_form s;
  sigmoid(t, &s, ref, 2, 1);
  affine(t, y, &s, 2, 1, -1);
  sl_form_clear(&s);
}

static void hyperbolic(sl_tail *t, sl_tail_form *y, sl_ref ref, int cosine) {
  sl_tail_form a, b, s, m;
  exponential(t, &a, ref, 1, 1);
  exponential(t, &b, ref, -1, 1);
  sl_form_scale(t, &m, &b, cosine ? 1 : -1, 1);
  sl_form_add(t, &s, &a, &m);
  sl_form_scale(t, y, &s, 1, 2);
  sl_form_clear(&a), sl_form_clear(&b), sl_form_clear(&s), sl_form_clear(&m);
}

/* A smooth function of a bounded argument. */
static void smooth(sl_tail *t, sl_tail_form *y, sl_gate_op op, const sl_tail_form *a) {
  arb_poly_t x;
  arb_poly_init(x);
  sl_form_plain(t, y, a);
  arb_poly_set(x, y->c);
  switch (op) {
    case SL_OP_ATAN:
      arb_poly_atan_series(y->c, x, y->m, t->prec);
      break;
    case SL_OP_ERF:
      arb_hypgeom_erf_series(y->c, x, y->m, t->prec);
      break;
    case SL_OP_SIN:
      arb_poly_sin_series(y->c, x, y->m, t->prec);
      break;
    case SL_OP_COS:
      arb_poly_cos_series(y->c, x, y->m, t->prec);
      break;
    case SL_OP_LOG:
      arb_poly_log_series(y->c, x, y->m, t->prec);
      break;
    default:
      y->ok = 0;
      break;
  }
  y->zero = 0;
  y->s = sl_series_function(t->field, op, &y->s);
  /* an exact zero at u = 0 is a leading term that vanishes: a sum with zero drops it */
  sl_tail_form zero, sum;
  constant_si(t, &zero, 0);
  zero.zero = 0;
  sl_form_add(t, &sum, y, &zero);
  sl_form_clear(y), sl_form_clear(&zero);
  *y = sum;
  arb_poly_clear(x);
}

/* sign pi/2 - atan(1/a) for a pole a */
static void arctangent(sl_tail *t, sl_tail_form *y, const sl_tail_form *a) {
  const int sign = sl_form_sign(a);
  if (!sl_form_is_pole(a)) {
    smooth(t, y, SL_OP_ATAN, a);
    return;
  }
  if (!sign) {
    not_ok(y);
    return;
  }
  sl_tail_form inverse, at, minus, half;
  arb_t c;
  arb_init(c);
  arb_const_pi(c, t->prec);
  arb_mul_si(c, c, sign, t->prec);
  arb_mul_2exp_si(c, c, -1);
  const sl_exact root = sl_exact_sqrt_pi(t->field);
  sl_form_constant(t, &half, c, sl_exact_mul(t->field, sl_exact_ratio(t->field, sign, 2), sl_exact_mul(t->field, root, root)));
  sl_form_power(t, &inverse, a, -1, 1);
  smooth(t, &at, SL_OP_ATAN, &inverse);
  sl_form_negate(t, &minus, &at);
  sl_form_add(t, y, &half, &minus);
  arb_clear(c);
  sl_form_clear(&inverse), sl_form_clear(&at), sl_form_clear(&minus), sl_form_clear(&half);
}

/* erf at a pole: sign - sign erfc(|a|), where erfc(x) is in [0, exp(-x^2)] and only its value is used. */
static void error_function(sl_tail *t, sl_tail_form *y, const sl_tail_form *a) {
  const int sign = sl_form_sign(a);
  if (!sl_form_is_pole(a)) {
    smooth(t, y, SL_OP_ERF, a);
    return;
  }
  if (!sign) {
    not_ok(y);
    return;
  }
  sl_tail_form square, minus;
  arb_poly_t flat, one;
  arb_t c;
  arb_init(c);
  arb_poly_init(flat), arb_poly_init(one);
  arb_poly_one(one);
  sl_form_mul(t, &square, a, a);
  sl_form_negate(t, &minus, &square);
  constant_si(t, y, sign);
  y->ok = sl_form_flat(t, flat, &minus, 0, 1, one, 1);
  y->m = 1;
  arb_poly_get_coeff_arb(c, flat, 0);
  arb_mul_si(c, c, -sign, t->prec);
  arb_add_si(c, c, sign, t->prec);
  arb_poly_set_arb(y->c, c);
  arb_clear(c);
  arb_poly_clear(flat), arb_poly_clear(one);
  sl_form_clear(&square), sl_form_clear(&minus);
}

/* sin and cos of a pole: in [-1, 1], nothing known of slopes. */
static void wave(sl_tail *t, sl_tail_form *y, sl_gate_op op, const sl_tail_form *a) {
  if (!sl_form_is_pole(a)) {
    smooth(t, y, op, a);
    return;
  }
  arb_t c;
  arb_init(c);
  arb_zero(c);
  mag_one(arb_radref(c));
  sl_form_constant(t, y, c, NULL);
  y->m = 1;
  y->s.n = 0;
  arb_clear(c);
}

/* log of a positive bounded argument that stays away from 0. */
static void logarithm(sl_tail *t, sl_tail_form *y, const sl_tail_form *a) {
  if (a->ok && !a->zero && a->vp == 0 && a->atoms == 0 && sl_form_sign(a) > 0)
    smooth(t, y, SL_OP_LOG, a);
  else
    not_ok(y);
}

static void undecided_switch(sl_tail *t, sl_tail_form *y, const sl_gate_node *n) {
  const sl_tail_form *a = &t->form[n->child[0]];
  sl_tail_form gap, minus;
  int sign;
  if (n->op == SL_OP_ABS || n->op == SL_OP_SIGN || n->op == SL_OP_SOFTSIGN) {
    sign = sl_form_sign(a);
  } else {
    sl_form_negate(t, &minus, &t->form[n->child[1]]);
    sl_form_add(t, &gap, a, &minus);
    sign = sl_form_sign(&gap);
    sl_form_clear(&gap), sl_form_clear(&minus);
  }
  if (sign == 0 || n->op == SL_OP_SOFTSIGN) {
    not_ok(y);
    return;
  }
  switch (n->op) {
    case SL_OP_ABS:
      sl_form_scale(t, y, a, sign, 1);
      break;
    case SL_OP_SIGN:
      constant_si(t, y, sign);
      break;
    case SL_OP_MIN:
      sl_form_copy(y, sign < 0 ? a : &t->form[n->child[1]]);
      break;
    case SL_OP_MAX:
      sl_form_copy(y, sign > 0 ? a : &t->form[n->child[1]]);
      break;
    default:
      sl_form_copy(y, &t->form[n->child[sign < 0 ? 2 : 3]]);
      break;
  }
}

static void node_form(sl_tail *t, sl_ref i) {
  const sl_gate_node *n = &t->tree->node[i];
  sl_tail_form *y = &t->form[i], x;
  const sl_tail_form *a = sl_op_arity(n->op) > 0 ? &t->form[n->child[0]] : NULL, *b = sl_op_arity(n->op) > 1 ? &t->form[n->child[1]] : NULL;
  int64_t p, q;
  switch (n->op) {
    case SL_OP_NEG:
      sl_form_negate(t, y, a);
      break;
    case SL_OP_ADD:
      sl_form_add(t, y, a, b);
      break;
    case SL_OP_SUB:
      sl_form_negate(t, &x, b);
      sl_form_add(t, y, a, &x);
      sl_form_clear(&x);
      break;
    case SL_OP_MUL:
      sl_form_mul(t, y, a, b);
      break;
    case SL_OP_DIV:
      sl_form_power(t, &x, b, -1, 1);
      sl_form_mul(t, y, a, &x);
      sl_form_clear(&x);
      break;
    case SL_OP_POW:
      if (sl_tree_rational(t->tree, n->child[1], &p, &q))
        sl_form_power(t, y, a, p, q);
      else
        not_ok(y);
      break;
    case SL_OP_SQRT:
      sl_form_power(t, y, a, 1, 2);
      break;
    case SL_OP_EXP:
      exponential(t, y, n->child[0], 1, 1);
      break;
    case SL_OP_EXPM1:
      exponential(t, &x, n->child[0], 1, 1);
      affine(t, y, &x, 1, 1, -1);
      sl_form_clear(&x);
      break;
    case SL_OP_SIGMOID:
      sigmoid(t, y, n->child[0], 1, 1);
      break;
    case SL_OP_TANH:
      tangent(t, y, n->child[0]);
      break;
    case SL_OP_SINH:
    case SL_OP_COSH:
      hyperbolic(t, y, n->child[0], n->op == SL_OP_COSH);
      break;
    case SL_OP_ATAN:
      arctangent(t, y, a);
      break;
    case SL_OP_ERF:
      error_function(t, y, a);
      break;
    case SL_OP_SIN:
    case SL_OP_COS:
      wave(t, y, n->op, a);
      break;
    case SL_OP_LOG:
      logarithm(t, y, a);
      break;
    case SL_OP_LOG1P:
      affine(t, &x, a, 1, 1, 1);
      logarithm(t, y, &x);
      sl_form_clear(&x);
      break;
    case SL_OP_PICK:
    case SL_OP_MIN:
    case SL_OP_MAX:
    case SL_OP_ABS:
    case SL_OP_SIGN:
    case SL_OP_SOFTSIGN:
      undecided_switch(t, y, n);
      break;
    default:
      if (a)
        not_ok(y);
      else
        leaf(t, y, n);
  }
}

/* Has the node a value for all r >= R, its children having one? Growth that the forms cannot express (log r) does not matter here. A switch
 * that is not decided might jump. */
static int has_value(const sl_tail *t, sl_ref i) {
  const sl_gate_node *n = &t->tree->node[i];
  const int arity = sl_op_arity(n->op), a = arity > 0 ? sl_form_sign(&t->form[n->child[0]]) : 0,
            b = arity > 1 ? sl_form_sign(&t->form[n->child[1]]) : 0;
  int64_t p, q;
  switch (n->op) {
    case SL_OP_DIV:
      return b != 0;
    case SL_OP_LOG:
    case SL_OP_SQRT:
      return a > 0;
    case SL_OP_LOG1P:
      return a > 0 || t->form[i].ok;
    case SL_OP_POW:
      return sl_tree_rational(t->tree, n->child[1], &p, &q) && ((q == 1 && p >= 0) || a > 0 || (q == 1 && a));
    case SL_OP_PICK:
    case SL_OP_SIGN:
    case SL_OP_SOFTSIGN:
      return t->form[i].ok;
    default:
      return 1;
  }
}

void sl_tail_fact_init(sl_tail_fact *fact) {
  *fact = (sl_tail_fact){.defined = 0};
  arb_init(fact->limit);
  arb_indeterminate(fact->limit);
  arb_init(fact->range);
  arb_indeterminate(fact->range);
}
void sl_tail_fact_clear(sl_tail_fact *fact) {
  arb_clear(fact->limit);
  arb_clear(fact->range);
}

/* g'/g = -u^2 (h_u + v/u + c_u/c) has the sign of -T, T = v + u c1/c + u h_u. With h = u^vh ch: u h_u = u^vh (vh ch + u ch1); where vh < 0
 * all is multiplied by u^-vh > 0. */
static int slope_sign(sl_tail *t, const sl_tail_form *g, const sl_tail_form *h) {
  arb_t total, x, c;
  arb_init(total), arb_init(x), arb_init(c);
  const int sign = sl_form_sign(g);
  int result = 0;
  if (sign && g->m >= 2 && (!g->atoms || (h->ok && h->m >= 2))) {
    arb_poly_get_coeff_arb(x, g->c, 1);
    arb_poly_get_coeff_arb(c, g->c, 0);
    arb_div(x, x, c, t->prec);
    arb_mul(x, x, t->u, t->prec);
    arb_set_si(total, g->vp);
    arb_div_si(total, total, g->vq, t->prec);
    arb_add(total, total, x, t->prec);
    if (g->atoms && !h->zero) {
      arb_t v, power;
      arb_init(v), arb_init(power);
      arb_set_si(v, h->vp < 0 ? -h->vp : h->vp);
      arb_div_si(v, v, h->vq, t->prec);
      arb_one(power);
      arb_mul_2exp_si(power, power, -t->exponent);
      arb_pow(power, power, v, t->prec); /* u0^|vh| */
      arb_zero(x);
      arb_union(power, power, x, t->prec);
      if (h->vp < 0) arb_mul(total, total, power, t->prec);
      arb_poly_get_coeff_arb(x, h->c, 1);
      arb_mul(x, x, t->u, t->prec);
      arb_poly_get_coeff_arb(c, h->c, 0);
      if (h->vp < 0) arb_neg(v, v);
      arb_mul(c, c, v, t->prec);
      arb_add(x, x, c, t->prec);
      if (h->vp >= 0) arb_mul(x, x, power, t->prec);
      arb_add(total, total, x, t->prec);
      arb_clear(v), arb_clear(power);
    }
    if (arb_is_finite(total)) result = arb_is_positive(total) ? -sign : arb_is_negative(total) ? sign : 0;
  }
  arb_clear(total), arb_clear(x), arb_clear(c);
  return result;
}

/* g over all r >= R: u^v c for v >= 0, or a flat function. */
static void enclose(sl_tail *t, arb_t range, const sl_tail_form *g, const sl_tail_form *h) {
  if (g->atoms && sl_form_is_pole(h)) {
    arb_poly_t flat;
    arb_poly_init(flat);
    if (sl_form_sign(h) < 0 && sl_form_flat(t, flat, h, g->vp, g->vq, g->c, 1)) arb_poly_get_coeff_arb(range, flat, 0);
    arb_poly_clear(flat);
    return;
  }
  if (g->atoms || g->vp < 0) return;
  arb_t v, u;
  arb_init(v), arb_init(u);
  arb_set_si(v, g->vp);
  arb_div_si(v, v, g->vq, t->prec);
  arb_one(u);
  arb_mul_2exp_si(u, u, -t->exponent);
  arb_pow(u, u, v, t->prec);
  arb_poly_get_coeff_arb(range, g->c, 0);
  if (g->vp > 0) {
    arb_zero(v);
    arb_union(u, u, v, t->prec);
  }
  arb_mul(range, range, u, t->prec);
  arb_clear(v), arb_clear(u);
}

/* Where g tends to a limit that is no zero, what moves is g - limit. */
static int slope_about_limit(sl_tail *t, const sl_tail_form *g, const sl_tail_form *h) {
  if (g->atoms || g->vp != 0 || g->s.n == 0) return 0;
  arb_t c;
  sl_tail_form limit, rest;
  arb_init(c);
  const sl_exact minus = sl_exact_neg(t->field, g->s.c[0]);
  sl_exact_ball(c, t->field, minus, t->prec);
  sl_form_constant(t, &limit, c, minus);
  sl_form_add(t, &rest, g, &limit);
  const int sign = rest.ok && !rest.zero ? slope_sign(t, &rest, h) : 0;
  arb_clear(c);
  sl_form_clear(&limit), sl_form_clear(&rest);
  return sign;
}

static void describe(sl_tail *t, sl_tail_fact *fact, const sl_tail_form *g) {
  arb_t c;
  sl_tail_form h;
  arb_init(c);
  sl_form_exponent(t, &h, g->h, g->atoms);
  const int pole = g->atoms && sl_form_is_pole(&h), down = pole ? sl_form_sign(&h) : 0;
  arb_poly_get_coeff_arb(c, g->c, 0);
  fact->defined = g->ok && arb_is_finite(c) && h.ok && g->m >= 1;
  fact->sign = sl_form_sign(g);
  if (fact->defined) enclose(t, fact->range, g, &h);
  if (fact->defined && !g->zero) fact->slope_sign = slope_sign(t, g, &h);
  if (fact->defined && !g->zero && !fact->slope_sign) fact->slope_sign = slope_about_limit(t, g, &h);
  const int bounded_h = !g->atoms || (h.ok && !pole);
  const int small = g->zero || (pole && down < 0) || (bounded_h && g->vp > 0);
  if (fact->defined && small) {
    fact->limit_zero = 1;
    arb_zero(fact->limit);
  } else if (fact->defined && bounded_h && g->vp == 0 && !g->atoms && fact->sign) {
    fact->limit_nonzero = 1;
    sl_exact_ball(fact->limit, t->field, g->s.n ? g->s.c[0] : NULL, t->prec);
    if (!arb_is_finite(fact->limit)) arb_set(fact->limit, c);
  } else if (fact->defined && fact->sign && ((pole && down > 0) || (bounded_h && g->vp < 0))) {
    fact->unbounded = 1;
  }
  if (fact->defined && fact->sign && pole && down) {
    fact->kind = SL_TAIL_EXPONENTIAL;
    fact->order = -(double)h.vp / (double)h.vq;
  } else if (fact->defined && fact->sign && bounded_h) {
    fact->kind = SL_TAIL_POLYNOMIAL;
    fact->order = (double)g->vp / (double)g->vq;
  }
  sl_form_clear(&h);
  arb_clear(c);
}

void sl_tail_examine(sl_tail_fact *fact, sl_field *field, const sl_tree *tree, sl_ref ref, arb_srcptr box, slong exponent, slong prec) {
  sl_tail t = {
      .field = field, .tree = tree, .box = box, .prec = prec, .exponent = exponent, .form = calloc((size_t)ref + 1, sizeof(sl_tail_form))};
  unsigned char *live = calloc((size_t)ref + 1, 1);
  if (!t.form || !live) abort();
  arb_init(t.u);
  arb_set_ui(t.u, 1);
  arb_mul_2exp_si(t.u, t.u, -exponent - 1);
  mag_one(arb_radref(t.u));
  mag_mul_2exp_si(arb_radref(t.u), arb_radref(t.u), -exponent - 1);
  sl_tree_mark(tree, ref, live);
  int defined = 1;
  for (uint32_t i = 0; i <= ref; i++) {
    if (live[i])
      node_form(&t, i);
    else
      sl_form_init(&t.form[i]);
    if (live[i]) defined &= has_value(&t, i);
  }
  if (defined && t.form[ref].ok) describe(&t, fact, &t.form[ref]);
  fact->defined = defined;
  for (uint32_t i = 0; i <= ref; i++) sl_form_clear(&t.form[i]);
  arb_clear(t.u);
  free(t.form);
  free(live);
}
