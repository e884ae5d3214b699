/* Interval evaluation of all nodes (see box.h). */
#include "box.h"

#include <stdlib.h>

void slc_box_init(box_t *b, const expr_t *e) {
  *b = (box_t){.e = e,
               .n = e->count,
               .flow = calloc((size_t)e->count, sizeof(flow_t)),
               .jet = calloc((size_t)e->count, sizeof(jet_t))};
  if (!b->flow || !b->jet) abort();
  for (int i = 0; i < b->n; i++) {
    mpfi_init2(b->flow[i].v, BITS), mpfi_init2(b->flow[i].d, BITS), mpfi_init2(b->flow[i].l, BITS);
    slc_jet_init(&b->jet[i]);
  }
}
void slc_box_clear(box_t *b) {
  for (int i = 0; i < b->n; i++) {
    mpfi_clear(b->flow[i].v), mpfi_clear(b->flow[i].d), mpfi_clear(b->flow[i].l);
    slc_jet_clear(&b->jet[i]);
  }
  free(b->flow), free(b->jet);
}

static void quotient(mpfi_t y, const mpfi_t a, const mpfi_t b) {
  if (slc_sign_of(b))
    mpfi_div(y, a, b);
  else
    slc_nowhere(y);
}

/* First two Taylor coefficients by the jets; the quotient v'/v where it is a sum or a factor. */
static void by_jet(flow_t *y, op_t op, const mpq_t q, const flow_t *a) {
  jet_t x, z;
  slc_jet_init(&x), slc_jet_init(&z);
  mpfi_set(x.c[0], a->v), mpfi_set(x.c[1], a->d);
  if (op == E_POW)
    slc_jet_pow(&z, &x, q, 2);
  else
    slc_jet_fn(&z, op, &x, 2);
  mpfi_set(y->v, z.c[0]), mpfi_set(y->d, z.c[1]);
  const int root = op == E_SQRT || (op == E_POW && mpz_cmp_ui(mpq_denref(q), 1) && mpq_sgn(q) > 0);
  if (root && !slc_bounded(y->v) && slc_bounded(a->v) &&
      mpfi_is_nonneg(a->v)) { /* a root has a value at 0 too, where the slope has none */
    mpfi_set_fr(x.c[0], &a->v->right);
    mpfi_set_si(y->v, 0);
    if (mpfr_sgn(&a->v->right) > 0) {
      if (op == E_POW)
        slc_jet_pow(&z, &x, q, 1);
      else
        slc_jet_fn(&z, op, &x, 1);
      mpfr_set(&y->v->right, &z.c[0]->right, MPFR_RNDU);
    }
  }
  quotient(y->l, y->d, y->v);
  if (op == E_EXP) mpfi_set(y->l, a->d);
  if (op == E_SIGMOID) {
    mpfi_neg(x.c[0], a->v);
    slc_sigmoid_of(x.c[0], x.c[0]);
    mpfi_mul(y->l, x.c[0], a->d);
    mpfi_mul(y->d, y->l, y->v);
  }
  if (op == E_POW || op == E_SQRT) {
    mpfi_t f;
    mpfi_init2(f, BITS);
    if (op == E_POW)
      mpfi_set_q(f, q);
    else
      mpfi_set_d(f, 0.5);
    if (slc_bounded(a->l)) mpfi_mul(y->l, a->l, f);
    mpfi_clear(f);
  }
  slc_jet_clear(&x), slc_jet_clear(&z);
}

static int greater(const mpfi_t a, const mpfi_t b) { return mpfr_greater_p(&a->left, &b->right); }

static void copy_flow(flow_t *y, const flow_t *a, int minus) {
  if (minus)
    mpfi_neg(y->v, a->v), mpfi_neg(y->d, a->d);
  else
    mpfi_set(y->v, a->v), mpfi_set(y->d, a->d);
  mpfi_set(y->l, a->l);
}

/* Undecided abs, min and max are continuous, with a slope between those of their branches. */
static void hull(flow_t *y, const node_t *n, const flow_t *a, const flow_t *b) {
  slc_nowhere(y->l);
  if (n->op == E_ABS) {
    mpfi_abs(y->v, a->v);
    mpfi_neg(y->d, a->d);
    mpfi_union(y->d, y->d, a->d);
  } else {
    mpfr_srcptr high = n->op == E_MIN ? &a->v->right : &b->v->left,
                low = n->op == E_MIN ? &b->v->right : &a->v->left;
    mpfi_union(y->v, a->v, b->v);
    if (n->op == E_MIN)
      mpfr_min(&y->v->right, high, low, MPFR_RNDU);
    else
      mpfr_max(&y->v->left, high, low, MPFR_RNDD);
    mpfi_union(y->d, a->d, b->d);
  }
}

