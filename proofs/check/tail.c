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

void slc_tail_examine(tail_t *out, field_t *k, const expr_t *e, int ref, long exponent) {
  memset(out, 0, sizeof *out);
  if (exponent < 0 || exponent > 400) return;
  tail_ctx t = {
      .k = k, .e = e, .exponent = exponent, .form = calloc((size_t)ref + 1, sizeof(form_t))};
  char *live = slc_expr_live(e, ref);
  if (!t.form) abort();
  mpfi_init2(t.u, BITS);
  mpfi_interv_si(t.u, 0, 1);
  mpfi_mul_2si(t.u, t.u, -exponent);
  out->defined = 1;
  for (int i = 0; i <= ref; i++) {
    slc_tf_init(&t.form[i]);
    if (!live[i]) continue;
    slc_tf_node(&t, i);
    out->defined &= has_value(&t, i);
  }
  if (out->defined && t.form[ref].ok) conclude(&t, out, &t.form[ref]);
  for (int i = 0; i <= ref; i++) slc_tf_clear(&t.form[i]);
  mpfi_clear(t.u);
  free(t.form), free(live);
}
