/* Tail forms of the nodes of an expression (see tail.h). */
#include "tail_node.h"

static int squared(const node_t *n) {
  return (n->op == E_MUL && n->a == n->b) || (n->op == E_POW && mpq_cmp_si(n->q, 2, 1) == 0) ? n->a
                                                                                             : -1;
}

/* z*z and z^2 are the same exponent: the first of them stands for both. */
static int first_square(const tail_ctx *t, int ref) {
  const int z = squared(&t->e->node[ref]);
  for (int i = 0; z >= 0 && i < ref; i++)
    if (t->form[i].ok && squared(&t->e->node[i]) == z) return i;
  return ref;
}

/* The node that n is a rational multiple of, with g times the factor; -1: none is seen. */
static int rational_factor(const expr_t *e, const node_t *n, mpq_t g) {
  mpq_t q;
  mpq_init(q);
  int part = -1;
  if (n->op == E_MUL && slc_expr_rational(e, n->a, q))
    part = n->b;
  else if ((n->op == E_MUL || n->op == E_DIV) && slc_expr_rational(e, n->b, q))
    part = n->op == E_MUL || mpq_sgn(q) ? n->a : -1;
  if (part >= 0 && n->op == E_MUL) mpq_mul(g, g, q);
  if (part >= 0 && n->op == E_DIV) mpq_div(g, g, q);
  mpq_clear(q);
  return part;
}

/* f times node ref as a sum of atoms, into y->atom. */
static void decompose(const tail_ctx *t, int ref, const mpq_t f, form_t *y, int depth) {
  const expr_t *e = t->e;
  const node_t *n = &e->node[ref];
  int part;
  mpq_t g;
  mpq_init(g);
  mpq_set(g, f);
  if (depth < 40 && n->op == E_NEG) {
    mpq_neg(g, g);
    decompose(t, n->a, g, y, depth + 1);
  } else if (depth < 40 && (n->op == E_ADD || n->op == E_SUB)) {
    decompose(t, n->a, g, y, depth + 1);
    if (n->op == E_SUB) mpq_neg(g, g);
    decompose(t, n->b, g, y, depth + 1);
  } else if (depth < 40 && (part = rational_factor(e, n, g)) >= 0) {
    decompose(t, part, g, y, depth + 1);
  } else if (mpq_sgn(g)) {
    form_t one;
    slc_tf_init(&one);
    one.atoms = 1, one.atom[0] = first_square(t, ref);
    mpq_set(one.f[0], g);
    mpq_set_si(g, 1, 1);
    slc_tf_add_atoms(y, &one, g);
    slc_tf_clear(&one);
  }
  mpq_clear(g);
}

/* A pole, unless an exponential that falls stands before it. */
static int grows(tail_ctx *t, const form_t *a) {
  if (!slc_tf_pole(a) || !a->atoms) return slc_tf_pole(a);
  form_t flat;
  slc_tf_init(&flat);
  slc_tf_plain(t, &flat, a);
  const int ok = flat.ok;
  slc_tf_clear(&flat);
  return !ok;
}

/* exp(s times node ref) */
static void expo(tail_ctx *t, form_t *y, int ref, long s) {
  form_t a;
  mpq_t f;
  slc_tf_init(&a);
  mpq_init(f);
  mpq_set_si(f, s, 1);
  slc_tf_scale(t, &a, &t->form[ref], f);
  if (!grows(t, &a)) {
    slc_tf_plain(t, y, &a);
    y->zero = 0;
    slc_jet_fn(&y->c, E_EXP, &y->c, M);
    y->s = slc_se_fn(t->k, E_EXP, &y->s);
  } else {
    slc_tf_exact(t, y, slc_ex_si(t->k, 1, 1));
    y->ok = a.atoms == 0;
    if (y->ok) decompose(t, ref, f, y, 0);
    for (int i = 0; i < y->atoms; i++) y->ok = y->ok && t->form[y->atom[i]].ok;
  }
  slc_tf_clear(&a);
  mpq_clear(f);
}

static void plus_si(tail_ctx *t, form_t *y, const form_t *a, long v) {
  form_t c;
  slc_tf_init(&c);
  slc_tf_exact(t, &c, slc_ex_si(t->k, v, 1));
  slc_tf_add(t, y, a, &c);
  slc_tf_clear(&c);
}

/* 1/(1 + exp(-s a)) */
static void sigmoid(tail_ctx *t, form_t *y, int ref, long s) {
  const form_t *a = &t->form[ref];
  const int up = grows(t, a) ? slc_tf_sign(a) * (s > 0 ? 1 : -1) : 1;
  form_t e, d;
  slc_tf_init(&e), slc_tf_init(&d);
  y->ok = 0;
  if (a->ok && up) {
    expo(t, &e, ref, up > 0 ? -s : s);
    plus_si(t, &d, &e, 1);
    slc_tf_reciprocal(t, y, &d);
    if (up < 0) slc_tf_mul(t, y, &e, y);
  }
  slc_tf_clear(&e), slc_tf_clear(&d);
}

