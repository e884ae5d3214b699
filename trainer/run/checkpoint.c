/* Writes checkpoints (spec F4.5, L4.4): a model folder with the moments and a state file,
 * complete or not at all. */
#include "checkpoint_list.h"
#include "reward_answers.h"
#include "run_files.h"

#include "trainer/files/file.h"
#include "trainer/files/safetensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The moments as the host sees them, m and v. */
static sl_status view_moments(const sl_run_state *run, float *out[2], sl_error *err) {
  const sl_optimizer *o = &run->optimizer;
  sl_status status = sl_arena_view(&out[0], o->ctx, o->layout, o->m, err);
  if (!status) status = sl_arena_view(&out[1], o->ctx, o->layout, o->v, err);
  return status;
}

static void unview_moments(const sl_run_state *run, float *views[2]) {
  for (int i = 0; i < 2; i++)
    if (views[i]) sl_arena_unview(views[i], run->optimizer.ctx);
}

static sl_status write_moments(const sl_run_state *run, const char *path, sl_error *err) {
  const sl_model_layout *layout = run->policy.layout;
  const size_t n = layout->n_tensors;
  float *moments[2] = {NULL, NULL};
  sl_tensor_view *views = calloc(2 * n, sizeof *views);
  char(*names)[112] = calloc(2 * n, sizeof *names);
  sl_status status = views && names ? view_moments(run, moments, err)
                                    : sl_fail(err, SL_ERR_MEMORY, "no memory for a checkpoint");
  for (size_t i = 0; !status && i < 2 * n; i++) {
    const sl_tensor_info *tensor = &layout->tensors[i < n ? i : i - n];
    snprintf(names[i], sizeof *names, "%s.%s", i < n ? "m" : "v", tensor->name);
    views[i] = (sl_tensor_view){.name = names[i],
                                .rank = tensor->rank,
                                .shape = {tensor->shape[0], tensor->shape[1]},
                                .count = tensor->count,
                                .data = moments[i < n ? 0 : 1] + tensor->offset};
  }
  if (!status) status = sl_safetensors_write(path, views, 2 * n, err);
  unview_moments(run, moments);
  free(views);
  free(names);
  return status;
}

/* The sizes that a checkpoint records must not exceed what a crash of the machine leaves; and the
 * answers of a reward program are what a replay of the run lives on. */
static sl_status flush_logs(const sl_run_files *files, const sl_run_state *run, sl_error *err) {
  sl_status status = sl_log_sync(files->metrics, err);
  if (!status) status = sl_log_sync(files->ledger, err);
  return status || !run->answers ? status : sl_reward_answers_sync(run->answers, err);
}

static sl_status record_log(sl_log_record *out, const sl_log *log, sl_error *err) {
  return sl_log_record_take(out, log->path, log->size, err);
}

static sl_status write_state(const sl_run_files *files, const sl_run_state *run, const char *folder,
                             sl_error *err) {
  sl_checkpoint_state s = {.version = SL_CHECKPOINT_VERSION,
                           .counters = sl_run_state_counters(run),
                           .adamw = run->optimizer.state,
                           .success_before = run->success_before,
                           .success_after = run->success_after,
                           .best_success = run->best_success,
                           .best_step = run->best_step,
                           .tau_scale = run->tau_scale,
                           .identity = run->identity};
  sl_status status = sl_run_state_hash(run, 0, s.hash, err);
  if (!status) status = record_log(&s.metrics, files->metrics, err);
  if (!status) status = record_log(&s.ledger, files->ledger, err);
  if (!status) status = sl_reference_digest(run, s.reference, err);
  return status ? status : sl_checkpoint_state_write(&s, folder, err);
}

/* A checkpoint as the folder `path`, whole or not at all. */
static sl_status write_checkpoint(const sl_run_files *files, const sl_run_state *run,
                                  const char *path, sl_error *err) {
  sl_folder_write folder;
  sl_status status = sl_run_check_held(files, err);
  if (!status) status = sl_folder_begin(&folder, path, err);
  if (status) return status;
  char *moments = sl_path_join(folder.temporary, SL_MOMENTS_FILE);
  if (!moments) status = sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  if (!status) status = sl_model_files_write(&run->policy, run->tokenizer, folder.temporary, err);
  if (!status) status = write_moments(run, moments, err);
  if (!status) status = flush_logs(files, run, err);
  if (!status) status = write_state(files, run, folder.temporary, err);
  if (!status) status = sl_run_check_held(files, err); /* a large one takes a while */
  free(moments);
  if (!status) return sl_folder_commit(&folder, err);
  sl_folder_abort(&folder);
  return status;
}

sl_status sl_checkpoint_write(sl_run_files *files, const sl_run_state *run, sl_error *err) {
  char name[32];
  sl_checkpoint_name(name, run->phase, run->phase == SL_PHASE_SFT ? run->sft_step : run->rl_step);
  char *path = sl_checkpoint_path(files->path, name);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  const sl_status status = write_checkpoint(files, run, path, err);
  free(path);
  if (status) return status;
  return sl_checkpoints_prune(files->path, (size_t)run->config.checkpoint.keep, &files->warned,
                              err);
}

sl_status sl_checkpoint_write_best(const sl_run_files *files, const sl_run_state *run,
                                   sl_error *err) {
  char *path = sl_path_join(files->path, SL_RUN_BEST);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  const sl_status status = write_checkpoint(files, run, path, err);
  free(path);
  return status;
}
