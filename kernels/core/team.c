/* The pool of worker threads; see team.h (spec N1.2, N1.4). The only file with threads. */
#include "team.h"

#include "environment.h"
#include "processors.h"
#include "verify.h"

#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
static void pause_a_moment(void) { _mm_pause(); }
#else
static void pause_a_moment(void) {}
#endif

/* How often a worker looks for the next job before it sleeps, and a caller looks whether its
 * workers are done before it yields its core: some 100 us. */
enum { LOOKS = 4000 };

/* The state of a job: its number in the high half, then whether workers may still join, then how
 * many have joined. */
#define JOB_OPEN ((uint64_t)1 << 31)
#define JOB_NUMBER ((uint64_t)1 << 32)

typedef struct {
  pthread_t thread;
  sl_team *team;
  int index;
} worker;

struct sl_team {
  alignas(64) _Atomic uint64_t state;
  alignas(64) atomic_size_t next; /* range */
  alignas(64) size_t n, grain, ranges;
  sl_parallel_body body;
  void *arg;
  int threads, looks, n_workers;
  sl_thread_pool *pool; /* NULL: the workers */
  atomic_int members;   /* of the pool, in this job */
  unsigned generation;  /* of the process that the workers run in */
  atomic_int quit, spoiled, sleepers;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  worker workers[];
};

static void take_ranges(sl_team *t, int thread) {
  for (size_t r; (r = atomic_fetch_add(&t->next, 1)) < t->ranges;) {
    const size_t begin = r * t->grain, left = t->n - begin;
    SL_VERIFY(begin < t->n && thread >= 0 && thread < t->threads);
    t->body(t->arg, begin, left < t->grain ? t->n : begin + t->grain, thread);
  }
}

/* 1 if job `seen` is over for this worker and another one, or the end, has come. */
static int has_new_job(sl_team *t, uint64_t seen) {
  const uint64_t state = atomic_load(&t->state);
  return ((state & JOB_OPEN) && state / JOB_NUMBER != seen) || atomic_load(&t->quit);
}

static void await_job(sl_team *t, uint64_t seen) {
  for (int i = 0; i < t->looks; i++) {
    if (has_new_job(t, seen)) return;
    pause_a_moment();
  }
  pthread_mutex_lock(&t->lock);
  while (atomic_fetch_add(&t->sleepers, 1), !has_new_job(t, seen))
    pthread_cond_wait(&t->wake, &t->lock);
  pthread_mutex_unlock(&t->lock);
}

/* Joins the open job, whose fields then do not change until this worker leaves; 0 if it
 * has closed. */
static int enter(sl_team *t, uint64_t *job) {
  uint64_t state = atomic_load(&t->state);
  while (state & JOB_OPEN)
    if (atomic_compare_exchange_weak(&t->state, &state, state + 1)) {
      *job = state / JOB_NUMBER;
      return 1;
    }
  return 0;
}

/* Only jobs run on a worker, so checking its environment after each job is enough. */
static void *work(void *arg) {
  const worker *w = arg;
  sl_team *t = w->team;
  uint64_t job = 0;
  while (await_job(t, job), !atomic_load(&t->quit)) {
    if (!enter(t, &job)) continue;
    take_ranges(t, w->index);
    if (!sl_environment_ok()) atomic_store(&t->spoiled, 1);
    atomic_fetch_sub(&t->state, 1);
  }
  return NULL;
}

/* A worker counts itself as a sleeper before it looks for a job once more, and a job is announced
 * before the sleepers are counted: whichever comes second sees the other, so that no worker sleeps
 * through a job. */
static void wake_workers(sl_team *t) {
  if (atomic_load(&t->sleepers) == 0) return;
  pthread_mutex_lock(&t->lock);
  atomic_store(&t->sleepers, 0);
  pthread_cond_broadcast(&t->wake);
  pthread_mutex_unlock(&t->lock);
}

static void await_members(sl_team *t) {
  for (int looks = 0; atomic_load(&t->state) & (JOB_OPEN - 1); looks++) {
    if (looks < t->looks)
      pause_a_moment();
    else
      sched_yield();
  }
}

/* What each thread of a pool runs. The caller's environment was looked at: he takes what others do
 * not. A pool may have fewer threads than were asked for. */
static void join_from_pool(void *arg) {
  sl_team *t = arg;
  const int index = atomic_fetch_add(&t->members, 1);
  if (index >= t->threads || !sl_environment_ok()) return;
  take_ranges(t, index);
  if (!sl_environment_ok()) atomic_store(&t->spoiled, 1);
}

