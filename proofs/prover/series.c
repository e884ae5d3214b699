/* Truncated power series over the exact field. Functions follow their differential equations, so
 * that constants enter only through c[0]. */
#include "series.h"

#include <stdlib.h>
#include <string.h>

static sl_series drop_unknown(sl_series s) {
  for (int i = 0; i < s.n; i++)
    if (!s.c[i]) s.n = i;
  return s;
}
static int least(int a, int b) { return a < b ? a : b; }

sl_series sl_series_constant(sl_field *k, sl_exact c) {
  sl_series s = {.n = SL_SERIES_TERMS};
  for (int i = 0; i < SL_SERIES_TERMS; i++) s.c[i] = i ? sl_exact_int(k, 0) : c;
  return drop_unknown(s);
}

sl_series sl_series_add(sl_field *k, const sl_series *a, const sl_series *b, int subtract) {
  sl_series s = {.n = least(a->n, b->n)};
  for (int i = 0; i < s.n; i++)
    s.c[i] = subtract ? sl_exact_sub(k, a->c[i], b->c[i]) : sl_exact_add(k, a->c[i], b->c[i]);
  return drop_unknown(s);
}

/* sum over i of a[i] b[m - i], from <= i <= m */
static sl_exact convolve(sl_field *k, const sl_series *a, const sl_series *b, int from, int m) {
  sl_exact t = sl_exact_int(k, 0);
  for (int i = from; i <= m; i++)
    if (!sl_exact_is_zero(a->c[i]) && !sl_exact_is_zero(b->c[m - i]))
      t = sl_exact_add(k, t, sl_exact_mul(k, a->c[i], b->c[m - i]));
  return t;
}

sl_series sl_series_mul(sl_field *k, const sl_series *a, const sl_series *b) {
  sl_series s = {.n = least(a->n, b->n)};
  for (int m = 0; m < s.n; m++) s.c[m] = convolve(k, a, b, 0, m);
  return drop_unknown(s);
}

sl_series sl_series_div(sl_field *k, const sl_series *a, const sl_series *b) {
  sl_series s = {.n = least(a->n, b->n)};
  for (int m = 0; m < s.n; m++) { /* b0 s_m = a_m - sum of b_i s_(m-i), i >= 1 */
    sl_exact t = a->c[m];
    for (int i = 1; i <= m; i++) t = sl_exact_sub(k, t, sl_exact_mul(k, b->c[i], s.c[m - i]));
    s.c[m] = sl_exact_div(k, t, b->c[0]);
    if (!s.c[m]) s.n = m;
  }
  return drop_unknown(s);
}

/* y with y' = s a' and y(0) = y0 */
static sl_series integrate(sl_field *k, sl_exact y0, const sl_series *s, const sl_series *a) {
  sl_series y = {.n = y0 ? least(a->n, s->n + 1) : 0, .c = {y0}};
  for (int m = 1; m < y.n; m++) { /* m y_m = sum of i a_i s_(m-i) */
    sl_exact t = sl_exact_int(k, 0);
    for (int i = 1; i <= m; i++)
      t = sl_exact_add(
          k, t, sl_exact_mul(k, sl_exact_ratio(k, i, m), sl_exact_mul(k, a->c[i], s->c[m - i])));
    y.c[m] = t;
  }
  return drop_unknown(y);
}

static sl_series series_exp(sl_field *k, const sl_series *a) {
  sl_series y = {.n = a->n};
  if (a->n) y.c[0] = sl_exact_function(k, SL_OP_EXP, a->c[0]);
  for (int m = 1; m < y.n; m++) {
    sl_exact t = sl_exact_int(k, 0);
    for (int i = 1; i <= m; i++)
      t = sl_exact_add(
          k, t, sl_exact_mul(k, sl_exact_ratio(k, i, m), sl_exact_mul(k, a->c[i], y.c[m - i])));
    y.c[m] = t;
  }
  return drop_unknown(y);
}

