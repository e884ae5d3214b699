/* Inputs of exact problems (spec E4.1) whose answers are exact in every order and yet differ from
 * row to row and within rows: weights that are powers of two. Internal. */
#ifndef SLUICE_JUDGE_EXACT_PROBLEM_H
#define SLUICE_JUDGE_EXACT_PROBLEM_H

#include "op_problem.h"

#include "ci/products/equiv/problem.h"

/* Changes logits, or queries and keys; of other ops nothing. All inputs have been drawn. */
void sl_exact_inputs(sl_op_problem *p, sl_source s);

#endif
