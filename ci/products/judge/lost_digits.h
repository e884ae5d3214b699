/* Weights by automatic differentiation (spec E2.7): s (1 - s) of the sigmoid gate is exactly 0 in
 * binary32 from z = 16.6 on, where the right one is 2.4e-7; softsign's is a difference too. */
#ifndef SLUICE_JUDGE_LOST_DIGITS_H
#define SLUICE_JUDGE_LOST_DIGITS_H

#include "reference/contract/op.h"

#define SL_LOST_DIGITS_NAME \
  "A9: s (1 - s), or h - z^2 h^3 of softsign, has lost its digits; s(z) s(-z), or h^3, keeps them"

/* *lost: elements of a dlogp beyond the bounds for `stable` weights, if all lie within those for
 * `product` ones, else 0. Under weight_form=stable that is the defect A9 and its extent; under
 * product, what to report beside a dlogp that A accepts. 0 for other ops and gates. SL_ERR_MEMORY.
 */
sl_status sl_lost_digits(size_t *lost, const sl_op_case *c, const double *dlogp);

#endif
