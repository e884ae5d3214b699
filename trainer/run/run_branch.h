/* Going on from an earlier checkpoint leaves a branch of the run behind: what belongs to it is set
 * aside under another name, and nothing of it is lost (spec F4.8). */
#ifndef SLUICE_RUN_BRANCH_H
#define SLUICE_RUN_BRANCH_H

#include "run_files.h"

/* Renames the checkpoints, and `best`, that are of a later place in training than this one to
 * NAME.aside-N, and `model` with them, and keeps copies of the logs and of config.yaml as they are
 * by then, and of `reference` where the place is in the warm start; N is the first number that the
 * folder does not have. Without such a checkpoint nothing changes. */
sl_status sl_branch_leave(const char *run, int phase, uint64_t step, sl_error *err);

/* Refuses logs that do not begin as the checkpoint of state s recorded (SL_ERR_MISMATCH). One that
 * may be lost is kept as it is if it is too short, and set aside if its bytes are others. */
sl_status sl_branch_check_logs(const char *run, const sl_checkpoint_state *s, sl_lost_logs lost,
                               sl_error *err);
sl_status sl_branch_drop_logs(const char *run, const sl_checkpoint_state *s, sl_error *err);

/* Forgets the best success of a checkpoint whose copy `best` is not there any more. */
sl_status sl_branch_check_best(sl_run_state *run, const char *path, sl_error *err);

#endif
