/* Gates of the loss under a contract (spec O2, E2.7). Internal. */
#ifndef SLUICE_CONTRACT_LOSS_GATE_H
#define SLUICE_CONTRACT_LOSS_GATE_H

#include "op.h"

typedef enum {
  SL_LOSS_GATE_SIGMOID,
  SL_LOSS_GATE_ERF,
  SL_LOSS_GATE_ARCTAN,
  SL_LOSS_GATE_SOFTSIGN,
  SL_LOSS_GATE_CLIP,
  SL_LOSS_GATE_IDENTITY,
  SL_LOSS_GATE_CISPO,
  SL_LOSS_GATE_EXPRESSION /* by sl_walk_expression */
} sl_loss_gate_family;

/* A gate for one sign of the advantage. limit: the clip edge (1 + high or 1 - low), or the cap of
 * CISPO. product: weights as automatic differentiation of the value gives them (spec E2.7). */
typedef struct {
  sl_loss_gate_family family;
  int positive, product;
  double tau, limit;
} sl_loss_gate;

/* The gradient's factors are w, r and `chain`, which is 1 but for the roundings of constants that
 * undo one another. f: the value; its mid is NaN where there is none. */
typedef struct {
  sl_ball f, w, r, chain;
} sl_gate_walk;

sl_gate_walk sl_walk_gate(const sl_arith *r, const sl_loss_gate *gate, sl_ball ratio);

/* The lowest value of |a|, 0 where the ball holds 0. */
double sl_least_size(sl_ball a);

#endif
