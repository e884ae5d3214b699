/* Resumes a run from a checkpoint, or refuses if it would no longer be the run that was started
 * (spec F4.8). */
#ifndef SLUICE_RUN_RESUME_H
#define SLUICE_RUN_RESUME_H

#include "run_files.h"

typedef struct {
  const char *from;            /* name of a checkpoint, "best", or NULL: the newest */
  const char *const *accepted; /* keys that may differ from what the checkpoint says */
  size_t n_accepted;
  const char *const *sets; /* as --set has them */
  size_t n_sets;
} sl_resume_options;

/* Locks the run's folder, restores the run's state and opens its logs. Nothing in the folder
 * changes unless it succeeds. SL_ERR_MISMATCH, naming each key, for another run than the one that
 * was started; for a damaged checkpoint the message names the newest intact one. */
sl_status sl_run_resume(sl_run_state **out, sl_run_files *files, const char *path,
                        const sl_resume_options *options, sl_error *err);

#endif
