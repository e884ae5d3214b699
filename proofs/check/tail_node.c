/* Tail forms of the nodes of an expression (see tail.h). */
#include "tail_form.h"

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

/* f times node ref as a sum of atoms, into y->atom. */
static void decompose(const tail_ctx *t, int ref, const mpq_t f, form_t *y, int depth) {
  const expr_t *e = t->e;
  const node_t *n = &e->node[ref];
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
  } else if (depth < 40 && n->op == E_MUL &&
             (e->node[n->a].op == E_NUM || e->node[n->b].op == E_NUM)) {
    const int left = e->node[n->a].op == E_NUM;
    mpq_mul(g, g, e->node[left ? n->a : n->b].q);
    decompose(t, left ? n->b : n->a, g, y, depth + 1);
  } else if (depth < 40 && n->op == E_DIV && e->node[n->b].op == E_NUM &&
             mpq_sgn(e->node[n->b].q)) {
    mpq_div(g, g, e->node[n->b].q);
    decompose(t, n->a, g, y, depth + 1);
  } else if (mpq_sgn(g)) {
    form_t one;
    tf_init(&one);
    one.atoms = 1, one.atom[0] = first_square(t, ref);
    mpq_set(one.f[0], g);
    mpq_set_si(g, 1, 1);
    tf_add_atoms(y, &one, g);
    tf_clear(&one);
  }
  mpq_clear(g);
}

/* exp(s times node ref) */
static void expo(tail_ctx *t, form_t *y, int ref, long s) {
  form_t a;
  mpq_t f;
  tf_init(&a);
  mpq_init(f);
  mpq_set_si(f, s, 1);
  tf_scale(t, &a, &t->form[ref], f);
  if (!tf_pole(&a)) {
    tf_plain(t, y, &a);
    y->zero = 0;
    jet_fn(&y->c, E_EXP, &y->c, M);
    y->s = se_fn(t->k, E_EXP, &y->s);
  } else {
    tf_exact(t, y, ex_si(t->k, 1, 1));
    y->ok = a.atoms == 0;
    if (y->ok) decompose(t, ref, f, y, 0);
    for (int i = 0; i < y->atoms; i++) y->ok = y->ok && t->form[y->atom[i]].ok;
  }
  tf_clear(&a);
  mpq_clear(f);
}

static void plus_si(tail_ctx *t, form_t *y, const form_t *a, long v) {
  form_t c;
  tf_init(&c);
  tf_exact(t, &c, ex_si(t->k, v, 1));
  tf_add(t, y, a, &c);
  tf_clear(&c);
}

/* 1/(1 + exp(-s a)) */
static void sigmoid(tail_ctx *t, form_t *y, int ref, long s) {
  const form_t *a = &t->form[ref];
  const int up = tf_pole(a) ? tf_sign(a) * (s > 0 ? 1 : -1) : 1;
  form_t e, d;
  tf_init(&e), tf_init(&d);
  y->ok = 0;
  if (a->ok && up) {
    expo(t, &e, ref, up > 0 ? -s : s);
    plus_si(t, &d, &e, 1);
    tf_reciprocal(t, y, &d);
    if (up < 0) tf_mul(t, y, &e, y);
  }
  tf_clear(&e), tf_clear(&d);
}

static void smooth(tail_ctx *t, form_t *y, op_t op, const form_t *a) {
  form_t r;
  tf_init(&r);
  tf_plain(t, &r, a);
  r.zero = 0;
  jet_fn(&r.c, op, &r.c, M);
  r.s = se_fn(t->k, op, &r.s);
  r.ok = r.ok && bounded(r.c.c[0]);
  tf_drop_zeros(&r);
  tf_set(y, &r);
  tf_clear(&r);
}

static void arctangent(tail_ctx *t, form_t *y, const form_t *a) {
  if (!tf_pole(a)) {
    smooth(t, y, E_ATAN, a);
    return;
  }
  form_t half, inv;
  tf_init(&half), tf_init(&inv);
  const exact_t root = ex_sqrt_pi(t->k);
  tf_exact(t, &half, ex_mul(t->k, ex_si(t->k, tf_sign(a), 2), ex_mul(t->k, root, root)));
  tf_reciprocal(t, &inv, a);
  smooth(t, &inv, E_ATAN, &inv);
  tf_scale_si(t, &inv, &inv, -1, 1);
  tf_add(t, y, &half, &inv);
  y->ok = y->ok && tf_sign(a);
  tf_clear(&half), tf_clear(&inv);
}

static void error_function(tail_ctx *t, form_t *y, const form_t *a) {
  const int s = tf_sign(a);
  if (!tf_pole(a)) {
    smooth(t, y, E_ERF, a);
    return;
  }
  form_t d;
  jet_t f, one;
  mpq_t zero;
  tf_init(&d), jet_init(&f), jet_init(&one);
  mpq_init(zero);
  mpfi_set_si(one.c[0], 1);
  tf_mul(t, &d, a, a);
  tf_scale_si(t, &d, &d, -1, 1);
  tf_exact(t, y, ex_si(t->k, s, 1));
  y->m = 1;
  y->ok = s && tf_flat(t, &f, &d, zero, &one, 1); /* erfc(x) <= exp(-x^2) */
  mpfi_mul_si(f.c[0], f.c[0], -s);
  mpfi_add(y->c.c[0], y->c.c[0], f.c[0]);
  tf_clear(&d), jet_clear(&f), jet_clear(&one);
  mpq_clear(zero);
}

