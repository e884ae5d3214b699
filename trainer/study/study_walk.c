/* Carries out the runs of a study: children at work, one progress line, one signal passed on. */
#define _GNU_SOURCE
#include "study_walk.h"

#include "study_children.h"
#include "kernels/support/process.h"
#include "kernels/support/progress.h"
#include "trainer/files/file.h"
#include "trainer/run/run_files.h"
#include "trainer/run/run_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  sl_study_table *table;
  size_t jobs, running;
  int quiet, told; /* told: the running ones were asked to stop */
  sl_progress progress;
  sl_pace pace;
} walk;

static size_t count(const sl_study_table *t, sl_study_state state) {
  size_t n = 0;
  for (size_t i = 0; i < t->n; i++) n += t->run[i].state == state;
  return n;
}

/* The warm start that a run waits for; NULL: none. */
static const sl_study_run *start_of(const sl_study_table *t, const sl_study_run *run) {
  return run->arm == SL_STUDY_NONE || !t->warm ? NULL : &t->run[run->seed];
}

static int is_open(const sl_study_run *run) {
  return run->state == SL_STUDY_FRESH || run->state == SL_STUDY_BEGUN;
}

static void say_failed(walk *w, const sl_study_run *run) {
  char name[SL_STUDY_NAME_MAX + 32];
  sl_study_run_name(name, sizeof name, w->table, run);
  sl_progress_end(&w->progress);
  fprintf(stderr, "sluice study: %s failed, the others go on: %s (log: %s)\n", name, run->problem,
          run->log);
}

/* Runs whose warm start failed cannot begin. */
static void fail_blocked(walk *w) {
  for (size_t i = 0; i < w->table->n; i++) {
    sl_study_run *run = &w->table->run[i];
    const sl_study_run *start = start_of(w->table, run);
    if (!is_open(run) || !start || start->state != SL_STUDY_FAILED) continue;
    run->state = SL_STUDY_FAILED;
    snprintf(run->problem, sizeof run->problem, "its warm start failed");
  }
}

/* The next run that can start; NULL: none. */
static sl_study_run *next_run(const walk *w) {
  for (size_t i = 0; i < w->table->n; i++) {
    sl_study_run *run = &w->table->run[i];
    const sl_study_run *start = start_of(w->table, run);
    if (is_open(run) && (!start || start->state == SL_STUDY_FINISHED)) return run;
  }
  return NULL;
}

static sl_status start_runs(walk *w, sl_error *err) {
  sl_study_run *run;
  while (w->running < w->jobs && (run = next_run(w))) {
    const sl_status status = sl_study_start(w->table, run, err);
    if (status) return status;
    w->running++;
  }
  return SL_OK;
}

/* A run that somebody else stopped goes on when the study is started again. */
static void collect(walk *w) {
  for (size_t i = 0; i < w->table->n; i++) {
    sl_study_run *run = &w->table->run[i];
    if (run->state != SL_STUDY_RUNNING || !sl_study_has_ended(run)) continue;
    w->running--;
    if (run->state == SL_STUDY_STOPPED && !w->told) {
      run->state = SL_STUDY_FAILED;
      snprintf(run->problem, sizeof run->problem, "a signal stopped it, with a checkpoint");
    }
    if (run->state == SL_STUDY_FAILED) say_failed(w, run);
  }
  fail_blocked(w);
}

static void tell_to_stop(walk *w) {
  if (w->told) return;
  for (size_t i = 0; i < w->table->n; i++)
    if (w->table->run[i].state == SL_STUDY_RUNNING) kill(w->table->run[i].pid, SIGTERM);
  w->told = 1;
}

/* The rollouts that a run at work has finished: the last step in the end of its metrics. */
static uint64_t steps_done(const sl_study_run *run) {
  static const char mark[] = "\"phase\":\"rl\",\"step\":";
  char text[8192];
  char *path = sl_path_join(run->path, SL_RUN_METRICS);
  const int fd = path ? sl_open(path, O_RDONLY) : -1;
  const off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END),
              from = size > (off_t)sizeof text - 1 ? size - ((off_t)sizeof text - 1) : 0;
  const ssize_t n = fd < 0 ? 0 : pread(fd, text, sizeof text - 1, from);
  if (fd >= 0) close(fd);
  free(path);
  text[n > 0 ? n : 0] = 0;
  const char *last = NULL;
  for (const char *at = strstr(text, mark); at; at = strstr(at + 1, mark)) last = at;
  return last ? strtoull(last + sizeof mark - 1, NULL, 10) : 0;
}

/* Rollouts of all runs: those that are done, and (in *total) all. */
static uint64_t all_steps(const sl_study_table *t, uint64_t *total) {
  uint64_t done = 0;
  *total = 0;
  for (size_t i = 0; i < t->n; i++) {
    const sl_study_run *run = &t->run[i];
    const uint64_t steps = (uint64_t)run->steps;
    *total += steps;
    if (run->state == SL_STUDY_FINISHED || run->state == SL_STUDY_FAILED)
      done += steps;
    else if (run->state == SL_STUDY_RUNNING)
      done += steps_done(run);
  }
  return done;
}

static void show(walk *w) {
  const sl_study_table *t = w->table;
  const size_t failed = count(t, SL_STUDY_FAILED);
  char left[SL_PACE_TEXT], problems[40] = "";
  uint64_t total;
  const uint64_t done = all_steps(t, &total);
  sl_pace_text(left, &w->pace, done, total);
  if (failed) snprintf(problems, sizeof problems, ", %zu failed", failed);
  sl_progress_line(&w->progress,
                   "study: %zu of %zu runs done, %zu at work%s, rollout %llu of %llu  %s",
                   count(t, SL_STUDY_FINISHED), t->n, w->running, problems,
                   (unsigned long long)done, (unsigned long long)total, left);
}

static sl_status carry_out(walk *w, sl_error *err) {
  sl_status status = SL_OK;
  fail_blocked(w);
  for (int round = 0;; round++) {
    if (sl_stop_requested() || status)
      tell_to_stop(w);
    else
      status = start_runs(w, err);
    if (w->running == 0) return status;
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    collect(w);
    if (round % 10 == 0) show(w);
  }
}

/* One study at a time in a folder. */
static sl_status lock(int *fd, const sl_study *study, sl_error *err) {
  int unlocked;
  sl_error why;
  sl_status status = sl_folders_make(study->out, strlen(study->out), err);
  if (status) return status;
  status = sl_run_lock(fd, &unlocked, study->out, &why);
  if (status == SL_ERR_USAGE)
    return sl_fail(err, status, "another study is at work: %.800s", why.message);
  return status ? sl_fail(err, status, "%.800s", why.message) : SL_OK;
}

sl_status sl_study_walk(sl_study_table *t, size_t jobs, int quiet, sl_study_outcome *out,
                        sl_error *err) {
  walk w = {.table = t, .jobs = jobs, .quiet = quiet};
  int fd;
  sl_status status = lock(&fd, t->study, err);
  if (status) return status;
  sl_stop_begin(!quiet);
  sl_progress_start(&w.progress);
  if (quiet) w.progress.kind = SL_PROGRESS_OFF;
  status = carry_out(&w, err);
  sl_progress_end(&w.progress);
  sl_stop_end();
  close(fd);
  out->finished = count(t, SL_STUDY_FINISHED), out->failed = count(t, SL_STUDY_FAILED);
  out->stopped = w.told && !status && out->finished + out->failed < t->n;
  return status;
}
