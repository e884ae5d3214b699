/* The arithmetic of a study's budget, from short probes. A probe's cost is CPU time, which other
 * programs on the machine change little. */
#define _GNU_SOURCE
#include "study_budget.h"

#include "study_children.h"
#include "kernels/core/processors.h"
#include "kernels/support/cli.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROLLOUTS = 8, STEPS = 100 };

typedef struct {
  const sl_study_table *table;
  const sl_study_run *run; /* of the first arm */
  char folder[4000];
  int has_warm;
} prober;

static double seconds_of(const struct rusage *u) {
  return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
         1e-6 * (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
  (void)st, (void)kind, (void)at;
  return remove(path);
}

static sl_status fail_probe(const char *log, uint64_t begin, sl_error *err) {
  char why[600];
  sl_study_read_problem(why, sizeof why, log, begin);
  return sl_fail(err, SL_ERR_INPUT, "a probe of the first arm failed: %s", why);
}

/* CPU seconds of a run of `steps` steps of warm start and `rollouts` rollouts. */
static sl_status probe(prober *p, int steps, int rollouts, int evaluate_each, double *seconds,
                       sl_error *err) {
  char out[4096], log[4096], sft[40], rl[40], every[40];
  static char words[][24] = {
      "sluice", "train", "--quiet", "--set", "sft.stop_success=1", "checkpoint.every=0"};
  char *argv[2 * (SL_STUDY_ARGUMENTS_MAX + 8)];
  size_t n = 0;
  sl_study_arguments a;
  struct rusage used = {0};
  const sl_status status = sl_study_arguments_make(&a, p->table, p->run, 0, err);
  if (status) return status;
  snprintf(out, sizeof out, "run.out=%s/%d-%d-%d", p->folder, steps, rollouts, evaluate_each);
  snprintf(log, sizeof log, "%s/log", p->folder);
  snprintf(sft, sizeof sft, "sft.steps=%d", steps);
  snprintf(rl, sizeof rl, "rl.steps=%d", rollouts);
  snprintf(every, sizeof every, "eval.every=%d", evaluate_each ? 1 : 1000000000);
  argv[n++] = words[0], argv[n++] = words[1], argv[n++] = p->table->study->base;
  argv[n++] = words[2];
  for (size_t i = 0; i < a.n; i++) argv[n++] = words[3], argv[n++] = a.item[i];
  char *const more[] = {out, rl, every, words[4], words[5], sft};
  for (size_t i = 0; i < (p->has_warm ? 6u : 5u); i++) argv[n++] = words[3], argv[n++] = more[i];
  argv[n] = NULL;
  struct stat before;
  const uint64_t begin = stat(log, &before) == 0 ? (uint64_t)before.st_size : 0;
  const pid_t pid = sl_study_spawn(argv, log);
  int code = 0;
  sl_study_arguments_free(&a);
  if (pid < 0) return sl_fail(err, SL_ERR_IO, "%s: %s", log, strerror(errno));
  while (wait4(pid, &code, 0, &used) < 0 && errno == EINTR) {
  }
  *seconds = seconds_of(&used);
  return code == 0 ? SL_OK : fail_probe(log, begin, err);
}

/* Differences of probes that differ in one thing. */
static sl_status measure(prober *p, sl_study_budget *b, sl_error *err) {
  double base, rollouts, looks, steps = 0;
  sl_status status = probe(p, 1, 1, 0, &base, err);
  if (!status) status = probe(p, 1, 1 + ROLLOUTS, 0, &rollouts, err);
  if (!status) status = probe(p, 1, 1 + ROLLOUTS, 1, &looks, err);
  if (!status && p->has_warm) status = probe(p, 1 + STEPS, 1, 0, &steps, err);
  if (status) return status;
  const double least = 1e-3; /* rusage counts in milliseconds or more */
  b->step = (rollouts - base) / ROLLOUTS, b->evaluation = (looks - rollouts) / ROLLOUTS;
  b->sft_step = (steps - base) / STEPS;
  if (b->step < least) b->step = least;
  if (b->evaluation < 0) b->evaluation = 0;
  if (b->sft_step < 0) b->sft_step = 0;
  b->start = base - b->step > 0 ? base - b->step : 0;
  b->probe_rollouts = ROLLOUTS, b->probe_steps = STEPS;
  return SL_OK;
}

static sl_status measure_in_folder(prober *p, sl_study_budget *b, sl_error *err) {
  const char *root = getenv("TMPDIR");
  snprintf(p->folder, sizeof p->folder, "%.3900s/sluice-study-XXXXXX",
           root && *root ? root : "/tmp");
  if (!mkdtemp(p->folder)) return sl_fail(err, SL_ERR_IO, "%s: %s", p->folder, strerror(errno));
  const sl_status status = measure(p, b, err);
  nftw(p->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  return status;
}

static void add_arm(sl_study_budget *b, const sl_config *c) {
  const double rollouts = (double)c->rl.steps, epochs = (double)c->rl.epochs,
               tokens = (double)c->rl.prompts * (double)c->rl.group * (double)c->rl.max_new_tokens;
  b->rollouts += rollouts;
  b->updates += rollouts * (double)c->rl.updates * epochs;
  b->sampled += rollouts * tokens;
  b->trained += rollouts * tokens * epochs;
}

static double cost(const sl_study_budget *b, const sl_config *c, int warm) {
  const int64_t steps = warm ? c->sft.steps : c->rl.steps,
                looks = steps / (warm ? c->sft.eval_every : c->eval.every);
  return b->start + (double)steps * (warm ? b->sft_step : b->step) + (double)looks * b->evaluation;
}

sl_status sl_study_budget_make(sl_study_budget *out, const sl_study_table *t, sl_error *err) {
  sl_study_budget b = {.runs = t->n, .warm = t->warm};
  prober p = {.table = t, .run = &t->run[t->warm], .has_warm = t->warm > 0};
  sl_status status = measure_in_folder(&p, &b, err);
  for (size_t i = 0; !status && i < t->n; i++) {
    const sl_study_run *run = &t->run[i];
    const int warm = run->arm == SL_STUDY_NONE;
    sl_config config;
    status = sl_study_run_config(&config, t, run, 0, err);
    if (status) break;
    const double seconds = cost(&b, &config, warm);
    if (warm)
      b.warm_seconds = seconds;
    else
      add_arm(&b, &config);
    if (i == t->warm) b.arm_seconds = seconds;
    b.all_seconds += seconds;
    if (run->state == SL_STUDY_FINISHED)
      b.finished++;
    else
      b.left_seconds += seconds;
    b.begun += run->state == SL_STUDY_BEGUN;
    sl_config_free(&config);
  }
  if (!status) *out = b;
  return status;
}

void sl_study_budget_print(const sl_study_budget *b, const sl_study_table *t, size_t jobs,
                           FILE *out) {
  const sl_study *s = t->study;
  const size_t cores = (size_t)sl_processors(), used = jobs < cores ? jobs : cores;
  fprintf(out, "study:       %s, base %s, out %s\n", s->file, s->base, s->out);
  fprintf(out, "runs:        %zu: %zu arms x %zu seeds, and %zu warm starts, one a seed\n", b->runs,
          s->arms, s->seeds, b->warm);
  if (b->finished + b->begun)
    fprintf(out, "there:       %zu finished, %zu begun\n", b->finished, b->begun);
  fprintf(out, "rollouts:    %.0f, with %.0f updates\n", b->rollouts, b->updates);
  fprintf(out, "tokens:      at most %.3g sampled and %.3g trained, of completions\n", b->sampled,
          b->trained);
  fprintf(out,
          "a rollout:   %.3f s of one core with its updates, as measured: %d rollouts of arm %s by "
          "an untrained policy, whose completions seldom end early\n",
          b->step, b->probe_rollouts, s->arm[0].name);
  if (b->warm)
    fprintf(out, "warm step:   %.4f s, as measured: %d steps\n", b->sft_step, b->probe_steps);
  fprintf(out, "evaluation:  %.3f s, as measured; start and end of a run: %.3f s\n", b->evaluation,
          b->start);
  fprintf(out, "a run:       %.1f s of one core; a warm start: at most %.1f s\n", b->arm_seconds,
          b->warm_seconds);
  fprintf(out, "together:    %.2f hours of one core; on this machine %zu at a time: %.2f hours",
          b->all_seconds / 3600, used, b->all_seconds / 3600 / (double)used);
  if (b->finished) fprintf(out, ", of which %.2f are left", b->left_seconds / 3600 / (double)used);
  fputc('\n', out);
}
