/* The sizes of a run, from its configuration and lengths, and the memory that they ask for. */
#ifndef SLUICE_RUN_PLAN_H
#define SLUICE_RUN_PLAN_H

#include "memory_limit.h"
#include "run_state.h"
#include "trainer/model/block.h"

/* Sequences of a rollout; most of an update or a step of the warm start; of a rollout whose
 * log-probs under the reference are computed at a time, by each lane. */
size_t sl_run_rollout_sequences(const sl_run_state *run);
size_t sl_run_step_sequences(const sl_run_state *run);
size_t sl_run_reference_sequences(const sl_run_state *run);
size_t sl_run_shards_at_once(const sl_run_state *run);
/* Of the model, or of each of its lanes. */
size_t sl_run_micro_batch_tokens(const sl_run_state *run);
/* Lanes of training; 0: there are none, and each kernel has all threads. */
size_t sl_run_lanes(const sl_run_state *run);
sl_model_kind sl_run_model_kind(const sl_run_state *run);
/* Bytes of run->tables; leaves the pointers into it NULL. */
size_t sl_run_table_bytes(sl_run_state *run);
/* Sets those pointers. */
void sl_run_cut_tables(sl_cutter *cutter, sl_run_state *run);

/* What the run may take: run.memory, or what the machine and its limits allow; of both the less,
 * but for a plan. SIZE_MAX on a device without run.memory. */
sl_memory_limit sl_run_limit(const sl_run_state *run);
/* SL_ERR_MEMORY if the run takes more than that. */
sl_status sl_run_check_memory(const sl_run_state *run, sl_error *err);
/* sl_run_memory of a planned run with another rl.reduce_shards; SIZE_MAX if it overflows. */
size_t sl_run_memory_with(const sl_run_state *run, size_t reduce_shards);

#endif
