/* A run's folder, and its logs, which run_lines.c writes (spec F4.7). */
#define _XOPEN_SOURCE 700 /* realpath */
#include "run_files.h"

#include "kernels/support/text_stream.h"
#include "trainer/files/companions.h"
#include "trainer/files/file.h"
#include "reward_answers.h"
#include "run_lock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static sl_status system_error(sl_error *err, const char *path) {
  return sl_fail(err, SL_ERR_IO, "%s: %s", path, strerror(errno));
}

static sl_status open_logs(sl_run_files *files, int fresh, sl_error *err) {
  sl_status status = sl_log_open(&files->metrics, files->path, SL_RUN_METRICS, fresh, err);
  if (!status) status = sl_log_open(&files->ledger, files->path, SL_RUN_LEDGER, fresh, err);
  if (!status) status = sl_log_open(&files->samples, files->path, SL_RUN_SAMPLES, fresh, err);
  return status;
}

/* Checkpoints without a configuration would be resumed as this run's. */
static sl_status check_no_checkpoints(const char *folder, sl_error *err) {
  sl_checkpoint_entry *entries;
  size_t n;
  if (!sl_path_holds(folder, SL_RUN_CHECKPOINTS)) return SL_OK;
  const sl_status status = sl_checkpoints_list(&entries, &n, folder, err);
  if (status) return status;
  free(entries);
  if (n == 0) return SL_OK;
  return sl_fail(err, SL_ERR_USAGE,
                 "%s/" SL_RUN_CHECKPOINTS
                 " holds %zu checkpoints of another run: choose another "
                 "run.out, or remove them",
                 folder, n);
}

/* A folder of the run's own. The shell expands ~ where a word begins with it, not after `run.out=`;
 * an empty name is mostly a variable that is not set. */
static sl_status check_name(const char *folder, sl_error *err) {
  if (!*folder)
    return sl_fail(err, SL_ERR_USAGE, "run.out is empty: expected a folder of the run's own");
  if (*folder == '~')
    return sl_fail(err, SL_ERR_USAGE,
                   "run.out: '%s': no shell has expanded the ~; write $HOME in its place, or ./~ "
                   "for a folder of that name",
                   folder);
  struct stat st, root;
  if (stat(folder, &st) == 0 && stat("/", &root) == 0 && st.st_dev == root.st_dev &&
      st.st_ino == root.st_ino)
    return sl_fail(err, SL_ERR_USAGE,
                   "run.out: '%s' is the root of the file system: expected a folder of the run's "
                   "own",
                   folder);
  return SL_OK;
}

/* Makes a folder in this one and removes it: permissions do not say that there is no room, nor that
 * the file system (such as /proc) takes none. */
static sl_status try_folder(const char *folder, sl_error *err) {
  char *inside = sl_path_join(folder, "try"), *path = inside ? sl_temporary_path(inside) : NULL;
  sl_status status = path ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  if (path && mkdir(path, 0777) != 0)
    status = sl_fail(err, SL_ERR_IO, "%s: cannot make a folder in it: %s", folder, strerror(errno));
  else if (path)
    rmdir(path);
  free(path);
  free(inside);
  return status;
}

static int is_run(const char *folder) {
  return sl_path_holds(folder, SL_RUN_CONFIG) && sl_path_holds(folder, SL_RUN_CHECKPOINTS) &&
         sl_path_holds(folder, SL_RUN_LEDGER);
}

/* A run replaces and removes what is in its folder. `from` exists, a folder on the way to run.out;
 * run.out itself, if it is a run's own, is another refusal. */
static sl_status check_not_inside(const char *from, const char *out, sl_error *err) {
  char *path = realpath(from, NULL);
  if (!path) return system_error(err, from);
  int inside = strcmp(from, out) != 0 && is_run(path);
  for (char *slash; !inside && (slash = strrchr(path, '/')) != path;) {
    *slash = 0;
    inside = is_run(path);
  }
  const sl_status status =
      inside ? sl_fail(err, SL_ERR_USAGE,
                       "run.out: '%s' is inside the folder of another run, %s: choose another", out,
                       path)
             : SL_OK;
  free(path);
  return status;
}

