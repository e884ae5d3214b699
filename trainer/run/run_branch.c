/* What a run leaves behind when it goes on from an earlier checkpoint (spec F4.8). */
#include "run_branch.h"

#include "trainer/files/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NO_PATH "no memory for a path"

/* What the run goes on writing under the same name, or writes anew. */
static const char *const copied[] = {SL_RUN_METRICS, SL_RUN_LEDGER, SL_RUN_SAMPLES, SL_RUN_CONFIG};
#define N_COPIED (sizeof copied / sizeof *copied)

/* N of a name that ends in .aside-N, else 0; also 0 for an N that no run comes to. */
static unsigned long number_of(const char *name) {
  const char *mark = strstr(name, SL_ASIDE_MARK);
  for (const char *next = mark; next; next = strstr(next + 1, SL_ASIDE_MARK)) mark = next;
  if (!mark) return 0;
  const char *n = mark + sizeof SL_ASIDE_MARK - 1;
  const size_t digits = strspn(n, "0123456789");
  return n[digits] || digits > 9 ? 0 : strtoul(n, NULL, 10);
}

static sl_status highest_number(unsigned long *highest, const char *folder, sl_error *err) {
  DIR *dir = opendir(folder);
  if (!dir) return errno == ENOENT ? SL_OK : sl_fail_open(err, folder);
  for (struct dirent *e; (e = readdir(dir));) {
    const unsigned long n = number_of(e->d_name);
    if (n > *highest) *highest = n;
  }
  closedir(dir);
  return SL_OK;
}

static sl_status next_number(unsigned long *out, const char *run, sl_error *err) {
  char *checkpoints = sl_path_join(run, SL_RUN_CHECKPOINTS);
  *out = 0;
  sl_status status =
      checkpoints ? highest_number(out, checkpoints, err) : sl_fail(err, SL_ERR_MEMORY, NO_PATH);
  if (!status) status = highest_number(out, run, err);
  free(checkpoints);
  ++*out;
  return status;
}

/* path.aside-N, freed by the caller. */
static char *aside_path(const char *path, unsigned long n) {
  const size_t size = strlen(path) + 40;
  char *out = malloc(size);
  if (out) snprintf(out, size, "%s" SL_ASIDE_MARK "%lu", path, n);
  return out;
}

/* Takes over path. */
static sl_status set_aside(char *path, unsigned long n, sl_error *err) {
  char *aside = path ? aside_path(path, n) : NULL;
  sl_status status = aside ? SL_OK : sl_fail(err, SL_ERR_MEMORY, NO_PATH);
  if (!status && rename(path, aside) != 0)
    status = sl_fail(err, SL_ERR_IO, "%s: cannot be set aside: %s", path, strerror(errno));
  free(aside);
  free(path);
  return status;
}

/* A copy that a kill leaves unfinished harms nothing: the file itself is still whole. */
static sl_status copy_file(const char *path, const char *aside, sl_error *err) {
  sl_status status = SL_OK;
  const int from = sl_open_input(path),
            to = from < 0 ? -1 : sl_open(aside, O_WRONLY | O_CREAT | O_EXCL);
  const int absent = from < 0 && errno == ENOENT;
  if (!absent && (to < 0 || sl_copy_bytes(to, from) != 0 || sl_sync(to) != 0)) {
    status =
        sl_fail(err, SL_ERR_IO, "%s: cannot be copied to %s: %s", path, aside, strerror(errno));
    if (to >= 0) unlink(aside);
  }
  if (from >= 0) close(from);
  if (to >= 0) close(to);
  return status;
}

static sl_status copy_one(const char *run, const char *name, unsigned long n, sl_error *err) {
  char *path = sl_path_join(run, name), *aside = path ? aside_path(path, n) : NULL;
  const sl_status status =
      aside ? copy_file(path, aside, err) : sl_fail(err, SL_ERR_MEMORY, NO_PATH);
  free(aside);
  free(path);
  return status;
}

static sl_status copy_files(const char *from, const char *to, sl_error *err) {
  DIR *dir = opendir(from);
  sl_status status = dir ? SL_OK : sl_fail_open(err, from);
  for (struct dirent *e; dir && !status && (e = readdir(dir));) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    char *path = sl_path_join(from, e->d_name), *copy = sl_path_join(to, e->d_name);
    status = path && copy ? copy_file(path, copy, err) : sl_fail(err, SL_ERR_MEMORY, NO_PATH);
    free(copy);
    free(path);
  }
  if (dir) closedir(dir);
  return status;
}