/* A function of a bounded argument, whose leading terms may be zero. */
static void composed(tail_ctx *t, form_t *y, op_t op, const form_t *a) {
  form_t r;
  slc_tf_init(&r);
  slc_tf_plain(t, &r, a);
  r.zero = 0;
  slc_jet_fn(&r.c, op, &r.c, M);
  r.s = slc_se_fn(t->k, op, &r.s);
  r.ok = r.ok && slc_bounded(r.c.c[0]);
  slc_tf_set(y, &r);
  slc_tf_clear(&r);
}

static void smooth(tail_ctx *t, form_t *y, op_t op, const form_t *a) {
  composed(t, y, op, a);
  slc_tf_drop_zeros(y);
}

static void arctangent(tail_ctx *t, form_t *y, const form_t *a) {
  if (!grows(t, a)) {
    smooth(t, y, E_ATAN, a);
    return;
  }
  form_t half, inv;
  slc_tf_init(&half), slc_tf_init(&inv);
  const exact_t root = slc_ex_sqrt_pi(t->k);
  slc_tf_exact(t, &half,
               slc_ex_mul(t->k, slc_ex_si(t->k, slc_tf_sign(a), 2), slc_ex_mul(t->k, root, root)));
  slc_tf_reciprocal(t, &inv, a);
  smooth(t, &inv, E_ATAN, &inv);
  slc_tf_scale_si(t, &inv, &inv, -1, 1);
  slc_tf_add(t, y, &half, &inv);
  y->ok = y->ok && slc_tf_sign(a);
  slc_tf_clear(&half), slc_tf_clear(&inv);
}

static void error_function(tail_ctx *t, form_t *y, const form_t *a) {
  const int s = slc_tf_sign(a);
  if (!grows(t, a)) {
    smooth(t, y, E_ERF, a);
    return;
  }
  form_t d;
  jet_t f, one;
  mpq_t zero;
  slc_tf_init(&d), slc_jet_init(&f), slc_jet_init(&one);
  mpq_init(zero);
  mpfi_set_si(one.c[0], 1);
  slc_tf_mul(t, &d, a, a);
  slc_tf_scale_si(t, &d, &d, -1, 1);
  slc_tf_exact(t, y, slc_ex_si(t->k, s, 1));
  y->m = 1;
  y->ok = s && slc_tf_flat(t, &f, &d, zero, &one, 1); /* erfc(x) <= exp(-x^2) */
  mpfi_mul_si(f.c[0], f.c[0], -s);
  mpfi_add(y->c.c[0], y->c.c[0], f.c[0]);
  slc_tf_clear(&d), slc_jet_clear(&f), slc_jet_clear(&one);
  mpq_clear(zero);
}

static void wave(tail_ctx *t, form_t *y, op_t op, const form_t *a) {
  if (!grows(t, a)) {
    smooth(t, y, op, a);
    return;
  }
  slc_tf_exact(t, y, slc_ex_si(t->k, 1, 1));
  mpfi_interv_si(y->c.c[0], -1, 1);
  y->m = 1;
  y->s.n = 0;
}

static void logarithm(tail_ctx *t, form_t *y, const form_t *a) {
  if (!a->ok || a->zero || mpq_sgn(a->v) != 0 || slc_tf_sign(a) <= 0) {
    y->ok = 0;
  } else if (!a->atoms) {
    smooth(t, y, E_LOG, a);
  } else { /* log(exp(h) c) = h + log c */
    form_t c, h;
    slc_tf_init(&c), slc_tf_init(&h);
    slc_tf_set(&c, a);
    c.atoms = 0;
    composed(t, &c, E_LOG, &c);
    slc_tf_exponent(t, &h, a);
    slc_tf_add(t, y, &h, &c);
    slc_tf_clear(&c), slc_tf_clear(&h);
  }
}

/* A switch left by the resolution, where its decision has one sign in the whole tail; of softsign
 * that says nothing. */
static void switched(tail_ctx *t, form_t *y, const node_t *n) {
  form_t d;
  slc_tf_init(&d);
  slc_tf_set(&d, &t->form[n->a]);
  if (n->b >= 0) {
    slc_tf_scale_si(t, &d, &t->form[n->b], -1, 1);
    slc_tf_add(t, &d, &t->form[n->a], &d);
  }
  const int sign = slc_tf_sign(&d);
  y->ok = 0;
  if (sign && n->op == E_SIGN) slc_tf_exact(t, y, slc_ex_si(t->k, sign, 1));
  if (sign && n->op == E_ABS) slc_tf_scale_si(t, y, &t->form[n->a], sign, 1);
  if (sign && n->op == E_PICK) slc_tf_set(y, &t->form[sign < 0 ? n->c : n->d]);
  if (sign && (n->op == E_MIN || n->op == E_MAX))
    slc_tf_set(y, &t->form[(sign < 0) == (n->op == E_MIN) ? n->a : n->b]);
  slc_tf_clear(&d);
}

