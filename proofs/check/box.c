/* Values and slopes of all nodes over a box (see box.h); Taylor coefficients: box_jet.c. */
#include "box.h"

#include <stdlib.h>

void slc_box_init(box_t *b, field_t *k, const piece_t *piece) {
  const expr_t *e = &piece->e;
  const size_t n = (size_t)e->count;
  *b = (box_t){.k = k,
               .e = e,
               .piece = piece,
               .by_inner = 1,
               .in_piece = 1,
               .n = e->count,
               .has_r = calloc(n, 1),
               .constant = calloc(n, sizeof(exact_t)),
               .flow = calloc(n, sizeof(flow_t)),
               .jet = calloc(n, sizeof(jet_t))};
  if (!b->flow || !b->jet || !b->has_r || !b->constant) abort();
  for (int i = 0; i < b->n; i++) {
    const node_t *m = &e->node[i];
    const int child[] = {m->a, m->b, m->c, m->d};
    slc_sp_init(&b->flow[i].v), slc_sp_init(&b->flow[i].d), slc_sp_init(&b->flow[i].l);
    slc_jet_init(&b->jet[i]);
    b->has_r[i] = m->op == E_R;
    for (int c = 0; c < slc_expr_arity(m->op); c++) b->has_r[i] |= b->has_r[child[c]];
    if (b->has_r[i]) continue;
    const series_t s = slc_se_expr(k, e, i, slc_ex_si(k, 0, 1), 1);
    b->constant[i] = s.n ? s.c[0] : NULL;
  }
}
void slc_box_clear(box_t *b) {
  for (int i = 0; i < b->n; i++) {
    slc_sp_clear(&b->flow[i].v), slc_sp_clear(&b->flow[i].d), slc_sp_clear(&b->flow[i].l);
    slc_jet_clear(&b->jet[i]);
  }
  free(b->flow), free(b->jet), free(b->has_r), free(b->constant);
}

static void quotient(span_t *y, const span_t *a, const span_t *b) {
  span_t t;
  slc_sp_init(&t);
  slc_sp_div(&t, a, b);
  slc_sp_set(y, &t);
  slc_sp_clear(&t);
}

static void copy_flow(flow_t *y, const flow_t *a, int minus) {
  slc_sp_set(&y->v, &a->v), slc_sp_set(&y->d, &a->d), slc_sp_set(&y->l, &a->l);
  if (minus) slc_sp_neg(&y->v, &y->v), slc_sp_neg(&y->d, &y->d);
}

/* Undecided abs, min and max are continuous, with a slope between those of their branches. */
static void open_switch(flow_t *y, const node_t *n, const flow_t *a, const flow_t *b) {
  span_t minus;
  slc_sp_init(&minus);
  slc_sp_anything(&y->l);
  if (n->op == E_ABS) {
    slc_sp_neg(&minus, &a->d);
    slc_sp_hull(&y->d, &a->d, &minus);
    slc_sp_abs(&y->v, &a->v);
  } else if (b && (n->op == E_MIN || n->op == E_MAX)) {
    int (*const pick)(mpfr_ptr, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t) =
        n->op == E_MIN ? mpfr_min : mpfr_max;
    mpfr_t low, high;
    mpfr_inits2(BITS, low, high, (mpfr_ptr)0);
    pick(low, &a->v.x->left, &b->v.x->left, MPFR_RNDD);
    pick(high, &a->v.x->right, &b->v.x->right, MPFR_RNDU);
    slc_sp_ends(&y->v, low, high, 0);
    slc_sp_only(&y->v, a->v.signs | b->v.signs);
    slc_sp_hull(&y->d, &a->d, &b->d);
    mpfr_clears(low, high, (mpfr_ptr)0);
  } else {
    slc_sp_anything(&y->v), slc_sp_anything(&y->d);
    y->ok = 0;
  }
  slc_sp_clear(&minus);
}

static void softsign(flow_t *y, const flow_t *a) {
  span_t t, one;
  slc_sp_init(&t), slc_sp_init(&one);
  mpfi_set_si(one.x, 1);
  slc_sp_only(&one, POS);
  slc_sp_abs(&t, &a->v);
  slc_sp_add(&t, &t, &one);
  quotient(&y->v, &a->v, &t);
  slc_sp_sqr(&t, &t);
  quotient(&y->d, &a->d, &t);
  quotient(&y->l, &y->d, &y->v);
  slc_sp_clear(&t), slc_sp_clear(&one);
}

