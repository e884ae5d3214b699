/* One row of a softmax under a contract (spec E2.3). Internal. */
#ifndef SLUICE_CONTRACT_SOFTMAX_H
#define SLUICE_CONTRACT_SOFTMAX_H

#include "op.h"

/* The kernel subtracts a maximum of its own, within `shift` of the exact one. Ratios of weights to
 * their sum, and log-probabilities, do not depend on what is subtracted; so the fields hold exact
 * values for `max`, and errors in units of exp(the kernel's maximum - max). */
typedef struct {
  size_t keys;       /* whose z is above -infinity; 0: nothing can be judged */
  double max, shift; /* shift: the largest error of a z */
  sl_ball sum;       /* l */
} sl_softmax_row;

/* weight[j]: P_j with the errors of its exponent, of the functions and the rescalings. */
void sl_softmax_walk(sl_softmax_row *row, const sl_arith *r, const sl_ball *z, sl_ball *weight,
                     size_t n, sl_notes *notes);
/* z - M - log l, or z - (M + log l). */
sl_ball sl_softmax_log(const sl_softmax_row *row, const sl_arith *r, sl_ball z);
/* M + log l */
sl_ball sl_softmax_lse(const sl_softmax_row *row, const sl_arith *r);
/* log l */
sl_ball sl_softmax_log_sum(const sl_softmax_row *row, const sl_arith *r);

/* Depth of a sum over weights: `ours` is an order of dots alone (spec E1.3). */
double sl_softmax_depth(const sl_arith *r, size_t n, int products);

#endif
