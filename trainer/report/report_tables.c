/* The tables of a report's page. */
#include "report_tables.h"

#include <math.h>
#include <string.h>

enum { EVALUATIONS = 100, ROLLOUTS = 6 }; /* most rows; rollouts whose completions are shown */

void sl_report_tile(FILE *out, const char *class, const char *value, const char *label) {
  fprintf(out, "<div class=\"tile %s\"><b>", class);
  sl_plot_text(out, value);
  fputs("</b><span>", out);
  sl_plot_text(out, label);
  fputs("</span></div>\n", out);
}

void sl_report_tiles(FILE *out, const sl_run_report *r) {
  char text[200], label[100];
  fputs("<div class=\"tiles\">\n", out);
  if (!isnan(r->after)) {
    snprintf(text, sizeof text, "%.1f %% \u2192 %.1f %%", 100 * r->before, 100 * r->after);
    sl_report_tile(out, "main", text, "held-out success, before and after RL");
  } else if (!isnan(r->before)) {
    snprintf(text, sizeof text, "%.1f %%", 100 * r->before);
    sl_report_tile(out, "main", text, "held-out success before RL");
  }
  if (!isnan(r->best)) {
    snprintf(text, sizeof text, "%.1f %%", 100 * r->best);
    snprintf(label, sizeof label, "best, after rollout %.0f: selected, so it flatters",
             r->best_step);
    sl_report_tile(out, "", text, label);
  }
  snprintf(text, sizeof text, "%.0f of %lld", sl_run_report_steps(r, "rl"),
           (long long)r->config.rl.steps);
  sl_report_tile(out, "", text, "rollouts done, of rl.steps");
  snprintf(text, sizeof text, "%.0f", sl_run_report_steps(r, "sft"));
  sl_report_tile(out, "", text, "steps of the warm start");
  sl_report_tile(out, "", r->config.gate.name, "gate");
  snprintf(text, sizeof text, "%.0f s", r->curves.seconds);
  sl_report_tile(out, "", text, "in steps");
  if (r->curves.seconds > 0) {
    snprintf(text, sizeof text, "%.0f", r->curves.tokens / r->curves.seconds);
    sl_report_tile(out, "", text, "tokens/s, sampled and trained");
  }
  sl_report_tile(out, "", r->curves.backend, "backend");
  fputs("</div>\n", out);
}

static void share(FILE *out, double value) {
  fputs("<td class=\"n\">", out);
  if (!isnan(value)) fprintf(out, "%.1f %%", 100 * value);
  fputs("</td>", out);
}

static void cell(FILE *out, const char *text) {
  fputs("<td>", out);
  sl_plot_text(out, text);
  fputs("</td>", out);
}

void sl_report_summary(FILE *out, const sl_run_report *runs, size_t n) {
  fputs(
      "<div class=\"scroll\"><table>\n<tr><th>run</th><th>success before RL</th><th>success after "
      "RL</th>"
      "<th>rollouts done, of rl.steps</th><th>gate</th><th>seconds in "
      "steps</th><th>backend</th></tr>\n",
      out);
  for (const sl_run_report *r = runs; r < runs + n; r++) {
    fputs("<tr>", out);
    cell(out, r->name);
    share(out, r->before);
    share(out, r->after);
    fprintf(out, "<td class=\"n\">%.0f of %lld</td>", sl_run_report_steps(r, "rl"),
            (long long)r->config.rl.steps);
    cell(out, r->config.gate.name);
    fprintf(out, "<td class=\"n\">%.0f</td>", r->curves.seconds);
    cell(out, r->curves.backend);
    fputs("</tr>\n", out);
  }
  fputs("</table></div>\n", out);
}

