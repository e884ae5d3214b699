/* A-priori error bounds of the plain kernels, derived from the order of operations of their clauses
 * (spec N3, N4, T1 to T4, O, N6). sl_bound_NAME walks the operations on the kernel's own inputs:
 * for each output element the exact value (mid) and a bound (rad) on how far a conforming kernel's
 * result can lie from it. Kernel by kernel: none is claimed for a whole model. ball.h states the
 * model of rounding and what is assumed of overflow. */
#ifndef SLUICE_REFERENCE_BOUNDS_H
#define SLUICE_REFERENCE_BOUNDS_H

#include "ball.h"

#include <sluice/status.h>
#include <sluice/types.h>

typedef enum {
#define SL_BOUND(name, derivation) SL_BOUND_##name,
#include "bounds.def"
#undef SL_BOUND
  SL_BOUND_COUNT
} sl_bound_id;

const char *sl_bound_name(sl_bound_id id);
/* The derivation in one line, for reports. */
const char *sl_bound_derivation(sl_bound_id id);
/* The bound of a row of spec/kernels.def, by its index (the value of SL_KERNEL_name). */
sl_bound_id sl_bound_of_kernel(size_t kernel);

/* f and w of a gate that is an expression at a ratio's ball, as binary32 (spec O2.4); f's mid is a
 * NaN where the gate is a weight alone. */
typedef void sl_bound_expression(void *arg, int positive, sl_ball ratio, sl_ball *f, sl_ball *w);
/* sl_bound_gated_loss with such gates. */
sl_status sl_bound_gated_loss_by(sl_ball *d, sl_ball *e, sl_ball *sums,
                                 const sl_objective *objective, const sl_gated_loss_batch *batch,
                                 sl_bound_expression *expression, void *arg);

#define OUT sl_ball
#define SL_ORACLE(name, params) sl_status sl_bound_##name params;
#include "oracle.def"
#undef SL_ORACLE
#undef OUT

#endif
