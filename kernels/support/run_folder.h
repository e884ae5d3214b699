/* The names in a run's folder (spec F4), which each command must know: it must not write over
 * them. */
#ifndef SLUICE_RUN_FOLDER_H
#define SLUICE_RUN_FOLDER_H

#define SL_RUN_CONFIG "config.yaml"
#define SL_RUN_METRICS "metrics.jsonl"
#define SL_RUN_LEDGER "ledger.jsonl"
#define SL_RUN_SAMPLES "samples.jsonl"
#define SL_RUN_REWARDS "rewards.jsonl"
#define SL_RUN_MODEL "model"
#define SL_RUN_REFERENCE "reference"
#define SL_RUN_COMPANIONS "companions" /* of the model that the run began with (spec F1.6) */
#define SL_RUN_CHECKPOINTS "checkpoints"
#define SL_RUN_BEST "best"
#define SL_RUN_LOCK "lock"

/* Before the number of what a run set aside, NAME.aside-N, and of what it kept for others,
 * NAME.kept-N. */
#define SL_ASIDE_MARK ".aside-"
#define SL_KEPT_MARK ".kept-"

/* 1 and the name in a run's folder that path is or lies under; 0 if it belongs to no run. A path
 * that does not exist belongs to a run if a run gives it that name. It takes no memory: that a file
 * is not a run's must not follow from there being none. */
#define SL_RUN_NAME 256 /* bytes of a name, with its NUL */
int sl_run_folder_name(char out[SL_RUN_NAME], const char *path);

#endif
