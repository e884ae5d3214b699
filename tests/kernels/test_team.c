/* A team calls each index of a job once, whatever its size, also after its workers have slept, with
 * more threads than processors, and in a child of fork (spec N1.4). */
#include "kernels/core/team.h"

#include <criterion/criterion.h>
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 700, THREADS = 6, SEED = 11 };
static atomic_int calls[MOST];
static int overlong, wrong_thread, wrong_rounding;

typedef struct {
  size_t grain;
  int threads;
} job;

static void count(void *arg, size_t begin, size_t end, int thread) {
  const job *j = arg;
  if (end - begin > j->grain) overlong = 1;
  if (thread < 0 || thread >= j->threads) wrong_thread = 1;
  if (fegetround() != FE_TONEAREST) wrong_rounding = 1;
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
    cr_assert_eq(sl_team_create(&team, threads, NULL, &err), SL_OK, "%s", err.message);
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

#if !defined(__SANITIZE_THREAD__) /* which starts no thread in a child of a process with several \
                                   */
/* Leaves only once a worker has come too. */
static void meet(void *arg, size_t begin, size_t end, int thread) {
  atomic_int *met = arg;
  (void)begin, (void)end;
  if (thread > 0) atomic_store(met, 1);
  while (!atomic_load(met)) sched_yield();
}

/* In the child: a job that needs a worker, one that counts, and the end of the team. A child that
 * waits for the parent's workers is ended by the alarm. */
static void run_as_child(sl_team *team, int threads) {
  atomic_int met = 0;
  sl_error err;
  job j = {7, threads};
  alarm(20);
  if (sl_team_renew(team, &err)) _exit(2);
  if (!sl_team_run(team, 2, 1, meet, &met)) _exit(3);
  if (!sl_team_run(team, MOST, j.grain, count, &j) || wrong_counts(MOST)) _exit(4);
  sl_team_destroy(team);
  _exit(0);
}

static int status_of_child(sl_team *team, int threads, void (*run)(sl_team *team, int threads)) {
  int status = -1;
  const pid_t child = fork();
  cr_assert(child >= 0);
  if (child == 0) run(team, threads);
  cr_assert_eq(waitpid(child, &status, 0), child);
  return status;
}

/* The team of a parent works in its child too, with workers of the child's own; the parent's goes
 * on. The second fork finds workers that sleep. */
Test(team, a_child_has_workers_of_its_own) {
  sl_team *team = NULL;
  sl_error err;
  job j = {5, 3};
  cr_assert_eq(sl_team_create(&team, 3, NULL, &err), SL_OK, "%s", err.message);
  for (int i = 0; i < 2; i++) {
    cr_assert(sl_team_run(team, MOST, j.grain, count, &j));
    cr_assert_eq(wrong_counts(MOST), 0);
    cr_expect_eq(status_of_child(team, 3, run_as_child), 0);
    nanosleep(&(struct timespec){0, 2000000}, NULL);
  }
  cr_expect_eq(sl_team_renew(team, &err), SL_OK);
  cr_assert(sl_team_run(team, MOST, j.grain, count, &j));
  cr_assert_eq(wrong_counts(MOST), 0);
  sl_team_destroy(team);
}

/* A pool as OpenMP's, of as many threads as these; some of them may round another way. */
static int pool_threads, pool_rounding_up;
static atomic_int pool_jobs;
typedef struct {
  void (*body)(void *data);
  void *data;
} pool_job;

static void *pool_thread(void *arg) {
  const pool_job *j = arg;
  if (pool_rounding_up) fesetround(FE_UPWARD);
  j->body(j->data);
  return NULL;
}

static void pool(void (*body)(void *data), void *data, unsigned threads, unsigned flags) {
  pthread_t others[THREADS + 2] = {0};
  pool_job j = {body, data};
  cr_assert_eq(flags, 0);
  cr_assert_leq(threads, THREADS);
  for (int i = 1; i < pool_threads; i++) pthread_create(&others[i], NULL, pool_thread, &j);
  body(data);
  for (int i = 1; i < pool_threads; i++) pthread_join(others[i], NULL);
  atomic_fetch_add(&pool_jobs, 1);
}

/* A pool of fewer threads than were asked for, as many, or more; and one whose other threads must
 * take no part. */
Test(team, somebodys_threads_call_each_index_once) {
  for (int threads = 1; threads <= THREADS; threads++)
    for (pool_threads = 1; pool_threads <= threads + 2; pool_threads++)
      for (pool_rounding_up = 0; pool_rounding_up < 2; pool_rounding_up++) {
        sl_team *team = NULL;
        sl_error err;
        job j = {7, threads};
        cr_assert_eq(sl_team_create(&team, threads, pool, &err), SL_OK);
        pool_jobs = 0;
        for (int i = 0; i < 5; i++) {
          cr_assert(sl_team_run(team, MOST, j.grain, count, &j));
          cr_assert_eq(wrong_counts(MOST), 0, "%d of %d threads", pool_threads, threads);
        }
        cr_expect_eq(pool_jobs, threads > 1 ? 5 : 0, "%d threads", threads);
        sl_team_destroy(team);
      }
  cr_expect(!overlong && !wrong_thread && !wrong_rounding);
}

static void no_pool(void (*body)(void *data), void *data, unsigned threads, unsigned flags) {
  (void)body, (void)data, (void)threads, (void)flags;
  _exit(7);
}

/* Its threads live in the parent: a child makes workers. */
Test(team, a_child_does_not_use_somebodys_threads) {
  sl_team *team = NULL;
  sl_error err;
  cr_assert_eq(sl_team_create(&team, 3, no_pool, &err), SL_OK);
  cr_expect_eq(status_of_child(team, 3, run_as_child), 0);
  sl_team_destroy(team);
}

static void run_without_renewal(sl_team *team, int threads) {
  atomic_int met = 0;
  (void)threads;
  alarm(1);
  sl_team_run(team, 2, 1, meet, &met);
  _exit(0);
}

/* What the test above would see: without its own workers the child waits for ever. */
Test(team, a_child_with_the_parents_workers_has_none) {
  sl_team *team = NULL;
  sl_error err;
  cr_assert_eq(sl_team_create(&team, 3, NULL, &err), SL_OK, "%s", err.message);
  const int status = status_of_child(team, 3, run_without_renewal);
  cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
  sl_team_destroy(team);
}
#endif