/* Of a warm start that is repeated: its end writes the reference anew. The temporary name is that
 * of `reference` itself, which a start clears away. */
static sl_status copy_reference(const char *run, unsigned long n, sl_error *err) {
  if (!sl_path_holds(run, SL_RUN_REFERENCE)) return SL_OK;
  char *path = sl_path_join(run, SL_RUN_REFERENCE), *aside = path ? aside_path(path, n) : NULL;
  sl_folder_write folder = {NULL, NULL, 0};
  sl_status status =
      aside ? sl_folder_begin(&folder, path, err) : sl_fail(err, SL_ERR_MEMORY, NO_PATH);
  if (!status) status = copy_files(path, folder.temporary, err);
  if (!status && (sl_sync_folder(folder.temporary) != 0 || rename(folder.temporary, aside) != 0))
    status = sl_fail(err, SL_ERR_IO, "%s: cannot be copied: %s", path, strerror(errno));
  sl_folder_abort(&folder);
  free(aside);
  free(path);
  return status;
}

/* *step is that of the rollout in the state of `best`. A damaged copy is of none; that it cannot be
 * read now says nothing of it. */
static sl_status best_step(int *is_there, uint64_t *step, const char *run, sl_error *err) {
  char *path = sl_path_join(run, SL_RUN_BEST);
  sl_checkpoint_state state;
  if (!path) return sl_fail(err, SL_ERR_MEMORY, NO_PATH);
  *is_there = access(path, F_OK) == 0;
  *step = UINT64_MAX;
  const sl_status status = *is_there ? sl_checkpoint_state_read(&state, path, err) : SL_ERR_INPUT;
  free(path);
  if (status == SL_ERR_MEMORY || status == SL_ERR_IO) return status;
  if (status) return SL_OK;
  *step = state.counters.rl_step;
  sl_checkpoint_state_free(&state);
  return SL_OK;
}

static sl_status remove_copies(const char *run, size_t count, unsigned long n, sl_status why) {
  for (size_t i = 0; i < count; i++) {
    char *path = sl_path_join(run, copied[i]), *aside = path ? aside_path(path, n) : NULL;
    if (aside) unlink(aside);
    free(aside);
    free(path);
  }
  char *path = sl_path_join(run, SL_RUN_REFERENCE), *aside = path ? aside_path(path, n) : NULL;
  if (aside) sl_folder_remove(aside, NULL);
  free(aside);
  free(path);
  return why;
}

/* All or none: where there is no room, another try must not take yet more. */
static sl_status copy_all(const char *run, int phase, unsigned long n, sl_error *err) {
  for (size_t i = 0; i < N_COPIED; i++) {
    const sl_status status = copy_one(run, copied[i], n, err);
    if (status) return remove_copies(run, i, n, status);
  }
  sl_status status = phase == SL_PHASE_SFT ? copy_reference(run, n, err) : SL_OK;
  if (!status && sl_sync_folder(run) != 0)
    status = sl_fail(err, SL_ERR_IO, "%s: %s", run, strerror(errno));
  return status ? remove_copies(run, N_COPIED, n, status) : SL_OK;
}

/* What was renamed stays renamed before a log is cut, also if the machine goes down. */
static sl_status flush(const char *run, sl_error *err) {
  char *checkpoints = sl_path_join(run, SL_RUN_CHECKPOINTS);
  sl_status status = checkpoints ? SL_OK : sl_fail(err, SL_ERR_MEMORY, NO_PATH);
  if (!status && (sl_sync_folder(checkpoints) != 0 || sl_sync_folder(run) != 0))
    status = sl_fail(err, SL_ERR_IO, "%s: %s", run, strerror(errno));
  free(checkpoints);
  return status;
}

/* Killed at any moment, the run goes on from a checkpoint whose logs are still there: the copies
 * come first, then checkpoints, the newest first. `model` comes before them, or it would stay as
 * that of another checkpoint; a finished run writes it anew. `best` comes after them: of a later
 * rollout than all that is left, it is set aside by the next start. */
