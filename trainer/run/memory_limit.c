/* How much memory this process may take. */
#include "memory_limit.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* A number of bytes that a file of the kernel holds alone; SIZE_MAX for "max" or no such file. */
static size_t file_bytes(const char *path) {
  char line[64] = "";
  FILE *file = fopen(path, "r");
  if (!file) return SIZE_MAX;
  const char *got = fgets(line, sizeof line, file);
  fclose(file);
  if (!got || line[strspn(line, "0123456789")] != '\n') return SIZE_MAX;
  return strtoull(line, NULL, 10);
}

/* A line of /proc/meminfo, which is in kB. */
static size_t meminfo(const char *key) {
  char line[128];
  size_t bytes = SIZE_MAX;
  FILE *file = fopen("/proc/meminfo", "r");
  while (file && bytes == SIZE_MAX && fgets(line, sizeof line, file))
    if (strncmp(line, key, strlen(key)) == 0)
      bytes = (size_t)strtoull(line + strlen(key), NULL, 10) * 1024;
  if (file) fclose(file);
  return bytes;
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* The least limit from a control group up to the root; *left is the least that one leaves. */
static size_t walk_groups(const char *root, char *group, const char *limit_name,
                          const char *usage_name, size_t *left) {
  size_t least = SIZE_MAX;
  for (;;) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s/%s", root, group, limit_name);
    const size_t limit = file_bytes(path);
    snprintf(path, sizeof path, "%s%s/%s", root, group, usage_name);
    const size_t used = file_bytes(path);
    least = smaller(least, limit);
    if (limit != SIZE_MAX && used != SIZE_MAX)
      *left = smaller(*left, limit > used ? limit - used : 0);
    char *slash = strrchr(group, '/');
    if (!slash || !*group) return least;
    *slash = 0;
  }
}

/* The limits of the control groups, of version 2 ("0::/a/b") or 1 ("7:memory:/a/b"). */
static size_t group_limit(size_t *left) {
  char line[PATH_MAX];
  size_t least = SIZE_MAX;
  FILE *file = fopen("/proc/self/cgroup", "r");
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    char *memory = strstr(line, ":memory:");
    if (strncmp(line, "0::", 3) == 0)
      least = smaller(
          least, walk_groups("/sys/fs/cgroup", line + 3, "memory.max", "memory.current", left));
    else if (memory)
      least = smaller(least, walk_groups("/sys/fs/cgroup/memory", memory + 8,
                                         "memory.limit_in_bytes", "memory.usage_in_bytes", left));
  }
  if (file) fclose(file);
  return least;
}

/* What RLIMIT_AS leaves beyond what is mapped already. */
static size_t address_space(void) {
  struct rlimit limit;
  char line[128];
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  FILE *file = fopen("/proc/self/statm", "r");
  const size_t pages = file && fgets(line, sizeof line, file) ? strtoull(line, NULL, 10) : 0,
               mapped = pages * (size_t)sysconf(_SC_PAGESIZE);
  if (file) fclose(file);
  return limit.rlim_cur > mapped ? (size_t)limit.rlim_cur - mapped : 0;
}

sl_memory_limit sl_memory_limit_read(void) {
  size_t left = SIZE_MAX;
  const size_t machine = meminfo("MemTotal:"), group = group_limit(&left), space = address_space();
  sl_memory_limit m = {machine, smaller(meminfo("MemAvailable:"), left), "the machine"};
  if (group < m.bytes) m.bytes = group, m.by = "the control group";
  if (space < m.bytes) m.bytes = space, m.by = "the limit on address space";
  m.free = smaller(m.free, m.bytes);
  return m;
}