/* sin and cos together: s' = c a', c' = -s a' */
static void sine_cosine(sl_field *k, const sl_series *a, sl_series *s, sl_series *c) {
  s->n = c->n = a->n;
  if (!a->n) return;
  s->c[0] = sl_exact_function(k, SL_OP_SIN, a->c[0]);
  c->c[0] = sl_exact_function(k, SL_OP_COS, a->c[0]);
  for (int m = 1; m < a->n; m++) {
    sl_exact x = sl_exact_int(k, 0), y = x;
    for (int i = 1; i <= m; i++) {
      const sl_exact t = sl_exact_mul(k, sl_exact_ratio(k, i, m), a->c[i]);
      x = sl_exact_add(k, x, sl_exact_mul(k, t, c->c[m - i]));
      y = sl_exact_sub(k, y, sl_exact_mul(k, t, s->c[m - i]));
    }
    s->c[m] = x, c->c[m] = y;
  }
  *s = drop_unknown(*s), *c = drop_unknown(*c);
}

static sl_series negated(sl_field *k, const sl_series *a) {
  const sl_series zero = sl_series_constant(k, sl_exact_int(k, 0));
  return sl_series_add(k, &zero, a, 1);
}
static sl_series scaled(sl_field *k, const sl_series *a, slong p, slong q) {
  const sl_series c = sl_series_constant(k, sl_exact_ratio(k, p, q));
  return sl_series_mul(k, &c, a);
}
static sl_series plus_one(sl_field *k, const sl_series *a) {
  const sl_series one = sl_series_constant(k, sl_exact_int(k, 1));
  return sl_series_add(k, &one, a, 0);
}
static sl_series inverse(sl_field *k, const sl_series *a) {
  const sl_series one = sl_series_constant(k, sl_exact_int(k, 1));
  return sl_series_div(k, &one, a);
}

static sl_series integer_power(sl_field *k, const sl_series *a, int64_t p) {
  sl_series y = sl_series_constant(k, sl_exact_int(k, 1));
  if (p > 64 || p < -64 || a->n == 0) return (sl_series){.n = 0};
  for (int64_t i = 0; i < (p < 0 ? -p : p); i++) y = sl_series_mul(k, &y, a);
  return p < 0 ? inverse(k, &y) : y;
}

static int constant(const sl_series *a) {
  for (int i = 1; i < a->n; i++)
    if (!sl_exact_is_zero(a->c[i])) return 0;
  return a->n == SL_SERIES_TERMS;
}

/* m a0 y_m = sum over i >= 1 of (q i - (m - i)) a_i y_(m-i), from a y' = q a' y */
sl_series sl_series_power(sl_field *k, const sl_series *a, int64_t p, int64_t q) {
  if (q == 1) return integer_power(k, a, p);
  sl_series y = {.n = a->n};
  if (!a->n) return y;
  y.c[0] = sl_exact_power(k, a->c[0], (slong)p, (slong)q);
  if (!y.c[0]) return (sl_series){.n = 0};
  if (constant(a)) return sl_series_constant(k, y.c[0]);
  if (sl_exact_signs(k, a->c[0]) & SL_ZERO && !sl_exact_has_r(k, a->c[0])) {
    y.n = 1; /* a root of what may be 0 has a value, and perhaps no slope */
    return y;
  }
  for (int m = 1; m < y.n; m++) {
    sl_exact t = sl_exact_int(k, 0);
    for (int i = 1; i <= m; i++) {
      const sl_exact w = sl_exact_ratio(k, (slong)p * i - (slong)q * (m - i), (slong)q * m);
      t = sl_exact_add(k, t, sl_exact_mul(k, w, sl_exact_mul(k, a->c[i], y.c[m - i])));
    }
    y.c[m] = sl_exact_div(k, t, a->c[0]);
    if (!y.c[m]) y.n = m;
  }
  return drop_unknown(y);
}

static sl_series series_log(sl_field *k, const sl_series *a) {
  const sl_series s = inverse(k, a);
  return integrate(k, a->n ? sl_exact_function(k, SL_OP_LOG, a->c[0]) : NULL, &s, a);
}

static sl_series series_sigmoid(sl_field *k, const sl_series *a) {
  const sl_series m = negated(k, a), e = series_exp(k, &m), d = plus_one(k, &e);
  return inverse(k, &d);
}

static sl_series hyperbolic(sl_field *k, const sl_series *a, int cosine) {
  const sl_series m = negated(k, a), p = series_exp(k, a), q = series_exp(k, &m),
                  s = sl_series_add(k, &p, &q, !cosine);
  return scaled(k, &s, 1, 2);
}

