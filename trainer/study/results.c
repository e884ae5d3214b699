/* Reads what the runs of a study measured. */
#include "results.h"

#include "trainer/files/file.h"
#include "trainer/run/run_files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const sl_measure_row sl_measure_rows[SL_MEASURE_COUNT] = {
    {"reward", "reward, mean of all rollouts", "", 3},
    {"reward_late", "reward, last tenth", "", 3},
    {"success", "held-out success after training", "%", 1},
    {"eur", "EUR of second and later updates", "", 4},
    {"clip_ratio", "clip ratio of the last updates", "%", 2},
    {"entropy", "entropy, mean of all rollouts", "nats a token", 3},
    {"entropy_early", "entropy, first tenth", "nats a token", 3},
    {"entropy_late", "entropy, last tenth", "nats a token", 3},
    {"format_time", "to the format", "rollouts", 1},
    {"success_time", "to the success", "rollouts", 1}};

static double mean_of(const sl_run_curve *c, size_t begin, size_t end) {
  double sum = 0;
  for (size_t i = begin; i < end; i++) sum += c->y[i];
  return end > begin ? sum / (double)(end - begin) : (double)NAN;
}

static double time_of(const sl_run_curve *c, double level) {
  return c ? sl_time_to(c->x, c->y, c->n, level) : (double)NAN;
}

static void measure(sl_study_result *r, const sl_study_roles *roles) {
  const sl_run_curve *reward = sl_run_curves_find(&r->curves, "step", "rl", "reward_mean"),
                     *eur = sl_run_curves_find(&r->curves, "step", "rl", "eur_later"),
                     *clip = sl_run_curves_find(&r->curves, "step", "rl", "clip_ratio"),
                     *entropy = sl_run_curves_find(&r->curves, "step", "rl", "entropy"),
                     *format = sl_run_curves_find(&r->curves, "step", "rl", "reward_format"),
                     *success =
                         sl_run_curves_find(&r->curves, "evaluation", "rl", "held_out_success");
  double *m = r->measure;
  for (int i = 0; i < SL_MEASURE_COUNT; i++) m[i] = (double)NAN;
  if (reward) {
    const size_t tenth = (reward->n + 9) / 10;
    m[SL_MEASURE_REWARD] = mean_of(reward, 0, reward->n);
    m[SL_MEASURE_REWARD_LATE] = mean_of(reward, reward->n - tenth, reward->n);
  }
  if (entropy) {
    const size_t tenth = (entropy->n + 9) / 10;
    m[SL_MEASURE_ENTROPY] = mean_of(entropy, 0, entropy->n);
    m[SL_MEASURE_ENTROPY_EARLY] = mean_of(entropy, 0, tenth);
    m[SL_MEASURE_ENTROPY_LATE] = mean_of(entropy, entropy->n - tenth, entropy->n);
  }
  if (eur) m[SL_MEASURE_EUR] = mean_of(eur, 0, eur->n);
  if (clip) m[SL_MEASURE_CLIP_RATIO] = mean_of(clip, 0, clip->n);
  m[SL_MEASURE_SUCCESS] = sl_run_curve_last(success);
  m[SL_MEASURE_FORMAT_TIME] = time_of(format, roles->format);
  m[SL_MEASURE_SUCCESS_TIME] = time_of(success, roles->success);
}

static sl_status read_gate(sl_study_result *r, const sl_study_table *t, const sl_study_run *run,
                           sl_error *err) {
  sl_config config;
  sl_status status = sl_study_run_config(&config, t, run, 0, err);
  if (status) return status;
  r->gate = strdup(sl_config_path(&config, SL_KEY_gate_name));
  if (!r->gate) status = sl_fail(err, SL_ERR_MEMORY, "no memory for results");
  r->parameters = config.gate.pos;
  r->eur_target =
      config.gate.schedule == SL_CONFIG_SCHEDULE_EUR ? config.gate.eur_target : (double)NAN;
  sl_config_free(&config);
  return status;
}

static sl_status read_run(sl_study_result *r, const sl_study_table *t, const sl_study_run *run,
                          sl_error *err) {
  char *path = sl_path_join(run->path, SL_RUN_METRICS);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  sl_status status = sl_run_curves_read(&r->curves, path, err);
  free(path);
  if (status) return status;
  r->present = 1;
  measure(r, &t->study->roles);
  return read_gate(r, t, run, err);
}

