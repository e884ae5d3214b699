/* Checkpoints (spec F4.5, L4.4): a model folder with the moments and a state file, written whole or
 * not at all, and checked against its hash. */
#include "run_files.h"

#include "trainer/files/file.h"
#include "trainer/files/safetensors.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOMENTS_FILE "moments.safetensors"

static char *checkpoint_name(const sl_run_state *run) {
  char *name = malloc(64);
  if (name) /* names sort in the order of training */
    snprintf(name, 64, "%d-%s-%09llu", (int)run->phase,
             run->phase == SL_PHASE_SFT  ? "sft"
             : run->phase == SL_PHASE_RL ? "rl"
                                         : "done",
             (unsigned long long)(run->phase == SL_PHASE_SFT ? run->sft_step : run->rl_step));
  return name;
}

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
    views[i] = (sl_tensor_view){names[i],
                                tensor->rank,
                                {tensor->shape[0], tensor->shape[1]},
                                tensor->count,
                                moments[i < n ? 0 : 1] + tensor->offset};
  }
  if (!status) status = sl_safetensors_write(path, views, 2 * n, err);
  unview_moments(run, moments);
  free(views);
  free(names);
  return status;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of a run's checkpoints, ascending; the caller frees each and the array. Temporary folders
 * of a killed writer are passed over. */
static sl_status list_checkpoints(char ***out, size_t *count, const char *run_path, sl_error *err) {
  char *folder = sl_path_join(run_path, SL_RUN_CHECKPOINTS);
  DIR *dir = folder ? opendir(folder) : NULL;
  sl_status status =
      dir ? SL_OK : sl_fail(err, SL_ERR_INPUT, "%s: not a run: %s", run_path, strerror(errno));
  char **names = NULL;
  size_t n = 0;
  for (struct dirent *e; !status && (e = readdir(dir));) {
    if (e->d_name[0] == '.' || strstr(e->d_name, ".tmp-")) continue;
    char **more = realloc(names, (n + 1) * sizeof *names), *name = strdup(e->d_name);
    if (more) names = more;
    if (!more || !name) {
      free(name);
      status = sl_fail(err, SL_ERR_MEMORY, "no memory for a list of checkpoints");
    } else {
      names[n++] = name;
    }
  }
  if (dir) closedir(dir);
  free(folder);
  if (n) qsort(names, n, sizeof *names, by_name);
  *out = names, *count = n;
  return status;
}

static void free_names(char **names, size_t n) {
  for (size_t i = 0; i < n; i++) free(names[i]);
  free(names);
}

static char *path_of(const char *run_path, const char *name) {
  char *folder = sl_path_join(run_path, SL_RUN_CHECKPOINTS),
       *path = folder ? sl_path_join(folder, name) : NULL;
  free(folder);
  return path;
}

