/* Tail forms of the nodes of an expression, and what the root's says (see tail.h). */
#include "tail_form.h"

#include <stdlib.h>
#include <string.h>

static int squared(const node_t *n) {
  return (n->op == E_MUL && n->a == n->b) || (n->op == E_POW && mpq_cmp_si(n->q, 2, 1) == 0) ? n->a : -1;
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
  } else if (depth < 40 && n->op == E_MUL && (e->node[n->a].op == E_NUM || e->node[n->b].op == E_NUM)) {
    const int left = e->node[n->a].op == E_NUM;
    mpq_mul(g, g, e->node[left ? n->a : n->b].q);
    decompose(t, left ? n->b : n->a, g, y, depth + 1);
  } else if (depth < 40 && n->op == E_DIV && e->node[n->b].op == E_NUM && mpq_sgn(e->node[n->b].q)) {
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

/* A switch left by the resolution, where its decision has one sign in the whole tail. */
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
  if (sign && (n->op == E_MIN || n->op == E_MAX)) tf_set(y, &t->form[(sign < 0) == (n->op == E_MIN) ? n->a : n->b]);
  tf_clear(&d);
}

static void node_form(tail_ctx *t, int i) {
  const node_t *n = &t->e->node[i];
  form_t *y = &t->form[i], x;
  const form_t *a = n->a >= 0 ? &t->form[n->a] : NULL, *b = n->b >= 0 ? &t->form[n->b] : NULL;
  tf_init(&x);
  mpq_t half;
  mpq_init(half);
  mpq_set_ui(half, 1, 2);
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
    case E_R:
      tf_exact(t, y, ex_si(t->k, 1, 1));
      mpq_set_si(y->v, -1, 1);
      break;
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
      tf_power(t, y, a, half);
      break;
    case E_EXP:
      expo(t, y, n->a, 1);
      break;
    case E_EXPM1:
      expo(t, &x, n->a, 1);
      plus_si(t, y, &x, -1);
      break;
    case E_SIGMOID:
      sigmoid(t, y, n->a, 1);
      break;
    case E_TANH:
      sigmoid(t, &x, n->a, 2);
      tf_scale_si(t, &x, &x, 2, 1);
      plus_si(t, y, &x, -1);
      break;
    case E_SINH:
    case E_COSH: {
      form_t z;
      tf_init(&z);
      expo(t, &x, n->a, 1);
      expo(t, &z, n->a, -1);
      tf_scale_si(t, &z, &z, n->op == E_COSH ? 1 : -1, 1);
      tf_add(t, &x, &x, &z);
      tf_scale_si(t, y, &x, 1, 2);
      tf_clear(&z);
      break;
    }
    case E_ATAN:
      arctangent(t, y, a);
      break;
    case E_ERF:
      error_function(t, y, a);
      break;
    case E_SIN:
    case E_COS:
      wave(t, y, n->op, a);
      break;
    case E_LOG:
      logarithm(t, y, a);
      break;
    case E_LOG1P:
      plus_si(t, &x, a, 1);
      logarithm(t, y, &x);
      break;
    case E_PICK:
    case E_SIGN:
    case E_ABS:
    case E_MIN:
    case E_MAX:
      switched(t, y, n);
      break;
    default:
      y->ok = 0;
      break; /* asinh of a pole grows like a logarithm; softsign is resolved or not supported */
  }
  tf_clear(&x);
  mpq_clear(half);
}

static int has_value(const tail_ctx *t, int i) {
  const node_t *n = &t->e->node[i];
  const int a = n->a >= 0 ? tf_sign(&t->form[n->a]) : 0, b = n->b >= 0 ? tf_sign(&t->form[n->b]) : 0;
  switch (n->op) {
    case E_DIV:
      return b != 0;
    case E_LOG:
    case E_SQRT:
      return a > 0;
    case E_LOG1P:
      return a > 0 || t->form[i].ok;
    case E_POW:
      return mpz_cmp_ui(mpq_denref(n->q), 1) ? a > 0 : mpq_sgn(n->q) >= 0 || a;
    case E_PICK:
    case E_SIGN:
    case E_SOFTSIGN:
      return t->form[i].ok; /* might jump where undecided; abs, min and max cannot */
    default:
      return 1;
  }
}

