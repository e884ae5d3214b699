/* Asymptotic forms on MPFI (see tail.h). */
#include "tail.h"

#include <stdlib.h>
#include <string.h>

enum { M = 6, ATOMS = 8 };

typedef struct {
  int ok, zero, m;
  int atoms, atom[ATOMS];
  mpq_t f[ATOMS]; /* h is the sum of f[i] times node atom[i] */
  mpq_t v;
  jet_t c;
  series_t s;
} form_t;

typedef struct {
  field_t *k;
  const expr_t *e;
  long exponent;
  mpfi_t u;
  form_t *form;
} tail_ctx;

static void form_init(form_t *y) {
  memset(y, 0, sizeof *y);
  for (int i = 0; i < ATOMS; i++) mpq_init(y->f[i]);
  mpq_init(y->v);
  jet_init(&y->c);
}
static void form_clear(form_t *y) {
  for (int i = 0; i < ATOMS; i++) mpq_clear(y->f[i]);
  mpq_clear(y->v);
  jet_clear(&y->c);
}
static void form_set(form_t *y, const form_t *a) {
  y->ok = a->ok, y->zero = a->zero, y->m = a->m, y->atoms = a->atoms, y->s = a->s;
  memcpy(y->atom, a->atom, sizeof y->atom);
  for (int i = 0; i < ATOMS; i++) mpq_set(y->f[i], a->f[i]);
  mpq_set(y->v, a->v);
  jet_set(&y->c, &a->c);
}
static void form_exact(tail_ctx *t, form_t *y, exact_t x) {
  y->atoms = 0, y->m = M, y->zero = ex_zero(x);
  mpq_set_si(y->v, 0, 1);
  mpfi_t c;
  mpfi_init2(c, BITS);
  ex_interval(c, t->k, x);
  jet_const(&y->c, c);
  y->ok = x && bounded(c);
  y->s = se_const(t->k, x);
  mpfi_clear(c);
}
static int csign(const form_t *a) { return a->ok ? sign_of(a->c.c[0]) : 0; }
static int pole(const form_t *a) { return a->ok && !a->zero && mpq_sgn(a->v) < 0; }
static int least(int a, int b) { return a < b ? a : b; }

static void scale(tail_ctx *t, form_t *y, const form_t *a, const mpq_t f) {
  mpfi_t c;
  mpfi_init2(c, BITS);
  mpfi_set_q(c, f);
  const series_t k = se_const(t->k, ex_q(t->k, f));
  form_set(y, a);
  jet_scale(&y->c, &y->c, c, M);
  y->s = se_mul(t->k, &a->s, &k);
  mpfi_clear(c);
}
static void scale_si(tail_ctx *t, form_t *y, const form_t *a, long p, unsigned long q) {
  mpq_t f;
  mpq_init(f);
  mpq_set_si(f, p, q);
  mpq_canonicalize(f);
  scale(t, y, a, f);
  mpq_clear(f);
}

static void add_atoms(form_t *y, const form_t *b, const mpq_t times) {
  mpq_t f;
  mpq_init(f);
  for (int i = 0; i < b->atoms && y->ok; i++) {
    mpq_mul(f, b->f[i], times);
    int j = 0;
    while (j < y->atoms && y->atom[j] != b->atom[i]) j++;
    if (j < y->atoms) {
      mpq_add(y->f[j], y->f[j], f);
      if (mpq_sgn(y->f[j]) == 0) {
        y->atoms--;
        y->atom[j] = y->atom[y->atoms];
        mpq_set(y->f[j], y->f[y->atoms]);
      }
    } else if (y->atoms == ATOMS) {
      y->ok = 0;
    } else {
      y->atom[y->atoms] = b->atom[i];
      mpq_set(y->f[y->atoms++], f);
    }
  }
  mpq_clear(f);
}

static void mul(tail_ctx *t, form_t *y, const form_t *a, const form_t *b) {
  mpq_t one;
  mpq_init(one);
  mpq_set_si(one, 1, 1);
  form_t r;
  form_init(&r);
  form_set(&r, a);
  r.ok = a->ok && b->ok;
  if (r.ok && (a->zero || b->zero)) {
    form_exact(t, &r, ex_si(t->k, 0, 1));
  } else if (r.ok) {
    r.m = least(a->m, b->m);
    mpq_add(r.v, a->v, b->v);
    jet_mul(&r.c, &a->c, &b->c, r.m);
    r.s = se_mul(t->k, &a->s, &b->s);
    add_atoms(&r, b, one);
  }
  form_set(y, &r);
  form_clear(&r);
  mpq_clear(one);
}

