/* Taylor coefficients of all nodes over a box (see box.h). */
#include "box.h"

/* The branch that is certain on all of the box, or nothing. */
static void jet_switch(const box_t *b, const node_t *n, jet_t *y, int terms) {
  const jet_t *a = &b->jet[n->a], *c = n->b >= 0 ? &b->jet[n->b] : NULL;
  mpfi_t gap;
  mpfi_init2(gap, BITS);
  mpfi_set(gap, a->c[0]);
  if (c) mpfi_sub(gap, a->c[0], c->c[0]);
  const int sign = slc_sign_of(gap);
  mpfi_set_si(gap, sign);
  if (!sign || n->op == E_SOFTSIGN)
    slc_jet_unknown(y);
  else if (n->op == E_SIGN)
    slc_jet_const(y, gap);
  else if (n->op == E_ABS)
    slc_jet_scale(y, a, gap, terms);
  else if (n->op == E_PICK)
    slc_jet_set(y, &b->jet[sign < 0 ? n->c : n->d]);
  else
    slc_jet_set(y, (sign < 0) == (n->op == E_MIN) ? a : c);
  mpfi_clear(gap);
}

static void jet_leaf(box_t *b, int i, const mpfi_t r, jet_t *y, int terms) {
  span_t x;
  slc_sp_init(&x);
  slc_sp_mpfi(&x, r);
  slc_box_leaf(&b->flow[i], &b->e->node[i], &x);
  slc_jet_const(y, b->flow[i].v.x);
  if (terms > 1) mpfi_set(y->c[1], b->flow[i].d.x);
  slc_sp_clear(&x);
}

static void node_jet(box_t *b, int i, const mpfi_t r, int terms) {
  const node_t *n = &b->e->node[i];
  jet_t *y = &b->jet[i];
  if (slc_expr_arity(n->op) == 0) {
    jet_leaf(b, i, r, y, terms);
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

void slc_box_jet(box_t *b, int ref, const mpfi_t r, const mpfi_t *box, int order, mpfi_t out) {
  span_t x;
  mpfi_t s;
  slc_sp_init(&x);
  mpfi_init2(s, BITS);
  for (int i = 0; i <= ref; i++) {
    if (slc_ex_affine_span(&x, b->k, b->constant[i], box))
      slc_jet_const(&b->jet[i], x.x);
    else
      node_jet(b, i, r, order + 1);
    if (b->by_inner && i == b->piece->inner) {
      mpfi_set(s, b->jet[i].c[0]);
      slc_jet_const(&b->jet[i], s);
      mpfi_set_si(b->jet[i].c[1], b->piece->inner_sign);
    }
  }
  mpfi_set(out, b->jet[ref].c[order]);
  slc_sp_clear(&x);
  mpfi_clear(s);
}

void slc_box_centred(box_t *b, int ref, const mpfi_t r, const mpfi_t *box, int order, mpfi_t out) {
  const int by_inner = b->by_inner;
  mpfi_t c, m, step;
  mpfr_t mid;
  b->by_inner = 0;
  mpfi_init2(c, BITS), mpfi_init2(m, BITS), mpfi_init2(step, BITS);
  mpfr_init2(mid, BITS);
  mpfi_mid(mid, r);
  mpfi_set_fr(m, mid);
  mpfi_sub(step, r, m);
  slc_box_jet(b, ref, r, box, order + 2, c);
  mpfi_mul_si(c, c, (order + 1) * (order + 2) / 2);
  mpfi_mul(c, c, step);
  slc_box_jet(b, ref, m, box, order + 1, out);
  mpfi_mul_si(out, out, order + 1);
  mpfi_add(c, c, out);
  mpfi_mul(c, c, step);
  slc_box_jet(b, ref, m, box, order, out);
  mpfi_add(out, out, c);
  b->by_inner = by_inner;
  mpfi_clear(c), mpfi_clear(m), mpfi_clear(step);
  mpfr_clear(mid);
}
