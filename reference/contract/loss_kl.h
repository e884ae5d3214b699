/* KL to the reference, of y = new - ref (spec O4.3). Internal. */
#ifndef SLUICE_CONTRACT_LOSS_KL_H
#define SLUICE_CONTRACT_LOSS_KL_H

#include "op.h"

/* Of the estimator that the case has: its value, and its slope by y. */
sl_ball sl_loss_kl(const sl_op_case *c, const sl_arith *r, sl_ball y);
sl_ball sl_loss_kl_slope(const sl_op_case *c, const sl_arith *r, sl_ball y);

#endif
