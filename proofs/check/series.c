/* Taylor series with exact coefficients, by the functions' differential equations (see exact.h). */
#include "exact.h"

#include <stdlib.h>

static series_t cut(series_t s) {
  for (int i = 0; i < s.n; i++)
    if (!s.c[i]) s.n = i;
  return s;
}
static int least(int a, int b) { return a < b ? a : b; }

series_t se_const(field_t *k, exact_t c) {
  series_t s = {.n = c ? TERMS : 0};
  for (int i = 0; i < TERMS; i++) s.c[i] = i ? ex_si(k, 0, 1) : c;
  return s;
}

series_t se_add(field_t *k, const series_t *a, const series_t *b, int minus) {
  series_t s = {.n = least(a->n, b->n)};
  for (int i = 0; i < s.n; i++)
    s.c[i] = minus ? ex_sub(k, a->c[i], b->c[i]) : ex_add(k, a->c[i], b->c[i]);
  return cut(s);
}

series_t se_mul(field_t *k, const series_t *a, const series_t *b) {
  series_t s = {.n = least(a->n, b->n)};
  for (int m = 0; m < s.n; m++) {
    s.c[m] = ex_si(k, 0, 1);
    for (int i = 0; i <= m; i++)
      if (!ex_zero(a->c[i]) && !ex_zero(b->c[m - i]))
        s.c[m] = ex_add(k, s.c[m], ex_mul(k, a->c[i], b->c[m - i]));
  }
  return cut(s);
}

static series_t divide(field_t *k, const series_t *a, const series_t *b) {
  series_t s = {.n = least(a->n, b->n)};
  for (int m = 0; m < s.n; m++) {
    exact_t t = a->c[m];
    for (int i = 1; i <= m; i++)
      if (!ex_zero(b->c[i])) t = ex_sub(k, t, ex_mul(k, b->c[i], s.c[m - i]));
    if (!(s.c[m] = ex_div(k, t, b->c[0]))) s.n = m;
  }
  return cut(s);
}

/* y' = s a', y(0) = y0; with s = y for the exponential */
static series_t solve(field_t *k, exact_t y0, const series_t *s, const series_t *a) {
  series_t y = {.n = y0 ? (s ? least(a->n, s->n + 1) : a->n) : 0, .c = {y0}};
  for (int m = 1; m < y.n; m++) {
    y.c[m] = ex_si(k, 0, 1);
    for (int i = 1; i <= m; i++) {
      const exact_t f = s ? s->c[m - i] : y.c[m - i];
      if (!ex_zero(a->c[i]) && !ex_zero(f))
        y.c[m] = ex_add(k, y.c[m], ex_mul(k, ex_si(k, i, (unsigned long)m), ex_mul(k, a->c[i], f)));
    }
    if (!y.c[m]) y.n = m;
  }
  return cut(y);
}
static series_t expo(field_t *k, const series_t *a) {
  return solve(k, a->n ? ex_fn(k, E_EXP, a->c[0]) : NULL, NULL, a);
}

static series_t scale(field_t *k, const series_t *a, long p, unsigned long q) {
  const series_t c = se_const(k, ex_si(k, p, q));
  return se_mul(k, &c, a);
}
static series_t offset(field_t *k, const series_t *a, long v) {
  const series_t c = se_const(k, ex_si(k, v, 1));
  return se_add(k, &c, a, 0);
}
static series_t inverse(field_t *k, const series_t *a) {
  const series_t one = se_const(k, ex_si(k, 1, 1));
  return divide(k, &one, a);
}

series_t se_pow(field_t *k, const series_t *a, const mpq_t q) {
  if (mpz_cmpabs_ui(mpq_numref(q), 64) > 0 || mpz_cmp_ui(mpq_denref(q), 64) > 0)
    return (series_t){.n = 0};
  const long p = mpz_get_si(mpq_numref(q)), d = mpz_get_si(mpq_denref(q));
  if (d == 1) {
    series_t y = se_const(k, ex_si(k, 1, 1));
    for (long i = 0; i < labs(p); i++) y = se_mul(k, &y, a);
    return p < 0 ? inverse(k, &y) : y;
  }
  series_t y = {.n = a->n && !ex_zero(a->c[0]) ? a->n : 0};
  if (!y.n) return y;
  y.c[0] = ex_pow(k, a->c[0], q);
  if (!y.c[0]) return (series_t){.n = 0};
  for (int m = 1; m < y.n; m++) {
    exact_t t = ex_si(k, 0, 1);
    for (int i = 1; i <= m; i++)
      t = ex_add(k, t,
                 ex_mul(k, ex_si(k, p * i - d * (m - i), (unsigned long)(d * m)),
                        ex_mul(k, a->c[i], y.c[m - i])));
    if (!(y.c[m] = ex_div(k, t, a->c[0]))) y.n = m;
  }
  return cut(y);
}

static series_t trig(field_t *k, const series_t *a, int cosine) {
  series_t s = {.n = a->n}, c = {.n = a->n};
  if (!a->n) return s;
  s.c[0] = ex_fn(k, E_SIN, a->c[0]), c.c[0] = ex_fn(k, E_COS, a->c[0]);
  for (int m = 1; m < a->n; m++) {
    s.c[m] = c.c[m] = ex_si(k, 0, 1);
    for (int i = 1; i <= m; i++) {
      const exact_t t = ex_mul(k, ex_si(k, i, (unsigned long)m), a->c[i]);
      s.c[m] = ex_add(k, s.c[m], ex_mul(k, t, c.c[m - i]));
      c.c[m] = ex_sub(k, c.c[m], ex_mul(k, t, s.c[m - i]));
    }
  }
  return cosine ? cut(c) : cut(s);
}

