/* Limits (see limit.h): by the parts' limits, and by their expansions where those leave it open. */
#include "limit.h"

#include "germ.h"

#include <stdlib.h>

static const limit_t unknown = {.kind = L_UNKNOWN};

static limit_t infinite(int sign) { return (limit_t){.kind = sign > 0 ? L_UP : L_DOWN}; }
static limit_t finite(exact_t value, int side) {
  return value ? (limit_t){.kind = L_FINITE, .value = value, .side = side} : unknown;
}
static limit_t number(field_t *k, long v, int side) { return finite(slc_ex_si(k, v, 1), side); }
static int inf(limit_t a) { return a.kind == L_UP ? 1 : a.kind == L_DOWN ? -1 : 0; }
static int zero(limit_t a) { return a.kind == L_FINITE && slc_ex_zero(a.value); }

static int near(field_t *k, limit_t a) {
  if (a.kind == L_FINITE) return zero(a) ? a.side : slc_ex_sign(k, a.value);
  return inf(a);
}

static limit_t minus(field_t *k, limit_t a) {
  if (inf(a)) return infinite(-inf(a));
  return a.kind == L_FINITE ? finite(slc_ex_sub(k, slc_ex_si(k, 0, 1), a.value), -a.side) : a;
}

static limit_t plus(field_t *k, limit_t a, limit_t b) {
  if (a.kind == L_UNKNOWN || b.kind == L_UNKNOWN) return unknown;
  if (inf(a) || inf(b)) return inf(a) + inf(b) ? infinite(inf(a) + inf(b)) : unknown;
  int side = 0;
  if (zero(a) && zero(b))
    side = a.constant ? b.side : b.constant ? a.side : a.side == b.side ? a.side : 0;
  return finite(slc_ex_add(k, a.value, b.value), side);
}

static limit_t times(field_t *k, limit_t a, limit_t b) {
  if (a.kind == L_UNKNOWN || b.kind == L_UNKNOWN) return unknown; /* 0 times no value is none */
  if (a.constant && zero(a)) return a;
  if (b.constant && zero(b)) return b;
  const int sign = near(k, a) * near(k, b), small = zero(a) || zero(b);
  if (!inf(a) && !inf(b)) return finite(slc_ex_mul(k, a.value, b.value), small ? sign : 0);
  return zero(a) || zero(b) || !sign ? unknown : infinite(sign);
}

static limit_t inverse(field_t *k, limit_t a) {
  if (inf(a)) return number(k, 0, inf(a));
  if (zero(a)) return a.side ? infinite(a.side) : unknown;
  return a.kind == L_FINITE ? finite(slc_ex_div(k, slc_ex_si(k, 1, 1), a.value), 0) : unknown;
}

static limit_t power(field_t *k, limit_t a, const mpq_t q) {
  if (a.kind == L_UNKNOWN) return unknown;
  const int p = mpq_sgn(q), root = mpz_cmp_ui(mpq_denref(q), 1) != 0;
  if (p == 0) return number(k, 1, 0);
  const int s = near(k, a), sign = !root && mpz_odd_p(mpq_numref(q)) ? s : s * s;
  if (root && s < 0) return unknown;
  if (inf(a)) return p > 0 ? infinite(sign) : number(k, 0, sign);
  if (zero(a) && p < 0) return sign ? infinite(sign) : unknown;
  if (zero(a)) return !root || s > 0 || a.constant ? finite(a.value, sign) : unknown;
  return finite(slc_ex_pow(k, a.value, q), 0);
}

static limit_t far(field_t *k, op_t op, int sign) {
  exact_t root;
  switch (op) {
    case E_EXP:
      return sign > 0 ? infinite(1) : number(k, 0, 1);
    case E_EXPM1:
      return sign > 0 ? infinite(1) : number(k, -1, 0);
    case E_LOG:
    case E_LOG1P:
    case E_SQRT:
      return sign > 0 ? infinite(1) : unknown;
    case E_SIGMOID:
      return number(k, sign > 0, sign < 0);
    case E_TANH:
    case E_ERF:
      return number(k, sign, 0);
    case E_ATAN:
      root = slc_ex_sqrt_pi(k);
      return finite(slc_ex_mul(k, slc_ex_si(k, sign, 2), slc_ex_mul(k, root, root)), 0);
    case E_SINH:
    case E_ASINH:
      return infinite(sign);
    case E_COSH:
      return infinite(1);
    default:
      return unknown;
  }
}