static void wave(tail_ctx *t, form_t *y, op_t op, const form_t *a) {
  if (!tf_pole(a)) {
    smooth(t, y, op, a);
    return;
  }
  tf_exact(t, y, ex_si(t->k, 1, 1));
  mpfi_interv_si(y->c.c[0], -1, 1);
  y->m = 1;
  y->s.n = 0;
}

static void logarithm(tail_ctx *t, form_t *y, const form_t *a) {
  if (a->ok && !a->zero && !a->atoms && mpq_sgn(a->v) == 0 && tf_sign(a) > 0)
    smooth(t, y, E_LOG, a);
  else
    y->ok = 0;
}

/* A switch left by the resolution, where its decision has one sign in the whole tail; of softsign
 * that says nothing. */
static void switched(tail_ctx *t, form_t *y, const node_t *n) {
  form_t d;
  tf_init(&d);
  tf_set(&d, &t->form[n->a]);
  if (n->b >= 0) {
    tf_scale_si(t, &d, &t->form[n->b], -1, 1);
    tf_add(t, &d, &t->form[n->a], &d);
  }
  const int sign = tf_sign(&d);
  y->ok = 0;
  if (sign && n->op == E_SIGN) tf_exact(t, y, ex_si(t->k, sign, 1));
  if (sign && n->op == E_ABS) tf_scale_si(t, y, &t->form[n->a], sign, 1);
  if (sign && n->op == E_PICK) tf_set(y, &t->form[sign < 0 ? n->c : n->d]);
  if (sign && (n->op == E_MIN || n->op == E_MAX))
    tf_set(y, &t->form[(sign < 0) == (n->op == E_MIN) ? n->a : n->b]);
  tf_clear(&d);
}

static void leaf(tail_ctx *t, form_t *y, const node_t *n) {
  switch (n->op) {
    case E_NUM:
      tf_exact(t, y, ex_q(t->k, n->q));
      break;
    case E_PI:
      tf_exact(t, y, ex_mul(t->k, ex_sqrt_pi(t->k), ex_sqrt_pi(t->k)));
      break;
    case E_E:
      tf_exact(t, y, ex_e(t->k));
      break;
    case E_PARAM:
      tf_exact(t, y, ex_param(t->k, n->param));
      break;
    default:
      tf_exact(t, y, ex_si(t->k, 1, 1));
      mpq_set_si(y->v, -1, 1);
      break;
  }
}

static void hyperbolic(tail_ctx *t, form_t *y, int ref, int cosine) {
  form_t a, b;
  tf_init(&a), tf_init(&b);
  expo(t, &a, ref, 1);
  expo(t, &b, ref, -1);
  tf_scale_si(t, &b, &b, cosine ? 1 : -1, 1);
  tf_add(t, &a, &a, &b);
  tf_scale_si(t, y, &a, 1, 2);
  tf_clear(&a), tf_clear(&b);
}

static void function(tail_ctx *t, form_t *y, op_t op, int ref) {
  const form_t *a = &t->form[ref];
  form_t x;
  tf_init(&x);
  switch (op) {
    case E_EXP:
      expo(t, y, ref, 1);
      break;
    case E_EXPM1:
      expo(t, &x, ref, 1);
      plus_si(t, y, &x, -1);
      break;
    case E_SIGMOID:
      sigmoid(t, y, ref, 1);
      break;
    case E_TANH:
      sigmoid(t, &x, ref, 2);
      tf_scale_si(t, &x, &x, 2, 1);
      plus_si(t, y, &x, -1);
      break;
    case E_SINH:
    case E_COSH:
      hyperbolic(t, y, ref, op == E_COSH);
      break;
    case E_ATAN:
      arctangent(t, y, a);
      break;
    case E_ERF:
      error_function(t, y, a);
      break;
    case E_SIN:
    case E_COS:
      wave(t, y, op, a);
      break;
    case E_LOG:
      logarithm(t, y, a);
      break;
    case E_LOG1P:
      plus_si(t, &x, a, 1);
      logarithm(t, y, &x);
      break;
    default:
      y->ok = 0; /* asinh of a pole grows like a logarithm */
      break;
  }
  tf_clear(&x);
}

static void root(tail_ctx *t, form_t *y, const form_t *a) {
  mpq_t half;
  mpq_init(half);
  mpq_set_ui(half, 1, 2);
  tf_power(t, y, a, half);
  mpq_clear(half);
}

void tf_node(tail_ctx *t, int i) {
  const node_t *n = &t->e->node[i];
  form_t *y = &t->form[i], x;
  if (expr_arity(n->op) == 0) {
    leaf(t, y, n);
    return;
  }
  if (expr_is_switch(n->op)) {
    switched(t, y, n);
    return;
  }
  const form_t *a = &t->form[n->a], *b = &t->form[n->b >= 0 ? n->b : n->a];
  tf_init(&x);
  switch (n->op) {
    case E_NEG:
      tf_scale_si(t, y, a, -1, 1);
      break;
    case E_ADD:
      tf_add(t, y, a, b);
      break;
    case E_SUB:
      tf_scale_si(t, &x, b, -1, 1);
      tf_add(t, y, a, &x);
      break;
    case E_MUL:
      tf_mul(t, y, a, b);
      break;
    case E_DIV:
      tf_reciprocal(t, &x, b);
      tf_mul(t, y, a, &x);
      break;
    case E_POW:
      tf_power(t, y, a, n->q);
      break;
    case E_SQRT:
      root(t, y, a);
      break;
    default:
      function(t, y, n->op, n->a);
      break;
  }
  tf_clear(&x);
}