static void power(tail_ctx *t, form_t *y, const form_t *a, const mpq_t q) {
  form_t r;
  form_init(&r);
  form_set(&r, a);
  const int integer = mpz_cmp_ui(mpq_denref(q), 1) == 0;
  r.ok = a->ok && !a->zero && (integer || csign(a) > 0) && (mpq_sgn(q) >= 0 || csign(a));
  if (r.ok) {
    mpq_mul(r.v, a->v, q);
    r.atoms = 0;
    add_atoms(&r, a, q);
    jet_pow(&r.c, &a->c, q, a->m);
    r.s = se_pow(t->k, &a->s, q);
    r.ok = r.ok && bounded(r.c.c[0]);
  }
  form_set(y, &r);
  form_clear(&r);
}
static void reciprocal(tail_ctx *t, form_t *y, const form_t *a) {
  mpq_t q;
  mpq_init(q);
  mpq_set_si(q, -1, 1);
  power(t, y, a, q);
  mpq_clear(q);
}

/* u^v c with v a non-negative integer and no h, as v = 0. */
static void plain(tail_ctx *t, form_t *y, const form_t *a) {
  if (a->ok && a->zero) { /* whatever power of u stood before it */
    form_exact(t, y, ex_si(t->k, 0, 1));
    return;
  }
  form_set(y, a);
  y->ok = a->ok && a->atoms == 0 && mpz_cmp_ui(mpq_denref(a->v), 1) == 0 && mpq_sgn(a->v) >= 0 && mpq_cmp_si(a->v, 500, 1) < 0;
  if (!y->ok) return;
  jet_t u;
  jet_init(&u);
  mpfi_set(u.c[0], t->u), mpfi_set_si(u.c[1], 1);
  jet_pow(&u, &u, a->v, M);
  jet_mul(&y->c, &y->c, &u, a->m);
  y->s = se_shift(t->k, &a->s, least(TERMS, (int)mpz_get_si(mpq_numref(a->v))));
  mpq_set_si(y->v, 0, 1);
  jet_clear(&u);
}

static void drop_zeros(form_t *y) {
  int constant = 1;
  for (int i = 1; i < y->m; i++) constant &= mpfi_is_zero(y->c.c[i]);
  if (y->ok && constant && y->m == M && y->s.n > 0 && ex_zero(y->s.c[0])) { /* a constant, and it is 0 */
    mpfi_set_si(y->c.c[0], 0);
    y->zero = 1;
  }
  while (y->ok && !y->zero && y->s.n > 0 && ex_zero(y->s.c[0])) {
    if (y->m < 2) {
      y->ok = 0;
      return;
    }
    for (int i = 0; i + 1 < JET; i++) mpfi_set(y->c.c[i], y->c.c[i + 1]);
    for (int i = 0; i + 1 < y->s.n; i++) y->s.c[i] = y->s.c[i + 1];
    y->s.n--, y->m--;
    mpq_t one;
    mpq_init(one);
    mpq_set_si(one, 1, 1);
    mpq_add(y->v, y->v, one);
    mpq_clear(one);
  }
}

static void add_same(tail_ctx *t, form_t *y, const form_t *a, const form_t *b) {
  form_t lifted, r;
  form_init(&lifted), form_init(&r);
  const int swap = mpq_cmp(a->v, b->v) > 0;
  const form_t *low = swap ? b : a, *high = swap ? a : b;
  form_set(&r, high);
  mpq_sub(r.v, high->v, low->v);
  r.atoms = 0;
  plain(t, &lifted, &r);
  form_set(&r, low);
  r.ok = low->ok && lifted.ok;
  r.m = least(low->m, lifted.m);
  jet_add(&r.c, &low->c, &lifted.c, 0, M);
  r.s = se_add(t->k, &low->s, &lifted.s, 0);
  r.zero = 1;
  for (int i = 0; i < r.m; i++) r.zero &= mpfi_is_zero(r.c.c[i]);
  drop_zeros(&r);
  form_set(y, &r);
  form_clear(&lifted), form_clear(&r);
}