static sl_status leave(const char *run, int phase, const sl_checkpoint_entry *newer, size_t n,
                       int best, sl_error *err) {
  unsigned long number;
  sl_status status = next_number(&number, run, err);
  if (!status) status = copy_all(run, phase, number, err);
  if (!status && sl_path_holds(run, SL_RUN_MODEL))
    status = set_aside(sl_path_join(run, SL_RUN_MODEL), number, err);
  for (; !status && n > 0; n--)
    status = set_aside(sl_checkpoint_path(run, newer[n - 1].name), number, err);
  if (!status && best) status = set_aside(sl_path_join(run, SL_RUN_BEST), number, err);
  return status ? status : flush(run, err);
}

sl_status sl_branch_leave(const char *run, int phase, uint64_t step, sl_error *err) {
  sl_checkpoint_entry *entries;
  size_t n, first = 0;
  int best = 0;
  uint64_t at;
  sl_status status = sl_checkpoints_list(&entries, &n, run, err);
  if (status) return status;
  while (first < n && !sl_checkpoint_is_newer(&entries[first], phase, step)) first++;
  status = best_step(&best, &at, run, err);
  best = best && (phase == SL_PHASE_SFT || at > step);
  if (!status && (best || first < n))
    status = leave(run, phase, entries + first, n - first, best, err);
  free(entries);
  return status;
}

/* Lines that a checkpoint had seen and that are lost cannot be made again. */
static sl_status check_log(const char *run, const char *name, const sl_log_record *record,
                           int may_be_lost, sl_error *err) {
  sl_log_finding found;
  uint64_t size;
  char *path = sl_path_join(run, name);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, NO_PATH);
  sl_status status = sl_log_record_compare(&found, &size, path, record, err);
  if (!status && found == SL_LOG_TOO_SHORT && !may_be_lost)
    status = sl_fail(err, SL_ERR_MISMATCH,
                     "%s: %llu bytes, but the checkpoint was written when it had %llu: lines are "
                     "lost. 'sluice resume %s --accept-change %s' goes on without them",
                     path, (unsigned long long)size, (unsigned long long)record->size, run, name);
  if (!status && found == SL_LOG_DIFFERS && !may_be_lost)
    status = sl_fail(err, SL_ERR_MISMATCH,
                     "%s: its first %llu bytes are not those that the checkpoint was written "
                     "after: the log is damaged, or of another branch of the run. Put back the "
                     "log; or 'sluice resume %s --accept-change %s' sets it aside and begins anew",
                     path, (unsigned long long)record->size, run, name);
  free(path);
  return status;
}

sl_status sl_branch_check_logs(const char *run, const sl_checkpoint_state *s, sl_lost_logs lost,
                               sl_error *err) {
  const sl_status status = check_log(run, SL_RUN_METRICS, &s->metrics, lost.metrics, err);
  return status ? status : check_log(run, SL_RUN_LEDGER, &s->ledger, lost.ledger, err);
}

static sl_status drop_log(const char *run, const char *name, const sl_log_record *record,
                          unsigned long n, sl_error *err) {
  sl_log_finding found;
  uint64_t size;
  char *path = sl_path_join(run, name);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, NO_PATH);
  const sl_status status = sl_log_record_compare(&found, &size, path, record, err);
  if (!status && found == SL_LOG_DIFFERS) return set_aside(path, n, err);
  free(path);
  return status;
}

sl_status sl_branch_drop_logs(const char *run, const sl_checkpoint_state *s, sl_error *err) {
  unsigned long n;
  sl_status status = next_number(&n, run, err);
  if (!status) status = drop_log(run, SL_RUN_METRICS, &s->metrics, n, err);
  return status ? status : drop_log(run, SL_RUN_LEDGER, &s->ledger, n, err);
}

sl_status sl_branch_check_best(sl_run_state *run, const char *path, sl_error *err) {
  int is_there;
  uint64_t step;
  if (isnan(run->best_success) || run->best_step == run->rl_step) return SL_OK;
  const sl_status status = best_step(&is_there, &step, path, err);
  if (status || (is_there && step == run->best_step)) return status;
  fprintf(stderr,
          "note: %s/" SL_RUN_BEST
          " is not that of step %llu (%.1f %%) any more: the next evaluation begins it anew\n",
          path, (unsigned long long)run->best_step, 100.0 * run->best_success);
  run->best_success = (double)NAN, run->best_step = 0;
  return SL_OK;
}
