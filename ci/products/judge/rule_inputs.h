/* Inputs that show an op's rules (spec E4.1): the minimum with 1 and the eps of clipping, the eps
 * of a deviation and the advantages of equal rewards, sequences without tokens. */
#ifndef SLUICE_JUDGE_RULE_INPUTS_H
#define SLUICE_JUDGE_RULE_INPUTS_H

#include "op_problem.h"

#include "ci/products/equiv/problem.h"

/* Changes some of the inputs that were drawn; before anything is masked. */
void sl_rule_inputs(sl_op_problem *p, sl_source s);

#endif
