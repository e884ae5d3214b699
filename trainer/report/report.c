/* A run's folder, read for its report; the report as text and as JSON. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "report.h"

#include "ledger_head.h"
#include "trainer/files/file.h"
#include "kernels/support/text_stream.h"
#include "kernels/support/utf8.h"
#include "trainer/files/json.h"
#include "trainer/run/run_files.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LATE = 10 }; /* rollouts */

static sl_status read_config(sl_run_report *r, sl_error *err) {
  char *path = sl_path_join(r->path, SL_RUN_CONFIG);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  const sl_status status = sl_config_load_recorded(&r->config, path, NULL, 0, err);
  if (status) sl_run_explain(r->path, err);
  free(path);
  return status;
}

static sl_status read_curves(sl_run_report *r, sl_error *err) {
  char *path = sl_path_join(r->path, SL_RUN_METRICS);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  const sl_status status = sl_run_curves_read(&r->curves, path, err);
  free(path);
  return status;
}

/* The state with which a finished run ended (spec F4.5: its checkpoint's phase is 2); none if it
 * goes on, or its checkpoints were removed.
 */
static sl_status read_final(sl_run_report *r, sl_error *err) {
  char *path = NULL, *file = NULL, *text = NULL;
  size_t size;
  sl_json doc = {0};
  const char *state;
  sl_status status = sl_checkpoint_newest(&path, r->path, err);
  if (status) return status == SL_ERR_MEMORY || status == SL_ERR_IO ? status : SL_OK;
  file = sl_path_join(path, "state.json");
  status = file ? sl_file_read(&text, &size, file, 1 << 20, err)
                : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  if (!status) status = sl_json_parse(&doc, file, 1, text, size, err);
  size_t phase;
  if (!status) status = sl_json_size(&doc, "phase", 0, SL_PHASE_DONE, &phase, err);
  if (!status) status = sl_json_text(&doc, "state", &state, err);
  if (!status && phase == SL_PHASE_DONE) snprintf(r->final, sizeof r->final, "%s", state);
  if (doc.root) sl_json_free(&doc);
  free(text);
  free(file);
  free(path);
  return status;
}

static sl_status read_samples(sl_run_report *r, sl_error *err) {
  char *path = sl_path_join(r->path, SL_RUN_SAMPLES);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  const sl_status status = sl_sample_lines_read(&r->samples, path, err);
  free(path);
  return status;
}

/* A run without a ledger has none. */
static sl_status read_ledger(sl_run_report *r, sl_error *err) {
  char *path = sl_path_join(r->path, SL_RUN_LEDGER);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  sl_ledger_head head;
  const sl_status status = sl_ledger_head_read(&head, path, err);
  r->ledger = head.version, r->numerics = head.numerics;
  free(path);
  return status;
}

static sl_status print_config(sl_run_report *r, sl_error *err) {
  sl_text_stream made;
  FILE *out = sl_text_stream_open(&made);
  const sl_status status = out ? sl_config_print(&r->config, out, 0, err) : SL_OK;
  r->printed = sl_text_stream_close(&made);
  if (status || r->printed) return status;
  return sl_fail(err, SL_ERR_MEMORY, "no memory for a configuration");
}

/* When a file of the run last changed; "" if that cannot be said. */
static void read_date(char *out, size_t size, const sl_run_report *r, const char *name) {
  char path[PATH_MAX];
  struct stat st;
  const int n = snprintf(path, sizeof path, "%s/%s", r->path, name);
  *out = 0;
  if (n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0)
    sl_report_date(out, size, st.st_mtime);
}

void sl_report_date(char *out, size_t size, time_t when) {
  struct tm utc;
  if (!gmtime_r(&when, &utc) || !strftime(out, size, "%Y-%m-%d %H:%M UTC", &utc)) *out = 0;
}

/* The last component of a path, without the slashes that end it. */
static void last_name(char *out, size_t size, const char *path) {
  size_t end = strlen(path);
  while (end > 1 && path[end - 1] == '/') end--;
  size_t begin = end;
  while (begin > 0 && path[begin - 1] != '/') begin--;
  snprintf(out, size, "%.*s", (int)(end - begin), path + begin);
}

