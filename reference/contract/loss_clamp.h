/* Clamped log-ratios of the gated loss (spec O1.1, E2.7). Internal. */
#ifndef SLUICE_CONTRACT_LOSS_CLAMP_H
#define SLUICE_CONTRACT_LOSS_CLAMP_H

#include "op.h"

/* A clamped log-ratio. outside: the exact one is beyond the clamp; unsure: the kernel's may be on
 * the other side. */
typedef struct {
  sl_ball x;
  int outside, unsure;
} sl_loss_clamped;

sl_loss_clamped sl_loss_clamp(const sl_op_case *c, const sl_arith *r, sl_ball x);
/* y where the log-ratio is inside, else `otherwise`; either, where that is unsure. */
sl_ball sl_loss_unless_clamped(sl_loss_clamped x, sl_ball y, sl_ball otherwise);

#endif
