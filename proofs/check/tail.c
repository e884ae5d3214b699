/* What an expression's tail form says of r -> inf (see tail.h). */
#include "tail.h"

#include "tail_node.h"

#include <stdlib.h>
#include <string.h>

static int has_value(const tail_ctx *t, int i) {
  const node_t *n = &t->e->node[i];
  const int a = n->a >= 0 ? slc_tf_sign(&t->form[n->a]) : 0,
            b = n->b >= 0 ? slc_tf_sign(&t->form[n->b]) : 0;
  switch (n->op) {
    case E_DIV:
      return b != 0;
    case E_LOG:
      return a > 0;
    case E_SQRT: /* a constant under it may be 0 */
    case E_LOG1P:
      return a > 0 || t->form[i].ok;
    case E_POW:
      return mpz_cmp_ui(mpq_denref(n->q), 1) ? a > 0 || t->form[i].ok : mpq_sgn(n->q) >= 0 || a;
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
  const int s = slc_tf_sign(g);
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
    slc_tf_small(z, t, v);
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
  const int result = -s * slc_sign_of(total);
  mpfi_clear(total), mpfi_clear(x), mpfi_clear(z);
  mpq_clear(v);
  return result;
}

static void conclude(tail_ctx *t, tail_t *out, const form_t *g) {
  form_t h, rest;
  slc_tf_init(&h), slc_tf_init(&rest);
  slc_tf_exponent(t, &h, g);
  const int p = g->atoms && slc_tf_pole(&h), down = p ? slc_tf_sign(&h) : 0;
  const int fine = g->ok && h.ok && g->m >= 1 && slc_bounded(g->c.c[0]);
  out->sign = slc_tf_sign(g);
  if (fine && !g->zero) out->slope = slope(t, g, &h);
  if (fine && !g->zero && !out->slope && !g->atoms && mpq_sgn(g->v) == 0 &&
      g->s.n) { /* about the limit */
    slc_tf_exact(t, &rest, slc_ex_sub(t->k, slc_ex_si(t->k, 0, 1), g->s.c[0]));
    slc_tf_add(t, &rest, g, &rest);
    if (rest.ok && !rest.zero) out->slope = slope(t, &rest, &h);
  }
  if (fine) {
    out->zero_limit = g->zero || (p && down < 0) || (!p && mpq_sgn(g->v) > 0);
    out->other_limit = !out->zero_limit && !g->atoms && mpq_sgn(g->v) == 0 && out->sign;
    const int flat = g->zero || (p && down < 0);
    out->product_vanishes = flat || (!p && mpq_cmp_si(g->v, 1, 1) > 0);
    out->square_vanishes = flat || (!p && mpq_cmp_si(g->v, 2, 1) > 0);
    out->unbounded = out->sign && ((p && down > 0) || (!p && mpq_sgn(g->v) < 0));
    jet_t f;
    slc_jet_init(&f);
    int known = 0;
    if (p) {
      known = down < 0 && slc_tf_flat(t, &f, &h, g->v, &g->c, 1);
    } else if (!g->atoms && mpq_sgn(g->v) >= 0) {
      slc_tf_small(f.c[0], t, g->v);
      mpfi_mul(f.c[0], f.c[0], g->c.c[0]);
      known = 1;
    }
    mpfi_sub_si(f.c[0], f.c[0], 1);
    out->below_one = known && slc_sign_of(f.c[0]) < 0;
    slc_jet_clear(&f);
  }
  slc_tf_clear(&h), slc_tf_clear(&rest);
}

/* Forms of all nodes that ref needs, for r >= 2^exponent; 1 where ref has a value there. */
static int make_forms(tail_ctx *t, field_t *k, const expr_t *e, int ref, long exponent) {
  *t = (tail_ctx){
      .k = k, .e = e, .exponent = exponent, .form = calloc((size_t)ref + 1, sizeof(form_t))};
  char *live = slc_expr_live(e, ref);
  if (!t->form) abort();
  mpfi_init2(t->u, BITS);
  mpfi_interv_si(t->u, 0, 1);
  mpfi_mul_2si(t->u, t->u, -exponent);
  int defined = 1;
  for (int i = 0; i <= ref; i++) {
    slc_tf_init(&t->form[i]);
    if (!live[i]) continue;
    slc_tf_node(t, i);
    defined &= has_value(t, i);
  }
  free(live);
  return defined;
}

static void clear_forms(tail_ctx *t, int ref) {
  for (int i = 0; i <= ref; i++) slc_tf_clear(&t->form[i]);
  mpfi_clear(t->u);
  free(t->form);
}

void slc_tail_examine(tail_t *out, field_t *k, const expr_t *e, int ref, long exponent) {
  tail_ctx t;
  memset(out, 0, sizeof *out);
  if (exponent < 0 || exponent > FARTHEST) return;
  out->defined = make_forms(&t, k, e, ref, exponent);
  if (out->defined && t.form[ref].ok) {
    form_t g;
    slc_tf_init(&g);
    slc_tf_fold(&t, &g, &t.form[ref]);
    conclude(&t, out, &g);
    slc_tf_clear(&g);
  }
  clear_forms(&t, ref);
}

/* Is X^v exp(-h) its largest at X = 2^exponent, for X >= it? h = X^mu p with p >= a > 0 where h has
 * grown by then: the logarithm v log X - a X^mu falls once a mu X^mu >= v. */
static int outgrows(const tail_ctx *t, const form_t *h, const mpq_t v, mpfi_t top) {
  mpfi_t mu, x;
  mpfi_init2(mu, BITS), mpfi_init2(x, BITS);
  mpfi_set_q(mu, h->v);
  mpfi_neg(mu, mu);
  mpfi_mul_si(x, mu, t->exponent);
  mpfi_exp2(x, x);
  mpfi_mul(x, x, h->c.c[0]);
  mpfr_set(&x->right, &x->left, MPFR_RNDU); /* the least growth */
  mpfi_mul(mu, mu, x);
  mpfi_set_q(top, v);
  mpfi_sub(mu, mu, top);
  const int ok = mpfr_sgn(&mu->left) >= 0;
  mpfi_exp(top, x);
  mpfi_clear(mu), mpfi_clear(x);
  return ok;
}

/* |g| r^power is |c| X^(power - v) exp(h), X = r: at least the least |c| times R^(power - v) where
 * that exponent is not negative and h, if any, grows from above 0; or times exp(h) too where that
 * outgrows the power. */
static int keeps(tail_ctx *t, const form_t *g, int power, mpfr_srcptr bound) {
  if (!g->ok || g->zero || g->m < 1 || slc_tf_sign(g) != (mpfr_sgn(bound) > 0 ? 1 : -1)) return 0;
  form_t h;
  mpq_t rate;
  mpfi_t least, x;
  slc_tf_init(&h);
  mpq_init(rate);
  mpfi_init2(least, BITS), mpfi_init2(x, BITS);
  if (g->atoms) slc_tf_exponent(t, &h, g);
  int ok = !g->atoms || (slc_tf_pole(&h) && !h.atoms && slc_tf_sign(&h) > 0);
  mpq_set_si(rate, power, 1);
  mpq_sub(rate, rate, g->v);
  mpfi_set_q(x, rate);
  mpfi_mul_si(x, x, t->exponent);
  mpfi_exp2(x, x);
  mpfi_mul(least, g->c.c[0], x);
  if (ok && mpq_sgn(rate) < 0) {
    mpq_neg(rate, rate);
    ok = g->atoms && outgrows(t, &h, rate, x);
    mpfi_mul(least, least, x);
  }
  ok = ok && (mpfr_sgn(bound) > 0 ? mpfr_greaterequal_p(&least->left, bound)
                                  : mpfr_lessequal_p(&least->right, bound));
  slc_tf_clear(&h);
  mpq_clear(rate);
  mpfi_clear(least), mpfi_clear(x);
  return ok;
}

int slc_tail_keeps(field_t *k, const expr_t *e, int ref, long exponent, int power,
                   mpfr_srcptr bound) {
  tail_ctx t;
  if (exponent < 0 || exponent > FARTHEST) return 0;
  int ok = make_forms(&t, k, e, ref, exponent);
  form_t g;
  slc_tf_init(&g);
  if (ok) slc_tf_fold(&t, &g, &t.form[ref]);
  ok = ok && keeps(&t, &g, power, bound);
  slc_tf_clear(&g);
  clear_forms(&t, ref);
  return ok;
}

int slc_tail_sign(field_t *k, const expr_t *e, int form, int other, long exponent) {
  tail_t w, t;
  if (form < 0) return 0;
  slc_tail_examine(&w, k, e, other, exponent);
  slc_tail_examine(&t, k, e, form, exponent);
  return w.defined && t.defined ? t.sign : 0;
}
