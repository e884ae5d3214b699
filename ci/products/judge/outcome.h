/* Outcomes of relations and ops, and exit codes (spec E3.1, E3.2, E3.3, E3.4, E5.1). */
#ifndef SLUICE_JUDGE_OUTCOME_H
#define SLUICE_JUDGE_OUTCOME_H

#include <stddef.h>

typedef enum { SL_RELATION_I, SL_RELATION_A, SL_RELATION_P, SL_RELATIONS } sl_relation;
typedef enum {
  SL_OUTCOME_EQUAL,
  SL_OUTCOME_DIFFERENT,
  SL_OUTCOME_INCONCLUSIVE,
  SL_OUTCOME_SKIPPED
} sl_outcome;

const char *sl_relation_name(sl_relation r); /* "I invariance" */
const char *sl_outcome_name(sl_outcome o);   /* "equal" */

/* One op on one backend: what each relation found; skipped where it was not tried. */
typedef struct {
  sl_outcome of[SL_RELATIONS];
} sl_op_outcomes;

/* Different if any relation is; else inconclusive unless A is equal; skipped if all are. */
sl_outcome sl_outcome_of_op(const sl_op_outcomes *o);

#define SL_EXIT_SKIPPED 77

/* The exit code of a run over n ops; `require`: a skipped op is a failure. */
int sl_outcomes_exit(const sl_outcome *ops, size_t n, int require);

#endif
