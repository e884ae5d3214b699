/* Spans of the nodes of a tree (see enclosure.h). */
#include "enclosure.h"

#include "arb_function.h"

#include <stdlib.h>

static fmpq *affine_of(sl_enclosure *e, uint32_t i) {
  const sl_series s = sl_series_root(e->p->field, e->tree, i, sl_exact_int(e->p->field, 0), 1);
  fmpq *c = _fmpq_vec_init(SL_FIELD_PARAMETERS + 1);
  if (s.n && sl_exact_affine(e->p->field, s.c[0], c)) return c;
  _fmpq_vec_clear(c, SL_FIELD_PARAMETERS + 1);
  return NULL;
}

void sl_enclosure_init(sl_enclosure *e, sl_problem *p, const sl_segment *s, sl_ref ref,
                       sl_ref other) {
  const sl_tree *tree = &s->tree;
  const uint32_t n = tree->count;
  *e = (sl_enclosure){.p = p,
                      .tree = tree,
                      .inner = s->inner,
                      .inner_sign = s->inner_sign,
                      .signs = s->signs,
                      .live = calloc(n, 1),
                      .has_r = calloc(n, 1),
                      .node = calloc(n, sizeof(sl_enclosed)),
                      .affine = calloc(n, sizeof(fmpq *))};
  if (!e->live || !e->has_r || !e->node || !e->affine) flint_abort();
  sl_tree_mark(tree, ref, e->live);
  if (other != SL_NO_REF) sl_tree_mark(tree, other, e->live);
  for (uint32_t i = 0; i < n; i++) {
    const sl_gate_node *node = &tree->node[i];
    sl_span_init(&e->node[i].v), sl_span_init(&e->node[i].d), sl_span_init(&e->node[i].l);
    e->has_r[i] = node->op == SL_OP_R;
    for (int c = 0; c < sl_op_arity(node->op); c++) e->has_r[i] |= e->has_r[node->child[c]];
    if (e->live[i] && !e->has_r[i]) e->affine[i] = affine_of(e, i);
  }
}

void sl_enclosure_clear(sl_enclosure *e) {
  for (uint32_t i = 0; i < e->tree->count; i++) {
    sl_span_clear(&e->node[i].v), sl_span_clear(&e->node[i].d), sl_span_clear(&e->node[i].l);
    if (e->affine[i]) _fmpq_vec_clear(e->affine[i], SL_FIELD_PARAMETERS + 1);
  }
  free(e->live), free(e->has_r), free(e->node), free(e->affine);
}

/* c[0] + the sum of c[i + 1] s_i over the box, exactly but for one rounding of each end. */
static void affine_span(sl_span *y, const fmpq *c, arb_srcptr box, slong prec) {
  fmpq_t low, high, s;
  arf_t end[2];
  fmpq_init(low), fmpq_init(high), fmpq_init(s);
  arf_init(end[0]), arf_init(end[1]);
  fmpq_set(low, c), fmpq_set(high, c);
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) {
    const int sign = fmpq_sgn(c + i + 1);
    if (!sign) continue;
    arb_get_interval_arf(end[0], end[1], box + i, 256);
    for (int k = 0; k < 2; k++) {
      arf_get_fmpq(s, end[k]);
      fmpq_addmul((k == 0) == (sign > 0) ? low : high, c + i + 1, s);
    }
  }
  sl_span_fmpq(y, low, high, prec);
  fmpq_clear(low), fmpq_clear(high), fmpq_clear(s);
  arf_clear(end[0]), arf_clear(end[1]);
}

static void quotient(sl_span *y, const sl_span *a, const sl_span *b, slong prec) {
  sl_span t;
  sl_span_init(&t);
  sl_span_div(&t, a, b, prec);
  sl_span_set(y, &t);
  sl_span_clear(&t);
}

static void leaf(sl_enclosed *y, const sl_gate_node *n, const sl_span *r, slong prec) {
  arb_t c;
  arb_init(c);
  sl_span_zero(&y->d), sl_span_zero(&y->l);
  switch (n->op) {
    case SL_OP_NUM:
      sl_arb_decimal(c, n->num, prec);
      sl_span_arb(&y->v, c, prec);
      break;
    case SL_OP_PI:
      arb_const_pi(c, prec);
      sl_span_arb(&y->v, c, prec);
      break;
    case SL_OP_E:
      arb_const_e(c, prec);
      sl_span_arb(&y->v, c, prec);
      break;
    case SL_OP_R:
      sl_span_set(&y->v, r);
      arb_one(c);
      sl_span_arb(&y->d, c, prec);
      quotient(&y->l, &y->d, &y->v, prec);
      break;
    default:
      sl_span_unknown(&y->v);
      break;
  }
  arb_clear(c);
}

