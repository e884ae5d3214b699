/* Tail forms of the nodes of a tree (see tail_form.h). */
#include "tail_node.h"

#include "tail_exponential.h"
#include "tail_flat.h"
#include "tail_smooth.h"
#include "tail_sum.h"

#include <arb_hypgeom.h>

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

/* A smooth function of a bounded argument, whose leading terms may be zero. */
static void composed(sl_tail *t, sl_tail_form *y, sl_gate_op op, const sl_tail_form *a) {
  arb_poly_t x;
  arb_poly_init(x);
  sl_form_smooth(t, y, a);
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
  arb_poly_clear(x);
}

static void smooth(sl_tail *t, sl_tail_form *y, sl_gate_op op, const sl_tail_form *a) {
  composed(t, y, op, a);
  /* an exact zero at u = 0 is a leading term that vanishes: a sum with zero drops it */
  sl_tail_form zero, sum;
  sl_form_int(t, &zero, 0);
  zero.zero = 0;
  sl_form_add(t, &sum, y, &zero);
  sl_form_clear(y), sl_form_clear(&zero);
  *y = sum;
}

/* sign pi/2 - atan(1/a) for a pole a */
static void arctangent(sl_tail *t, sl_tail_form *y, const sl_tail_form *a) {
  const int sign = sl_form_sign(a);
  if (!sl_form_grows(t, a)) {
    smooth(t, y, SL_OP_ATAN, a);
    return;
  }
  if (!sign) {
    sl_form_init(y);
    return;
  }
  sl_tail_form inverse, at, minus, half;
  arb_t c;
  arb_init(c);
  arb_const_pi(c, t->prec);
  arb_mul_si(c, c, sign, t->prec);
  arb_mul_2exp_si(c, c, -1);
  const sl_exact root = sl_exact_sqrt_pi(t->field);
  sl_form_constant(t, &half, c,
                   sl_exact_mul(t->field, sl_exact_ratio(t->field, sign, 2),
                                sl_exact_mul(t->field, root, root)));
  sl_form_power(t, &inverse, a, -1, 1);
  smooth(t, &at, SL_OP_ATAN, &inverse);
  sl_form_negate(t, &minus, &at);
  sl_form_add(t, y, &half, &minus);
  arb_clear(c);
  sl_form_clear(&inverse), sl_form_clear(&at), sl_form_clear(&minus), sl_form_clear(&half);
}

/* erf at a pole: sign - sign erfc(|a|). erfc(x) lies in [0, exp(-x^2)], and its slope is
 * not used. */
static void error_function(sl_tail *t, sl_tail_form *y, const sl_tail_form *a) {
  const int sign = sl_form_sign(a);
  if (!sl_form_grows(t, a)) {
    smooth(t, y, SL_OP_ERF, a);
    return;
  }
  if (!sign) {
    sl_form_init(y);
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
  sl_form_int(t, y, sign);
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
  if (!sl_form_grows(t, a)) {
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

/* log(exp(h) c) = h + log c for a positive c that stays away from 0; a power of u would give a
 * logarithm, which no form has. */
static void logarithm(sl_tail *t, sl_tail_form *y, const sl_tail_form *a) {
  if (!a->ok || a->zero || a->vp != 0 || sl_form_sign(a) <= 0) {
    sl_form_init(y);
    return;
  }
  if (!a->atoms) {
    smooth(t, y, SL_OP_LOG, a);
    return;
  }
  sl_tail_form c, log_c, h;
  sl_form_copy(&c, a);
  c.atoms = 0;
  composed(t, &log_c, SL_OP_LOG, &c);
  sl_form_exponent(t, &h, a->h, a->atoms);
  sl_form_add(t, y, &h, &log_c);
  sl_form_clear(&c), sl_form_clear(&log_c), sl_form_clear(&h);
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
    sl_form_init(y);
    return;
  }
  switch (n->op) {
    case SL_OP_ABS:
      sl_form_scale(t, y, a, sign, 1);
      break;
    case SL_OP_SIGN:
      sl_form_int(t, y, sign);
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

static void form_exp(sl_tail *t, sl_tail_form *y, sl_ref ref) { sl_form_exp(t, y, ref); }
static void form_expm1(sl_tail *t, sl_tail_form *y, sl_ref ref) { sl_form_expm1(t, y, ref); }
static void form_sigmoid(sl_tail *t, sl_tail_form *y, sl_ref ref) { sl_form_sigmoid(t, y, ref); }
static void form_tanh(sl_tail *t, sl_tail_form *y, sl_ref ref) { sl_form_tanh(t, y, ref); }
static void form_sinh(sl_tail *t, sl_tail_form *y, sl_ref ref) { sl_form_sinh(t, y, ref); }
static void form_cosh(sl_tail *t, sl_tail_form *y, sl_ref ref) { sl_form_cosh(t, y, ref); }

static void form_sqrt(sl_tail *t, sl_tail_form *y, sl_ref ref) {
  sl_form_power(t, y, &t->form[ref], 1, 2);
}
static void form_sin(sl_tail *t, sl_tail_form *y, sl_ref ref) {
  wave(t, y, SL_OP_SIN, &t->form[ref]);
}
static void form_cos(sl_tail *t, sl_tail_form *y, sl_ref ref) {
  wave(t, y, SL_OP_COS, &t->form[ref]);
}
static void form_erf(sl_tail *t, sl_tail_form *y, sl_ref ref) {
  error_function(t, y, &t->form[ref]);
}
static void form_atan(sl_tail *t, sl_tail_form *y, sl_ref ref) { arctangent(t, y, &t->form[ref]); }
static void form_log(sl_tail *t, sl_tail_form *y, sl_ref ref) { logarithm(t, y, &t->form[ref]); }

static void form_log1p(sl_tail *t, sl_tail_form *y, sl_ref ref) {
  sl_tail_form x;
  sl_form_affine(t, &x, &t->form[ref], 1, 1, 1);
  logarithm(t, y, &x);
  sl_form_clear(&x);
}

/* Of a pole it grows like a logarithm, which no form has. */
static void form_asinh(sl_tail *t, sl_tail_form *y, sl_ref ref) {
  (void)t, (void)ref;
  sl_form_init(y);
}

static void function(sl_tail *t, sl_tail_form *y, sl_gate_op op, sl_ref ref) {
  static void (*const forms[SL_OP_COUNT])(sl_tail *, sl_tail_form *, sl_ref) = {
#define SL_FUNCTION(op, name) [SL_OP_##op] = form_##name,
#include "functions.def"
#undef SL_FUNCTION
  };
  if (forms[op])
    forms[op](t, y, ref);
  else
    sl_form_init(y);
}

void sl_form_node(sl_tail *t, sl_ref i) {
  const sl_gate_node *n = &t->tree->node[i];
  sl_tail_form *y = &t->form[i], x;
  const int arity = sl_op_arity(n->op);
  if (arity == 0) {
    leaf(t, y, n);
    return;
  }
  if (sl_op_is_switch(n->op)) {
    undecided_switch(t, y, n);
    return;
  }
  const sl_tail_form *a = &t->form[n->child[0]], *b = &t->form[n->child[arity > 1 ? 1 : 0]];
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
        sl_form_init(y);
      break;
    default:
      function(t, y, n->op, n->child[0]);
      break;
  }
}
