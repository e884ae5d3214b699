/* Which files belong to a run (see run_folder.h). */
#define _XOPEN_SOURCE 700 /* realpath */
#include "run_folder.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int holds(const char *folder, const char *name) {
  char path[PATH_MAX]; /* no system call takes a longer one; and short memory is no absence */
  const int n = snprintf(path, sizeof path, "%s/%s", folder, name);
  return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

static int is_run(const char *folder) {
  return holds(folder, SL_RUN_CONFIG) &&
         (holds(folder, SL_RUN_METRICS) || holds(folder, SL_RUN_CHECKPOINTS));
}

static int begins(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

static int is_own(const char *name) {
  static const char *const names[] = {SL_RUN_CONFIG,    SL_RUN_METRICS,    SL_RUN_LEDGER,
                                      SL_RUN_SAMPLES,   SL_RUN_REWARDS,    SL_RUN_MODEL,
                                      SL_RUN_REFERENCE, SL_RUN_COMPANIONS, SL_RUN_CHECKPOINTS,
                                      SL_RUN_BEST,      SL_RUN_LOCK};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!begins(name, names[i])) continue;
    const char *rest = name + strlen(names[i]);
    if (!*rest || begins(rest, SL_ASIDE_MARK) || begins(rest, SL_KEPT_MARK)) return 1;
  }
  return 0;
}

/* The folder of a path that does not exist; it becomes the last component. */
static char *split(char *path, const char **name, char folder[PATH_MAX]) {
  char *slash = strrchr(path, '/');
  *name = slash ? slash + 1 : path;
  if (!slash) return realpath(".", folder);
  if (slash == path) return realpath("/", folder);
  *slash = 0;
  return realpath(path, folder);
}

static int is_absent_own(char out[SL_RUN_NAME], const char *path) {
  char copy[PATH_MAX], folder[PATH_MAX];
  const char *name;
  if (strlen(path) >= sizeof copy) return 0; /* nothing can be written there */
  strcpy(copy, path);
  if (!split(copy, &name, folder) || !is_own(name) || !is_run(folder)) return 0;
  snprintf(out, SL_RUN_NAME, "%.*s", SL_RUN_NAME - 1, name);
  return 1;
}

int sl_run_folder_name(char out[SL_RUN_NAME], const char *path) {
  char real[PATH_MAX];
  if (!realpath(path, real)) return is_absent_own(out, path);
  for (char *slash; (slash = strrchr(real, '/')) && slash != real;) {
    *slash = 0;
    if (!is_own(slash + 1) || !is_run(real)) continue;
    snprintf(out, SL_RUN_NAME, "%.*s", SL_RUN_NAME - 1, slash + 1);
    return 1;
  }
  return 0;
}