/* [0, u0^x] for x > 0; 1 for x = 0 */
static void small(mpfi_t y, const tail_ctx *t, const mpq_t x) {
  mpfi_t e;
  mpfi_init2(e, BITS);
  mpfi_set_q(e, x);
  mpfi_mul_si(e, e, -t->exponent);
  mpfi_exp2(y, e);
  if (mpq_sgn(x)) mpfr_set_zero(&y->left, 1);
  mpfi_clear(e);
}

/* [0, max X^q exp(-a X^mu)] over X >= 2^exponent */
static void bump(mpfi_t y, const tail_ctx *t, const mpfi_t q, const mpfi_t a, const mpq_t mu) {
  mpfi_t x, top, m;
  mpfi_init2(x, BITS), mpfi_init2(top, BITS), mpfi_init2(m, BITS);
  mpfi_set_q(m, mu);
  mpfi_mul_si(x, m, t->exponent);
  mpfi_exp2(x, x); /* X0^mu */
  mpfi_mul(top, a, m);
  mpfi_div(top, q, top); /* X^mu of the maximum */
  if (mpfr_greater_p(&top->right, &x->left)) {
    if (mpfr_greater_p(&top->right, &x->right)) mpfr_set(&x->right, &top->right, MPFR_RNDU);
    if (mpfr_greater_p(&top->left, &x->left)) mpfr_set(&x->left, &top->left, MPFR_RNDD);
  }
  mpfi_mul(top, a, x);
  mpfi_neg(top, top);
  mpfi_log(y, x);
  mpfi_mul(y, y, q);
  mpfi_div(y, y, m);
  mpfi_add(y, y, top);
  mpfi_exp(y, y);
  mpfr_set_zero(&y->left, 1);
  mpfi_clear(x), mpfi_clear(top), mpfi_clear(m);
}

static void binomial(mpfi_t y, const mpq_t x, int j) {
  mpq_t p, f;
  mpq_init(p), mpq_init(f);
  mpq_set_si(p, 1, 1);
  for (int i = 0; i < j; i++) {
    mpq_set_si(f, i, 1);
    mpq_sub(f, x, f);
    mpq_mul(p, p, f);
    mpq_set_si(f, i + 1, 1);
    mpq_div(p, p, f);
  }
  mpfi_set_q(y, p);
  mpq_clear(p), mpq_clear(f);
}

/* Jets over [0, u0] of exp(d) u^w c, d = u^-mu p(u) with p < 0: with t = u^(1+mu) s all coefficients in s are bounded, and the j-th in t is
 * that times exp(d) u^(w - j(1+mu)). */
static int flat(tail_ctx *t, jet_t *y, const form_t *d, const mpq_t w, const jet_t *c, int m) {
  if (!pole(d) || d->atoms || csign(d) >= 0 || m < 1) return 0;
  m = least(m, d->m);
  jet_t e, f, g;
  mpfi_t a, x, z, p;
  mpq_t mu, minus, q, step;
  jet_init(&e), jet_init(&f), jet_init(&g);
  mpfi_init2(a, BITS), mpfi_init2(x, BITS), mpfi_init2(z, BITS), mpfi_init2(p, BITS);
  mpq_init(mu), mpq_init(minus), mpq_init(q), mpq_init(step);
  mpq_set(minus, d->v);
  mpq_neg(mu, minus);
  mpq_set_si(step, 1, 1);
  mpq_add(step, step, mu);
  for (int j = 0; j < m; j++) {
    if (j) { /* exponent: sum of binomial(-mu, j-i) p_i u^i, times u^((j-1)mu) */
      for (int i = 0; i <= j; i++) {
        binomial(x, minus, j - i);
        mpfi_mul(x, x, d->c.c[i]);
        mpq_set_si(q, i, 1);
        small(z, t, q);
        mpfi_mul(x, x, z);
        mpfi_add(e.c[j], e.c[j], x);
      }
      mpq_set_si(q, j - 1, 1);
      mpq_mul(q, q, mu);
      small(z, t, q);
      mpfi_mul(e.c[j], e.c[j], z);
    }
    mpq_set_si(q, j, 1);
    mpq_mul(q, q, mu);
    small(z, t, q);
    binomial(x, w, j);
    mpfi_mul(f.c[j], x, z);
    mpq_set_si(q, j, 1);
    mpq_mul(q, q, step);
    small(z, t, q);
    mpfi_mul(g.c[j], c->c[j], z);
  }
  jet_fn(&e, E_EXP, &e, m);
  jet_mul(&f, &f, &g, m);
  jet_mul(&e, &e, &f, m);
  mpfi_neg(a, d->c.c[0]);
  mpfr_set(&a->right, &a->left, MPFR_RNDU); /* the least decay */
  int ok = 1;
  for (int j = 0; j < m; j++) {
    mpq_set_si(q, j, 1);
    mpq_mul(q, q, step);
    mpq_sub(q, q, w);
    mpfi_set_q(p, q);
    bump(x, t, p, a, mu);
    mpfi_mul(y->c[j], e.c[j], x);
    ok &= bounded(y->c[j]);
  }
  jet_clear(&e), jet_clear(&f), jet_clear(&g);
  mpfi_clear(a), mpfi_clear(x), mpfi_clear(z), mpfi_clear(p);
  mpq_clear(mu), mpq_clear(minus), mpq_clear(q), mpq_clear(step);
  return ok;
}

