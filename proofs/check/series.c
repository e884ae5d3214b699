/* Taylor series with exact coefficients, by the functions' differential equations (see exact.h). */
#include "exact.h"

#include <stdlib.h>

static series_t cut(series_t s) {
  for (int i = 0; i < s.n; i++)
    if (!s.c[i]) s.n = i;
  return s;
}
static int least(int a, int b) { return a < b ? a : b; }

series_t slc_se_const(field_t *k, exact_t c) {
  series_t s = {.n = c ? TERMS : 0};
  for (int i = 0; i < TERMS; i++) s.c[i] = i ? slc_ex_si(k, 0, 1) : c;
  return s;
}

series_t slc_se_add(field_t *k, const series_t *a, const series_t *b, int minus) {
  series_t s = {.n = least(a->n, b->n)};
  for (int i = 0; i < s.n; i++)
    s.c[i] = minus ? slc_ex_sub(k, a->c[i], b->c[i]) : slc_ex_add(k, a->c[i], b->c[i]);
  return cut(s);
}

series_t slc_se_mul(field_t *k, const series_t *a, const series_t *b) {
  series_t s = {.n = least(a->n, b->n)};
  for (int m = 0; m < s.n; m++) {
    s.c[m] = slc_ex_si(k, 0, 1);
    for (int i = 0; i <= m; i++)
      if (!slc_ex_zero(a->c[i]) && !slc_ex_zero(b->c[m - i]))
        s.c[m] = slc_ex_add(k, s.c[m], slc_ex_mul(k, a->c[i], b->c[m - i]));
  }
  return cut(s);
}

static series_t divide(field_t *k, const series_t *a, const series_t *b) {
  series_t s = {.n = least(a->n, b->n)};
  for (int m = 0; m < s.n; m++) {
    exact_t t = a->c[m];
    for (int i = 1; i <= m; i++)
      if (!slc_ex_zero(b->c[i])) t = slc_ex_sub(k, t, slc_ex_mul(k, b->c[i], s.c[m - i]));
    if (!(s.c[m] = slc_ex_div(k, t, b->c[0]))) s.n = m;
  }
  return cut(s);
}

/* y' = s a', y(0) = y0; with s = y for the exponential */
static series_t solve(field_t *k, exact_t y0, const series_t *s, const series_t *a) {
  series_t y = {.n = y0 ? (s ? least(a->n, s->n + 1) : a->n) : 0, .c = {y0}};
  for (int m = 1; m < y.n; m++) {
    y.c[m] = slc_ex_si(k, 0, 1);
    for (int i = 1; i <= m; i++) {
      const exact_t f = s ? s->c[m - i] : y.c[m - i];
      if (!slc_ex_zero(a->c[i]) && !slc_ex_zero(f))
        y.c[m] = slc_ex_add(
            k, y.c[m], slc_ex_mul(k, slc_ex_si(k, i, (unsigned long)m), slc_ex_mul(k, a->c[i], f)));
    }
    if (!y.c[m]) y.n = m;
  }
  return cut(y);
}
static series_t expo(field_t *k, const series_t *a) {
  return solve(k, a->n ? slc_ex_fn(k, E_EXP, a->c[0]) : NULL, NULL, a);
}

static series_t scale(field_t *k, const series_t *a, long p, unsigned long q) {
  const series_t c = slc_se_const(k, slc_ex_si(k, p, q));
  return slc_se_mul(k, &c, a);
}
static series_t offset(field_t *k, const series_t *a, long v) {
  const series_t c = slc_se_const(k, slc_ex_si(k, v, 1));
  return slc_se_add(k, &c, a, 0);
}
static series_t inverse(field_t *k, const series_t *a) {
  const series_t one = slc_se_const(k, slc_ex_si(k, 1, 1));
  return divide(k, &one, a);
}

static int constant(const series_t *a) {
  for (int i = 1; i < a->n; i++)
    if (!slc_ex_zero(a->c[i])) return 0;
  return a->n == TERMS;
}

