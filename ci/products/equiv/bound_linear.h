/* Results of linear layers that a vendor has computed, against the bound for any order of their
 * sums (kernels/vendor/vendor.h). */
#ifndef SLUICE_EQUIV_BOUND_LINEAR_H
#define SLUICE_EQUIV_BOUND_LINEAR_H

#include "problem.h"

/* Places in size[] of the problems of case_linear.c. */
enum { SL_T, SL_N, SL_K, SL_N_SEQ, SL_PACK, SL_PART_N, SL_N_PARTS = SL_N_SEQ };
#define SL_PARTS_MAX 3

/* What a result stands for, near enough: in binary64 products are exact and each of n additions
 * errs by 2^-53 of the magnitude at most. */
typedef struct {
  double sum, magnitude;
  size_t n; /* products, and values added to them */
} sl_exact_sum;

/* The result at `index` of the output array `output` of a problem of that kernel. */
sl_exact_sum sl_exact_linear(sl_kernel_id kernel, const sl_problem *p, size_t output, size_t index);

/* The bound for any order, and the error of the sum itself. */
double sl_bound_of_sum(const sl_exact_sum *e);

/* 1 if got is within the bound for any order of the sum. */
int sl_within_bound(const sl_exact_sum *e, float got);

/* How far got is from the sum, as a share of the bound. */
double sl_share_of_bound(const sl_exact_sum *e, float got);

#endif
