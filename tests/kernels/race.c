/* A program for the thread sanitizer, about what a team of threads guarantees its caller
 * (kernels/core/team.h): the caller writes plain memory before a job, the ranges write it, the
 * caller reads it after. ci/tsan runs it with the real team, where no race may be found, and with
 * copies that lack one memory ordering, where it must be. */
#include "kernels/core/team.h"

#include <stdio.h>

enum { JOBS = 301, N = 64 };

static int seen[N];

static void add(void *arg, size_t begin, size_t end, int thread) {
  /* Long enough that workers come, and on a worker longer, so that the caller has to wait
   * for it. */
  for (volatile int k = 0; k < (thread ? 50000 : 5000); k++) continue;
  for (size_t i = begin; i < end; i++) seen[i] += *(const int *)arg;
}

int main(void) {
  sl_team *team;
  sl_error err;
  int step = 0, total = 0;
  if (sl_team_create(&team, 4, NULL, &err)) return fprintf(stderr, "%s\n", err.message), 1;
  for (int job = 0; job < JOBS; job++) {
    step = job % 3;
    sl_team_run(team, N, 1, add, &step);
    for (int i = 0; i < N; i++) total += seen[i], seen[i] = 0;
  }
  sl_team_destroy(team);
  return total != N * (JOBS / 3 * 3 + (JOBS % 3 == 2)) && printf("total %d\n", total);
}