static void add(tail_ctx *t, form_t *y, const form_t *a, const form_t *b);

static void exponent_of(tail_ctx *t, form_t *y, const form_t *g) {
  form_t part;
  form_init(&part);
  form_exact(t, y, ex_si(t->k, 0, 1));
  for (int i = 0; i < g->atoms; i++) {
    scale(t, &part, &t->form[g->atom[i]], g->f[i]);
    add(t, y, y, &part);
  }
  form_clear(&part);
}

static void add(tail_ctx *t, form_t *y, const form_t *a, const form_t *b) {
  form_t gap, d, r;
  mpq_t q;
  form_init(&gap), form_init(&d), form_init(&r);
  mpq_init(q);
  form_set(&r, a->zero ? b : a);
  r.ok = a->ok && b->ok;
  if (r.ok && !a->zero && !b->zero) {
    form_set(&gap, b);
    mpq_set_si(q, -1, 1);
    add_atoms(&gap, a, q);
    if (gap.ok && gap.atoms == 0) {
      add_same(t, &r, a, b);
    } else {
      exponent_of(t, &d, &gap);
      const int sign = csign(&d);
      const form_t *big = sign < 0 ? a : b, *little = sign < 0 ? b : a;
      if (gap.ok && pole(&d) && sign) {
        jet_t f;
        jet_init(&f);
        if (sign > 0) scale_si(t, &d, &d, -1, 1);
        form_set(&r, big);
        r.m = least(least(a->m, b->m), d.m);
        mpq_sub(q, little->v, big->v);
        r.ok = flat(t, &f, &d, q, &little->c, r.m);
        jet_add(&r.c, &big->c, &f, 0, M);
        jet_clear(&f);
      } else if (gap.ok && d.ok && !pole(&d)) {
        form_t e;
        form_init(&e);
        plain(t, &e, &d);
        jet_fn(&e.c, E_EXP, &e.c, e.m);
        e.s = se_fn(t->k, E_EXP, &e.s);
        e.zero = 0;
        mul(t, &e, b, &e);
        e.atoms = a->atoms;
        memcpy(e.atom, a->atom, sizeof e.atom);
        for (int i = 0; i < ATOMS; i++) mpq_set(e.f[i], a->f[i]);
        add_same(t, &r, a, &e);
        form_clear(&e);
      } else {
        r.ok = 0;
      }
    }
  }
  form_set(y, &r);
  form_clear(&gap), form_clear(&d), form_clear(&r);
  mpq_clear(q);
}

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
    form_init(&one);
    one.atoms = 1, one.atom[0] = first_square(t, ref);
    mpq_set(one.f[0], g);
    mpq_set_si(g, 1, 1);
    add_atoms(y, &one, g);
    form_clear(&one);
  }
  mpq_clear(g);
}

/* exp(s times node ref) */
static void expo(tail_ctx *t, form_t *y, int ref, long s) {
  form_t a;
  mpq_t f;
  form_init(&a);
  mpq_init(f);
  mpq_set_si(f, s, 1);
  scale(t, &a, &t->form[ref], f);
  if (!pole(&a)) {
    plain(t, y, &a);
    y->zero = 0;
    jet_fn(&y->c, E_EXP, &y->c, M);
    y->s = se_fn(t->k, E_EXP, &y->s);
  } else {
    form_exact(t, y, ex_si(t->k, 1, 1));
    y->ok = a.atoms == 0;
    if (y->ok) decompose(t, ref, f, y, 0);
    for (int i = 0; i < y->atoms; i++) y->ok = y->ok && t->form[y->atom[i]].ok;
  }
  form_clear(&a);
  mpq_clear(f);
}