static limit_t function(field_t *k, op_t op, limit_t a) {
  if (inf(a)) return far(k, op, inf(a));
  if (a.kind == L_UNKNOWN) return unknown;
  if (zero(a) && op == E_LOG) return a.side > 0 ? infinite(-1) : unknown;
  if (zero(a) && op == E_SQRT && a.side <= 0 && !a.constant) return unknown;
  const series_t x = {.n = 1, .c = {a.value}}, y = slc_se_fn(k, op, &x);
  const int odd = op != E_EXP && op != E_SIGMOID && op != E_COS && op != E_COSH;
  const int rises = odd && (op != E_SIN || zero(a)); /* next to a */
  return y.n ? finite(y.c[0], rises ? a.side : 0) : unknown;
}

static limit_t switched(field_t *k, const node_t *n, const limit_t *v) {
  const limit_t a = v[n->a], gap = n->b >= 0 ? plus(k, a, minus(k, v[n->b])) : a;
  const int sign = near(k, gap);
  switch (n->op) {
    case E_ABS:
      if (zero(a) && !sign) return finite(a.value, 0);
      return sign > 0 ? a : sign < 0 ? minus(k, a) : unknown;
    case E_SIGN:
      return sign ? number(k, sign, 0) : unknown;
    case E_SOFTSIGN:
      return inf(a) ? number(k, inf(a), 0) : zero(a) ? a : unknown;
    case E_PICK:
      return sign ? v[sign < 0 ? n->c : n->d] : unknown;
    default:
      if (!sign) return zero(gap) ? finite(a.value, a.side == v[n->b].side ? a.side : 0) : unknown;
      return v[(sign < 0) == (n->op == E_MIN) ? n->a : n->b];
  }
}

static limit_t of_node(field_t *k, const node_t *n, const limit_t *v) {
  if (slc_expr_is_switch(n->op)) return switched(k, n, v);
  switch (n->op) {
    case E_NEG:
      return minus(k, v[n->a]);
    case E_ADD:
      return plus(k, v[n->a], v[n->b]);
    case E_SUB:
      return plus(k, v[n->a], minus(k, v[n->b]));
    case E_MUL:
      return times(k, v[n->a], v[n->b]);
    case E_DIV:
      return times(k, v[n->a], inverse(k, v[n->b]));
    case E_POW:
      return power(k, v[n->a], n->q);
    default:
      return function(k, n->op, v[n->a]);
  }
}

static limit_t of_germ(field_t *k, const germ_t *g) {
  if (!g->ok) return unknown;
  if (!g->n && !g->open) return number(k, 0, 0);
  const int size = slc_mono_size(k, &g->t[0]), sign = slc_germ_sign(k, g);
  if (size == SHRINKS) return number(k, 0, sign);
  if (size == STAYS && g->n) return finite(g->t[0].c, 0);
  return size == GROWS && sign ? infinite(sign) : unknown;
}

static germ_t switched_germ(field_t *k, const node_t *n, const germ_t *g) {
  const germ_t *a = &g[n->a], none = {.ok = 0},
               gap = n->b >= 0 ? slc_germ_add(k, a, &g[n->b], 1) : *a, zero = {.ok = 1};
  const int sign = slc_germ_sign(k, &gap);
  if (!sign) return none;
  const germ_t size = sign > 0 ? *a : slc_germ_add(k, &zero, a, 1),
               one = slc_germ_mono(k, slc_ex_si(k, 1, 1), 0, 0);
  switch (n->op) {
    case E_ABS:
      return size;
    case E_SIGN:
      return slc_germ_mono(k, slc_ex_si(k, sign, 1), 0, 0);
    case E_SOFTSIGN: {
      const germ_t below = slc_germ_add(k, &one, &size, 0);
      return slc_germ_div(k, a, &below);
    }
    case E_MIN:
      return sign < 0 ? *a : g[n->b];
    case E_MAX:
      return sign > 0 ? *a : g[n->b];
    case E_PICK:
      return sign < 0 ? g[n->c] : g[n->d];
    default:
      return none;
  }
}