static void copy(sl_enclosed *y, const sl_enclosed *a, int negate) {
  sl_span_set(&y->v, &a->v), sl_span_set(&y->d, &a->d), sl_span_set(&y->l, &a->l);
  if (negate) sl_span_neg(&y->v, &y->v), sl_span_neg(&y->d, &y->d);
}

/* Without a certain decision abs, min and max are continuous, with a slope between those of their
 * branches; pick and sign may jump. */
static void open_switch(sl_enclosed *y, sl_gate_op op, const sl_enclosed *a, const sl_enclosed *b) {
  sl_span minus;
  sl_span_init(&minus);
  sl_span_unknown(&y->l);
  if (op == SL_OP_ABS) {
    sl_span_neg(&minus, &a->d);
    sl_span_union(&y->d, &a->d, &minus);
    sl_span_abs(&y->v, &a->v);
  } else if (op == SL_OP_MIN || op == SL_OP_MAX) {
    arf_t low, high;
    arf_init(low), arf_init(high);
    if (op == SL_OP_MIN)
      arf_min(low, &a->v.low, &b->v.low), arf_min(high, &a->v.high, &b->v.high);
    else
      arf_max(low, &a->v.low, &b->v.low), arf_max(high, &a->v.high, &b->v.high);
    sl_span_ends(&y->v, low, high, 0);
    sl_span_limit_signs(&y->v, a->v.signs | b->v.signs);
    sl_span_union(&y->d, &a->d, &b->d);
    arf_clear(low), arf_clear(high);
  } else {
    sl_span_unknown(&y->v), sl_span_unknown(&y->d);
    y->ok = 0;
  }
  sl_span_clear(&minus);
}

static void softsign(sl_enclosed *y, const sl_enclosed *a, slong prec) {
  sl_span t, one;
  arf_t x;
  sl_span_init(&t), sl_span_init(&one);
  arf_init(x);
  arf_one(x);
  sl_span_ends(&one, x, x, 0);
  sl_span_abs(&t, &a->v);
  sl_span_add(&t, &one, &t, prec); /* v = a/(1+|a|), v' = a'/(1+|a|)^2 for either sign */
  quotient(&y->v, &a->v, &t, prec);
  sl_span_sqr(&t, &t, prec);
  quotient(&y->d, &a->d, &t, prec);
  quotient(&y->l, &y->d, &y->v, prec);
  sl_span_clear(&t), sl_span_clear(&one);
  arf_clear(x);
}

/* What a switch decides is certainly <= 0 (-1), >= 0 (1; of PICK > 0), or neither. */
static int choose(sl_gate_op op, const sl_span *a, const sl_span *b) {
  if (!b) return !(a->signs & SL_POSITIVE) ? -1 : !(a->signs & SL_NEGATIVE) ? 1 : 0;
  if (arf_cmp(&a->high, &b->low) <= 0) return -1;
  const int above = arf_cmp(&a->low, &b->high);
  return above > 0 || (above == 0 && op != SL_OP_PICK) ? 1 : 0;
}

static void switched(sl_enclosure *e, sl_enclosed *y, const sl_gate_node *n, slong prec) {
  const sl_enclosed *a = &e->node[n->child[0]],
                    *b = sl_op_arity(n->op) > 1 ? &e->node[n->child[1]] : NULL, *branch;
  const int way = choose(n->op, &a->v, b ? &b->v : NULL);
  if (n->op == SL_OP_SOFTSIGN) {
    softsign(y, a, prec);
  } else if (n->op == SL_OP_SIGN && (sl_span_sign(&a->v) || sl_span_is_zero(&a->v))) {
    arf_t s;
    arf_init(s);
    arf_set_si(s, sl_span_sign(&a->v));
    sl_span_ends(&y->v, s, s, 0);
    sl_span_zero(&y->d), sl_span_zero(&y->l);
    arf_clear(s);
  } else if (!way || n->op == SL_OP_SIGN) {
    open_switch(y, n->op, a, b);
  } else if (n->op == SL_OP_ABS) {
    copy(y, a, way < 0);
  } else if (n->op == SL_OP_PICK) {
    branch = &e->node[n->child[way < 0 ? 2 : 3]];
    copy(y, branch, 0);
    y->ok &= branch->ok, y->undefined |= branch->undefined;
  } else {
    copy(y, (way < 0) == (n->op == SL_OP_MIN) ? a : b, 0);
  }
}

