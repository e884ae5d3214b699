/* Progress of `sluice verify` (see verify_progress.h). */
#include "verify_progress.h"

#include <math.h>
#include <time.h>

/* Lines in a log: the first after two seconds, the others ten seconds apart. */
static const double FIRST_S = 2, EVERY_S = 10, TICK_S = 0.1;

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void say(sl_watch *w) {
  const double spent = now_s() - w->start_s;
  if (w->limit_s > 0)
    sl_progress_line(&w->line,
                     "verify: %s, %s, over the reals: %.0f s; at most %.0f s of processor time",
                     w->gate, w->side, spent, w->limit_s);
  else
    sl_progress_line(&w->line, "verify: %s, %s, binary32: %.0f %%", w->gate, w->side,
                     100 * w->share);
}

static void *watch_thread(void *data) {
  sl_watch *w = data;
  pthread_mutex_lock(&w->lock);
  while (!w->done) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(TICK_S * 1e9);
    until.tv_sec += until.tv_nsec / 1000000000, until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&w->wake, &w->lock, &until);
    if (!w->done && now_s() - w->start_s >= 2 * TICK_S) say(w);
  }
  pthread_mutex_unlock(&w->lock);
  return NULL;
}

void sl_watch_begin(sl_watch *watch, const char *gate, const char *side, double limit_s) {
  *watch = (sl_watch){.gate = gate, .side = side, .limit_s = limit_s, .start_s = now_s()};
  sl_progress_start_lines(&watch->line, FIRST_S, EVERY_S);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&watch->lock, NULL);
  pthread_cond_init(&watch->wake, &monotonic);
  pthread_condattr_destroy(&monotonic);
  /* without a thread there is no progress, and nothing else is lost */
  watch->has_thread = pthread_create(&watch->thread, NULL, watch_thread, watch) == 0;
}

void sl_watch_share(void *watch, double share) {
  sl_watch *w = watch;
  pthread_mutex_lock(&w->lock);
  w->share = fmax(w->share, share);
  pthread_mutex_unlock(&w->lock);
}

void sl_watch_end(sl_watch *watch) {
  pthread_mutex_lock(&watch->lock);
  watch->done = 1;
  pthread_cond_signal(&watch->wake);
  pthread_mutex_unlock(&watch->lock);
  if (watch->has_thread) pthread_join(watch->thread, NULL);
  pthread_cond_destroy(&watch->wake);
  pthread_mutex_destroy(&watch->lock);
  sl_progress_end(&watch->line);
}