series_t slc_se_pow(field_t *k, const series_t *a, const mpq_t q) {
  if (!mpz_fits_sint_p(mpq_numref(q)) || !mpz_fits_sint_p(mpq_denref(q))) return (series_t){.n = 0};
  const long p = mpz_get_si(mpq_numref(q)), d = mpz_get_si(mpq_denref(q));
  if (d == 1 && labs(p) > 64) return (series_t){.n = 0};
  if (d == 1) {
    if (!a->n) return (series_t){.n = 0}; /* x^0 has no value where x has none */
    series_t y = slc_se_const(k, slc_ex_si(k, 1, 1));
    for (long i = 0; i < labs(p); i++) y = slc_se_mul(k, &y, a);
    return p < 0 ? inverse(k, &y) : y;
  }
  series_t y = {.n = a->n};
  if (!y.n) return y;
  y.c[0] = slc_ex_pow(k, a->c[0], q);
  if (!y.c[0]) return (series_t){.n = 0};
  if (constant(a)) return slc_se_const(k, y.c[0]);
  if (!slc_ex_has_r(k, a->c[0]) && slc_ex_signs(k, a->c[0]) & NIL) {
    y.n = 1; /* a value, and perhaps no slope */
    return y;
  }
  for (int m = 1; m < y.n; m++) {
    exact_t t = slc_ex_si(k, 0, 1);
    for (int i = 1; i <= m; i++)
      t = slc_ex_add(k, t,
                     slc_ex_mul(k, slc_ex_si(k, p * i - d * (m - i), (unsigned long)(d * m)),
                                slc_ex_mul(k, a->c[i], y.c[m - i])));
    if (!(y.c[m] = slc_ex_div(k, t, a->c[0]))) y.n = m;
  }
  return cut(y);
}

static series_t trig(field_t *k, const series_t *a, int cosine) {
  series_t s = {.n = a->n}, c = {.n = a->n};
  if (!a->n) return s;
  s.c[0] = slc_ex_fn(k, E_SIN, a->c[0]), c.c[0] = slc_ex_fn(k, E_COS, a->c[0]);
  for (int m = 1; m < a->n; m++) {
    s.c[m] = c.c[m] = slc_ex_si(k, 0, 1);
    for (int i = 1; i <= m; i++) {
      const exact_t t = slc_ex_mul(k, slc_ex_si(k, i, (unsigned long)m), a->c[i]);
      s.c[m] = slc_ex_add(k, s.c[m], slc_ex_mul(k, t, c.c[m - i]));
      c.c[m] = slc_ex_sub(k, c.c[m], slc_ex_mul(k, t, s.c[m - i]));
    }
  }
  return cosine ? cut(c) : cut(s);
}

static series_t series_exp(field_t *k, const series_t *a) { return expo(k, a); }

static series_t series_expm1(field_t *k, const series_t *a) {
  const series_t s = expo(k, a);
  return offset(k, &s, -1);
}

/* The function whose slope by its argument is s. */
static series_t by_slope(field_t *k, op_t op, const series_t *s, const series_t *a) {
  return solve(k, a->n ? slc_ex_fn(k, op, a->c[0]) : NULL, s, a);
}

static series_t series_log(field_t *k, const series_t *a) {
  const series_t s = inverse(k, a);
  return by_slope(k, E_LOG, &s, a);
}

static series_t series_log1p(field_t *k, const series_t *a) {
  const series_t t = offset(k, a, 1);
  return series_log(k, &t);
}

static series_t half_power(field_t *k, const series_t *a, int sign) {
  mpq_t q;
  mpq_init(q);
  mpq_set_si(q, sign, 2);
  const series_t y = slc_se_pow(k, a, q);
  mpq_clear(q);
  return y;
}
static series_t series_sqrt(field_t *k, const series_t *a) { return half_power(k, a, 1); }

static series_t series_sigmoid(field_t *k, const series_t *a) {
  const series_t minus = scale(k, a, -1, 1), e = expo(k, &minus), d = offset(k, &e, 1);
  return inverse(k, &d);
}

static series_t series_tanh(field_t *k, const series_t *a) { /* 2 sigmoid(2a) - 1 */
  const series_t twice = scale(k, a, 2, 1), s = series_sigmoid(k, &twice), t = scale(k, &s, 2, 1);
  return offset(k, &t, -1);
}

static series_t hyperbolic(field_t *k, const series_t *a, int minus) {
  const series_t m = scale(k, a, -1, 1), x = expo(k, a), y = expo(k, &m),
                 s = slc_se_add(k, &x, &y, minus);
  return scale(k, &s, 1, 2);
}
static series_t series_sinh(field_t *k, const series_t *a) { return hyperbolic(k, a, 1); }
static series_t series_cosh(field_t *k, const series_t *a) { return hyperbolic(k, a, 0); }
static series_t series_sin(field_t *k, const series_t *a) { return trig(k, a, 0); }
static series_t series_cos(field_t *k, const series_t *a) { return trig(k, a, 1); }

static series_t series_erf(field_t *k, const series_t *a) {
  const series_t sq = slc_se_mul(k, a, a), m = scale(k, &sq, -1, 1), x = expo(k, &m),
                 c = slc_se_const(k, slc_ex_div(k, slc_ex_si(k, 2, 1), slc_ex_sqrt_pi(k))),
                 s = slc_se_mul(k, &c, &x);
  return by_slope(k, E_ERF, &s, a);
}

