/* Gates that are expressions, under a contract (spec E2.8): for every node of the tree (spec G1.4)
 * a span that holds its exact value and whatever a kernel within the contract computes. */
#ifndef SLUICE_CONTRACT_EXPRESSION_H
#define SLUICE_CONTRACT_EXPRESSION_H

#include "arith.h"

#include <stdint.h>

typedef enum {
  SL_EXPRESSION_NUMBER,
  SL_EXPRESSION_R,
  SL_EXPRESSION_NEG,
  SL_EXPRESSION_ADD,
  SL_EXPRESSION_SUB,
  SL_EXPRESSION_MUL,
  SL_EXPRESSION_DIV,
  SL_EXPRESSION_POWER, /* one child, the base */
  SL_EXPRESSION_PICK,
  SL_EXPRESSION_SIGN,
  SL_EXPRESSION_ABS,
  SL_EXPRESSION_MIN,
  SL_EXPRESSION_MAX,
  SL_EXPRESSION_EXP,
  SL_EXPRESSION_EXPM1,
  SL_EXPRESSION_LOG,
  SL_EXPRESSION_LOG1P,
  SL_EXPRESSION_SQRT,
  SL_EXPRESSION_SIGMOID,
  SL_EXPRESSION_SIN,
  SL_EXPRESSION_COS,
  SL_EXPRESSION_SINH,
  SL_EXPRESSION_COSH,
  SL_EXPRESSION_TANH,
  SL_EXPRESSION_ERF,
  SL_EXPRESSION_ATAN,
  SL_EXPRESSION_ASINH,
  SL_EXPRESSION_SOFTSIGN
} sl_expression_op;

/* number: of NUMBER; of POWER the exponent. Children stand before their node. */
typedef struct {
  sl_expression_op op;
  uint32_t child[4];
  double number;
} sl_expression_node;

#define SL_EXPRESSION_NONE UINT32_MAX

/* value: the node of f, SL_EXPRESSION_NONE for a gate that is a weight alone. */
typedef struct {
  const sl_expression_node *node;
  uint32_t count, value, weight;
} sl_expression;

/* A gate with its parameters bound: [0] for A <= 0, [1] for A > 0. */
typedef struct sl_gate_form {
  sl_expression side[2];
} sl_gate_form;

/* What lies between low and high: the exact value, and the computed one, which may be infinite.
 * Both infinite: it may be a NaN too. mid is the value in binary64. */
typedef struct {
  double mid, low, high;
} sl_span;

/* f and w at the ratio's ball; f is NaN without a bound where there is none. scratch: e->count
 * spans. */
void sl_walk_expression(const sl_arith *r, const sl_expression *e, sl_ball ratio, sl_span *scratch,
                        sl_ball *f, sl_ball *w);

#endif