int sl_team_run(sl_team *t, size_t n, size_t grain, sl_parallel_body body, void *arg) {
  SL_VERIFY(grain > 0 && !(atomic_load(&t->state) & JOB_OPEN)); /* jobs do not nest */
  if (atomic_load(&t->spoiled)) return 0;
  t->n = n, t->grain = grain, t->ranges = n / grain + (n % grain != 0), t->body = body,
  t->arg = arg;
  atomic_store(&t->next, 0);
  if (t->pool && t->ranges > 1 && t->threads > 1) {
    atomic_store(&t->members, 0);
    t->pool(join_from_pool, t, (unsigned)t->threads, 0);
    take_ranges(t, 0); /* where those that have an index took no part */
    return !atomic_load(&t->spoiled);
  }
  const int shared = t->ranges > 1 && t->n_workers > 0;
  if (shared) {
    atomic_store(&t->state, (atomic_load(&t->state) / JOB_NUMBER + 1) * JOB_NUMBER | JOB_OPEN);
    wake_workers(t);
  }
  take_ranges(t, 0);
  if (shared) {
    atomic_fetch_and(&t->state, ~JOB_OPEN);
    await_members(t);
  }
  return !atomic_load(&t->spoiled);
}

/* 0, or why no more threads can be had. */
static int start_workers(sl_team *t, int count) {
  sigset_t all, before;
  int failed = 0;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (!failed && t->n_workers < count) {
    worker *w = &t->workers[t->n_workers];
    w->team = t, w->index = t->n_workers + 1;
    failed = pthread_create(&w->thread, NULL, work, w);
    t->n_workers += !failed;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failed;
}

static void stop_workers(sl_team *t) {
  atomic_store(&t->quit, 1);
  pthread_mutex_lock(&t->lock);
  pthread_cond_broadcast(&t->wake);
  pthread_mutex_unlock(&t->lock);
  for (int i = 0; i < t->n_workers; i++) pthread_join(t->workers[i].thread, NULL);
  pthread_cond_destroy(&t->wake);
  pthread_mutex_destroy(&t->lock);
}

/* How many forks lie between this process and the one that was started; getpid would ask the system
 * before each job. */
static unsigned generations = 1;

static void count_fork(void) { generations++; }

static void watch_forks(void) { pthread_atfork(NULL, NULL, count_fork); }

/* Fills a team that has none: no workers, no job. */
static sl_status begin_team(sl_team *t, int threads, sl_thread_pool *pool, sl_error *err) {
  *t = (sl_team){.threads = threads, .looks = threads > sl_processors() ? 0 : LOOKS, .pool = pool};
  static pthread_once_t watched = PTHREAD_ONCE_INIT;
  pthread_once(&watched, watch_forks);
  t->generation = generations;
  pthread_mutex_init(&t->lock, NULL);
  pthread_cond_init(&t->wake, NULL);
  const int failed = pool ? 0 : start_workers(t, threads - 1);
  if (!failed) return SL_OK;
  const int got = t->n_workers + 1;
  stop_workers(t);
  t->generation = 0; /* nobody's: the next job tries again */
  return sl_fail(err, SL_ERR_MEMORY,
                 "the system gives %d of %d threads: %s; with run.threads=%d (--threads %d) no "
                 "more are asked for",
                 got, threads, strerror(failed), got, got);
}

sl_status sl_team_create(sl_team **out, int threads, sl_thread_pool *pool, sl_error *err) {
  SL_VERIFY(threads > 0);
  const size_t bytes = sizeof(sl_team) + (size_t)threads * sizeof(worker);
  sl_team *t = aligned_alloc(alignof(sl_team), (bytes / alignof(sl_team) + 1) * alignof(sl_team));
  if (!t) return sl_fail(err, SL_ERR_MEMORY, "no memory for a team of %d threads", threads);
  const sl_status status = begin_team(t, threads, pool, err);
  if (status) {
    free(t);
    return status;
  }
  *out = t;
  return SL_OK;
}

/* Of the parent's team a child has the memory alone: its workers are not here to be joined, and its
 * lock may be held by one of them, so both are made anew and not taken apart. */
sl_status sl_team_renew(sl_team *t, sl_error *err) {
  return t->generation == generations ? SL_OK : begin_team(t, t->threads, NULL, err);
}

void sl_team_destroy(sl_team *t) {
  if (t && t->generation == generations) stop_workers(t);
  free(t);
}