static sl_status remove_old(const sl_run_files *files, size_t keep, sl_error *err) {
  char **names;
  size_t n;
  sl_status status = list_checkpoints(&names, &n, files->path, err);
  for (size_t i = 0; !status && i + keep < n; i++) {
    char *path = path_of(files->path, names[i]);
    status =
        path ? sl_folder_remove(path, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    free(path);
  }
  free_names(names, n);
  return status;
}

/* The sizes that a checkpoint records must not exceed what a crash of the machine leaves. */
static sl_status flush_logs(const sl_run_files *files, sl_error *err) {
  if (fsync(fileno(files->metrics)) == 0 && fsync(fileno(files->ledger)) == 0) return SL_OK;
  return sl_fail(err, SL_ERR_IO, "%s: logs: %s", files->path, strerror(errno));
}

static sl_status write_state(const sl_run_files *files, const sl_run_state *run, const char *folder,
                             sl_error *err) {
  const long metrics = ftell(files->metrics), ledger = ftell(files->ledger);
  if (metrics < 0 || ledger < 0)
    return sl_fail(err, SL_ERR_IO, "%s: logs: %s", files->path, strerror(errno));
  sl_checkpoint_state s = {.counters = sl_run_state_counters(run),
                           .adamw = run->optimizer.state,
                           .success_before = run->success_before,
                           .success_after = run->success_after,
                           .metrics_size = (size_t)metrics,
                           .ledger_size = (size_t)ledger};
  sl_status status = sl_run_state_hash(run, 0, s.hash, err);
  if (!status) status = sl_reference_digest(run, s.reference, err);
  return status ? status : sl_checkpoint_state_write(&s, folder, err);
}

sl_status sl_checkpoint_write(sl_run_files *files, const sl_run_state *run, sl_error *err) {
  char *name = checkpoint_name(run), *path = name ? path_of(files->path, name) : NULL;
  free(name);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  sl_folder_write folder;
  sl_status status = sl_folder_begin(&folder, path, err);
  free(path);
  if (status) return status;
  char *moments = sl_path_join(folder.temporary, MOMENTS_FILE);
  if (!moments) status = sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  if (!status) status = sl_model_files_write(&run->policy, run->tokenizer, folder.temporary, err);
  if (!status) status = write_moments(run, moments, err);
  if (!status) status = flush_logs(files, err);
  if (!status) status = write_state(files, run, folder.temporary, err);
  free(moments);
  if (status) {
    sl_folder_abort(&folder);
    return status;
  }
  status = sl_folder_commit(&folder, err);
  return status ? status : remove_old(files, (size_t)run->config.checkpoint.keep, err);
}

sl_status sl_checkpoint_newest(char **out, const char *run_path, sl_error *err) {
  char **names;
  size_t n;
  sl_status status = list_checkpoints(&names, &n, run_path, err);
  if (!status && n == 0)
    status = sl_fail(
        err, SL_ERR_INPUT,
        "%s: the run has no checkpoint to go on from: remove the folder and train anew", run_path);
  if (!status) {
    *out = path_of(run_path, names[n - 1]);
    if (!*out) status = sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  }
  free_names(names, n);
  return status;
}

/* One of the two moments, "m" or "v", from an open file. */
static sl_status read_moment(const sl_run_state *run, const sl_safetensors *file, const char *path,
                             const char *which, float *arena, sl_error *err) {
  const sl_model_layout *layout = run->policy.layout;
  float *host;
  sl_status status = sl_arena_create(&host, NULL, layout, err);
  if (status) return status;
  for (size_t i = 0; !status && i < layout->n_tensors; i++) {
    const sl_tensor_info *tensor = &layout->tensors[i];
    char name[112];
    snprintf(name, sizeof name, "%s.%s", which, tensor->name);
    const sl_tensor_view *view = sl_safetensors_find(file, name);
    if (!view || view->count != tensor->count)
      status =
          sl_fail(err, SL_ERR_INPUT, "%s: tensor %s is absent or has another size", path, name);
    else
      status = sl_safetensors_read(file, view, host + tensor->offset, err);
  }
  if (!status) status = sl_arena_write(arena, run->optimizer.ctx, layout, host, err);
  sl_arena_free(NULL, host);
  return status;
}

static sl_status read_moments(const sl_run_state *run, const char *folder, sl_error *err) {
  char *path = sl_path_join(folder, MOMENTS_FILE);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  sl_safetensors *file = NULL;
  sl_status status = sl_safetensors_open(&file, path, err);
  if (!status) status = read_moment(run, file, path, "m", run->optimizer.m, err);
  if (!status) status = read_moment(run, file, path, "v", run->optimizer.v, err);
  sl_safetensors_close(file);
  free(path);
  return status;
}

static sl_status read_policy(sl_run_state *run, const char *path, sl_error *err) {
  sl_parameters read;
  sl_status status = sl_model_folder_read(&read, NULL, path, err);
  if (status) return status;
  if (memcmp(&read.layout->shape, &run->policy.layout->shape, sizeof read.layout->shape) != 0)
    status = sl_fail(err, SL_ERR_MISMATCH,
                     "%s: the model's shape is not that of the run's configuration", path);
  else
    status = sl_arena_write(run->policy.data, run->policy.ctx, read.layout, read.data, err);
  sl_parameters_free(&read);
  return status;
}

sl_status sl_checkpoint_read(sl_run_state *run, const char *path, sl_checkpoint_state *out,
                             sl_error *err) {
  sl_checkpoint_state s;
  sl_status status = sl_checkpoint_state_read(&s, path, err);
  if (!status) status = read_policy(run, path, err);
  if (!status) status = read_moments(run, path, err);
  if (status) return status;
  run->phase = (sl_phase)s.counters.phase, run->sft_step = s.counters.sft_step,
  run->rl_step = s.counters.rl_step;
  run->optimizer.state = s.adamw;
  run->success_before = s.success_before, run->success_after = s.success_after;
  const sl_data_position sft = {(uint32_t)s.counters.sft_epoch, (uint32_t)s.counters.sft_offset};
  const sl_data_position rl = {(uint32_t)s.counters.rl_epoch, (uint32_t)s.counters.rl_offset};
  status = sl_data_order_seek(&run->sft_order, sft, err);
  if (!status) status = sl_data_order_seek(&run->rl_order, rl, err);
  if (status) return status;
  char hash[SL_DIGEST_TEXT];
  status = sl_run_state_hash(run, 0, hash, err);
  if (!status && strcmp(hash, s.hash) != 0)
    return sl_fail(err, SL_ERR_MISMATCH,
                   "%s: the state's hash is %s, but %s was recorded: the checkpoint is damaged",
                   path, hash, s.hash);
  if (!status) *out = s;
  return status;
}
