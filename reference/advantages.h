/* Advantages and aggregation coefficients over the real numbers, in MPFR at any precision (spec O3,
 * O4.1). */
#ifndef SLUICE_REFERENCE_ADVANTAGES_H
#define SLUICE_REFERENCE_ADVANTAGES_H

#include "real.h"

#include <sluice/status.h>
#include <sluice/types.h>

#include <stdint.h>

/* Advantages of n_groups groups; group g holds the sequences [group[g], group[g+1]). Equal rewards,
 * and a group of one, give 0 (spec O3.3). SL_ERR_NONFINITE for a non-finite reward, SL_ERR_INPUT
 * for a leave-one-out group of one. */
sl_status sl_ref_advantages(sl_reals *advantage, const double *reward, const uint32_t *group,
                            size_t n_groups, sl_advantage_kind kind, double eps);

/* The coefficient of a token of each sequence; tokens[i] = its unmasked tokens. SL_ERR_INPUT for a
 * step without any (spec O4.1). */
sl_status sl_ref_coefficients(sl_reals *coefficient, const uint32_t *tokens, size_t n_seq,
                              sl_aggregation aggregation, double constant_length);

#endif
