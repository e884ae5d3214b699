/* Tail forms of the nodes of a tree (see tail.h). */
#include "proofs/prover/tail_form.h"

#include <arb_hypgeom.h>
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

void sl_form_node(sl_tail *t, sl_ref i) {
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
