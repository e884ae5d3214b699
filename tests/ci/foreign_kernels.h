/* Kernels as others write them, in binary32 and in their simplest order, right or with a known
 * mistake: independent of the walks in reference/contract. The wrong ones of an op are numbered
 * from 1. */
#ifndef SLUICE_TESTS_FOREIGN_KERNELS_H
#define SLUICE_TESTS_FOREIGN_KERNELS_H

#include "reference/contract/op.h"

/* Fills the outputs of the case's op: linear (1 inputs cut to TF32, 2 no bias), rmsnorm (1 eps
 * beside the root), attention (1 own key hidden, 2 head h mod g, 3 no length), swiglu (1 gate and
 * up exchanged), logprob (1 no temperature), adamw (1 L2 in the gradient, 2 no bias correction),
 * clip_grad_norm (1 no 1e-6), rope (1 neighbours), advantages (1 ddof 1, 2 a residue, 3 one group,
 * 4 slices; of leave-one-out 1 divided by the others' deviation). */
void foreign_kernel(const sl_op_case *c, int wrong, double *const *out);

#endif
