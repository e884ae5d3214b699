/* Clock, median and machine of the bench. */
#define _DEFAULT_SOURCE /* getloadavg */
#include "bench_machine.h"

#include "kernels/core/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double sl_bench_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double sl_bench_median(double *x, size_t n) {
  qsort(x, n, sizeof *x, by_value);
  return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

float *sl_bench_numbers(size_t n, uint32_t seed, float scale) {
  float *x = sl_pages_alloc(n * sizeof *x);
  for (size_t i = 0; x && i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = (float)(int32_t)seed * scale;
  }
  return x;
}

const char *sl_bench_cpu(void) {
  static char line[256];
  const char *found = NULL;
  FILE *f = fopen("/proc/cpuinfo", "r");
  while (f && !found && fgets(line, sizeof line, f)) {
    const char *colon = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
    if (colon) found = colon + 1 + strspn(colon + 1, " \t");
  }
  if (f) fclose(f);
  if (!found) return "unknown CPU";
  line[strcspn(line, "\n")] = '\0';
  return found;
}

double sl_bench_load(void) {
  double load;
  return getloadavg(&load, 1) == 1 ? load : -1.0;
}

double sl_bench_memory_available(void) {
  char line[256];
  double kib = -1.0;
  static const char key[] = "MemAvailable:";
  FILE *f = fopen("/proc/meminfo", "r");
  while (f && kib < 0.0 && fgets(line, sizeof line, f))
    if (strncmp(line, key, strlen(key)) == 0) kib = strtod(line + strlen(key), NULL);
  if (f) fclose(f);
  return kib < 0.0 ? -1.0 : 1024.0 * kib;
}
