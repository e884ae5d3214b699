/* samples.jsonl: a few completions of a rollout, for people to read (spec F4.9). */
#ifndef SLUICE_RUN_SAMPLES_H
#define SLUICE_RUN_SAMPLES_H

#include "run_files.h"

enum { SL_SAMPLES_A_ROLLOUT = 4, SL_SAMPLES_DENSE = 256, SL_SAMPLE_BYTES = 600 };

/* 1 if completions of rollout `step` (from 1) are kept: of the first SL_SAMPLES_DENSE all, then of
 * every second to twice as many, of every fourth to four times, and so on. So a run of any length
 * keeps those of fewer than SL_SAMPLES_DENSE (1 + log2(steps) / 2) rollouts. */
int sl_samples_due(uint64_t step);

/* Appends completions of the rollout that sl_policy_step just finished, if they are due. */
sl_status sl_samples_write(sl_run_files *files, const sl_run_state *run, sl_error *err);

/* Cuts an open log back to what a run knows that has finished `step` rollouts: the lines of later
 * ones, and one that is not complete, go. */
sl_status sl_samples_cut(sl_log *samples, uint64_t step, sl_error *err);

#endif
