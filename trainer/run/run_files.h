/* The files of a run's folder: metrics, ledger, checkpoints (spec F4). */
#ifndef SLUICE_RUN_FILES_H
#define SLUICE_RUN_FILES_H

#include "checkpoint_state.h"
#include "run_state.h"

#include <stdio.h>

#define SL_RUN_CONFIG "config.yaml"
#define SL_RUN_METRICS "metrics.jsonl"
#define SL_RUN_LEDGER "ledger.jsonl"
#define SL_RUN_MODEL "model"
#define SL_RUN_REFERENCE "reference"
#define SL_RUN_COMPANIONS "companions" /* of the model that the run began with (spec F1.6) */
#define SL_RUN_CHECKPOINTS "checkpoints"
#define SL_LEDGER_VERSION 2

/* A run's folder that is ours to write, and its open logs. */
typedef struct {
  char *path;
  int lock;
  FILE *metrics, *ledger;
} sl_run_files;

/* Refuses a folder that holds a run already, before a long preparation; sl_run_create asks again.
 */
sl_status sl_run_check_new(const char *path, sl_error *err);
/* Makes the run's folder with its configuration; refuses one that holds a run already. Locks it
 * (spec F4.7). */
sl_status sl_run_create(sl_run_files *out, const char *path, const sl_config *config,
                        sl_error *err);
/* Locks an existing run's folder; the logs stay closed. */
sl_status sl_run_open(sl_run_files *out, const char *path, sl_error *err);
/* Opens its logs, cut back to the sizes that a checkpoint recorded, and removes what killed writers
 * left. */
sl_status sl_run_reopen(sl_run_files *files, uint64_t metrics_size, uint64_t ledger_size,
                        sl_error *err);
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

/* Writes checkpoints/PHASE-STEP atomically and removes all but the newest `keep` (spec F4.5). */
sl_status sl_checkpoint_write(sl_run_files *files, const sl_run_state *run, sl_error *err);

/* The newest checkpoint of a run's folder; freed by the caller. SL_ERR_INPUT if there is none. */
sl_status sl_checkpoint_newest(char **out, const char *folder, sl_error *err);

/* Restores a trainer (made from the run's configuration), all but its reference; *state is what the
 * state file says. SL_ERR_INPUT, SL_ERR_MISMATCH. */
sl_status sl_checkpoint_read(sl_run_state *run, const char *path, sl_checkpoint_state *state,
                             sl_error *err);

/* The frozen reference, where there is one. Digest: "" while there is none. Save: the policy
 * becomes it, and the run's folder keeps it. Restore: SL_ERR_MISMATCH unless it is the one of the
 * recorded digest. */
sl_status sl_reference_digest(const sl_run_state *run, char out[SL_DIGEST_TEXT], sl_error *err);
sl_status sl_reference_save(sl_run_state *run, const char *folder, sl_error *err);
sl_status sl_reference_restore(sl_run_state *run, const char *folder, const char *recorded,
                               sl_error *err);

#endif
