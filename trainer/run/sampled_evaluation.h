/* Several completions of each held-out problem (spec L4.5), kept in a file of lines (F4.11) in
 * which an evaluation that was stopped goes on. */
#ifndef SLUICE_SAMPLED_EVALUATION_H
#define SLUICE_SAMPLED_EVALUATION_H

#include "run_state.h"

typedef struct {
  const char *path; /* of the completions */
  size_t samples;   /* of each problem: rl.group of the run's configuration */
  sl_sampling sampling;
} sl_sampling_plan;

/* Sums over all completions. */
typedef struct {
  size_t problems, samples;
  uint32_t *correct; /* (problems) right ones of each problem's samples; freed by the caller */
  uint64_t ended, by_text; /* by_text: decided by comparison of texts (spec F3.13) */
  double format;           /* sum of F3.8 */
} sl_sampled_counts;

/* Evaluates a run state of extent SL_EXTENT_EVALUATION, rl.prompts problems at a time, and appends
 * each completion to the file; those that it holds are not made again. SL_ERR_MISMATCH if the file
 * is of another evaluation, SL_ERR_INPUT with file:line:column if a line is none of an evaluation;
 * the file is then as it was. */
sl_status sl_evaluate_samples(sl_run_state *run, const sl_sampling_plan *plan,
                              sl_sampled_counts *out, sl_error *err);

#endif
