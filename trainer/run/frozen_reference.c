/* The frozen reference of the KL term (spec O4.3): taken at the warm start's end (spec L2.6), kept
 * in the run's folder, checked when a run resumes (spec F4.5). */
#include "run_files.h"

#include "trainer/files/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 1 if the reference is what this run's warm start ended with, 0 if rl.reference names a folder. */
static int is_own(const sl_run_state *run) { return !*run->config.rl.reference; }

sl_status sl_run_state_take_reference(sl_run_state *run, sl_error *err) {
  if (!run->reference_model || !is_own(run)) return SL_OK;
  return sl_run_kernel_error(run,
                             sl_memory_copy(run->ctx, run->reference.data, run->policy.data,
                                            sl_arena_bytes(run->policy.layout)),
                             err);
}

sl_status sl_reference_digest(const sl_run_state *run, char out[SL_DIGEST_TEXT], sl_error *err) {
  *out = 0;
  if (!run->reference_model || (is_own(run) && run->phase == SL_PHASE_SFT)) return SL_OK;
  return sl_parameters_digest(out, run->ctx, run->reference.layout, run->reference.data, err);
}

sl_status sl_reference_save(sl_run_state *run, const char *folder, sl_error *err) {
  if (!run->reference_model || !is_own(run)) return SL_OK;
  char *path = sl_path_join(folder, SL_RUN_REFERENCE);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  sl_status status = sl_run_state_take_reference(run, err);
  if (!status) status = sl_model_folder_write(&run->reference, run->tokenizer, path, err);
  free(path);
  return status;
}

/* Reads the run's own reference from its folder. */
static sl_status read_own(sl_run_state *run, const char *path, sl_error *err) {
  sl_parameters read;
  sl_status status = sl_model_folder_read(&read, NULL, path, err);
  if (status) return status;
  if (!sl_run_same_shape(&read.layout->shape, &run->reference.layout->shape))
    status =
        sl_fail(err, SL_ERR_MISMATCH, "%s: the reference's shape is not that of the run", path);
  else
    status = sl_arena_write(run->reference.data, run->reference.ctx, read.layout, read.data, err);
  sl_parameters_free(&read);
  return status;
}

sl_status sl_reference_restore(sl_run_state *run, const char *folder, const char *recorded,
                               int may_differ, char digest[SL_DIGEST_TEXT], sl_error *err) {
  snprintf(digest, SL_DIGEST_TEXT, "%s", recorded);
  if (!run->reference_model || (is_own(run) && run->phase == SL_PHASE_SFT)) return SL_OK;
  if (is_own(run) && !*recorded && !sl_path_holds(folder, SL_RUN_REFERENCE))
    return sl_fail(err, SL_ERR_MISMATCH,
                   "%s: rl.reference: the run has none, as rl.beta was 0: '--set "
                   "rl.reference=FOLDER --accept-change rl.reference' gives it one",
                   folder);
  char *path = is_own(run) ? sl_path_join(folder, SL_RUN_REFERENCE)
                           : strdup(sl_config_path(&run->config, SL_KEY_rl_reference));
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  sl_status status = is_own(run) ? read_own(run, path, err) : SL_OK;
  if (!status) status = sl_reference_digest(run, digest, err);
  if (!status && !may_differ && strcmp(digest, recorded) != 0)
    status = sl_fail(err, SL_ERR_MISMATCH,
                     "%s: the reference's digest is %s, but %s was recorded: it is not the model "
                     "that this run began with%s",
                     path, digest, *recorded ? recorded : "none",
                     is_own(run) ? "" : ". '--accept-change rl.reference' goes on with it");
  free(path);
  return status;
}