/* -1: what decides is <= 0 on all of the box; 1: >= 0, of PICK > 0. */
static int way(op_t op, const span_t *a, const span_t *b) {
  if (!b) return !(a->signs & POS) ? -1 : !(a->signs & NEG) ? 1 : 0;
  if (mpfr_lessequal_p(&a->x->right, &b->x->left)) return -1;
  if (op == E_PICK) return mpfr_greater_p(&a->x->left, &b->x->right);
  return mpfr_greaterequal_p(&a->x->left, &b->x->right);
}

/* A switch that the resolution left. */
static void switched(flow_t *y, const node_t *n, const flow_t *f) {
  const flow_t *a = &f[n->a], *b = n->b >= 0 ? &f[n->b] : NULL;
  const int decided = way(n->op, &a->v, b ? &b->v : NULL);
  if (n->op == E_SOFTSIGN) {
    softsign(y, a);
  } else if (n->op == E_SIGN && (a->v.signs == NEG || a->v.signs == NIL || a->v.signs == POS)) {
    mpfi_set_si(y->v.x, a->v.signs == NEG ? -1 : a->v.signs == POS);
    y->v.open = 0;
    slc_sp_only(&y->v, ANY);
    slc_sp_zero(&y->d), slc_sp_zero(&y->l);
  } else if (!decided || n->op == E_SIGN) {
    open_switch(y, n, a, b);
  } else if (n->op == E_ABS) {
    copy_flow(y, a, decided < 0);
  } else if (n->op == E_PICK) { /* the other branch need not have a value */
    const flow_t *c = &f[decided < 0 ? n->c : n->d];
    copy_flow(y, c, 0);
    y->ok &= c->ok, y->never |= c->never;
  } else {
    copy_flow(y, (decided < 0) == (n->op == E_MIN) ? a : b, 0);
  }
}

void slc_box_leaf(flow_t *y, const node_t *n, const span_t *r) {
  mpfi_t c;
  mpfi_init2(c, BITS);
  slc_sp_zero(&y->d), slc_sp_zero(&y->l);
  switch (n->op) {
    case E_NUM:
      slc_sp_q(&y->v, n->q, n->q);
      break;
    case E_PI:
      mpfi_const_pi(c);
      slc_sp_mpfi(&y->v, c);
      break;
    case E_E:
      mpfi_set_si(c, 1);
      mpfi_exp(c, c);
      slc_sp_mpfi(&y->v, c);
      break;
    case E_R:
      slc_sp_set(&y->v, r);
      mpfi_set_si(y->d.x, 1);
      slc_sp_only(&y->d, POS);
      quotient(&y->l, &y->d, &y->v);
      break;
    default:
      slc_sp_anything(&y->v);
      break;
  }
  mpfi_clear(c);
}

static void product(flow_t *y, const flow_t *a, const flow_t *c) {
  span_t t;
  slc_sp_init(&t);
  if (a == c)
    slc_sp_sqr(&y->v, &a->v);
  else
    slc_sp_mul(&y->v, &a->v, &c->v);
  slc_sp_mul(&y->d, &a->d, &c->v);
  slc_sp_mul(&t, &a->v, &c->d);
  slc_sp_add(&y->d, &y->d, &t);
  slc_sp_add(&y->l, &a->l, &c->l);
  slc_sp_clear(&t);
}

static void ratio(flow_t *y, const flow_t *a, const flow_t *c) {
  span_t t;
  slc_sp_init(&t);
  quotient(&y->v, &a->v, &c->v);
  slc_sp_mul(&t, &y->v, &c->d);
  slc_sp_sub(&t, &a->d, &t);
  quotient(&y->d, &t, &c->v);
  slc_sp_sub(&y->l, &a->l, &c->l);
  y->ok &= !(c->v.signs & NIL);
  y->never |= c->v.signs == NIL;
  slc_sp_clear(&t);
}

static void times_q(span_t *y, const span_t *a, const mpq_t q) {
  span_t f;
  slc_sp_init(&f);
  slc_sp_q(&f, q, q);
  slc_sp_mul(y, a, &f);
  slc_sp_clear(&f);
}

static void power(flow_t *y, const node_t *n, const flow_t *a) {
  const int root = mpz_cmp_ui(mpq_denref(n->q), 1) != 0, down = mpq_sgn(n->q) < 0;
  const unsigned s = a->v.signs;
  y->ok &= !(root && s & NEG) && !(down && s & NIL);
  y->never |= (root && s == NEG) || (down && s == NIL);
  slc_sp_pow(&y->v, &a->v, n->q);
  slc_sp_pow_slope(&y->d, &a->v, n->q);
  slc_sp_mul(&y->d, &y->d, &a->d);
  times_q(&y->l, &a->l, n->q);
}