/* A switch that the resolution left: decided by the box, or without a value where it may jump. */
static void open_switch(flow_t *y, const node_t *n, const flow_t *f) {
  const flow_t *a = &f[n->a], *b = n->b >= 0 ? &f[n->b] : NULL;
  const int sign = n->op == E_ABS || n->op == E_SIGN ? slc_sign_of(a->v)
                   : n->op == E_SOFTSIGN             ? 2
                   : greater(a->v, b->v)             ? 1
                   : greater(b->v, a->v)             ? -1
                                                     : 0;
  if (sign == 0 && (n->op == E_ABS || n->op == E_MIN || n->op == E_MAX)) {
    hull(y, n, a, b);
    return;
  }
  if (sign == 0) {
    y->ok = 0;
    slc_nowhere(y->v), slc_nowhere(y->d), slc_nowhere(y->l);
    return;
  }
  switch (n->op) {
    case E_ABS:
      copy_flow(y, a, sign < 0);
      break;
    case E_SIGN:
      mpfi_set_si(y->v, sign), mpfi_set_si(y->d, 0), mpfi_set_si(y->l, 0);
      break;
    case E_MIN:
      copy_flow(y, sign < 0 ? a : b, 0);
      break;
    case E_MAX:
      copy_flow(y, sign > 0 ? a : b, 0);
      break;
    case E_PICK: { /* the other branch need not have a value */
      const flow_t *c = &f[sign < 0 ? n->c : n->d];
      copy_flow(y, c, 0);
      y->ok &= c->ok, y->never |= c->never;
      break;
    }
    default: { /* softsign */
      mpfi_t t;
      mpfi_init2(t, BITS);
      mpfi_abs(t, a->v);
      mpfi_add_si(t, t, 1);
      mpfi_div(y->v, a->v, t);
      mpfi_sqr(t, t);
      mpfi_div(y->d, a->d, t);
      quotient(y->l, y->d, y->v);
      mpfi_clear(t);
    }
  }
}

static void leaf(flow_t *y, const node_t *n, const mpfi_t r, mpfi_t *params) {
  mpfi_set_si(y->d, 0), mpfi_set_si(y->l, 0);
  switch (n->op) {
    case E_NUM:
      mpfi_set_q(y->v, n->q);
      break;
    case E_PI:
      mpfi_const_pi(y->v);
      break;
    case E_E:
      mpfi_set_si(y->v, 1);
      mpfi_exp(y->v, y->v);
      break;
    case E_PARAM:
      mpfi_set(y->v, params[n->param]);
      break;
    default:
      mpfi_set(y->v, r);
      mpfi_set_si(y->d, 1);
      quotient(y->l, y->d, y->v);
      break;
  }
}

static void product(flow_t *y, const flow_t *a, const flow_t *c) {
  mpfi_t t;
  mpfi_init2(t, BITS);
  if (a == c)
    mpfi_sqr(y->v, a->v);
  else
    mpfi_mul(y->v, a->v, c->v);
  mpfi_mul(y->d, a->d, c->v);
  mpfi_mul(t, a->v, c->d);
  mpfi_add(y->d, y->d, t);
  mpfi_add(y->l, a->l, c->l);
  mpfi_clear(t);
}

static void ratio(flow_t *y, const flow_t *a, const flow_t *c) {
  mpfi_t t;
  mpfi_init2(t, BITS);
  quotient(y->v, a->v, c->v);
  mpfi_mul(t, y->v, c->d);
  mpfi_sub(t, a->d, t);
  quotient(y->d, t, c->v);
  mpfi_sub(y->l, a->l, c->l);
  mpfi_clear(t);
}

static void node_flow(box_t *b, int i, const mpfi_t r, mpfi_t *params) {
  const node_t *n = &b->e->node[i];
  flow_t *f = b->flow, *y = &f[i];
  if (slc_expr_arity(n->op) == 0) {
    leaf(y, n, r, params);
    return;
  }
  if (slc_expr_is_switch(n->op)) {
    open_switch(y, n, f);
    return;
  }
  const flow_t *a = &f[n->a], *c = &f[n->b >= 0 ? n->b : n->a];
  switch (n->op) {
    case E_NEG:
      copy_flow(y, a, 1);
      break;
    case E_ADD:
      mpfi_add(y->v, a->v, c->v);
      mpfi_add(y->d, a->d, c->d);
      quotient(y->l, y->d, y->v);
      break;
    case E_SUB:
      mpfi_sub(y->v, a->v, c->v);
      mpfi_sub(y->d, a->d, c->d);
      quotient(y->l, y->d, y->v);
      break;
    case E_MUL:
      product(y, a, c);
      break;
    case E_DIV:
      ratio(y, a, c);
      break;
    default:
      by_jet(y, n->op, n->q, a);
      break;
  }
}

static int never_defined(const box_t *b, const node_t *n) {
  const flow_t *a = n->a >= 0 ? &b->flow[n->a] : NULL;
  switch (n->op) {
    case E_DIV:
      return mpfi_is_zero(b->flow[n->b].v);
    case E_LOG:
      return mpfi_is_nonpos(a->v);
    case E_LOG1P:
      return mpfr_cmp_si(&a->v->right, -1) <= 0;
    case E_SQRT:
      return mpfi_is_strictly_neg(a->v);
    case E_POW:
      return (mpz_cmp_ui(mpq_denref(n->q), 1) && mpfi_is_strictly_neg(a->v)) ||
             (mpq_sgn(n->q) < 0 && mpfi_is_zero(a->v));
    default:
      return 0;
  }
}

