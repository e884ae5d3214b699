/* Which checkpoint a run goes on from (spec F4.8). */
#include "checkpoint_choice.h"

#include "run_files.h"
#include "kernels/core/nearest.h"
#include "trainer/files/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What --from may name, the newest first, as far as there is room. */
static void list_names(char *out, size_t size, const char *run) {
  sl_checkpoint_entry *entries = NULL;
  size_t n = 0, used = 0;
  *out = 0;
  if (sl_path_holds(run, SL_RUN_BEST)) used = (size_t)snprintf(out, size, "%s", SL_RUN_BEST);
  if (sl_checkpoints_list(&entries, &n, run, NULL)) n = 0;
  for (; n > 0 && used < size; n--)
    used +=
        (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", entries[n - 1].name);
  free(entries);
}

/* from: as it was given; name: its last component, without slashes at the end. */
static sl_status fail_from(const char *run, const char *from, const char *name, sl_error *err) {
  char names[300], meant[SL_MEANT] = "";
  list_names(names, sizeof names, run);
  if (strcmp(from, name) != 0 && sl_checkpoint_is_name(name))
    snprintf(meant, sizeof meant, "; did you mean %s?", name);
  return sl_fail(err, SL_ERR_USAGE,
                 "--from: expected the name of a checkpoint of %s%s%s%s, found '%s'%s", run,
                 *names ? " (it has " : "", names, *names ? ")" : "", from, meant);
}

/* Its lines are not in the run's logs any more. */
static sl_status fail_aside(const char *run, const char *from, sl_error *err) {
  const char *end = strstr(from, SL_ASIDE_MARK);
  return sl_fail(err, SL_ERR_USAGE,
                 "--from: %s belongs to a branch that the run left. To go on with it: in a copy of "
                 "%s without its newer checkpoints, put each NAME%s in place of NAME",
                 from, run, end);
}

/* A checkpoint of that name; "best" is the best one. Never a folder outside the run's. */
static sl_status find(char **out, const char *run, const char *from, sl_error *err) {
  const char *slash = strrchr(from, '/');
  const int is_best = strcmp(from, SL_RUN_BEST) == 0;
  if (!is_best && !sl_checkpoint_is_name(from))
    return fail_from(run, from, slash ? slash + 1 : from, err);
  if (strstr(from, SL_ASIDE_MARK)) return fail_aside(run, from, err);
  char *path = is_best ? sl_path_join(run, SL_RUN_BEST) : sl_checkpoint_path(run, from);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  if (access(path, F_OK) != 0) {
    free(path);
    return fail_from(run, from, from, err);
  }
  *out = path;
  return SL_OK;
}

sl_status sl_checkpoint_choose(char **out, const char *run, const char *from, sl_error *err) {
  return from ? find(out, run, from, err) : sl_checkpoint_newest(out, run, err);
}

/* The newest checkpoint that is intact, where the newest of all is not; NULL if there is none, or
 * if that one is intact too and something else is wrong. */
static char *find_intact(const char *run) {
  sl_checkpoint_entry *entries;
  size_t n;
  char *intact = NULL;
  if (sl_checkpoints_list(&entries, &n, run, NULL)) return NULL;
  int newest_is_intact = 0;
  for (size_t i = n; i > 0 && !intact && !newest_is_intact; i--) {
    char *path = sl_checkpoint_path(run, entries[i - 1].name);
    const int is_intact = path && sl_checkpoint_check(path, NULL) == SL_OK;
    free(path);
    newest_is_intact = is_intact && i == n;
    if (is_intact && i < n) intact = strdup(entries[i - 1].name);
  }
  free(entries);
  return intact;
}

void sl_checkpoint_name_intact(const char *run, sl_error *err) {
  char *intact = find_intact(run);
  const size_t used = strlen(err->message);
  if (intact)
    snprintf(err->message + used, sizeof err->message - used,
             ". The newest intact one is %s: 'sluice resume %s --from %s' goes on from it", intact,
             run, intact);
  free(intact);
}