/* -sign(c) times the sign of T = v + u c1/c + u h_u, as tail.h says. */
static int slope(tail_ctx *t, const form_t *g, const form_t *h) {
  const int s = tf_sign(g);
  if (!s || g->m < 2 || (g->atoms && (!h->ok || h->m < 2))) return 0;
  mpfi_t total, x, z;
  mpq_t v;
  mpfi_init2(total, BITS), mpfi_init2(x, BITS), mpfi_init2(z, BITS);
  mpq_init(v);
  mpfi_div(x, g->c.c[1], g->c.c[0]);
  mpfi_mul(x, x, t->u);
  mpfi_set_q(total, g->v);
  mpfi_add(total, total, x);
  if (g->atoms && !h->zero) {
    mpq_abs(v, h->v);
    tf_small(z, t, v);
    mpfi_mul(x, h->c.c[1], t->u);
    mpfi_t w;
    mpfi_init2(w, BITS);
    mpfi_set_q(w, h->v);
    mpfi_mul(w, w, h->c.c[0]);
    mpfi_add(x, x, w);
    if (mpq_sgn(h->v) < 0)
      mpfi_mul(total, total, z);
    else
      mpfi_mul(x, x, z);
    mpfi_add(total, total, x);
    mpfi_clear(w);
  }
  const int result = -s * sign_of(total);
  mpfi_clear(total), mpfi_clear(x), mpfi_clear(z);
  mpq_clear(v);
  return result;
}

static void conclude(tail_ctx *t, tail_t *out, const form_t *g) {
  form_t h, rest;
  tf_init(&h), tf_init(&rest);
  tf_exponent(t, &h, g);
  const int p = g->atoms && tf_pole(&h), down = p ? tf_sign(&h) : 0;
  const int fine = g->ok && h.ok && g->m >= 1 && bounded(g->c.c[0]);
  out->sign = tf_sign(g);
  if (fine && !g->zero) out->slope = slope(t, g, &h);
  if (fine && !g->zero && !out->slope && !g->atoms && mpq_sgn(g->v) == 0 && g->s.n) { /* about the limit */
    tf_exact(t, &rest, ex_sub(t->k, ex_si(t->k, 0, 1), g->s.c[0]));
    tf_add(t, &rest, g, &rest);
    if (rest.ok && !rest.zero) out->slope = slope(t, &rest, &h);
  }
  if (fine) {
    out->zero_limit = g->zero || (p && down < 0) || (!p && mpq_sgn(g->v) > 0);
    out->other_limit = !out->zero_limit && !g->atoms && mpq_sgn(g->v) == 0 && out->sign;
    out->unbounded = out->sign && ((p && down > 0) || (!p && mpq_sgn(g->v) < 0));
    jet_t f;
    jet_init(&f);
    int known = 0;
    if (p) {
      known = down < 0 && tf_flat(t, &f, &h, g->v, &g->c, 1);
    } else if (!g->atoms && mpq_sgn(g->v) >= 0) {
      tf_small(f.c[0], t, g->v);
      mpfi_mul(f.c[0], f.c[0], g->c.c[0]);
      known = 1;
    }
    mpfi_sub_si(f.c[0], f.c[0], 1);
    out->below_one = known && sign_of(f.c[0]) < 0;
    jet_clear(&f);
  }
  tf_clear(&h), tf_clear(&rest);
}

void tail_examine(tail_t *out, field_t *k, const expr_t *e, int ref, long exponent) {
  memset(out, 0, sizeof *out);
  if (exponent < 0 || exponent > 400) return;
  tail_ctx t = {.k = k, .e = e, .exponent = exponent, .form = calloc((size_t)ref + 1, sizeof(form_t))};
  char *live = expr_live(e, ref);
  if (!t.form) abort();
  mpfi_init2(t.u, BITS);
  mpfi_interv_si(t.u, 0, 1);
  mpfi_mul_2si(t.u, t.u, -exponent);
  out->defined = 1;
  for (int i = 0; i <= ref; i++) {
    tf_init(&t.form[i]);
    if (!live[i]) continue;
    node_form(&t, i);
    out->defined &= has_value(&t, i);
  }
  if (out->defined && t.form[ref].ok) conclude(&t, out, &t.form[ref]);
  for (int i = 0; i <= ref; i++) tf_clear(&t.form[i]);
  mpfi_clear(t.u);
  free(t.form), free(live);
}
