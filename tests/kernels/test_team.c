/* A team calls each index of a job once, whatever its size, also after its workers have slept, and
 * with more threads than processors (spec N1.4). */
#include "kernels/core/team.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

enum { MOST = 700, THREADS = 6, SEED = 11 };
static atomic_int calls[MOST];
static int overlong, wrong_thread;

typedef struct {
  size_t grain;
  int threads;
} job;

static void count(void *arg, size_t begin, size_t end, int thread) {
  const job *j = arg;
  if (end - begin > j->grain) overlong = 1;
  if (thread < 0 || thread >= j->threads) wrong_thread = 1;
  for (size_t i = begin; i < end; i++) atomic_fetch_add(&calls[i], 1);
}

static size_t wrong_counts(size_t n) {
  size_t wrong = 0;
  for (size_t i = 0; i < MOST; i++) wrong += atomic_exchange(&calls[i], 0) != (i < n);
  return wrong;
}

Test(team, each_index_once) {
  uint32_t draw = SEED;
  for (int threads = 1; threads <= THREADS; threads++) {
    sl_team *team = NULL;
    sl_error err;
    cr_assert_eq(sl_team_create(&team, threads, &err), SL_OK, "%s", err.message);
    for (int i = 0; i < 1000; i++) {
      draw = draw * 1664525u + 1013904223u;
      const size_t n = (draw >> 8) % MOST;
      job j = {1 + (draw >> 20) % 50, threads};
      cr_assert(sl_team_run(team, n, j.grain, count, &j));
      cr_assert_eq(wrong_counts(n), 0, "seed %d, threads %d, job %d: n %zu, grain %zu", SEED,
                   threads, i, n, j.grain);
      if (i % 250 == 7) nanosleep(&(struct timespec){0, 2000000}, NULL); /* workers fall asleep */
    }
    sl_team_destroy(team);
  }
  cr_expect(!overlong && !wrong_thread);
}

/* What the test above would see. */
Test(team, planted) {
  job j = {MOST, 1};
  count(&j, 0, 20, 0), count(&j, 19, 30, 0);
  cr_expect_eq(wrong_counts(30), 1, "an index twice");
  count(&j, 0, 10, 0), count(&j, 11, 30, 0);
  cr_expect_eq(wrong_counts(30), 1, "an index left out");
}
