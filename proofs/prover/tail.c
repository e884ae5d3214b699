/* What the form of an expression says of r -> inf (see tail.h). */
#include "tail.h"

#include "tail_flat.h"
#include "tail_node.h"
#include "tail_sum.h"

#include <stdlib.h>

/* Has the node a value for all r >= R, its children having one? Growth that the forms cannot
 * express (log r) does not matter here. A switch that is not decided might jump. */
static int has_value(const sl_tail *t, sl_ref i) {
  const sl_gate_node *n = &t->tree->node[i];
  const int arity = sl_op_arity(n->op), a = arity > 0 ? sl_form_sign(&t->form[n->child[0]]) : 0,
            b = arity > 1 ? sl_form_sign(&t->form[n->child[1]]) : 0;
  int64_t p, q;
  switch (n->op) {
    case SL_OP_DIV:
      return b != 0;
    case SL_OP_LOG:
      return a > 0;
    case SL_OP_SQRT: /* a constant under it may be 0 */
    case SL_OP_LOG1P:
      return a > 0 || t->form[i].ok;
    case SL_OP_POW:
      return sl_tree_rational(t->tree, n->child[1], &p, &q) &&
             ((q == 1 && p >= 0) || a > 0 || (q == 1 && a) || (q > 1 && t->form[i].ok));
    case SL_OP_PICK:
    case SL_OP_SIGN:
    case SL_OP_SOFTSIGN:
      return t->form[i].ok;
    default:
      return 1;
  }
}

void sl_tail_fact_init(sl_tail_fact *fact) {
  *fact = (sl_tail_fact){.defined = 0};
  arb_init(fact->limit);
  arb_indeterminate(fact->limit);
  arb_init(fact->range);
  arb_indeterminate(fact->range);
  arf_init(fact->least);
}
void sl_tail_fact_clear(sl_tail_fact *fact) {
  arb_clear(fact->limit);
  arb_clear(fact->range);
  arf_clear(fact->least);
}

/* g'/g = -u^2 (h_u + v/u + c_u/c) has the sign of -T, T = v + u c1/c + u h_u. With h = u^vh ch: u
 * h_u = u^vh (vh ch + u ch1); where vh < 0 all is multiplied by u^-vh > 0. */
static int slope_sign(sl_tail *t, const sl_tail_form *g, const sl_tail_form *h) {
  arb_t total, x, c;
  arb_init(total), arb_init(x), arb_init(c);
  const int sign = sl_form_sign(g);
  int result = 0;
  if (sign && g->m >= 2 && (!g->atoms || (h->ok && h->m >= 2))) {
    arb_poly_get_coeff_arb(x, g->c, 1);
    arb_poly_get_coeff_arb(c, g->c, 0);
    arb_div(x, x, c, t->prec);
    arb_mul(x, x, t->u, t->prec);
    arb_set_si(total, g->vp);
    arb_div_si(total, total, g->vq, t->prec);
    arb_add(total, total, x, t->prec);
    if (g->atoms && !h->zero) {
      arb_t v, power;
      arb_init(v), arb_init(power);
      arb_set_si(v, h->vp < 0 ? -h->vp : h->vp);
      arb_div_si(v, v, h->vq, t->prec);
      arb_one(power);
      arb_mul_2exp_si(power, power, -t->exponent);
      arb_pow(power, power, v, t->prec); /* u0^|vh| */
      arb_zero(x);
      arb_union(power, power, x, t->prec);
      if (h->vp < 0) arb_mul(total, total, power, t->prec);
      arb_poly_get_coeff_arb(x, h->c, 1);
      arb_mul(x, x, t->u, t->prec);
      arb_poly_get_coeff_arb(c, h->c, 0);
      if (h->vp < 0) arb_neg(v, v);
      arb_mul(c, c, v, t->prec);
      arb_add(x, x, c, t->prec);
      if (h->vp >= 0) arb_mul(x, x, power, t->prec);
      arb_add(total, total, x, t->prec);
      arb_clear(v), arb_clear(power);
    }
    if (arb_is_finite(total))
      result = arb_is_positive(total) ? -sign : arb_is_negative(total) ? sign : 0;
  }
  arb_clear(total), arb_clear(x), arb_clear(c);
  return result;
}