static void find_precondition(sl_study_results *r) {
  const size_t baseline = r->table->study->roles.baseline;
  r->clip_ratio = (double)NAN;
  if (baseline != SL_STUDY_NONE)
    r->clip_ratio = sl_study_estimate(r, baseline, SL_MEASURE_CLIP_RATIO, NULL).mean;
  r->exercised = r->clip_ratio >= SL_STUDY_CLIP_LOW && r->clip_ratio <= SL_STUDY_CLIP_HIGH;
}

sl_status sl_study_results_read(sl_study_results *out, const sl_study_table *t, sl_error *err) {
  sl_study_results made = {.table = t, .result = calloc(t->n, sizeof *made.result)};
  sl_status status = made.result ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for results");
  for (size_t i = t->warm; !status && i < t->n; i++)
    if (t->run[i].state == SL_STUDY_FINISHED)
      status = read_run(&made.result[i], t, &t->run[i], err);
  if (status) {
    sl_study_results_free(&made);
    return status;
  }
  find_precondition(&made);
  *out = made;
  return SL_OK;
}

void sl_study_results_free(sl_study_results *r) {
  for (size_t i = 0; r->result && i < r->table->n; i++) {
    sl_run_curves_free(&r->result[i].curves);
    free(r->result[i].gate);
  }
  free(r->result);
  r->result = NULL;
}

const sl_study_result *sl_study_result_of(const sl_study_results *r, size_t arm, size_t seed) {
  const size_t i = r->table->warm + seed * r->table->study->arms + arm;
  return r->result[i].present ? &r->result[i] : NULL;
}

double sl_study_measure_of(const sl_study_results *r, size_t arm, size_t seed, sl_measure m) {
  const sl_study_result *of = sl_study_result_of(r, arm, seed);
  return of ? of->measure[m] : (double)NAN;
}

sl_estimate sl_study_estimate(const sl_study_results *r, size_t arm, sl_measure m,
                              size_t *censored) {
  double value[SL_STUDY_SEEDS_MAX];
  size_t n = 0, never = 0;
  for (size_t s = 0; s < r->table->study->seeds; s++) {
    const double v = sl_study_measure_of(r, arm, s, m);
    never += isinf(v) != 0;
    if (isfinite(v)) value[n++] = v;
  }
  if (censored) *censored = never;
  return sl_estimate_make(value, n);
}

sl_estimate sl_study_difference(const sl_study_results *r, size_t arm, size_t from, sl_measure m) {
  double value[SL_STUDY_SEEDS_MAX];
  size_t n = 0;
  for (size_t s = 0; s < r->table->study->seeds; s++) {
    const double d = sl_study_measure_of(r, arm, s, m) - sl_study_measure_of(r, from, s, m);
    if (isfinite(d)) value[n++] = d;
  }
  return sl_estimate_make(value, n);
}

static const sl_run_curve *curve_of(const sl_study_results *r, size_t arm, size_t seed,
                                    const char *kind, const char *key) {
  const sl_study_result *of = sl_study_result_of(r, arm, seed);
  return of ? sl_run_curves_find(&of->curves, kind, "rl", key) : NULL;
}

/* Where the seeds have different rollouts, those of the first are taken that the others have. */
static double mean_at(const sl_study_results *r, size_t arm, const char *kind, const char *key,
                      double x) {
  double sum = 0;
  size_t n = 0;
  for (size_t s = 0; s < r->table->study->seeds; s++) {
    const sl_run_curve *c = curve_of(r, arm, s, kind, key);
    for (size_t i = 0; c && i < c->n; i++)
      if (c->x[i] == x) sum += c->y[i], n++;
  }
  return n ? sum / (double)n : (double)NAN;
}

sl_status sl_study_mean_curve(double **x, double **y, size_t *n, const sl_study_results *r,
                              size_t arm, const char *kind, const char *key, sl_error *err) {
  const sl_run_curve *first = NULL;
  *x = *y = NULL, *n = 0;
  for (size_t s = 0; !first && s < r->table->study->seeds; s++)
    first = curve_of(r, arm, s, kind, key);
  if (!first) return SL_OK;
  *x = malloc(first->n * sizeof **x), *y = malloc(first->n * sizeof **y);
  if (!*x || !*y) {
    free(*x), free(*y);
    *x = *y = NULL;
    return sl_fail(err, SL_ERR_MEMORY, "no memory for a figure");
  }
  *n = first->n;
  for (size_t i = 0; i < *n; i++)
    (*x)[i] = first->x[i], (*y)[i] = mean_at(r, arm, kind, key, first->x[i]);
  return SL_OK;
}