void slc_box_flow(box_t *b, const mpfi_t r, mpfi_t *params) {
  for (int i = 0; i < b->n; i++) {
    const node_t *n = &b->e->node[i];
    flow_t *y = &b->flow[i];
    const int child[] = {n->a, n->b, n->c, n->d};
    y->ok = 1, y->never = 0;
    node_flow(b, i, r, params);
    for (int k = 0; k < (n->op == E_PICK ? 2 : slc_expr_arity(n->op)); k++) {
      y->ok &= b->flow[child[k]].ok;
      y->never |= b->flow[child[k]].never;
    }
    y->ok = y->ok && slc_bounded(y->v);
    y->never = y->never || never_defined(b, n);
  }
}

int slc_box_slope_sign(const box_t *b, int ref) {
  const flow_t *y = &b->flow[ref];
  if (!y->ok) return 0;
  const int direct = slc_sign_of(y->d);
  return direct ? direct : slc_sign_of(y->v) * slc_sign_of(y->l);
}

/* The branch that is certain on the whole box, or nothing. */
static void jet_switch(const box_t *b, const node_t *n, jet_t *y, int terms) {
  const jet_t *a = &b->jet[n->a], *c = n->b >= 0 ? &b->jet[n->b] : NULL;
  const int sign = !c                          ? slc_sign_of(a->c[0])
                   : greater(a->c[0], c->c[0]) ? 1
                   : greater(c->c[0], a->c[0]) ? -1
                                               : 0;
  mpfi_t s;
  mpfi_init2(s, BITS);
  mpfi_set_si(s, sign);
  if (!sign || n->op == E_SOFTSIGN)
    slc_jet_unknown(y);
  else if (n->op == E_SIGN)
    slc_jet_const(y, s);
  else if (n->op == E_ABS)
    slc_jet_scale(y, a, s, terms);
  else if (n->op == E_PICK)
    slc_jet_set(y, &b->jet[sign < 0 ? n->c : n->d]);
  else
    slc_jet_set(y, (sign < 0) == (n->op == E_MIN) ? a : c);
  mpfi_clear(s);
}

static void node_jet(box_t *b, int i, const mpfi_t r, mpfi_t *params, int terms) {
  const node_t *n = &b->e->node[i];
  jet_t *y = &b->jet[i];
  if (slc_expr_arity(n->op) == 0) {
    leaf(&b->flow[i], n, r, params);
    slc_jet_const(y, b->flow[i].v);
    if (terms > 1) mpfi_set(y->c[1], b->flow[i].d);
    return;
  }
  if (slc_expr_is_switch(n->op)) {
    jet_switch(b, n, y, terms);
    return;
  }
  const jet_t *a = &b->jet[n->a], *c = &b->jet[n->b >= 0 ? n->b : n->a];
  switch (n->op) {
    case E_NEG:
      for (int k = 0; k < terms; k++) mpfi_neg(y->c[k], a->c[k]);
      break;
    case E_ADD:
    case E_SUB:
      slc_jet_add(y, a, c, n->op == E_SUB, terms);
      break;
    case E_MUL:
      slc_jet_mul(y, a, c, terms);
      break;
    case E_DIV:
      slc_jet_div(y, a, c, terms);
      break;
    case E_POW:
      slc_jet_pow(y, a, n->q, terms);
      break;
    default:
      slc_jet_fn(y, n->op, a, terms);
      break;
  }
}

void slc_box_jet(box_t *b, int ref, const mpfi_t r, mpfi_t *params, int order, mpfi_t out) {
  for (int i = 0; i <= ref; i++) node_jet(b, i, r, params, order + 1);
  mpfi_set(out, b->jet[ref].c[order]);
}

int slc_box_centred_slope(box_t *b, int ref, const mpfi_t r, mpfi_t *params) {
  mpfi_t curve, m, slope;
  mpfr_t mid;
  mpfi_init2(curve, BITS), mpfi_init2(m, BITS), mpfi_init2(slope, BITS);
  mpfr_init2(mid, BITS);
  slc_box_jet(b, ref, r, params, 2, curve);
  mpfi_mul_si(curve, curve, 2);
  mpfi_mid(mid, r);
  mpfi_set_fr(m, mid);
  slc_box_jet(b, ref, m, params, 1, slope);
  mpfi_sub(m, r, m);
  mpfi_mul(curve, curve, m);
  mpfi_add(slope, slope, curve);
  const int sign = slc_sign_of(slope);
  mpfi_clear(curve), mpfi_clear(m), mpfi_clear(slope);
  mpfr_clear(mid);
  return sign;
}
