/* The files of a run's folder: metrics, ledger, checkpoints (spec F4). */
#ifndef SLUICE_RUN_FILES_H
#define SLUICE_RUN_FILES_H

#include "checkpoint_list.h"
#include "checkpoint_state.h"
#include "run_state.h"
#include "kernels/support/run_folder.h"
#include "trainer/files/log.h"

#define SL_MOMENTS_FILE "moments.safetensors" /* of a checkpoint */
#define SL_LEDGER_VERSION 3

/* A run's folder, locked by this process, and its open logs. */
typedef struct {
  char *path;
  int lock, warned; /* descriptor; warned: of a checkpoint that could not be removed */
  int unlocked;     /* errno where the file system has no locks, else 0 */
  sl_log *metrics, *ledger, *samples;
} sl_run_files;

/* Refuses a folder that holds a run or parts of one, or what a run would replace, before a long
 * preparation; sl_run_create asks again. */
sl_status sl_run_check_new(const char *path, sl_error *err);
/* Adds to an error what kind of folder it is that has no config.yaml, if it has none. */
void sl_run_explain(const char *path, sl_error *err);
/* Makes the folder of a run's checkpoints, if it is gone. */
sl_status sl_run_make_checkpoints(const char *path, sl_error *err);
/* Makes the run's folder with its configuration; refuses one that holds a run already. Locks it
 * (spec F4.7). */
sl_status sl_run_create(sl_run_files *out, const char *path, const sl_config *config,
                        sl_error *err);
/* Locks an existing run's folder; the logs stay closed. */
sl_status sl_run_open(sl_run_files *out, const char *path, sl_error *err);
/* SL_ERR_IO if the lock that this process holds is not the file of that name any more: before each
 * write. */
sl_status sl_run_check_held(const sl_run_files *files, sl_error *err);
/* Opens its logs, cut back to the sizes that a checkpoint recorded, or to the last complete line
 * where they have less, and removes what killed writers left. */
sl_status sl_run_reopen(sl_run_files *files, uint64_t metrics_size, uint64_t ledger_size,
                        sl_error *err);
/* The logs that a resumed run may be without. */
typedef struct {
  int metrics, ledger;
} sl_lost_logs;
/* Rewrites config.yaml, when a run resumes with other values. */
sl_status sl_run_write_config(const char *path, const sl_config *config, sl_error *err);
void sl_run_close(sl_run_files *files);

/* Appends one line (spec F4.3, F4.4). */
sl_status sl_metrics_step(sl_run_files *files, const sl_run_state *run,
                          const sl_step_report *report, const char *state, double seconds,
                          sl_error *err);
sl_status sl_metrics_evaluation(sl_run_files *files, const sl_run_state *run, double success,
                                sl_error *err);
/* The ledger's first line, in a new run. */
sl_status sl_ledger_begin(sl_run_files *files, const sl_run_state *run, sl_error *err);
/* Once sl_run_state_hash has read the step's digests; state is what it gave. */
sl_status sl_ledger_step(sl_run_files *files, const sl_run_state *run,
                         const sl_step_digests *digests, const char *state, sl_error *err);

/* What was measured of the rollout that sl_policy_step just finished; nothing in the warm start. */
sl_status sl_ledger_measures(sl_run_files *files, const sl_run_state *run,
                             const sl_step_report *report, sl_error *err);

/* Records that a key has another value from the current step on (spec F4.4). */
sl_status sl_ledger_change(sl_run_files *files, const sl_run_state *run, const char *key,
                           const char *before, const char *after, sl_error *err);

/* Writes checkpoints/P-NAME-STEP atomically and removes all but the newest `keep` (spec F4.5). */
sl_status sl_checkpoint_write(sl_run_files *files, const sl_run_state *run, sl_error *err);
/* The same for the run's best checkpoint, which is kept until a better one replaces it. */
sl_status sl_checkpoint_write_best(const sl_run_files *files, const sl_run_state *run,
                                   sl_error *err);

/* Restores a run, all but its reference; *state, for sl_checkpoint_state_free, is what the state
 * file says. SL_ERR_INPUT, SL_ERR_MISMATCH. */
sl_status sl_checkpoint_read(sl_run_state *run, const char *path, sl_checkpoint_state *state,
                             sl_error *err);
/* SL_ERR_MISMATCH unless the checkpoint at path is named as its state says. */
sl_status sl_checkpoint_check_place(const char *path, const sl_checkpoint_state *state,
                                    sl_error *err);
/* A checkpoint's name and files give the step and the hash that it records; no run is needed. */
sl_status sl_checkpoint_check(const char *path, sl_error *err);

/* The frozen reference, where there is one. Digest: "" while there is none. Save: the policy
 * becomes it, and the run's folder keeps it. Restore: SL_ERR_MISMATCH unless it is the one of the
 * recorded digest, or may differ; digest is that of the one which is there. */
sl_status sl_reference_digest(const sl_run_state *run, char out[SL_DIGEST_TEXT], sl_error *err);
sl_status sl_reference_save(sl_run_state *run, const char *folder, sl_error *err);
sl_status sl_reference_restore(sl_run_state *run, const char *folder, const char *recorded,
                               int may_differ, char digest[SL_DIGEST_TEXT], sl_error *err);

#endif
