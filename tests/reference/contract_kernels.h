/* Kernels that meet a contract as badly as they may: sums in any order, cut in blocks, functions at
 * the edge of their ulps, subnormals flushed, intermediates stored; and such that break it. What
 * the bounds of reference/contract must hold for, and must not. */
#ifndef SLUICE_TEST_CONTRACT_KERNELS_H
#define SLUICE_TEST_CONTRACT_KERNELS_H

#include "reference/contract/op.h"

typedef enum {
  ASCENDING, /* one chain, with fma where acc is f32 */
  DESCENDING,
  LARGEST_FIRST, /* so that small terms are lost one by one */
  TREE,          /* random pairs */
  HALVES,        /* pairwise */
  SPLIT,         /* runs of random length, joined in random order */
  BLOCKS_CUT,    /* truncating blocks, towards zero */
  BLOCKS_FLOOR,  /* and downwards */
  ARRANGEMENTS
} arrangement;

typedef struct {
  const sl_contract *contract;
  arrangement sum;
  int push; /* functions err by +1, -1 or 0 (random) times what they may */
  int form; /* which of an op's forms, where there are several */
} kernel;

/* One operation of acc, flushed where the contract does. */
double acc_round(const kernel *k, double x);
double kernel_sum(const kernel *k, const double *term, size_t n);
double kernel_dot(const kernel *k, const double *a, size_t step_a, const double *b, size_t step_b,
                  size_t n);
/* The whole output of a case, in acc and then in `out`; x has the output's elements. */
void kernel_run(const kernel *k, const sl_op_case *c, int out, double *x);

/* 1 if the arrangement is within the contract's order. */
int kernel_may(const sl_contract *c, arrangement sum);

#endif
