/* Kernels of contract_kernels.h run against the bounds of a case. */
#ifndef SLUICE_TEST_CONTRACT_RUNS_H
#define SLUICE_TEST_CONTRACT_RUNS_H

#include "contract_cases.h"
#include "contract_kernels.h"

typedef struct {
  double largest; /* share of a bound */
  size_t runs, unbounded, elements;
} run_tally;

/* Every form of every arrangement before `end` that the contract allows, of one output, which must
 * stay within its bounds; `what` is for the message. */
void run_output(const sl_op_case *c, int out, const char *what, arrangement end, run_tally *t);

/* How far the kernel of a changed case lies beyond the bounds of the right one. */
double beyond(const sl_op_case *right, const sl_op_case *wrong, int out, arrangement sum, int form);

#endif