static sl_series series_tanh(sl_field *k, const sl_series *a) { /* 2 series_sigmoid(2a) - 1 */
  const sl_series d = scaled(k, a, 2, 1), s = series_sigmoid(k, &d), t = scaled(k, &s, 2, 1),
                  minus = sl_series_constant(k, sl_exact_int(k, -1));
  return sl_series_add(k, &t, &minus, 0);
}

static sl_series series_erf(sl_field *k, const sl_series *a) {
  const sl_series sq = sl_series_mul(k, a, a), m = negated(k, &sq), e = series_exp(k, &m);
  const sl_series c = sl_series_constant(k,
                                         sl_exact_div(k, sl_exact_int(k, 2), sl_exact_sqrt_pi(k))),
                  s = sl_series_mul(k, &c, &e);
  return integrate(k, a->n ? sl_exact_function(k, SL_OP_ERF, a->c[0]) : NULL, &s, a);
}

static sl_series inverse_function(sl_field *k, sl_gate_op op,
                                  const sl_series *a) { /* atan, asinh */
  const sl_series sq = sl_series_mul(k, a, a), d = plus_one(k, &sq);
  const sl_series s = op == SL_OP_ATAN ? inverse(k, &d) : sl_series_power(k, &d, -1, 2);
  return integrate(k, a->n ? sl_exact_function(k, op, a->c[0]) : NULL, &s, a);
}

static sl_series series_expm1(sl_field *k, const sl_series *a) {
  const sl_series s = series_exp(k, a), c = sl_series_constant(k, sl_exact_int(k, -1));
  return sl_series_add(k, &s, &c, 0);
}

static sl_series series_log1p(sl_field *k, const sl_series *a) {
  const sl_series s = plus_one(k, a);
  return series_log(k, &s);
}

static sl_series series_sqrt(sl_field *k, const sl_series *a) {
  return sl_series_power(k, a, 1, 2);
}

static sl_series series_sin(sl_field *k, const sl_series *a) {
  sl_series s, c;
  sine_cosine(k, a, &s, &c);
  return s;
}
static sl_series series_cos(sl_field *k, const sl_series *a) {
  sl_series s, c;
  sine_cosine(k, a, &s, &c);
  return c;
}

static sl_series series_sinh(sl_field *k, const sl_series *a) { return hyperbolic(k, a, 0); }
static sl_series series_cosh(sl_field *k, const sl_series *a) { return hyperbolic(k, a, 1); }

static sl_series series_atan(sl_field *k, const sl_series *a) {
  return inverse_function(k, SL_OP_ATAN, a);
}
static sl_series series_asinh(sl_field *k, const sl_series *a) {
  return inverse_function(k, SL_OP_ASINH, a);
}

sl_series sl_series_function(sl_field *k, sl_gate_op op, const sl_series *a) {
  static sl_series (*const functions[SL_OP_COUNT])(sl_field *, const sl_series *) = {
#define SL_FUNCTION(op, name) [SL_OP_##op] = series_##name,
#include "functions.def"
#undef SL_FUNCTION
  };
  return functions[op] ? functions[op](k, a) : (sl_series){.n = 0};
}

sl_series sl_series_shift(const sl_series *a, int by) {
  sl_series s = {.n = by < 0 ? a->n + by : least(SL_SERIES_TERMS, a->n + by)};
  if (s.n < 0) s.n = 0;
  for (int i = 0; i < s.n; i++) s.c[i] = i - by >= 0 ? a->c[i - by] : NULL;
  return s;
}

static sl_series leaf(sl_field *k, const sl_gate_node *n, sl_exact point) {
  switch (n->op) {
    case SL_OP_NUM:
      return sl_series_constant(k, sl_exact_decimal(k, n->num));
    case SL_OP_PI:
      return sl_series_constant(k, sl_exact_mul(k, sl_exact_sqrt_pi(k), sl_exact_sqrt_pi(k)));
    case SL_OP_E:
      return sl_series_constant(k, sl_exact_e(k));
    case SL_OP_PARAM:
      return sl_series_constant(k, sl_exact_parameter(k, n->param));
    case SL_OP_R: {
      sl_series s = sl_series_constant(k, point ? point : sl_exact_r(k));
      if (s.n > 1) s.c[1] = sl_exact_int(k, 1);
      return s;
    }
    default:
      return (sl_series){.n = 0};
  }
}

