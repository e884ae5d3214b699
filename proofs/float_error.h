/* How far a computed weight may lie from the true one (spec G5.2). */
#ifndef SLUICE_PROOFS_FLOAT_ERROR_H
#define SLUICE_PROOFS_FLOAT_ERROR_H

#include "float_weight.h"

/* An upper bound of |computed - true| of the weight, absolute, over [low, high], before the last
 * rounding; infinity where none is known. min_w gets a lower bound of |f'| there. */
double sl_float_error(const sl_float_weight *weight, float low, float high, double *min_w);
/* The same after the last rounding, where the computed weights are monotone from w_low to w_high:
 * both ends against the true weights. */
double sl_float_apart(const sl_float_weight *weight, float low, float high, float w_low,
                      float w_high, double *min_w);
/* |got - f'(r)| in ulps of binary32 at f'(r), by balls; negative where they do not decide. */
double sl_float_ulps(const sl_float_weight *weight, float r, float got);

#endif