static series_t one_plus_square(field_t *k, const series_t *a) {
  const series_t sq = slc_se_mul(k, a, a);
  return offset(k, &sq, 1);
}
static series_t series_atan(field_t *k, const series_t *a) {
  const series_t d = one_plus_square(k, a), s = inverse(k, &d);
  return by_slope(k, E_ATAN, &s, a);
}
static series_t series_asinh(field_t *k, const series_t *a) {
  const series_t d = one_plus_square(k, a), s = half_power(k, &d, -1);
  return by_slope(k, E_ASINH, &s, a);
}

series_t slc_se_fn(field_t *k, op_t op, const series_t *a) {
  static series_t (*const functions[E_COUNT])(field_t *, const series_t *) = {
#define FUNCTION(kind, name) [E_##kind] = series_##name,
#include "functions.def"
#undef FUNCTION
  };
  return slc_expr_is_function(op) ? functions[op](k, a) : (series_t){.n = 0};
}

series_t slc_se_shift(field_t *k, const series_t *a, int by) {
  series_t s = {.n = least(TERMS, a->n + by)};
  if (s.n < 0) s.n = 0;
  for (int i = 0; i < s.n; i++) s.c[i] = i - by >= 0 ? a->c[i - by] : slc_ex_si(k, 0, 1);
  return s;
}

/* Two branches of one value at the point: it is the value, though it is open which is taken. */
static series_t agreed(field_t *k, const series_t *a, const series_t *b) {
  series_t value = {.n = 0};
  if (a->n && b->n && slc_ex_equal(k, a->c[0], b->c[0])) value.n = 1, value.c[0] = a->c[0];
  return value;
}

/* A switch that is decided at the point is so next to it; any other is not known. */
static series_t switched(field_t *k, const node_t *n, const series_t *v) {
  const series_t none = {.n = 0}, *a = &v[n->a], *b = n->b >= 0 ? &v[n->b] : NULL;
  if (!a->n || (b && !b->n)) return none;
  const exact_t decides = b ? slc_ex_sub(k, a->c[0], b->c[0]) : a->c[0];
  const int sign = slc_ex_sign(k, decides);
  if (slc_ex_zero(decides) && n->op != E_PICK && n->op != E_SIGN) {
    series_t value = *a; /* continuous: the value is known, no slope */
    value.n = 1;
    return value;
  }
  if (!sign && n->op == E_PICK) return agreed(k, &v[n->c], &v[n->d]);
  if (!sign || n->op == E_SOFTSIGN) return none;
  if (n->op == E_SIGN) return slc_se_const(k, slc_ex_si(k, sign, 1));
  if (n->op == E_ABS) return sign > 0 ? *a : scale(k, a, -1, 1);
  if (n->op == E_PICK) return v[sign < 0 ? n->c : n->d];
  return v[(sign < 0) == (n->op == E_MIN) ? n->a : n->b];
}

static series_t leaf(field_t *k, const node_t *n, exact_t point) {
  switch (n->op) {
    case E_NUM:
      return slc_se_const(k, slc_ex_q(k, n->q));
    case E_PI:
      return slc_se_const(k, slc_ex_mul(k, slc_ex_sqrt_pi(k), slc_ex_sqrt_pi(k)));
    case E_E:
      return slc_se_const(k, slc_ex_e(k));
    case E_PARAM:
      return slc_se_const(k, slc_ex_param(k, n->param));
    default: {
      series_t r = slc_se_const(k, point ? point : slc_ex_r(k));
      r.c[1] = slc_ex_si(k, 1, 1);
      return r;
    }
  }
}

static series_t node(field_t *k, const node_t *n, exact_t point, const series_t *v) {
  if (slc_expr_arity(n->op) == 0) return leaf(k, n, point);
  if (slc_expr_is_switch(n->op)) return switched(k, n, v);
  switch (n->op) {
    case E_NEG:
      return scale(k, &v[n->a], -1, 1);
    case E_ADD:
    case E_SUB:
      return slc_se_add(k, &v[n->a], &v[n->b], n->op == E_SUB);
    case E_MUL:
      return slc_se_mul(k, &v[n->a], &v[n->b]);
    case E_DIV:
      return divide(k, &v[n->a], &v[n->b]);
    case E_POW:
      return slc_se_pow(k, &v[n->a], n->q);
    default:
      return slc_se_fn(k, n->op, &v[n->a]);
  }
}

series_t slc_se_expr(field_t *k, const expr_t *e, int ref, exact_t point, int terms) {
  series_t *v = calloc((size_t)ref + 1, sizeof *v);
  char *live = slc_expr_live(e, ref);
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
