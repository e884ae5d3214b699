/* The mean of f' over log-normal ratios of mean 1: log r is normal with mean -s^2/2 and standard
 * deviation s. It is the effective update ratio (EUR) of tokens so spread. */
#ifndef SLUICE_PROOFS_EXPECTATION_H
#define SLUICE_PROOFS_EXPECTATION_H

#include "problem.h"

/* An upper bound of |f'(r)| for all r >= 0: by enclosures of the segments, else, where falls says
 * that P2, P3 and P4w are proved, max(1, |f'(0)|). 0 where there is none. */
int sl_weight_bound(arf_t out, sl_problem *p, int falls);

/* Encloses it, for fixed parameters. `bound` is at least |f'(r)| for all r >= 0. The radius is
 * about 2^-bits. Indeterminate where that takes too many cells. */
enum { SL_EXPECTATION_BITS = 44, SL_EXPECTATION_PICTURE = 16 };
void sl_expected_weight(arb_t out, sl_problem *p, sl_decimal spread, const arf_t bound, int bits);

#endif
