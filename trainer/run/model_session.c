/* A model that is loaded and ready to run, for the commands that change none: eval and sample. */
#include "model_session.h"

#include "trainer/files/file.h"
#include "run_files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

sl_status sl_session_find_model(char **out, const char *path, sl_error *err) {
  char *metrics = sl_path_join(path, SL_RUN_METRICS), *model = sl_path_join(path, SL_RUN_MODEL);
  struct stat st;
  sl_status status = metrics && model ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  *out = NULL;
  if (!status && stat(metrics, &st) != 0) {
    *out = strdup(path);
  } else if (!status && stat(model, &st) == 0 && !goes_on(path)) {
    *out = model;
    model = NULL;
  } else if (!status) {
    status = sl_checkpoint_newest(out, path, err);
  }
  if (!status && !*out) status = sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  free(metrics);
  free(model);
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
  const sl_context_options context = {options->backend, options->isa, options->threads};
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