series_t se_fn(field_t *k, op_t op, const series_t *a) {
  series_t s, t;
  mpq_t q;
  switch (op) {
    case E_EXP:
      return expo(k, a);
    case E_EXPM1:
      s = expo(k, a);
      return offset(k, &s, -1);
    case E_LOG1P:
      t = offset(k, a, 1);
      return se_fn(k, E_LOG, &t);
    case E_LOG:
      s = inverse(k, a);
      return solve(k, a->n ? ex_fn(k, E_LOG, a->c[0]) : NULL, &s, a);
    case E_SIGMOID:
      s = scale(k, a, -1, 1);
      t = expo(k, &s);
      s = offset(k, &t, 1);
      return inverse(k, &s);
    case E_TANH:
      s = scale(k, a, 2, 1);
      t = se_fn(k, E_SIGMOID, &s);
      s = scale(k, &t, 2, 1);
      return offset(k, &s, -1);
    case E_SINH:
    case E_COSH: {
      const series_t m = scale(k, a, -1, 1), x = expo(k, a), y = expo(k, &m);
      s = se_add(k, &x, &y, op == E_SINH);
      return scale(k, &s, 1, 2);
    }
    case E_SIN:
    case E_COS:
      return trig(k, a, op == E_COS);
    case E_ERF: {
      const series_t sq = se_mul(k, a, a), m = scale(k, &sq, -1, 1), x = expo(k, &m),
                     c = se_const(k, ex_div(k, ex_si(k, 2, 1), ex_sqrt_pi(k)));
      s = se_mul(k, &c, &x);
      return solve(k, a->n ? ex_fn(k, E_ERF, a->c[0]) : NULL, &s, a);
    }
    case E_SQRT:
    case E_ATAN:
    case E_ASINH: {
      mpq_init(q);
      const series_t sq = se_mul(k, a, a), d = offset(k, &sq, 1);
      mpq_set_si(q, op == E_SQRT ? 1 : -1, 2);
      if (op == E_SQRT)
        t = se_pow(k, a, q);
      else if (op == E_ATAN)
        s = inverse(k, &d);
      else
        s = se_pow(k, &d, q);
      mpq_clear(q);
      return op == E_SQRT ? t : solve(k, a->n ? ex_fn(k, op, a->c[0]) : NULL, &s, a);
    }
    default:
      return (series_t){.n = 0};
  }
}

series_t se_shift(field_t *k, const series_t *a, int by) {
  series_t s = {.n = least(TERMS, a->n + by)};
  if (s.n < 0) s.n = 0;
  for (int i = 0; i < s.n; i++) s.c[i] = i - by >= 0 ? a->c[i - by] : ex_si(k, 0, 1);
  return s;
}

/* A switch that is decided at the point is so next to it; any other is not known. */
static series_t switched(field_t *k, const node_t *n, const series_t *v) {
  const series_t none = {.n = 0}, *a = &v[n->a], *b = n->b >= 0 ? &v[n->b] : NULL;
  if (!a->n || (b && !b->n)) return none;
  const int sign = ex_sign(k, b ? ex_sub(k, a->c[0], b->c[0]) : a->c[0]);
  if (!sign || n->op == E_SOFTSIGN) return none;
  if (n->op == E_SIGN) return se_const(k, ex_si(k, sign, 1));
  if (n->op == E_ABS) return sign > 0 ? *a : scale(k, a, -1, 1);
  if (n->op == E_PICK) return v[sign < 0 ? n->c : n->d];
  return v[(sign < 0) == (n->op == E_MIN) ? n->a : n->b];
}

static series_t leaf(field_t *k, const node_t *n, exact_t point) {
  switch (n->op) {
    case E_NUM:
      return se_const(k, ex_q(k, n->q));
    case E_PI:
      return se_const(k, ex_mul(k, ex_sqrt_pi(k), ex_sqrt_pi(k)));
    case E_E:
      return se_const(k, ex_e(k));
    case E_PARAM:
      return se_const(k, ex_param(k, n->param));
    default: {
      series_t r = se_const(k, point ? point : ex_r(k));
      r.c[1] = ex_si(k, 1, 1);
      return r;
    }
  }
}

static series_t node(field_t *k, const node_t *n, exact_t point, const series_t *v) {
  if (expr_arity(n->op) == 0) return leaf(k, n, point);
  if (expr_is_switch(n->op)) return switched(k, n, v);
  switch (n->op) {
    case E_NEG:
      return scale(k, &v[n->a], -1, 1);
    case E_ADD:
    case E_SUB:
      return se_add(k, &v[n->a], &v[n->b], n->op == E_SUB);
    case E_MUL:
      return se_mul(k, &v[n->a], &v[n->b]);
    case E_DIV:
      return divide(k, &v[n->a], &v[n->b]);
    case E_POW:
      return se_pow(k, &v[n->a], n->q);
    default:
      return se_fn(k, n->op, &v[n->a]);
  }
}

series_t se_expr(field_t *k, const expr_t *e, int ref, exact_t point, int terms) {
  series_t *v = calloc((size_t)ref + 1, sizeof *v);
  char *live = expr_live(e, ref);
  if (!v) abort();
  for (int i = 0; i <= ref; i++) {
    if (!live[i]) continue;
    v[i] = node(k, &e->node[i], point, v);
    v[i].n = least(v[i].n, terms);
  }
  const series_t s = v[ref];
  free(v), free(live);
  return s;
}
