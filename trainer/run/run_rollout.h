/* The rollout of a step: prompts, completions, rewards; with rl.dynamic_sampling rounds of them. */
#ifndef SLUICE_RUN_ROLLOUT_H
#define SLUICE_RUN_ROLLOUT_H

#include "run_state.h"

/* Samples completions and scores them (spec L3.2 to L3.5, L3.12): *out holds whole groups, to which
 * run->chosen and run->reward belong; it stays the run's, valid until the next call. Fills what the
 * report says of a rollout. The errors are those of sl_generate and sl_rewards. */
sl_status sl_run_roll_out(sl_run_state *run, sl_rollout *out, sl_step_report *report,
                          sl_error *err);

/* Sequences that one rollout can sample; those of all its rounds. */
size_t sl_run_sampled_sequences(const sl_config *config);

#endif