static germ_t germ_of_node(field_t *k, const node_t *n, const germ_t *g) {
  const germ_t zero = {.ok = 1};
  if (slc_expr_is_switch(n->op)) return switched_germ(k, n, g);
  switch (n->op) {
    case E_NEG:
      return slc_germ_add(k, &zero, &g[n->a], 1);
    case E_ADD:
    case E_SUB:
      return slc_germ_add(k, &g[n->a], &g[n->b], n->op == E_SUB);
    case E_MUL:
      return slc_germ_mul(k, &g[n->a], &g[n->b]);
    case E_DIV:
      return slc_germ_div(k, &g[n->a], &g[n->b]);
    case E_POW:
      return slc_germ_pow(k, &g[n->a], n->q);
    default:
      return slc_germ_fn(k, n->op, &g[n->a]);
  }
}

typedef struct {
  exact_t at; /* NULL: infinity */
  int side;
} target_t;

/* r is 1/x far out, at + side x else. */
static germ_t germ_of_r(field_t *k, target_t to) {
  if (!to.at) return slc_germ_mono(k, slc_ex_si(k, 1, 1), -1, 0);
  const germ_t at = slc_germ_mono(k, to.at, 0, 0),
               x = slc_germ_mono(k, slc_ex_si(k, to.side, 1), 1, 0);
  return slc_germ_add(k, &at, &x, 0);
}

/* Node i by its parts; with g by its expansion too, which may tell what they leave open. */
static limit_t of_parts(field_t *k, const expr_t *e, int i, target_t to, const limit_t *v,
                        germ_t *g) {
  const node_t *n = &e->node[i];
  const int arity = slc_expr_arity(n->op);
  limit_t y;
  if (n->op == E_R) {
    y = to.at ? finite(to.at, to.side) : infinite(1);
  } else if (arity == 0) {
    const series_t s = slc_se_expr(k, e, i, slc_ex_si(k, 0, 1), 1);
    y = s.n ? finite(s.c[0], 0) : unknown;
  } else {
    y = of_node(k, n, v);
  }
  if (!g) return y;
  if (n->op == E_R)
    g[i] = germ_of_r(k, to);
  else if (arity == 0)
    g[i] = slc_germ_mono(k, y.value, 0, 0);
  else
    g[i] = germ_of_node(k, n, g);
  const limit_t more = of_germ(k, &g[i]);
  return more.kind != L_UNKNOWN && (y.kind == L_UNKNOWN || more.side) ? more : y;
}

static limit_t pass(field_t *k, const expr_t *e, int ref, target_t to, germ_t *g) {
  limit_t *v = calloc((size_t)ref + 1, sizeof *v);
  char *live = slc_expr_live(e, ref);
  if (!v) abort();
  for (int i = 0; i <= ref; i++) {
    const node_t *n = &e->node[i];
    const int child[] = {n->a, n->b, n->c, n->d}, arity = slc_expr_arity(n->op);
    if (!live[i]) continue;
    int constant = n->op != E_R;
    for (int c = 0; c < arity; c++) constant &= v[child[c]].constant;
    v[i] = of_parts(k, e, i, to, v, g);
    v[i].constant = constant;
  }
  const limit_t y = v[ref];
  free(v), free(live);
  return y;
}

limit_t slc_limit(field_t *k, const expr_t *e, int ref, exact_t at, int side) {
  const target_t to = {at, side};
  const limit_t y = pass(k, e, ref, to, NULL);
  if (y.kind != L_UNKNOWN) return y;
  germ_t *g = calloc((size_t)ref + 1, sizeof *g);
  if (!g) abort();
  const limit_t more = pass(k, e, ref, to, g);
  free(g);
  return more;
}