/* The folder's own name, also of "." and of a path that ends with a slash. */
static void find_name(char *out, size_t size, const char *path) {
  char full[PATH_MAX];
  last_name(out, size, realpath(path, full) ? full : path);
}

/* As checkpoint.best selects it. */
static void find_best(sl_run_report *r, const sl_run_curve *success) {
  r->best = r->best_step = (double)NAN;
  for (size_t i = 0; success && r->config.checkpoint.best && i < success->n; i++)
    if (isnan(r->best) || success->y[i] > r->best)
      r->best = success->y[i], r->best_step = success->x[i];
}

sl_status sl_run_report_read(sl_run_report *out, const char *path, sl_error *err) {
  sl_run_report r = {.path = path};
  find_name(r.name, sizeof r.name, path);
  sl_status status = read_config(&r, err);
  if (status) return status;
  status = read_curves(&r, err);
  if (!status) status = read_final(&r, err);
  if (!status) status = read_samples(&r, err);
  if (!status) status = read_ledger(&r, err);
  if (!status) status = print_config(&r, err);
  if (status) {
    sl_run_report_free(&r);
    return status;
  }
  const sl_run_curve *success =
      sl_run_curves_find(&r.curves, "evaluation", "rl", "held_out_success");
  r.before = sl_run_curve_first(success);
  r.after = success && success->n > 1 ? sl_run_curve_last(success) : (double)NAN;
  find_best(&r, success);
  r.span[0] = 1, r.span[1] = sl_run_report_steps(&r, "rl");
  r.target[0] = r.target[1] = r.config.gate.eur_target;
  read_date(r.begun, sizeof r.begun, &r, SL_RUN_CONFIG);
  read_date(r.latest, sizeof r.latest, &r, SL_RUN_METRICS);
  *out = r;
  return SL_OK;
}

void sl_run_report_free(sl_run_report *report) {
  sl_config_free(&report->config);
  free(report->printed);
  sl_run_curves_free(&report->curves);
  sl_sample_lines_free(&report->samples);
}

double sl_run_report_steps(const sl_run_report *report, const char *phase) {
  const double last = sl_run_curve_last(sl_run_curves_find(&report->curves, "step", phase, "step"));
  return isnan(last) ? 0 : last;
}

/* tau of a run with a schedule, and how often the controller was at a bound (spec L3.11). */
static void print_schedule(FILE *out, const sl_run_curves *c) {
  const sl_run_curve *pos = sl_run_curves_find(c, "step", "rl", "tau_pos"),
                     *neg = sl_run_curves_find(c, "step", "rl", "tau_neg"),
                     *cut = sl_run_curves_find(c, "step", "rl", "tau_saturated");
  if (!pos || !neg) return;
  fprintf(out, "tau, at last                %.4g (A > 0), %.4g", sl_run_curve_last(pos),
          sl_run_curve_last(neg));
  if (cut)
    fprintf(out, "; at a bound after %.0f of %zu rollouts",
            sl_run_curve_mean(cut, cut->n) * (double)cut->n, cut->n);
  fputc('\n', out);
}

/* What dynamic sampling cost, and how often its limit was reached (spec L3.12). */
static void print_sampling(FILE *out, const sl_run_report *r) {
  const sl_run_curve *rounds = sl_run_curves_find(&r->curves, "step", "rl", "sampling_rounds"),
                     *kept = sl_run_curves_find(&r->curves, "step", "rl", "groups_kept"),
                     *dropped = sl_run_curves_find(&r->curves, "step", "rl", "groups_dropped");
  size_t fewer = 0, none = 0;
  if (!rounds || !kept || !dropped) return;
  for (size_t i = 0; i < kept->n; i++)
    fewer += kept->y[i] < (double)r->config.rl.prompts, none += kept->y[i] <= 0;
  fprintf(
      out,
      "dynamic sampling            %.2f rounds, %.1f groups dropped a rollout; limit reached in "
      "%zu of %zu, %zu without update\n",
      sl_run_curve_mean(rounds, rounds->n), sl_run_curve_mean(dropped, dropped->n), fewer, kept->n,
      none);
}

