/* A model that is loaded and ready to run, for the commands that change none: eval and sample. */
#include "model_session.h"

#include "trainer/files/file.h"
#include "run_files.h"

#include <stdlib.h>
#include <string.h>

/* 1 if the newest checkpoint is of an unfinished run: the folder `model` is then from an earlier
 * end. */
static int goes_on(const char *run) {
  sl_checkpoint_entry *entries;
  size_t n;
  if (sl_checkpoints_list(&entries, &n, run, NULL)) return 0;
  const int on = n > 0 && entries[n - 1].phase != SL_PHASE_DONE;
  free(entries);
  return on;
}

/* A state that says another step than the folder's name is of another checkpoint; one that cannot
 * be read does not matter to a model. */
static sl_status check_place(const char *checkpoint, sl_error *err) {
  sl_checkpoint_state state;
  if (sl_checkpoint_state_read(&state, checkpoint, NULL)) return SL_OK;
  const sl_status status = sl_checkpoint_check_place(checkpoint, &state, err);
  sl_checkpoint_state_free(&state);
  return status;
}

/* Without its configuration or metrics a folder with checkpoints is a run that failed early. */
static sl_status refuse_failed(const char *path, sl_error *err) {
  if (sl_path_holds(path, SL_MODEL_CONFIG_FILE) || !sl_path_holds(path, SL_RUN_CHECKPOINTS))
    return SL_OK;
  sl_fail(err, SL_ERR_INPUT, "%s: no model", path);
  sl_run_explain(path, err);
  return SL_ERR_INPUT;
}

static sl_status find_of_run(char **out, const char *run, sl_error *err) {
  if (sl_path_holds(run, SL_RUN_MODEL) && !goes_on(run)) {
    *out = sl_path_join(run, SL_RUN_MODEL);
    return *out ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  }
  sl_status status = sl_checkpoint_newest(out, run, err);
  if (!status) status = check_place(*out, err);
  if (!status) return SL_OK;
  free(*out);
  *out = NULL;
  return status;
}

sl_status sl_session_find_model(char **out, const char *path, sl_error *err) {
  *out = NULL;
  if (sl_path_holds(path, SL_RUN_CONFIG) || sl_path_holds(path, SL_RUN_METRICS))
    return find_of_run(out, path, err);
  const sl_status status = refuse_failed(path, err);
  if (!status && !(*out = strdup(path))) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  return status;
}

sl_status sl_session_check_task(const char *run, const sl_task *task, sl_error *err) {
  char *checkpoint = NULL, digest[SL_DIGEST_TEXT];
  sl_checkpoint_state state;
  if (sl_checkpoint_newest(&checkpoint, run, NULL)) return SL_OK;
  const sl_status unread = sl_checkpoint_state_read(&state, checkpoint, NULL);
  free(checkpoint);
  if (unread) return SL_OK;
  const char *recorded = state.identity.value[SL_KEY_task_train];
  sl_status status = recorded ? sl_task_digest(digest, task, err) : SL_OK;
  if (!status && recorded && strcmp(recorded, digest) != 0)
    status = sl_fail(err, SL_ERR_MISMATCH,
                     "%s: task.train: other problems or another split of them than the run was "
                     "trained with; --set task.train=PATH names a file",
                     run);
  sl_checkpoint_state_free(&state);
  return status;
}

sl_status sl_session_open(sl_session *out, const char *path, const sl_backend_options *options,
                          sl_error *err) {
  sl_session s = {0};
  const sl_context_options context = {
      .backend = options->backend, .isa = options->isa, .threads = options->threads};
  char *folder = NULL;
  sl_status status = sl_context_create(&s.ctx, &context, err);
  if (!status) status = sl_session_find_model(&folder, path, err);
  if (!status) status = sl_model_folder_read(&s.parameters, &s.tokenizer, folder, err);
  if (!status) status = sl_parameters_move(&s.parameters, s.ctx, err);
  free(folder);
  if (status) {
    sl_session_close(&s);
    return status;
  }
  *out = s;
  return SL_OK;
}

void sl_session_close(sl_session *s) {
  sl_tokenizer_destroy(s->tokenizer);
  if (s->parameters.layout) sl_parameters_free(&s->parameters);
  sl_context_destroy(s->ctx);
  memset(s, 0, sizeof *s);
}
