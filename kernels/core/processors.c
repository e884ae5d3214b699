/* How many processors this process may use: its affinity, and the quota of its control groups. A
 * container that may run 200 ms in every 100 ms has two, however many the machine shows. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "processors.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, LINE_SIZE = 4096 };

/* The whole of a small file; 0 if it cannot be read. */
static int read_text(const char *path, char *out, size_t size) {
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  const size_t n = fread(out, 1, size - 1, file);
  fclose(file);
  out[n] = 0;
  return n > 0;
}

static int processors_of_quota(double quota, double period, int least) {
  if (!(quota > 0 && period > 0)) return least;
  const double share = ceil(quota / period);
  return share < least ? (int)share : least;
}

/* Version 2: "QUOTA PERIOD" or "max PERIOD". */
static int limit_of_v2(const char *folder, int least) {
  char path[PATH_SIZE + 32], text[128], *end;
  snprintf(path, sizeof path, "%s/cpu.max", folder);
  if (!read_text(path, text, sizeof text)) return least;
  const double quota = strtod(text, &end);
  return end == text ? least : processors_of_quota(quota, strtod(end, NULL), least);
}

/* Version 1: a quota of -1 is none. */
static int limit_of_v1(const char *folder, int least) {
  char path[PATH_SIZE + 32], quota[64], period[64];
  snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
  if (!read_text(path, quota, sizeof quota)) return least;
  snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
  if (!read_text(path, period, sizeof period)) return least;
  return processors_of_quota(strtod(quota, NULL), strtod(period, NULL), least);
}

/* The least limit of a group and of those that it is in, up to the root. */
static int limit_of_group(const char *mount, const char *group, int least,
                          int (*limit)(const char *folder, int least)) {
  char folder[PATH_SIZE];
  const int length = snprintf(folder, sizeof folder, "%s%s", mount, group);
  if (length < 0 || (size_t)length >= sizeof folder) return least;
  for (size_t root = strlen(mount);;) {
    least = limit(folder, least);
    char *slash = strrchr(folder + root, '/');
    if (!slash) return least;
    *slash = 0;
  }
}

int sl_quota_processors(const char *root, int least) {
  char path[PATH_SIZE], text[LINE_SIZE], *rest = NULL;
  snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
  if (!read_text(path, text, sizeof text)) return least;
  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    /* "NUMBER:CONTROLLERS:GROUP"; of version 2: "0::GROUP" */
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : 0;
    if (!group) continue;
    *group++ = 0, controllers++;
    const int v2 = !*controllers, v1 = !v2 && strstr(controllers, "cpu") != NULL;
    snprintf(path, sizeof path, "%s/sys/fs/cgroup%s%s", root, v1 ? "/" : "", v1 ? controllers : "");
    if (v2) least = limit_of_group(path, group, least, limit_of_v2);
    if (v1) least = limit_of_group(path, group, least, limit_of_v1);
  }
  return least;
}

int sl_processors(void) {
  cpu_set_t set;
  int n = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    n = CPU_COUNT(&set);
  } else {
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (online > 1) n = (int)online;
  }
  return sl_quota_processors("", n);
}

size_t sl_l2_bytes(void) {
  const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return bytes > 0 ? (size_t)bytes : (size_t)1 << 20;
}