/* The value that both branches have at the point: whichever is taken has it, there and next to it.
 */
static sl_series common(sl_field *k, const sl_series *a, const sl_series *b) {
  sl_series value = *a;
  value.n = a->n && b->n && sl_exact_equal(k, a->c[0], b->c[0]);
  return value;
}

/* A switch whose decision is certainly not zero at the point keeps its branch next to it; any other
 * is unknown. */
static sl_series switched(sl_field *k, const sl_gate_node *n, const sl_series *v) {
  const sl_series *a = &v[n->child[0]], *b = sl_op_arity(n->op) > 1 ? &v[n->child[1]] : NULL;
  if (!a->n || (b && !b->n)) return (sl_series){.n = 0};
  const sl_exact decides = b ? sl_exact_sub(k, a->c[0], b->c[0]) : a->c[0];
  const int sign = sl_exact_sign(k, decides);
  if (sl_exact_is_zero(decides) && n->op != SL_OP_PICK && n->op != SL_OP_SIGN) {
    sl_series value = *a; /* abs, min and max are continuous: the value is known, no slope */
    value.n = 1;
    return value;
  }
  if (!sign && n->op == SL_OP_PICK) return common(k, &v[n->child[2]], &v[n->child[3]]);
  if (!sign) return (sl_series){.n = 0};
  switch (n->op) {
    case SL_OP_ABS:
      return sign > 0 ? *a : negated(k, a);
    case SL_OP_SIGN:
      return sl_series_constant(k, sl_exact_int(k, sign));
    case SL_OP_SOFTSIGN: {
      const sl_series size = sign > 0 ? *a : negated(k, a), bottom = plus_one(k, &size);
      return sl_series_div(k, a, &bottom);
    }
    case SL_OP_PICK:
      return v[n->child[sign < 0 ? 2 : 3]];
    default:
      return v[n->child[(sign < 0) == (n->op == SL_OP_MIN) ? 0 : 1]];
  }
}

static sl_series node(sl_field *k, const sl_tree *tree, const sl_gate_node *n, sl_exact point,
                      const sl_series *v) {
  const int arity = sl_op_arity(n->op);
  if (arity == 0) return leaf(k, n, point);
  if (sl_op_is_switch(n->op)) return switched(k, n, v);
  const sl_series *a = &v[n->child[0]], *b = &v[n->child[arity > 1 ? 1 : 0]];
  int64_t p, q;
  switch (n->op) {
    case SL_OP_NEG:
      return negated(k, a);
    case SL_OP_ADD:
    case SL_OP_SUB:
      return sl_series_add(k, a, b, n->op == SL_OP_SUB);
    case SL_OP_MUL:
      return sl_series_mul(k, a, b);
    case SL_OP_DIV:
      return sl_series_div(k, a, b);
    case SL_OP_POW:
      return sl_tree_rational(tree, n->child[1], &p, &q) ? sl_series_power(k, a, p, q)
                                                         : (sl_series){.n = 0};
    default:
      return sl_series_function(k, n->op, a);
  }
}

void sl_series_tree(sl_field *k, const sl_tree *tree, sl_ref ref, sl_exact point, int terms,
                    sl_series *out) {
  unsigned char *live = calloc((size_t)ref + 1, 1);
  if (!live) flint_abort();
  sl_tree_mark(tree, ref, live);
  for (uint32_t i = 0; i <= ref; i++) {
    out[i] = live[i] ? node(k, tree, &tree->node[i], point, out) : (sl_series){.n = 0};
    out[i].n = least(out[i].n, terms);
  }
  free(live);
}

sl_series sl_series_root(sl_field *k, const sl_tree *tree, sl_ref ref, sl_exact point, int terms) {
  sl_series *all = calloc((size_t)ref + 1, sizeof *all);
  if (!all) flint_abort();
  sl_series_tree(k, tree, ref, point, terms, all);
  const sl_series root = all[ref];
  free(all);
  return root;
}
