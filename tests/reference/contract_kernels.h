/* Kernels that meet a contract as badly as they may: sums in any order, cut in blocks, functions at
 * the edge of their ulps, subnormals flushed, intermediates stored; and such that break it. What
 * the bounds of reference/contract must hold for, and must not. */
#ifndef SLUICE_TEST_CONTRACT_KERNELS_H
#define SLUICE_TEST_CONTRACT_KERNELS_H

#include "reference/contract/expression.h"
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
/* Rounded to `out`. */
double out_round(const kernel *k, double x);
/* An input as the kernel reads it: cut to `in`, flushed. */
double acc_seen(const kernel *k, double x);
double acc_add(const kernel *k, double a, double b);
double acc_mul(const kernel *k, double a, double b);
/* Form bits 1 and 2: which two of three factors come first. */
double acc_product3(const kernel *k, double a, double b, double c);
/* Form bit 0: a product with a reciprocal. */
double acc_quotient(const kernel *k, double a, double b);
double acc_exp(const kernel *k, double x);
double acc_sigmoid(const kernel *k, double x);
/* A function's exact value with the error that it may have; the rounding is part of it. */
double acc_err(const kernel *k, double exact, sl_ulps_of which);
double kernel_sum(const kernel *k, const double *term, size_t n);
double kernel_dot(const kernel *k, const double *a, size_t step_a, const double *b, size_t step_b,
                  size_t n);
/* A dot of numbers that the kernel has made itself. */
double kernel_inner_dot(const kernel *k, const double *a, const double *b, size_t n);
/* Is the intermediate of that bit stored in `out`? */
int kernel_stored(const kernel *k, unsigned bit);
/* n zeros, the caller's to free. */
double *kernel_scratch(size_t n);
/* The whole output of a case, in acc and then in `out`; x has the output's elements. */
void kernel_run(const kernel *k, const sl_op_case *c, int out, double *x);

/* f and w of a gate's expression, node by node in acc; f is NaN where there is none. Form bit 1:
 * products go into sums unrounded, bit 2: powers and sigmoids by functions of their own. */
void kernel_expression(const kernel *k, const sl_expression *e, double ratio, double *f, double *w);

/* An element of the ops of contract_softmax.c, in acc: of softmax and logprob, of attention, and of
 * their gradients. */
double row_element(const kernel *k, const sl_op_case *c, int out, size_t i);
double logit_grad_element(const kernel *k, const sl_op_case *c, size_t i);
double attention_element(const kernel *k, const sl_op_case *c, int out, size_t i);
double attention_grad_element(const kernel *k, const sl_op_case *c, int out, size_t i);

/* An element of the ops of contract_loss.c, in acc. */
double loss_element(const kernel *k, const sl_op_case *c, int out, size_t i);
double advantage_element(const kernel *k, const sl_op_case *c, size_t i);

/* 1 if the arrangement is within the contract's order. */
int kernel_may(const sl_contract *c, arrangement sum);

#endif