static void leaf(tail_ctx *t, form_t *y, const node_t *n) {
  switch (n->op) {
    case E_NUM:
      slc_tf_exact(t, y, slc_ex_q(t->k, n->q));
      break;
    case E_PI:
      slc_tf_exact(t, y, slc_ex_mul(t->k, slc_ex_sqrt_pi(t->k), slc_ex_sqrt_pi(t->k)));
      break;
    case E_E:
      slc_tf_exact(t, y, slc_ex_e(t->k));
      break;
    case E_PARAM:
      slc_tf_exact(t, y, slc_ex_param(t->k, n->param));
      break;
    default:
      slc_tf_exact(t, y, slc_ex_si(t->k, 1, 1));
      mpq_set_si(y->v, -1, 1);
      break;
  }
}

static void hyperbolic(tail_ctx *t, form_t *y, int ref, int cosine) {
  form_t a, b;
  slc_tf_init(&a), slc_tf_init(&b);
  expo(t, &a, ref, 1);
  expo(t, &b, ref, -1);
  slc_tf_scale_si(t, &b, &b, cosine ? 1 : -1, 1);
  slc_tf_add(t, &a, &a, &b);
  slc_tf_scale_si(t, y, &a, 1, 2);
  slc_tf_clear(&a), slc_tf_clear(&b);
}

static void root(tail_ctx *t, form_t *y, const form_t *a) {
  mpq_t half;
  mpq_init(half);
  mpq_set_ui(half, 1, 2);
  slc_tf_power(t, y, a, half);
  mpq_clear(half);
}

static void form_exp(tail_ctx *t, form_t *y, int ref) { expo(t, y, ref, 1); }

static void form_expm1(tail_ctx *t, form_t *y, int ref) {
  form_t x;
  slc_tf_init(&x);
  expo(t, &x, ref, 1);
  plus_si(t, y, &x, -1);
  slc_tf_clear(&x);
}

static void form_log(tail_ctx *t, form_t *y, int ref) { logarithm(t, y, &t->form[ref]); }

static void form_log1p(tail_ctx *t, form_t *y, int ref) {
  form_t x;
  slc_tf_init(&x);
  plus_si(t, &x, &t->form[ref], 1);
  logarithm(t, y, &x);
  slc_tf_clear(&x);
}

static void form_sqrt(tail_ctx *t, form_t *y, int ref) { root(t, y, &t->form[ref]); }
static void form_sigmoid(tail_ctx *t, form_t *y, int ref) { sigmoid(t, y, ref, 1); }
static void form_sin(tail_ctx *t, form_t *y, int ref) { wave(t, y, E_SIN, &t->form[ref]); }
static void form_cos(tail_ctx *t, form_t *y, int ref) { wave(t, y, E_COS, &t->form[ref]); }
static void form_sinh(tail_ctx *t, form_t *y, int ref) { hyperbolic(t, y, ref, 0); }
static void form_cosh(tail_ctx *t, form_t *y, int ref) { hyperbolic(t, y, ref, 1); }

static void form_tanh(tail_ctx *t, form_t *y, int ref) { /* 2 sigmoid(2a) - 1 */
  form_t x;
  slc_tf_init(&x);
  sigmoid(t, &x, ref, 2);
  slc_tf_scale_si(t, &x, &x, 2, 1);
  plus_si(t, y, &x, -1);
  slc_tf_clear(&x);
}

static void form_erf(tail_ctx *t, form_t *y, int ref) { error_function(t, y, &t->form[ref]); }
static void form_atan(tail_ctx *t, form_t *y, int ref) { arctangent(t, y, &t->form[ref]); }

static void form_asinh(tail_ctx *t, form_t *y, int ref) { /* of a pole it grows like a logarithm */
  (void)t, (void)ref;
  y->ok = 0;
}

static void function(tail_ctx *t, form_t *y, op_t op, int ref) {
  static void (*const forms[E_COUNT])(tail_ctx *, form_t *, int) = {
#define FUNCTION(kind, name) [E_##kind] = form_##name,
#include "functions.def"
#undef FUNCTION
  };
  forms[op](t, y, ref);
}

void slc_tf_node(tail_ctx *t, int i) {
  const node_t *n = &t->e->node[i];
  form_t *y = &t->form[i], x;
  if (slc_expr_arity(n->op) == 0) {
    leaf(t, y, n);
    return;
  }
  if (slc_expr_is_switch(n->op)) {
    switched(t, y, n);
    return;
  }
  const form_t *a = &t->form[n->a], *b = &t->form[n->b >= 0 ? n->b : n->a];
  slc_tf_init(&x);
  switch (n->op) {
    case E_NEG:
      slc_tf_scale_si(t, y, a, -1, 1);
      break;
    case E_ADD:
      slc_tf_add(t, y, a, b);
      break;
    case E_SUB:
      slc_tf_scale_si(t, &x, b, -1, 1);
      slc_tf_add(t, y, a, &x);
      break;
    case E_MUL:
      slc_tf_mul(t, y, a, b);
      break;
    case E_DIV:
      slc_tf_reciprocal(t, &x, b);
      slc_tf_mul(t, y, a, &x);
      break;
    case E_POW:
      slc_tf_power(t, y, a, n->q);
      break;
    default:
      function(t, y, n->op, n->a);
      break;
  }
  slc_tf_clear(&x);
}