static void sum(sl_enclosed *y, const sl_enclosed *a, const sl_enclosed *b, int minus, slong prec) {
  if (minus)
    sl_span_sub(&y->v, &a->v, &b->v, prec), sl_span_sub(&y->d, &a->d, &b->d, prec);
  else
    sl_span_add(&y->v, &a->v, &b->v, prec), sl_span_add(&y->d, &a->d, &b->d, prec);
  quotient(&y->l, &y->d, &y->v, prec);
}

static void product(sl_enclosed *y, const sl_enclosed *a, const sl_enclosed *b, slong prec) {
  sl_span t;
  sl_span_init(&t);
  if (a == b)
    sl_span_sqr(&y->v, &a->v, prec);
  else
    sl_span_mul(&y->v, &a->v, &b->v, prec);
  sl_span_mul(&y->d, &a->d, &b->v, prec);
  sl_span_mul(&t, &a->v, &b->d, prec);
  sl_span_add(&y->d, &y->d, &t, prec);
  sl_span_add(&y->l, &a->l, &b->l, prec);
  sl_span_clear(&t);
}

static void ratio(sl_enclosed *y, const sl_enclosed *a, const sl_enclosed *b, slong prec) {
  sl_span t;
  sl_span_init(&t);
  quotient(&y->v, &a->v, &b->v, prec);
  sl_span_mul(&t, &y->v, &b->d, prec);
  sl_span_sub(&t, &a->d, &t, prec);
  quotient(&y->d, &t, &b->v, prec);
  sl_span_sub(&y->l, &a->l, &b->l, prec);
  if (b->v.signs & SL_ZERO) y->ok = 0;
  if (sl_span_is_zero(&b->v)) y->undefined = 1;
  sl_span_clear(&t);
}

static void scale(sl_span *y, const sl_span *a, int64_t p, int64_t q, slong prec) {
  fmpq_t f;
  sl_span t;
  fmpq_init(f);
  sl_span_init(&t);
  fmpq_set_si(f, (slong)p, (ulong)q);
  sl_span_fmpq(&t, f, f, prec);
  sl_span_mul(y, a, &t, prec);
  fmpq_clear(f);
  sl_span_clear(&t);
}

static void power(const sl_enclosure *e, sl_enclosed *y, const sl_gate_node *n,
                  const sl_enclosed *a, slong prec) {
  int64_t p, q;
  if (!sl_tree_rational(e->tree, n->child[1], &p, &q)) {
    sl_span_unknown(&y->v), sl_span_unknown(&y->d), sl_span_unknown(&y->l);
    y->ok = 0;
    return;
  }
  const unsigned s = a->v.signs;
  if ((q > 1 && s & SL_NEGATIVE) || (p < 0 && s & SL_ZERO)) y->ok = 0;
  if ((q > 1 && s == SL_NEGATIVE) || (p < 0 && s == SL_ZERO)) y->undefined = 1;
  sl_span_power(&y->v, &a->v, p, q, prec);
  sl_span_power_slope(&y->d, &a->v, p, q, prec);
  sl_span_mul(&y->d, &y->d, &a->d, prec);
  scale(&y->l, &a->l, p, q, prec);
}

static int argument_allowed(sl_gate_op op, const sl_enclosed *a, int *nowhere, slong prec) {
  sl_span one;
  arf_t x;
  unsigned s = a->v.signs;
  if (op == SL_OP_LOG1P) { /* of 1 + a */
    sl_span_init(&one);
    arf_init(x);
    arf_one(x);
    sl_span_ends(&one, x, x, 0);
    sl_span_add(&one, &one, &a->v, prec);
    s = one.signs;
    sl_span_clear(&one);
    arf_clear(x);
  }
  *nowhere = op == SL_OP_SQRT ? s == SL_NEGATIVE : !(s & SL_POSITIVE);
  return op == SL_OP_SQRT ? !(s & SL_NEGATIVE) : s == SL_POSITIVE;
}

