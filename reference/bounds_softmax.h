/* Error bounds of softmax sums, log-prob and entropy from logits that carry errors (spec N3.9,
 * T4.2). Internal. */
#ifndef SLUICE_REFERENCE_BOUNDS_SOFTMAX_H
#define SLUICE_REFERENCE_BOUNDS_SOFTMAX_H

#include "ball.h"

/* The walk over one row. The kernel subtracts its own maximum M, which lies within `shift` of the
 * exact one, `max`. Both log-prob and entropy are the same for every constant subtracted, so M is
 * no error; it only moves magnitudes, by at most shift. The fields hold exact values for the
 * constant `max`, and errors for M: sum and moment in units of e^(M - max), log_sum and mean up to
 * M - max. */
typedef struct {
  double max, shift;
  sl_ball sum, log_sum, mean; /* l, log(l), u / l */
} sl_softmax_walk;

void sl_softmax_walk_row(sl_softmax_walk *walk, const sl_ball *z, size_t n);
sl_ball sl_softmax_logprob(const sl_softmax_walk *walk, sl_ball z);
sl_ball sl_softmax_entropy(const sl_softmax_walk *walk);
/* The saved state, in the kernel's own units: M and l against the exact maximum and sum. */
sl_ball sl_softmax_row_max(const sl_softmax_walk *walk);
sl_ball sl_softmax_row_sum(const sl_softmax_walk *walk);

/* The largest mid, and the largest rad: |max of computed - max of exact| <= largest rad. */
double sl_largest_mid(const sl_ball *z, size_t n);
double sl_largest_rad(const sl_ball *z, size_t n);

/* Error of the rounded exponent RN(z - M) of a computed z against exact z - M: [z] + u(|z - max| +
 * shift + [z]). Where the kernel writes it as RN(z - m) and RN(m - M) with z <= m <= M, the two
 * magnitudes add up to the same. */
double sl_exponent_error(sl_ball z, double max, double shift);

#endif