/* g over all r >= R: u^v c for v >= 0, or a flat function. */
static void enclose(sl_tail *t, arb_t range, const sl_tail_form *g, const sl_tail_form *h) {
  if (g->atoms && sl_form_is_pole(h)) {
    arb_poly_t flat;
    arb_poly_init(flat);
    if (sl_form_sign(h) < 0 && sl_form_flat(t, flat, h, g->vp, g->vq, g->c, 1))
      arb_poly_get_coeff_arb(range, flat, 0);
    arb_poly_clear(flat);
    return;
  }
  if (g->atoms || g->vp < 0) return;
  arb_t v, u;
  arb_init(v), arb_init(u);
  arb_set_si(v, g->vp);
  arb_div_si(v, v, g->vq, t->prec);
  arb_one(u);
  arb_mul_2exp_si(u, u, -t->exponent);
  arb_pow(u, u, v, t->prec);
  arb_poly_get_coeff_arb(range, g->c, 0);
  if (g->vp > 0) {
    arb_zero(v);
    arb_union(u, u, v, t->prec);
  }
  arb_mul(range, range, u, t->prec);
  arb_clear(v), arb_clear(u);
}

/* A lower bound of X^-v exp(h) for X = 1/u >= R. Without h it is R^-v for v <= 0; where h = X^mu p,
 * p >= a > 0, it is above 1 for v <= 0, and else rises from X^mu = v/(a mu) on. */
static int growth(sl_tail *t, arb_t y, const sl_tail_form *g, const sl_tail_form *h) {
  arb_t a, mu, x, two;
  arb_init(a), arb_init(mu), arb_init(x), arb_init(two);
  arb_set_si(x, -g->vp * t->exponent);
  arb_div_si(x, x, g->vq, t->prec);
  arb_set_ui(y, 2);
  arb_pow(y, y, x, t->prec); /* R^-v */
  int known = g->vp <= 0;
  if (!known && g->atoms) {
    arb_poly_get_coeff_arb(a, h->c, 0);
    arb_set_si(mu, -h->vp);
    arb_div_si(mu, mu, h->vq, t->prec);
    arb_mul_si(x, mu, t->exponent, t->prec);
    arb_set_ui(two, 2);
    arb_pow(x, two, x, t->prec);
    arb_mul(x, x, a, t->prec); /* a R^mu */
    arb_mul(mu, mu, x, t->prec);
    arb_mul_si(mu, mu, g->vq, t->prec);
    arb_sub_si(mu, mu, g->vp, t->prec);
    known = arb_is_nonnegative(mu);
    arb_exp(x, x, t->prec);
    arb_mul(y, y, x, t->prec);
  }
  arb_clear(a), arb_clear(mu), arb_clear(x), arb_clear(two);
  return known;
}

/* |g| for r >= R from below. */
static void bound_away(sl_tail *t, arf_t least, const sl_tail_form *g, const sl_tail_form *h) {
  arb_t power, c;
  if (!sl_form_sign(g) || (g->atoms && !(sl_form_is_pole(h) && !h->atoms && sl_form_sign(h) > 0)))
    return;
  arb_init(power), arb_init(c);
  if (growth(t, power, g, h)) {
    arb_poly_get_coeff_arb(c, g->c, 0);
    arb_abs(c, c);
    arb_mul(c, c, power, t->prec);
    if (arb_is_finite(c)) arb_get_lbound_arf(least, c, 64);
    if (arf_sgn(least) < 0) arf_zero(least);
  }
  arb_clear(power), arb_clear(c);
}