/* The longest way on from a run's folder to a file of a checkpoint, both with their temporary
 * names, and the NUL that ends it. */
#define WAY_MAX \
  (sizeof "/checkpoints/2-done-000000000000.tmp-4194304/moments.safetensors.tmp-4194304")

/* Below a parent that is yet to be made no call would find a name too long. `found` is a folder on
 * the way that exists. */
static sl_status check_lengths(const char *folder, const char *found, sl_error *err) {
  const long name_max = pathconf(found, _PC_NAME_MAX), path_max = pathconf(found, _PC_PATH_MAX);
  for (const char *name = folder; name_max > 0 && *name; name += *name == '/') {
    const size_t length = strcspn(name, "/");
    if (length > (size_t)name_max)
      return sl_fail(err, SL_ERR_USAGE,
                     "run.out: a name of %zu bytes, '%.40s...': at most %ld are possible", length,
                     name, name_max);
    name += length;
  }
  if (path_max > 0 && strlen(folder) + WAY_MAX > (size_t)path_max)
    return sl_fail(err, SL_ERR_USAGE,
                   "run.out: %zu bytes, '%.40s...': at most %zu leave room for a run's files",
                   strlen(folder), folder, (size_t)path_max - WAY_MAX);
  return SL_OK;
}

/* The nearest folder on the way that exists can take the rest. */
static sl_status check_parent(const char *folder, sl_error *err) {
  char *path = strdup(folder);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  struct stat st;
  while (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENAMETOOLONG)) {
    if (lstat(path, &st) == 0) {
      const sl_status status =
          sl_fail(err, SL_ERR_USAGE, "run.out: %s is a link to a place that does not exist", path);
      free(path);
      return status;
    }
    char *slash = strrchr(path, '/');
    if (!slash)
      memcpy(path, ".", 2);
    else if (slash == path)
      memcpy(path, "/", 2);
    else
      *slash = 0;
  }
  sl_status status = SL_OK;
  if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
    status = sl_fail(err, SL_ERR_USAGE, "run.out: %s is not a folder", path);
  else if (access(path, W_OK | X_OK) != 0)
    status = system_error(err, path);
  if (!status) status = check_not_inside(path, folder, err);
  if (!status) status = check_lengths(folder, path, err);
  if (!status) status = try_folder(path, err);
  free(path);
  return status;
}

sl_status sl_run_check_new(const char *folder, sl_error *err) {
  static const char *const parts[] = {SL_RUN_METRICS,    SL_RUN_LEDGER, SL_RUN_SAMPLES,
                                      SL_RUN_REWARDS,    SL_RUN_MODEL,  SL_RUN_REFERENCE,
                                      SL_RUN_COMPANIONS, SL_RUN_BEST};
  sl_status status = check_name(folder, err);
  if (!status) status = check_parent(folder, err);
  if (status) return status;
  if (sl_path_holds(folder, SL_RUN_CONFIG))
    return sl_fail(
        err, SL_ERR_USAGE,
        "%s holds a run already: 'sluice resume %s' goes on with it, or choose another run.out",
        folder, folder);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (sl_path_holds(folder, parts[i]))
      return sl_fail(err, SL_ERR_USAGE,
                     "%s/%s exists, and a run would replace it: choose another run.out, or remove "
                     "it",
                     folder, parts[i]);
  return check_no_checkpoints(folder, err);
}

/* Writes the configuration completely or not at all (spec F1.1): it says that a run is there. */
sl_status sl_run_write_config(const char *folder, const sl_config *config, sl_error *err) {
  char *path = sl_path_join(folder, SL_RUN_CONFIG);
  sl_text_stream made;
  FILE *out = sl_text_stream_open(&made);
  sl_status status = out ? sl_config_print(config, out, 0, err) : SL_OK;
  char *text = sl_text_stream_close(&made);
  if (!status && !(path && text))
    status = sl_fail(err, SL_ERR_MEMORY, "no memory for a configuration");
  const sl_bytes piece = {text, made.size};
  if (!status) status = sl_file_write(path, &piece, 1, err);
  free(text);
  free(path);
  return status;
}

