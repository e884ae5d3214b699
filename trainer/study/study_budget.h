/* What a study costs, before it runs. */
#ifndef SLUICE_STUDY_BUDGET_H
#define SLUICE_STUDY_BUDGET_H

#include "study_table.h"

#include <stdio.h>

typedef struct {
  size_t runs, warm, finished, begun;       /* runs counts warm starts too */
  double rollouts, updates;                 /* of all arms and seeds */
  double sampled, trained;                  /* most tokens of completions */
  double step, sft_step, evaluation, start; /* CPU seconds on one thread, of the first arm */
  double arm_seconds, warm_seconds;         /* CPU seconds of a run of the first arm, at most */
  double all_seconds, left_seconds;         /* of the study; of what is not finished */
  int probe_rollouts, probe_steps;
} sl_study_budget;

/* Runs short probes of the first arm as child processes, a few seconds, in a temporary folder that
 * is removed. SL_ERR_IO, and the probe's own error. */
sl_status sl_study_budget_make(sl_study_budget *out, const sl_study_table *table, sl_error *err);
void sl_study_budget_print(const sl_study_budget *budget, const sl_study_table *table, size_t jobs,
                           FILE *out);

#endif