static void function(sl_enclosed *y, sl_gate_op op, const sl_enclosed *a, slong prec) {
  sl_span s;
  int nowhere;
  sl_span_init(&s);
  sl_span_function(&y->v, &s, op, &a->v, prec);
  sl_span_mul(&y->d, &s, &a->d, prec);
  if (op == SL_OP_EXP) {
    sl_span_set(&y->l, &a->d);
  } else if (op == SL_OP_SIGMOID) {
    sl_span minus;
    sl_span_init(&minus);
    sl_span_neg(&minus, &a->v);
    sl_span_function(&s, &y->l, SL_OP_SIGMOID, &minus, prec);
    sl_span_mul(&y->l, &s, &a->d, prec);
    sl_span_clear(&minus);
  } else if (op == SL_OP_SQRT) {
    scale(&y->l, &a->l, 1, 2, prec);
  } else {
    quotient(&y->l, &y->d, &y->v, prec);
  }
  if (op == SL_OP_LOG || op == SL_OP_LOG1P || op == SL_OP_SQRT) {
    if (!argument_allowed(op, a, &nowhere, prec)) y->ok = 0;
    if (nowhere) y->undefined = 1;
  }
  sl_span_clear(&s);
}

static void enclose_node(sl_enclosure *e, uint32_t i, const sl_span *r, slong prec) {
  const sl_gate_node *n = &e->tree->node[i];
  sl_enclosed *y = &e->node[i];
  const int arity = sl_op_arity(n->op);
  if (arity == 0) {
    leaf(y, n, r, prec);
    return;
  }
  if (sl_op_is_switch(n->op)) {
    switched(e, y, n, prec);
    return;
  }
  const sl_enclosed *a = &e->node[n->child[0]], *b = &e->node[n->child[arity > 1 ? 1 : 0]];
  switch (n->op) {
    case SL_OP_NEG:
      copy(y, a, 1);
      break;
    case SL_OP_ADD:
    case SL_OP_SUB:
      sum(y, a, b, n->op == SL_OP_SUB, prec);
      break;
    case SL_OP_MUL:
      product(y, a, b, prec);
      break;
    case SL_OP_DIV:
      ratio(y, a, b, prec);
      break;
    case SL_OP_POW:
      power(e, y, n, a, prec);
      break;
    default:
      function(y, n->op, a, prec);
      break;
  }
}

/* The node becomes the variable, but for the sign of its slope. */
static void by_itself(sl_enclosed *y, int sign, slong prec) {
  arf_t one;
  arf_init(one);
  arf_set_si(one, sign);
  sl_span_ends(&y->d, one, one, 0);
  quotient(&y->l, &y->d, &y->v, prec);
  arf_clear(one);
}

void sl_enclose(sl_enclosure *e, const sl_span *r, arb_srcptr box, slong prec) {
  for (uint32_t i = 0; i < e->tree->count; i++) {
    if (!e->live[i]) continue;
    const sl_gate_node *n = &e->tree->node[i];
    sl_enclosed *y = &e->node[i];
    y->ok = 1, y->undefined = 0;
    if (e->affine[i]) {
      affine_span(&y->v, e->affine[i], box, prec);
    } else {
      const int children = n->op == SL_OP_PICK ? 2 : sl_op_arity(n->op);
      for (int c = 0; c < children; c++) {
        y->ok &= e->node[n->child[c]].ok;
        y->undefined |= e->node[n->child[c]].undefined;
      }
      enclose_node(e, i, r, prec);
    }
    if (!e->has_r[i]) sl_span_zero(&y->d), sl_span_zero(&y->l);
    if (e->signs && e->signs[i] != SL_ANY_SIGN)
      sl_span_limit_signs(&y->v, y->v.signs & e->signs[i]);
    if (i == e->inner) by_itself(y, e->inner_sign, prec);
  }
}

/* May the two be equal? */
static int may_tie(const sl_span *a, const sl_span *b) {
  return arf_cmp(&a->high, &b->low) >= 0 && arf_cmp(&a->low, &b->high) <= 0;
}

int sl_enclosed_on_edge(const sl_enclosure *e, int for_slope) {
  for (uint32_t i = 0; i < e->tree->count; i++) {
    const sl_gate_node *n = &e->tree->node[i];
    if (!e->live[i]) continue;
    const int one = n->op == SL_OP_SIGN || (for_slope && n->op == SL_OP_ABS),
              two =
                  n->op == SL_OP_PICK || (for_slope && (n->op == SL_OP_MIN || n->op == SL_OP_MAX));
    if (one && !sl_span_sign(&e->node[n->child[0]].v)) return 1;
    if (two && may_tie(&e->node[n->child[0]].v, &e->node[n->child[1]].v)) return 1;
  }
  return 0;
}

unsigned sl_enclosed_slope_signs(const sl_enclosure *e, sl_ref ref) {
  const sl_enclosed *y = &e->node[ref];
  if (!y->ok) return SL_ANY_SIGN;
  const unsigned both = y->d.signs & sl_signs_mul(y->v.signs, y->l.signs);
  return both ? both : y->d.signs;
}