/* The signs of what log, log1p and the root are taken of. */
static unsigned domain_signs(op_t op, const span_t *a) {
  if (op != E_LOG1P) return a->signs;
  span_t one;
  slc_sp_init(&one);
  mpfi_set_si(one.x, 1);
  slc_sp_only(&one, POS);
  slc_sp_add(&one, &one, a);
  const unsigned signs = one.signs;
  slc_sp_clear(&one);
  return signs;
}

static void function(flow_t *y, op_t op, const flow_t *a) {
  span_t s, t;
  slc_sp_init(&s), slc_sp_init(&t);
  slc_sp_fn(&y->v, &s, op, &a->v);
  slc_sp_mul(&y->d, &s, &a->d);
  quotient(&y->l, &y->d, &y->v);
  if (op == E_EXP) slc_sp_set(&y->l, &a->d);
  if (op == E_SIGMOID) {
    slc_sp_neg(&t, &a->v);
    slc_sp_fn(&y->l, &s, E_SIGMOID, &t);
    slc_sp_mul(&y->l, &y->l, &a->d);
  }
  if (op == E_SQRT) {
    mpq_t half;
    mpq_init(half);
    mpq_set_si(half, 1, 2);
    times_q(&y->l, &a->l, half);
    mpq_clear(half);
  }
  if (op == E_LOG || op == E_LOG1P || op == E_SQRT) {
    const unsigned signs = domain_signs(op, &a->v);
    y->ok &= op == E_SQRT ? !(signs & NEG) : signs == POS;
    y->never |= op == E_SQRT ? signs == NEG : !(signs & POS);
  }
  slc_sp_clear(&s), slc_sp_clear(&t);
}

static void node_flow(box_t *b, int i, const span_t *r) {
  const node_t *n = &b->e->node[i];
  flow_t *f = b->flow, *y = &f[i];
  if (slc_expr_arity(n->op) == 0) {
    slc_box_leaf(y, n, r);
    return;
  }
  if (slc_expr_is_switch(n->op)) {
    switched(y, n, f);
    return;
  }
  const flow_t *a = &f[n->a], *c = &f[n->b >= 0 ? n->b : n->a];
  switch (n->op) {
    case E_NEG:
      copy_flow(y, a, 1);
      break;
    case E_ADD:
      slc_sp_add(&y->v, &a->v, &c->v);
      slc_sp_add(&y->d, &a->d, &c->d);
      quotient(&y->l, &y->d, &y->v);
      break;
    case E_SUB:
      slc_sp_sub(&y->v, &a->v, &c->v);
      slc_sp_sub(&y->d, &a->d, &c->d);
      quotient(&y->l, &y->d, &y->v);
      break;
    case E_MUL:
      product(y, a, c);
      break;
    case E_DIV:
      ratio(y, a, c);
      break;
    case E_POW:
      power(y, n, a);
      break;
    default:
      function(y, n->op, a);
      break;
  }
}

void slc_box_flow(box_t *b, const span_t *r, const mpfi_t *box) {
  for (int i = 0; i < b->n; i++) {
    const node_t *n = &b->e->node[i];
    flow_t *y = &b->flow[i];
    const int child[] = {n->a, n->b, n->c, n->d};
    y->ok = 1, y->never = 0;
    if (!slc_ex_affine_span(&y->v, b->k, b->constant[i], box)) {
      for (int c = 0; c < (n->op == E_PICK ? 2 : slc_expr_arity(n->op)); c++) {
        y->ok &= b->flow[child[c]].ok;
        y->never |= b->flow[child[c]].never;
      }
      node_flow(b, i, r);
    }
    if (!b->has_r[i]) slc_sp_zero(&y->d), slc_sp_zero(&y->l);
    if (b->in_piece && b->piece->signs) slc_sp_only(&y->v, y->v.signs & b->piece->signs[i]);
    if (b->by_inner && i == b->piece->inner) {
      mpfi_set_si(y->d.x, b->piece->inner_sign);
      y->d.open = 0;
      slc_sp_only(&y->d, ANY);
      quotient(&y->l, &y->d, &y->v);
    }
  }
}

unsigned slc_box_slope_signs(const box_t *b, int ref) {
  const flow_t *y = &b->flow[ref];
  if (!y->ok) return ANY;
  const unsigned both = y->d.signs & slc_signs_times(y->v.signs, y->l.signs);
  return both ? both : y->d.signs;
}
