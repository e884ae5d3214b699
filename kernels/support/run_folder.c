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
static char *split(char *path, const char **name) {
  char *slash = strrchr(path, '/');
  *name = slash ? slash + 1 : path;
  if (!slash) return realpath(".", NULL);
  if (slash == path) return realpath("/", NULL);
  *slash = 0;
  return realpath(path, NULL);
}

static char *name_of_absent(const char *path) {
  char *copy = strdup(path), *found = NULL;
  const char *name;
  char *folder = copy ? split(copy, &name) : NULL;
  if (folder && is_own(name) && is_run(folder)) found = strdup(name);
  free(folder);
  free(copy);
  return found;
}

char *sl_run_folder_name(const char *path) {
  char *real = realpath(path, NULL), *found = NULL;
  if (!real) return name_of_absent(path);
  for (char *slash; !found && (slash = strrchr(real, '/')) && slash != real;) {
    *slash = 0;
    if (is_own(slash + 1) && is_run(real)) found = strdup(slash + 1);
  }
  free(real);
  return found;
}