/* What is written in place, and so would be written elsewhere. */
static sl_status check_no_links(const char *run, sl_error *err) {
  static const char *const logs[] = {SL_RUN_METRICS, SL_RUN_LEDGER, SL_RUN_SAMPLES, SL_RUN_REWARDS};
  sl_status status = SL_OK;
  for (size_t i = 0; !status && i < sizeof logs / sizeof *logs; i++) {
    char *path = sl_path_join(run, logs[i]);
    struct stat st;
    if (!path)
      status = sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    else if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
      status = sl_fail(err, SL_ERR_INPUT, "%s: a link: expected a file of the run's own", path);
    free(path);
  }
  return status;
}

sl_status sl_run_open(sl_run_files *out, const char *path, sl_error *err) {
  sl_run_files files = {.path = strdup(path), .lock = -1};
  sl_status status = files.path ? sl_run_lock(&files.lock, &files.unlocked, path, err)
                                : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  if (!status) status = check_no_links(path, err);
  if (status)
    sl_run_close(&files);
  else
    *out = files;
  return status;
}

/* The files beside the model that the run starts from go out with the one that it makes, wherever
 * the first one is by then. */
static sl_status keep_companions(const char *run, const char *model, sl_error *err) {
  if (!*model) return SL_OK;
  char *path = sl_path_join(run, SL_RUN_COMPANIONS);
  const sl_status status = path ? sl_companions_write(path, model, err)
                                : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  free(path);
  return status;
}

void sl_run_explain(const char *path, sl_error *err) {
  struct stat st;
  const size_t used = strlen(err->message);
  sl_checkpoint_entry *entries;
  size_t n;
  if (sl_path_holds(path, SL_RUN_CONFIG)) return;
  const char *what = "it is not the folder of a run";
  if (stat(path, &st) != 0) {
    what = "there is no such folder";
  } else if (sl_checkpoints_list(&entries, &n, path, NULL) == SL_OK) {
    free(entries);
    what = n ? "the run has checkpoints, but its configuration is gone"
           : sl_path_holds(path, SL_RUN_BEST)
               ? "its configuration and its checkpoints are gone, all but " SL_RUN_BEST
               : "the run failed before it began: remove the folder and train anew";
  }
  snprintf(err->message + used, sizeof err->message - used, "; %s: %s", path, what);
}

sl_status sl_run_make_checkpoints(const char *path, sl_error *err) {
  char *checkpoints = sl_path_join(path, SL_RUN_CHECKPOINTS);
  const sl_status status = checkpoints ? sl_folders_make(checkpoints, strlen(checkpoints), err)
                                       : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  free(checkpoints);
  return status;
}

sl_status sl_run_create(sl_run_files *out, const char *path, const sl_config *config,
                        sl_error *err) {
  sl_run_files files;
  sl_status status = sl_run_make_checkpoints(path, err);
  if (!status) status = sl_run_open(&files, path, err);
  if (status) return status;
  status = sl_run_check_new(path, err);
  if (!status) status = keep_companions(path, sl_config_path(config, SL_KEY_model_folder), err);
  if (!status) status = sl_run_write_config(path, config, err);
  if (!status) status = sl_run_clean(path, err);
  if (!status) status = open_logs(&files, 1, err);
  if (status)
    sl_run_close(&files);
  else
    *out = files;
  return status;
}

sl_status sl_run_reopen(sl_run_files *files, uint64_t metrics_size, uint64_t ledger_size,
                        sl_error *err) {
  sl_status status = open_logs(files, 0, err);
  if (!status) status = sl_log_cut(files->metrics, metrics_size, err);
  if (!status) status = sl_log_cut(files->ledger, ledger_size, err);
  return status ? status : sl_run_clean(files->path, err);
}

void sl_run_close(sl_run_files *files) {
  sl_log_close(files->metrics);
  sl_log_close(files->ledger);
  sl_log_close(files->samples);
  free(files->path);
  if (files->lock >= 0) close(files->lock);
  *files = (sl_run_files){.lock = -1};
}
