/* What makes the causes of reference/contract/causes.def visible. */
#ifndef SLUICE_TEST_CAUSE_SETUPS_H
#define SLUICE_TEST_CAUSE_SETUPS_H

#include "ci/products/judge/op_problem.h"
#include "reference/contract/cause.h"

/* Settings, kind of inputs, a change of them. */
typedef struct {
  const char
      *name; /* of the cause, or of the op: for all of its causes without a row of their own */
  const char *shape, *settings, *contract;
  sl_problem_kind kind;
  void (*change)(sl_op_problem *p); /* NULL: none */
} cause_setup;

const cause_setup *cause_setup_of(sl_cause cause);

/* Log-ratios of 4 sin(1 + i). */
void cause_ratios_4(sl_op_problem *p);

#endif
