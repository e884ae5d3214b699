/* Right kernels as others write them, in binary32, with 16-bit storage where the contract has it
 * and sums in several orders: independent of the walks in reference/contract. For seeds by the
 * thousand, none of which may raise an alarm. */
#ifndef SLUICE_TESTS_RIGHT_KERNELS_H
#define SLUICE_TESTS_RIGHT_KERNELS_H

#include "reference/contract/op.h"

enum { RIGHT_ORDERS = 4, RIGHT_TERMS = 4096 };

/* Fills the outputs of the case's op, in the contract's `out`. order: 0 a chain of fma, 1 products
 * from the last to the first, 2 pairwise, 3 in 32 lanes; odd ones also take the other form where an
 * op has two. wrong: 1 leaves the last term of every sum out, or a factor; 2, of backward
 * passes: w transposed, the mean over tokens, no gradient of the norm, no slope of the sigmoid, no
 * 1 at the target, no D, the last token of a repeated id. No sum has more than RIGHT_TERMS. */
void right_kernel(const sl_op_case *c, unsigned order, int wrong, double *const *out);

/* Parts of right_kernels.c and right_backward.c: a kernel's call. */
typedef struct {
  const sl_op_case *c;
  unsigned order;
  int wrong;
  double *const *out;
} right_call;

static inline float right_at(const right_call *a, int input, size_t i) {
  return (float)a->c->in[input][i];
}
static inline size_t right_size(const right_call *a, char letter) {
  return sl_op_size(a->c, letter);
}

/* Of n floats; of products of vectors inside tensors. */
float right_sum(const right_call *a, const float *x, size_t n);
float right_dot(const right_call *a, const float *x, const float *y, size_t n);
/* n values of an input, `step` apart. */
void right_take(const right_call *a, float *x, int input, size_t first, size_t step, size_t n);
/* What the contract stores is rounded to its type. */
float right_stored(const right_call *a, float x, unsigned bit);

/* 1 / sqrt(mean x^2 + eps) of a row. */
float right_scale(const right_call *a, int input, size_t row, size_t d, float eps);

typedef void right_run(const right_call *a);
right_run right_linear_input_grad, right_linear_weight_grad, right_rmsnorm_backward,
    right_swiglu_backward, right_logprob_backward, right_attention_backward, right_embedding_grad;

#endif
