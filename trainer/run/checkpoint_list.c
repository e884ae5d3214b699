/* The checkpoints of a run's folder (spec F4.5): only folders of its names count. */
#include "checkpoint_list.h"

#include "run_files.h"
#include "trainer/files/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const phase_names[] = {"sft", "rl", "done"};

void sl_checkpoint_name(char out[32], int phase, uint64_t step) {
  snprintf(out, 32, "%d-%s-%09" PRIu64, phase, phase_names[phase], step);
}

/* 1 if the name is one that sl_checkpoint_name gives. */
static int parse_name(sl_checkpoint_entry *out, const char *name) {
  const int phase = name[0] - '0';
  if (phase < 0 || phase > SL_PHASE_DONE || strlen(name) >= sizeof out->name) return 0;
  const char *dash = strrchr(name, '-');
  if (!dash) return 0;
  out->phase = phase;
  out->step = strtoull(dash + 1, NULL, 10);
  sl_checkpoint_name(out->name, phase, out->step);
  return strcmp(out->name, name) == 0;
}

int sl_checkpoint_is_name(const char *name) {
  static const char aside[] = SL_ASIDE_MARK;
  const char *mark = strstr(name, aside);
  sl_checkpoint_entry entry;
  char first[sizeof entry.name];
  const size_t length = mark ? (size_t)(mark - name) : strlen(name);
  if (length >= sizeof first) return 0;
  snprintf(first, sizeof first, "%.*s", (int)length, name);
  return parse_name(&entry, first) &&
         (!mark || mark[sizeof aside - 1 + strspn(mark + sizeof aside - 1, "0123456789")] == 0);
}

sl_status sl_checkpoint_check_name(const char *path, int phase, uint64_t step, sl_error *err) {
  char own[32];
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  sl_checkpoint_name(own, phase, step);
  if (!sl_checkpoint_is_name(name) || strncmp(name, own, strcspn(name, ".")) == 0) return SL_OK;
  return sl_fail(
      err, SL_ERR_MISMATCH,
      "%s: the state in this folder is that of %s: it was copied or renamed, or is damaged", path,
      own);
}

static int compare(const sl_checkpoint_entry *a, const sl_checkpoint_entry *b) {
  const int late_a = a->phase != SL_PHASE_SFT, late_b = b->phase != SL_PHASE_SFT;
  if (late_a != late_b) return late_a - late_b;
  if (a->step != b->step) return a->step < b->step ? -1 : 1;
  return a->phase - b->phase;
}

int sl_checkpoint_is_newer(const sl_checkpoint_entry *entry, int phase, uint64_t step) {
  const sl_checkpoint_entry place = {.phase = phase, .step = step};
  return compare(entry, &place) > 0;
}

static int compare_entries(const void *a, const void *b) { return compare(a, b); }

char *sl_checkpoint_path(const char *run, const char *name) {
  char *folder = sl_path_join(run, SL_RUN_CHECKPOINTS),
       *path = folder ? sl_path_join(folder, name) : NULL;
  free(folder);
  return path;
}

static int is_folder(DIR *in, const char *name) {
  struct stat st;
  return fstatat(dirfd(in), name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

sl_status sl_checkpoints_list(sl_checkpoint_entry **out, size_t *count, const char *run,
                              sl_error *err) {
  char *folder = sl_path_join(run, SL_RUN_CHECKPOINTS);
  if (!folder) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  DIR *dir = opendir(folder);
  sl_status status = dir ? SL_OK : sl_fail_open(err, folder);
  sl_checkpoint_entry *entries = NULL, entry;
  size_t n = 0;
  for (struct dirent *e; dir && !status && (e = readdir(dir));) {
    if (!parse_name(&entry, e->d_name) || !is_folder(dir, e->d_name)) continue;
    sl_checkpoint_entry *more = realloc(entries, (n + 1) * sizeof *entries);
    if (!more) {
      status = sl_fail(err, SL_ERR_MEMORY, "no memory for a list of checkpoints");
      break;
    }
    entries = more;
    entries[n++] = entry;
  }
  if (dir) closedir(dir);
  free(folder);
  if (status) {
    free(entries);
    return status;
  }
  if (n) qsort(entries, n, sizeof *entries, compare_entries);
  *out = entries, *count = n;
  return SL_OK;
}

/* The best one may still be there, and is not to be removed with the folder. */
static sl_status fail_none(const char *run, sl_error *err) {
  if (sl_path_holds(run, SL_RUN_BEST))
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: the run has no checkpoint to go on from but the best one: 'sluice resume "
                   "%s --from " SL_RUN_BEST "' takes that",
                   run, run);
  return sl_fail(err, SL_ERR_INPUT,
                 "%s: the run has no checkpoint to go on from: remove the folder and train anew",
                 run);
}

sl_status sl_checkpoint_newest(char **out, const char *run, sl_error *err) {
  sl_checkpoint_entry *entries;
  size_t n;
  sl_status status = sl_checkpoints_list(&entries, &n, run, err);
  if (status == SL_ERR_INPUT && !sl_path_holds(run, SL_RUN_CHECKPOINTS)) return fail_none(run, err);
  if (status) return status;
  if (n == 0) {
    status = fail_none(run, err);
  } else {
    *out = sl_checkpoint_path(run, entries[n - 1].name);
    if (!*out) status = sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  }
  free(entries);
  return status;
}

/* Under a temporary name first: a removal that is killed leaves no half of a checkpoint under a
 * name that counts, and the next start removes the rest (spec F4.7). */
static int remove_checkpoint(const char *path, sl_error *err) {
  const size_t size = strlen(path) + 32;
  char *temporary = malloc(size);
  if (!temporary) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path") == SL_OK;
  snprintf(temporary, size, "%s.tmp-%ld", path, (long)getpid());
  int done = 0;
  if (!sl_folder_is_flat(path))
    sl_fail(err, SL_ERR_IO,
            "%s: it is a link, cannot be read, or holds more than a checkpoint's files", path);
  else if (rename(path, temporary) != 0)
    sl_fail(err, SL_ERR_IO, "%s: %s", path, strerror(errno));
  else
    done = sl_folder_remove(temporary, err) == SL_OK;
  free(temporary);
  return done;
}

sl_status sl_checkpoints_prune(const char *run, size_t keep, int *warned, sl_error *err) {
  sl_checkpoint_entry *entries;
  size_t n;
  const sl_status status = sl_checkpoints_list(&entries, &n, run, err);
  if (status) return status;
  for (size_t i = 0; i + keep < n; i++) {
    char *path = sl_checkpoint_path(run, entries[i].name);
    sl_error reason = {SL_OK, "no memory for a path"};
    if ((!path || !remove_checkpoint(path, &reason)) && !*warned) {
      *warned = 1;
      fprintf(stderr, "warning: an old checkpoint stays: %s\n", reason.message);
    }
    free(path);
  }
  free(entries);
  return SL_OK;
}
