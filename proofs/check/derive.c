/* The checker's own rules of differentiation (see derive.h). */
#include "derive.h"

#include <stdlib.h>

static int unary(expr_t *e, op_t op, int a) { return slc_expr_add(e, op, a, -1, -1, -1); }
static int binary(expr_t *e, op_t op, int a, int b) { return slc_expr_add(e, op, a, b, -1, -1); }

/* The derivative of each function at node a, in the form that keeps exponentials as factors; self
 * is the function's own node. */
static int slope_exp(expr_t *e, int self, int a) {
  (void)e, (void)a;
  return self;
}
static int slope_expm1(expr_t *e, int self, int a) {
  (void)self;
  return unary(e, E_EXP, a);
}
static int one_over(expr_t *e, int a) { return binary(e, E_DIV, slc_expr_si(e, 1), a); }
static int slope_log(expr_t *e, int self, int a) {
  (void)self;
  return one_over(e, a);
}
static int slope_log1p(expr_t *e, int self, int a) {
  (void)self;
  return one_over(e, binary(e, E_ADD, a, slc_expr_si(e, 1)));
}
static int slope_sqrt(expr_t *e, int self, int a) {
  (void)a;
  return one_over(e, binary(e, E_MUL, slc_expr_si(e, 2), self));
}
static int slope_sigmoid(expr_t *e, int self, int a) {
  return binary(e, E_MUL, self, unary(e, E_SIGMOID, unary(e, E_NEG, a)));
}
static int slope_sin(expr_t *e, int self, int a) {
  (void)self;
  return unary(e, E_COS, a);
}
static int slope_cos(expr_t *e, int self, int a) {
  (void)self;
  return unary(e, E_NEG, unary(e, E_SIN, a));
}
static int slope_sinh(expr_t *e, int self, int a) {
  (void)self;
  return unary(e, E_COSH, a);
}
static int slope_cosh(expr_t *e, int self, int a) {
  (void)self;
  return unary(e, E_SINH, a);
}
static int slope_tanh(expr_t *e, int self, int a) {
  (void)self;
  const int s = binary(e, E_MUL, slc_expr_si(e, 2), a);
  return binary(e, E_MUL, slc_expr_si(e, 4),
                binary(e, E_MUL, unary(e, E_SIGMOID, s), unary(e, E_SIGMOID, unary(e, E_NEG, s))));
}
static int slope_erf(expr_t *e, int self, int a) {
  (void)self;
  return binary(e, E_MUL, binary(e, E_DIV, slc_expr_si(e, 2), unary(e, E_SQRT, unary(e, E_PI, -1))),
                unary(e, E_EXP, unary(e, E_NEG, binary(e, E_MUL, a, a))));
}
static int one_plus_square(expr_t *e, int a) {
  return binary(e, E_ADD, slc_expr_si(e, 1), binary(e, E_MUL, a, a));
}
static int slope_atan(expr_t *e, int self, int a) {
  (void)self;
  return one_over(e, one_plus_square(e, a));
}
static int slope_asinh(expr_t *e, int self, int a) {
  (void)self;
  return one_over(e, unary(e, E_SQRT, one_plus_square(e, a)));
}
static int slope_softsign(expr_t *e, int a) {
  const int s = binary(e, E_ADD, slc_expr_si(e, 1), unary(e, E_ABS, a));
  return one_over(e, binary(e, E_MUL, s, s));
}

static int slope(expr_t *e, int self, int a) {
  static int (*const slopes[E_COUNT])(expr_t *, int, int) = {
#define FUNCTION(kind, name) [E_##kind] = slope_##name,
#include "functions.def"
#undef FUNCTION
  };
  const op_t op = e->node[self].op;
  if (op == E_ABS) return unary(e, E_SIGN, a);
  if (op == E_SOFTSIGN) return slope_softsign(e, a);
  return slopes[op](e, self, a);
}

static int is_si(const expr_t *e, int ref, long v) {
  return ref >= 0 && e->node[ref].op == E_NUM && mpq_cmp_si(e->node[ref].q, v, 1) == 0;
}
static int times(expr_t *e, int a, int b) {
  if (is_si(e, a, 0) || is_si(e, b, 1)) return a;
  return is_si(e, b, 0) || is_si(e, a, 1) ? b : binary(e, E_MUL, a, b);
}
static int plus(expr_t *e, int a, int b, int minus) {
  if (is_si(e, b, 0)) return a;
  if (is_si(e, a, 0)) return minus ? unary(e, E_NEG, b) : b;
  return binary(e, minus ? E_SUB : E_ADD, a, b);
}

static int power_slope(expr_t *e, int self) {
  mpq_t q, one;
  mpq_init(q), mpq_init(one);
  mpq_set_si(one, 1, 1);
  mpq_set(q, e->node[self].q);
  const int a = e->node[self].a, factor = slc_expr_num(e, q);
  mpq_sub(q, q, one);
  const int rest = mpq_sgn(q) == 0     ? slc_expr_si(e, 1)
                   : mpq_equal(q, one) ? a
                                       : slc_expr_power(e, a, q);
  mpq_clear(q), mpq_clear(one);
  return times(e, factor, rest);
}

static int derive_node(expr_t *e, int i, const int *d) {
  const op_t op = e->node[i].op;
  const int a = e->node[i].a, b = e->node[i].b, c = e->node[i].c, x = e->node[i].d;
  if (op == E_R) return slc_expr_si(e, 1);
  if (slc_expr_arity(op) == 0 || op == E_SIGN) return slc_expr_si(e, 0);
  switch (op) {
    case E_NEG:
      return plus(e, slc_expr_si(e, 0), d[a], 1);
    case E_ADD:
      return plus(e, d[a], d[b], 0);
    case E_SUB:
      return plus(e, d[a], d[b], 1);
    case E_MUL:
      return plus(e, times(e, d[a], b), times(e, a, d[b]), 0);
    case E_DIV: {
      const int top = plus(e, d[a], times(e, i, d[b]), 1);
      return is_si(e, top, 0) ? top : binary(e, E_DIV, top, b);
    }
    case E_POW:
      return times(e, power_slope(e, i), d[a]);
    case E_PICK:
      return d[c] == d[x] ? d[c] : slc_expr_add(e, E_PICK, a, b, d[c], d[x]);
    case E_MIN:
      return d[a] == d[b] ? d[a] : slc_expr_add(e, E_PICK, a, b, d[a], d[b]);
    case E_MAX:
      return d[a] == d[b] ? d[a] : slc_expr_add(e, E_PICK, b, a, d[a], d[b]);
    default:
      return is_si(e, d[a], 0) ? d[a] : times(e, slope(e, i, a), d[a]);
  }
}

int slc_expr_derive(expr_t *e, int ref) {
  const int n = ref + 1;
  int *d = malloc((size_t)n * sizeof *d), result = -1, ok = 1;
  if (!d) abort();
  for (int i = 0; i < n && ok; i++) ok = (d[i] = derive_node(e, i, d)) >= 0;
  if (ok) result = d[ref];
  free(d);
  return result;
}