static void plus_si(tail_ctx *t, form_t *y, const form_t *a, long v) {
  form_t c;
  form_init(&c);
  form_exact(t, &c, ex_si(t->k, v, 1));
  add(t, y, a, &c);
  form_clear(&c);
}

/* 1/(1 + exp(-s a)) */
static void sigmoid(tail_ctx *t, form_t *y, int ref, long s) {
  const form_t *a = &t->form[ref];
  const int up = pole(a) ? csign(a) * (s > 0 ? 1 : -1) : 1;
  form_t e, d;
  form_init(&e), form_init(&d);
  y->ok = 0;
  if (a->ok && up) {
    expo(t, &e, ref, up > 0 ? -s : s);
    plus_si(t, &d, &e, 1);
    reciprocal(t, y, &d);
    if (up < 0) mul(t, y, &e, y);
  }
  form_clear(&e), form_clear(&d);
}

static void smooth(tail_ctx *t, form_t *y, op_t op, const form_t *a) {
  form_t r;
  form_init(&r);
  plain(t, &r, a);
  r.zero = 0;
  jet_fn(&r.c, op, &r.c, M);
  r.s = se_fn(t->k, op, &r.s);
  r.ok = r.ok && bounded(r.c.c[0]);
  drop_zeros(&r);
  form_set(y, &r);
  form_clear(&r);
}

static void arctangent(tail_ctx *t, form_t *y, const form_t *a) {
  if (!pole(a)) {
    smooth(t, y, E_ATAN, a);
    return;
  }
  form_t half, inv;
  form_init(&half), form_init(&inv);
  const exact_t root = ex_sqrt_pi(t->k);
  form_exact(t, &half, ex_mul(t->k, ex_si(t->k, csign(a), 2), ex_mul(t->k, root, root)));
  reciprocal(t, &inv, a);
  smooth(t, &inv, E_ATAN, &inv);
  scale_si(t, &inv, &inv, -1, 1);
  add(t, y, &half, &inv);
  y->ok = y->ok && csign(a);
  form_clear(&half), form_clear(&inv);
}

static void error_function(tail_ctx *t, form_t *y, const form_t *a) {
  const int s = csign(a);
  if (!pole(a)) {
    smooth(t, y, E_ERF, a);
    return;
  }
  form_t d;
  jet_t f, one;
  mpq_t zero;
  form_init(&d), jet_init(&f), jet_init(&one);
  mpq_init(zero);
  mpfi_set_si(one.c[0], 1);
  mul(t, &d, a, a);
  scale_si(t, &d, &d, -1, 1);
  form_exact(t, y, ex_si(t->k, s, 1));
  y->m = 1;
  y->ok = s && flat(t, &f, &d, zero, &one, 1); /* erfc(x) <= exp(-x^2) */
  mpfi_mul_si(f.c[0], f.c[0], -s);
  mpfi_add(y->c.c[0], y->c.c[0], f.c[0]);
  form_clear(&d), jet_clear(&f), jet_clear(&one);
  mpq_clear(zero);
}

static void wave(tail_ctx *t, form_t *y, op_t op, const form_t *a) {
  if (!pole(a)) {
    smooth(t, y, op, a);
    return;
  }
  form_exact(t, y, ex_si(t->k, 1, 1));
  mpfi_interv_si(y->c.c[0], -1, 1);
  y->m = 1;
  y->s.n = 0;
}

static void logarithm(tail_ctx *t, form_t *y, const form_t *a) {
  if (a->ok && !a->zero && !a->atoms && mpq_sgn(a->v) == 0 && csign(a) > 0)
    smooth(t, y, E_LOG, a);
  else
    y->ok = 0;
}

/* A switch left by the resolution, where its decision has one sign in the whole tail. */
static void switched(tail_ctx *t, form_t *y, const node_t *n) {
  form_t d;
  form_init(&d);
  form_set(&d, &t->form[n->a]);
  if (n->b >= 0) {
    scale_si(t, &d, &t->form[n->b], -1, 1);
    add(t, &d, &t->form[n->a], &d);
  }
  const int sign = csign(&d);
  y->ok = 0;
  if (sign && n->op == E_SIGN) form_exact(t, y, ex_si(t->k, sign, 1));
  if (sign && n->op == E_ABS) scale_si(t, y, &t->form[n->a], sign, 1);
  if (sign && n->op == E_PICK) form_set(y, &t->form[sign < 0 ? n->c : n->d]);
  if (sign && (n->op == E_MIN || n->op == E_MAX)) form_set(y, &t->form[(sign < 0) == (n->op == E_MIN) ? n->a : n->b]);
  form_clear(&d);
}

