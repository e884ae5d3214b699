/* The checkpoints of a run's folder (spec F4.5): only folders of its names count. */
#ifndef SLUICE_CHECKPOINT_LIST_H
#define SLUICE_CHECKPOINT_LIST_H

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

typedef struct {
  int phase;
  uint64_t step;
  char name[32];
} sl_checkpoint_entry;

/* P-NAME-STEP of a phase and a step. */
void sl_checkpoint_name(char out[32], int phase, uint64_t step);

/* 1 for such a name, also with the end that setting aside gives it. */
int sl_checkpoint_is_name(const char *name);
/* SL_ERR_MISMATCH if the last component of path is the name of another phase or step. */
sl_status sl_checkpoint_check_name(const char *path, int phase, uint64_t step, sl_error *err);

/* Those of a run, in the order of training: the warm start's, then RL's by step, and of one step
 * the finished run's last. *out is freed by the caller. SL_ERR_INPUT if there is no folder of
 * checkpoints. */
sl_status sl_checkpoints_list(sl_checkpoint_entry **out, size_t *n, const char *run, sl_error *err);

/* Path of a checkpoint of that name, freed by the caller; NULL if memory is short. */
char *sl_checkpoint_path(const char *run, const char *name);

/* The newest checkpoint of a run's folder; freed by the caller. SL_ERR_INPUT if there is none. */
sl_status sl_checkpoint_newest(char **out, const char *run, sl_error *err);

/* Removes all but the newest `keep`. One that is a link, cannot be removed, or holds more than
 * files, stays as it is; the first time, *warned is set and standard error says so. */
sl_status sl_checkpoints_prune(const char *run, size_t keep, int *warned, sl_error *err);

/* 1 if an entry comes after that place in the order of training. */
int sl_checkpoint_is_newer(const sl_checkpoint_entry *entry, int phase, uint64_t step);

#endif
