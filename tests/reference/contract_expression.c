/* Kernels of gates' expressions at the edge of their contract (spec E2.8). */
#include "contract_kernels.h"
#include "inputs.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static double edge(const kernel *k, double exact, sl_ulps_of which) {
  return exact == 0.0 ? 0.0 : acc_err(k, exact, which);
}

/* By products, and a root for a half; else by a function, or by the logarithm. */
static double power(const kernel *k, double x, double q) {
  const double size = fabs(q), y = pow(x, q);
  if (x == 0.0 || x == 1.0 || q == 1.0) return acc_round(k, y);
  if (size != floor(2.0 * size) / 2.0 || size > 64.0) {
    if (k->form & 4 || x < 0.0) return edge(k, y, SL_ULPS_EXP);
    return acc_exp(k, acc_mul(k, acc_round(k, q), acc_err(k, log(x), SL_ULPS_LOG)));
  }
  if (k->form & 4 && q != 2.0) return edge(k, y, SL_ULPS_EXP);
  const double first = size == floor(size) ? 1.0 : 0.5;
  double product = first < 1.0 ? acc_round(k, sqrt(x)) : x;
  for (size_t n = 0; first + (double)n < size; n++) product = acc_mul(k, product, x);
  return q < 0.0 ? acc_quotient(k, 1.0, product) : product;
}

/* A product that an fma takes along unrounded; other nodes as they are. */
static double addend(const kernel *k, const sl_expression *e, const double *at, uint32_t i) {
  const sl_expression_node *n = &e->node[i];
  const int fused = k->form & 2 && n->op == SL_EXPRESSION_MUL;
  return fused ? at[n->child[0]] * at[n->child[1]] : at[i];
}

static double sum(const kernel *k, const sl_expression *e, const double *at, uint32_t i,
                  double sign) {
  const sl_expression_node *n = &e->node[i];
  return acc_round(k, addend(k, e, at, n->child[0]) + sign * at[n->child[1]]);
}

static double function(const kernel *k, sl_expression_op op, double x) {
  switch (op) {
    case SL_EXPRESSION_EXP:
      return acc_exp(k, x);
    case SL_EXPRESSION_EXPM1:
      return edge(k, expm1(x), SL_ULPS_EXP);
    case SL_EXPRESSION_LOG:
      return edge(k, log(x), SL_ULPS_LOG);
    case SL_EXPRESSION_LOG1P:
      return edge(k, log1p(x), SL_ULPS_LOG);
    case SL_EXPRESSION_SQRT:
      return acc_round(k, sqrt(x));
    case SL_EXPRESSION_SIGMOID:
      return k->form & 4 && x != 0.0 ? edge(k, 1.0 / (1.0 + exp(-x)), SL_ULPS_EXP)
                                     : acc_sigmoid(k, x);
    case SL_EXPRESSION_SIN:
      return edge(k, sin(x), SL_ULPS_EXP);
    case SL_EXPRESSION_COS:
      return edge(k, cos(x), SL_ULPS_EXP);
    case SL_EXPRESSION_SINH:
      return edge(k, sinh(x), SL_ULPS_EXP);
    case SL_EXPRESSION_COSH:
      return edge(k, cosh(x), SL_ULPS_EXP);
    case SL_EXPRESSION_TANH:
      return edge(k, tanh(x), SL_ULPS_EXP);
    case SL_EXPRESSION_ERF:
      return edge(k, erf(x), SL_ULPS_EXP);
    case SL_EXPRESSION_ATAN:
      return edge(k, atan(x), SL_ULPS_EXP);
    case SL_EXPRESSION_ASINH:
      return edge(k, asinh(x), SL_ULPS_EXP);
    default:
      return acc_quotient(k, x, acc_add(k, 1.0, fabs(x)));
  }
}

static double node(const kernel *k, const sl_expression *e, const double *at, uint32_t i,
                   double ratio) {
  const sl_expression_node *n = &e->node[i];
  const double a = at[n->child[0]], b = at[n->child[1]];
  switch (n->op) {
    case SL_EXPRESSION_NUMBER:
      return acc_round(k, n->number);
    case SL_EXPRESSION_R:
      return ratio;
    case SL_EXPRESSION_NEG:
      return -a;
    case SL_EXPRESSION_ADD:
      return sum(k, e, at, i, 1.0);
    case SL_EXPRESSION_SUB:
      return sum(k, e, at, i, -1.0);
    case SL_EXPRESSION_MUL:
      return acc_mul(k, a, b);
    case SL_EXPRESSION_DIV:
      return acc_quotient(k, a, b);
    case SL_EXPRESSION_POWER:
      return power(k, a, n->number);
    case SL_EXPRESSION_PICK:
      return a <= b ? at[n->child[2]] : at[n->child[3]];
    case SL_EXPRESSION_SIGN:
      return (double)(a > 0.0) - (double)(a < 0.0);
    case SL_EXPRESSION_ABS:
      return fabs(a);
    case SL_EXPRESSION_MIN:
      return a <= b ? a : b;
    case SL_EXPRESSION_MAX:
      return b <= a ? a : b;
    default:
      return function(k, n->op, a);
  }
}

void kernel_expression(const kernel *k, const sl_expression *e, double ratio, double *f,
                       double *w) {
  double *at = calloc(e->count, sizeof *at);
  cr_assert_not_null(at);
  for (uint32_t i = 0; i < e->count; i++) at[i] = node(k, e, at, i, ratio);
  *f = e->value == SL_EXPRESSION_NONE ? (double)NAN : at[e->value];
  *w = at[e->weight];
  free(at);
}