void sl_run_report_text(FILE *out, const sl_run_report *r) {
  const sl_run_curves *c = &r->curves;
  if (!isnan(r->before)) fprintf(out, "held-out success before RL  %5.1f %%\n", 100 * r->before);
  if (!isnan(r->after))
    fprintf(out, "held-out success after RL   %5.1f %%  (%+.1f points)\n", 100 * r->after,
            100 * (r->after - r->before));
  if (!isnan(r->best))
    fprintf(out,
            "best held-out success       %5.1f %%  after rollout %.0f; selected on these problems, "
            "so it flatters\n",
            100 * r->best, r->best_step);
  fprintf(out, "steps of the warm start     %.0f\n", sl_run_report_steps(r, "sft"));
  fprintf(out, "rollouts done               %.0f, of rl.steps %lld\n", sl_run_report_steps(r, "rl"),
          (long long)r->config.rl.steps);
  fprintf(out, "gate                        %s\n", r->config.gate.name);
  const sl_run_curve *eur = sl_run_curves_find(c, "step", "rl", "eur_later");
  if (eur)
    fprintf(out, "effective update ratio      %.4f, but the first updates; last %zu rollouts\n",
            sl_run_curve_mean(eur, LATE), eur->n < LATE ? eur->n : (size_t)LATE);
  print_schedule(out, c);
  print_sampling(out, r);
  fprintf(out, "time in steps               %.0f s, %.0f tokens/s on %s\n", c->seconds,
          c->seconds > 0 ? c->tokens / c->seconds : 0, c->backend);
  if (*r->final)
    fprintf(out, "state hash                  %s\n", r->final);
  else
    fprintf(out, "state after the last step   %s\n", c->state);
}

/* Means over the last ten rollouts, or all if there are fewer: one rollout's would be noise. */
static int add_late_means(json_t *root, const sl_run_report *r) {
  static const char *const keys[] = {
      "reward_mean", "entropy",   "ratio_variance",  "weight_below_half", "effective_weight",
      "eur_later",   "tau_scale", "sampling_rounds", "groups_kept",       "groups_dropped"};
  json_t *late = json_object();
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const sl_run_curve *c = sl_run_curves_find(&r->curves, "step", "rl", keys[i]);
    if (c) json_object_set_new(late, keys[i], json_real(sl_run_curve_mean(c, LATE)));
  }
  return json_object_set_new(root, "last_ten_rollouts", late) == 0;
}

static json_t *as_json(const sl_run_report *r) {
  const sl_run_curves *c = &r->curves;
  char *path = sl_utf8_repaired(r->path);
  json_t *root = json_pack("{s:s, s:I, s:I, s:f, s:I, s:s, s:s, s:s}", "run", path ? path : "",
                           "sft_steps", (json_int_t)sl_run_report_steps(r, "sft"), "rl_steps",
                           (json_int_t)sl_run_report_steps(r, "rl"), "seconds", c->seconds,
                           "tokens", (json_int_t)llround(c->tokens), "backend", c->backend,
                           "last_step_state", c->state, "warm_start_state", c->warm);
  free(path);
  if (!isnan(r->before)) json_object_set_new(root, "success_before", json_real(r->before));
  if (!isnan(r->after)) json_object_set_new(root, "success_after", json_real(r->after));
  if (!isnan(r->best)) {
    json_object_set_new(root, "best_success_selected", json_real(r->best));
    json_object_set_new(root, "best_step", json_real(r->best_step));
  }
  if (r->numerics) json_object_set_new(root, "numerics", json_integer(r->numerics));
  if (*r->final) json_object_set_new(root, "state", json_string(r->final));
  if (root && add_late_means(root, r)) return root;
  json_decref(root);
  return NULL;
}

int sl_run_report_json(FILE *out, const sl_run_report *runs, size_t n) {
  json_t *root = n == 1 ? as_json(runs) : json_array();
  for (size_t i = 0; n > 1 && i < n; i++)
    if (json_array_append_new(root, as_json(&runs[i])) != 0) return json_decref(root), 0;
  char *text = root ? sl_json_dump(root, JSON_INDENT(2)) : NULL;
  json_decref(root);
  const int ok = text && fprintf(out, "%s\n", text) >= 0;
  free(text);
  return ok;
}