static void evaluation_rows(FILE *out, const sl_run_curve *c, const char *label) {
  size_t pick[SL_PLOT_POINTS];
  const size_t n = c ? sl_plot_pick(pick, c->n, EVALUATIONS) : 0;
  for (size_t k = 0; k < n; k++) {
    const size_t i = pick[k];
    fprintf(out,
            "<tr><td>%s</td><td class=\"n\">%.0f</td><td class=\"n\">%.2f %%</td><td class=\"n\">",
            label, c->x[i], 100 * c->y[i]);
    if (k) fprintf(out, "%+.2f", 100 * (c->y[i] - c->y[pick[k - 1]]));
    fputs("</td></tr>\n", out);
  }
}

void sl_report_evaluations(FILE *out, const sl_run_report *r) {
  const sl_run_curve *sft = sl_run_curves_find(&r->curves, "evaluation", "sft", "held_out_success"),
                     *rl = sl_run_curves_find(&r->curves, "evaluation", "rl", "held_out_success");
  fputs("<h2>Evaluations</h2>\n", out);
  if ((sft && sft->n > EVALUATIONS) || (rl && rl->n > EVALUATIONS))
    fprintf(out, "<p>At most %d of a phase are listed, at equal distances, and the last.</p>\n",
            EVALUATIONS);
  fputs(
      "<div class=\"scroll\"><table>\n<tr><th>phase</th><th>after step</th>"
      "<th>held-out success</th><th>change, points</th></tr>\n",
      out);
  evaluation_rows(out, sft, "warm start");
  evaluation_rows(out, rl, "RL");
  fputs("</table></div>\n", out);
  if (!isnan(r->best))
    fprintf(out,
            "<p>The best checkpoint is kept: %.2f %% after rollout %.0f. It was selected on these "
            "problems, so the figure flatters; other problems give a fair one.</p>\n",
            100 * r->best, r->best_step);
}

/* 1: the first line of a rollout that has samples. */
static int is_first(const sl_sample_lines *s, size_t i) {
  return i == 0 || s->line[i].step != s->line[i - 1].step;
}

static void completion_row(FILE *out, const sl_sample_line *l) {
  fprintf(out, "<tr><td class=\"n\">%zu</td><td><code>", l->step);
  sl_plot_text(out, l->prompt);
  fputs("</code></td><td><code>", out);
  sl_plot_text(out, l->completion);
  fprintf(out, "</code>%s</td><td><code>", l->ended ? "" : " (cut off)");
  sl_plot_text(out, l->answer);
  fprintf(out, "</code></td><td class=\"n\">%.3g</td></tr>\n", l->reward);
}

void sl_report_completions(FILE *out, const sl_run_report *r) {
  const sl_sample_lines *s = &r->samples;
  size_t pick[SL_PLOT_POINTS];
  if (!s->n) return;
  size_t rollouts = 0, rollout = 0, k = 0;
  for (size_t i = 0; i < s->n; i++) rollouts += (size_t)is_first(s, i);
  const size_t n = sl_plot_pick(pick, rollouts, ROLLOUTS);
  fprintf(out,
          "<h2>Completions</h2>\n<p>As they were sampled, from the first rollout to the last; "
          "samples.jsonl has those of %zu rollouts.</p>\n<div class=\"scroll\"><table>\n"
          "<tr><th>rollout</th><th>prompt</th><th>completion</th><th>answer</th><th>reward</th>"
          "</tr>\n",
          rollouts);
  for (size_t i = 0; i < s->n; i++) {
    if (i > 0 && is_first(s, i)) rollout++;
    while (k < n && pick[k] < rollout) k++;
    if (k < n && pick[k] == rollout) completion_row(out, &s->line[i]);
  }
  fputs("</table></div>\n", out);
}

static void identity_row(FILE *out, const char *what, const char *value) {
  if (!*value) return;
  fprintf(out, "<tr><th>%s</th><td><code>", what);
  sl_plot_text(out, value);
  fputs("</code></td></tr>\n", out);
}