/* Where g tends to a limit that is no zero, what moves is g - limit. */
static int slope_about_limit(sl_tail *t, const sl_tail_form *g, const sl_tail_form *h) {
  if (g->atoms || g->vp != 0 || g->s.n == 0) return 0;
  arb_t c;
  sl_tail_form limit, rest;
  arb_init(c);
  const sl_exact minus = sl_exact_neg(t->field, g->s.c[0]);
  sl_exact_ball(c, t->field, minus, t->prec);
  sl_form_constant(t, &limit, c, minus);
  sl_form_add(t, &rest, g, &limit);
  const int sign = rest.ok && !rest.zero ? slope_sign(t, &rest, h) : 0;
  arb_clear(c);
  sl_form_clear(&limit), sl_form_clear(&rest);
  return sign;
}

static void describe(sl_tail *t, sl_tail_fact *fact, const sl_tail_form *given) {
  arb_t c;
  sl_tail_form h, folded;
  arb_init(c);
  sl_form_fold(t, &folded, given);
  const sl_tail_form *g = &folded;
  sl_form_exponent(t, &h, g->h, g->atoms);
  const int pole = g->atoms && sl_form_is_pole(&h), down = pole ? sl_form_sign(&h) : 0;
  arb_poly_get_coeff_arb(c, g->c, 0);
  fact->defined = g->ok && arb_is_finite(c) && h.ok && g->m >= 1;
  fact->sign = sl_form_sign(g);
  if (fact->defined) enclose(t, fact->range, g, &h);
  if (fact->defined) bound_away(t, fact->least, g, &h);
  if (fact->defined && !g->zero) fact->slope_sign = slope_sign(t, g, &h);
  if (fact->defined && !g->zero && !fact->slope_sign)
    fact->slope_sign = slope_about_limit(t, g, &h);
  const int bounded_h = !g->atoms || (h.ok && !pole);
  const int small = g->zero || (pole && down < 0) || (bounded_h && g->vp > 0);
  if (fact->defined && small) {
    fact->limit_zero = 1;
    arb_zero(fact->limit);
  } else if (fact->defined && bounded_h && g->vp == 0 && !g->atoms && fact->sign) {
    fact->limit_nonzero = 1;
    sl_exact_ball(fact->limit, t->field, g->s.n ? g->s.c[0] : NULL, t->prec);
    if (!arb_is_finite(fact->limit)) arb_set(fact->limit, c);
  } else if (fact->defined && fact->sign && ((pole && down > 0) || (bounded_h && g->vp < 0))) {
    fact->unbounded = 1;
  }
  if (fact->defined && fact->sign && pole && down) {
    fact->kind = SL_TAIL_EXPONENTIAL;
    fact->order = -(double)h.vp / (double)h.vq;
  } else if (fact->defined && fact->sign && bounded_h) {
    fact->kind = SL_TAIL_POLYNOMIAL;
    fact->order = (double)g->vp / (double)g->vq;
  }
  sl_form_clear(&h), sl_form_clear(&folded);
  arb_clear(c);
}

void sl_tail_examine(sl_tail_fact *fact, sl_field *field, const sl_tree *tree, sl_ref ref,
                     arb_srcptr box, slong exponent, slong prec) {
  sl_tail t = {.field = field,
               .tree = tree,
               .box = box,
               .prec = prec,
               .exponent = exponent,
               .form = calloc((size_t)ref + 1, sizeof(sl_tail_form))};
  unsigned char *live = calloc((size_t)ref + 1, 1);
  if (!t.form || !live) flint_abort();
  arb_init(t.u);
  arb_set_ui(t.u, 1);
  arb_mul_2exp_si(t.u, t.u, -exponent - 1);
  mag_one(arb_radref(t.u));
  mag_mul_2exp_si(arb_radref(t.u), arb_radref(t.u), -exponent - 1);
  sl_tree_mark(tree, ref, live);
  int defined = 1;
  for (uint32_t i = 0; i <= ref; i++) {
    if (live[i])
      sl_form_node(&t, i);
    else
      sl_form_init(&t.form[i]);
    if (live[i]) defined &= has_value(&t, i);
  }
  if (defined && t.form[ref].ok) describe(&t, fact, &t.form[ref]);
  fact->defined = defined;
  for (uint32_t i = 0; i <= ref; i++) sl_form_clear(&t.form[i]);
  arb_clear(t.u);
  free(t.form);
  free(live);
}