static void node_form(tail_ctx *t, int i) {
  const node_t *n = &t->e->node[i];
  form_t *y = &t->form[i], x;
  const form_t *a = n->a >= 0 ? &t->form[n->a] : NULL, *b = n->b >= 0 ? &t->form[n->b] : NULL;
  form_init(&x);
  mpq_t half;
  mpq_init(half);
  mpq_set_ui(half, 1, 2);
  switch (n->op) {
    case E_NUM:
      form_exact(t, y, ex_q(t->k, n->q));
      break;
    case E_PI:
      form_exact(t, y, ex_mul(t->k, ex_sqrt_pi(t->k), ex_sqrt_pi(t->k)));
      break;
    case E_E:
      form_exact(t, y, ex_e(t->k));
      break;
    case E_PARAM:
      form_exact(t, y, ex_param(t->k, n->param));
      break;
    case E_R:
      form_exact(t, y, ex_si(t->k, 1, 1));
      mpq_set_si(y->v, -1, 1);
      break;
    case E_NEG:
      scale_si(t, y, a, -1, 1);
      break;
    case E_ADD:
      add(t, y, a, b);
      break;
    case E_SUB:
      scale_si(t, &x, b, -1, 1);
      add(t, y, a, &x);
      break;
    case E_MUL:
      mul(t, y, a, b);
      break;
    case E_DIV:
      reciprocal(t, &x, b);
      mul(t, y, a, &x);
      break;
    case E_POW:
      power(t, y, a, n->q);
      break;
    case E_SQRT:
      power(t, y, a, half);
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
      scale_si(t, &x, &x, 2, 1);
      plus_si(t, y, &x, -1);
      break;
    case E_SINH:
    case E_COSH: {
      form_t z;
      form_init(&z);
      expo(t, &x, n->a, 1);
      expo(t, &z, n->a, -1);
      scale_si(t, &z, &z, n->op == E_COSH ? 1 : -1, 1);
      add(t, &x, &x, &z);
      scale_si(t, y, &x, 1, 2);
      form_clear(&z);
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
  form_clear(&x);
  mpq_clear(half);
}

static int has_value(const tail_ctx *t, int i) {
  const node_t *n = &t->e->node[i];
  const int a = n->a >= 0 ? csign(&t->form[n->a]) : 0, b = n->b >= 0 ? csign(&t->form[n->b]) : 0;
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
  const int s = csign(g);
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
    small(z, t, v);
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
  form_init(&h), form_init(&rest);
  exponent_of(t, &h, g);
  const int p = g->atoms && pole(&h), down = p ? csign(&h) : 0;
  const int fine = g->ok && h.ok && g->m >= 1 && bounded(g->c.c[0]);
  out->sign = csign(g);
  if (fine && !g->zero) out->slope = slope(t, g, &h);
  if (fine && !g->zero && !out->slope && !g->atoms && mpq_sgn(g->v) == 0 && g->s.n) { /* about the limit */
    form_exact(t, &rest, ex_sub(t->k, ex_si(t->k, 0, 1), g->s.c[0]));
    add(t, &rest, g, &rest);
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
      known = down < 0 && flat(t, &f, &h, g->v, &g->c, 1);
    } else if (!g->atoms && mpq_sgn(g->v) >= 0) {
      small(f.c[0], t, g->v);
      mpfi_mul(f.c[0], f.c[0], g->c.c[0]);
      known = 1;
    }
    mpfi_sub_si(f.c[0], f.c[0], 1);
    out->below_one = known && sign_of(f.c[0]) < 0;
    jet_clear(&f);
  }
  form_clear(&h), form_clear(&rest);
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
    form_init(&t.form[i]);
    if (!live[i]) continue;
    node_form(&t, i);
    out->defined &= has_value(&t, i);
  }
  if (out->defined && t.form[ref].ok) conclude(&t, out, &t.form[ref]);
  for (int i = 0; i <= ref; i++) form_clear(&t.form[i]);
  mpfi_clear(t.u);
  free(t.form), free(live);
}