void sl_report_identity(FILE *out, const sl_run_report *runs, size_t n) {
  fputs(
      "<h2>Identity</h2>\n<p>The state hash covers parameters, moments and counters. It does not "
      "depend on backend, instruction set, threads, micro-batch or time: the same configuration "
      "and version give the same hash anywhere.</p>\n<div class=\"scroll\"><table>\n",
      out);
  for (const sl_run_report *r = runs; r < runs + n; r++) {
    char numerics[32] = "";
    if (r->numerics) snprintf(numerics, sizeof numerics, "version %d", r->numerics);
    identity_row(out, "run", r->path);
    identity_row(out, "numerics", numerics);
    identity_row(out, "begun", r->begun);
    identity_row(out, "last step", r->latest);
    identity_row(out, "state hash of the finished run", r->final);
    identity_row(out, "state after the last step", r->curves.state);
    identity_row(out, "state after the warm start", r->curves.warm);
    identity_row(out, "backend", r->curves.backend);
  }
  fputs("</table></div>\n", out);
}

/* Configurations that are walked line by line, the same key in all of them. */
typedef struct {
  const char *at[SL_REPORT_RUNS_MAX], *section;
  size_t runs, section_length;
  char key[100], value[SL_REPORT_RUNS_MAX][400]; /* of the difference that was found last */
} comparison;

static comparison begin_comparison(const sl_run_report *runs, size_t n) {
  comparison c = {.section = "", .runs = n};
  for (size_t r = 0; r < n; r++) c.at[r] = runs[r].printed;
  return c;
}

/* Reads one line of each; 1 if they differ. */
static int compare_line(comparison *c) {
  const char *line = c->at[0];
  const size_t first = strcspn(line, "\n"), key = strcspn(line, ":"), indent = strspn(line, " ");
  int differ = 0;
  if (!indent) c->section = line, c->section_length = key;
  snprintf(c->key, sizeof c->key, "%.*s.%.*s", (int)c->section_length, c->section,
           (int)(key - indent), line + indent);
  for (size_t r = 0; r < c->runs; r++) {
    const size_t length = strcspn(c->at[r], "\n"), begin = key + 2 < length ? key + 2 : length;
    differ |= length != first || memcmp(c->at[r], line, first) != 0;
    snprintf(c->value[r], sizeof c->value[r], "%.*s", (int)(length - begin), c->at[r] + begin);
    c->at[r] += length + (c->at[r][length] == '\n');
  }
  return differ;
}

/* Goes on to the next key in which they differ; 0: there is none. */
static int next_difference(comparison *c) {
  while (*c->at[0] && *c->at[0] != '\n')
    if (compare_line(c)) return 1;
  return 0;
}

static void differences(FILE *out, const sl_run_report *runs, size_t n) {
  comparison c = begin_comparison(runs, n);
  fputs("<h2>Configuration</h2>\n<p>Keys in which the runs differ.</p>\n", out);
  fputs("<div class=\"scroll\"><table>\n<tr><th>key</th>", out);
  for (size_t r = 0; r < n; r++) {
    fputs("<th>", out);
    sl_plot_text(out, runs[r].name);
    fputs("</th>", out);
  }
  fputs("</tr>\n", out);
  while (next_difference(&c)) {
    fprintf(out, "<tr><th>%s</th>", c.key);
    for (size_t r = 0; r < n; r++) cell(out, c.value[r]);
    fputs("</tr>\n", out);
  }
  fputs("</table></div>\n", out);
}

void sl_report_differences_text(FILE *out, const sl_run_report *runs, size_t n) {
  comparison c = begin_comparison(runs, n);
  fputs("\nkeys in which they differ\n", out);
  while (next_difference(&c)) {
    fprintf(out, "%-27s ", c.key);
    for (size_t r = 0; r < n; r++) fprintf(out, "%s%s", r ? " | " : "", c.value[r]);
    fputs("\n", out);
  }
}

void sl_report_configuration(FILE *out, const sl_run_report *runs, size_t n) {
  if (n > 1) {
    differences(out, runs, n);
    return;
  }
  fputs("<h2>Configuration</h2>\n<details><summary>every key, as the run had it</summary>\n<pre>",
        out);
  sl_plot_text(out, runs->printed);
  fputs("</pre></details>\n", out);
}
