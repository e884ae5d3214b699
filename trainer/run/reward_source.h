/* Where the answers of the component command come from, checked before a run begins. */
#ifndef SLUICE_REWARD_SOURCE_H
#define SLUICE_REWARD_SOURCE_H

#include "run_state.h"

/* Reads reward.replay into run->replay. Else, where reward.command is one simple command whose
 * first word sh cannot find, refuses it with its place; what only sh can judge is left to the first
 * rollout. Nothing without the component. SL_ERR_INPUT, SL_ERR_USAGE, SL_ERR_IO. */
sl_status sl_reward_source_open(sl_run_state *run, int look_for_program, sl_error *err);

#endif
