/* The report as a page of HTML that needs nothing else, and as a picture. */
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char page_style[] =
    ":root{color-scheme:light "
    "dark;--ink:#1c1c1c;--dim:#5d6269;--line:#e2e4e7;--paper:#fff;--card:#f7f8f9;--accent:#1b6ca8}"
    "@media "
    "(prefers-color-scheme:dark){:root{--ink:#eceff3;--dim:#a8adb4;--line:#32373e;--paper:#16191d;-"
    "-card:#1d2126;--accent:#6cb4ee}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;padding:28px 20px "
    "60px;max-width:1440px;background:var(--paper);color:var(--ink);"
    "font:15px/1.5 system-ui,'Helvetica Neue',Arial,sans-serif}"
    "h1{font-size:24px;margin:0 0 2px}h2{font-size:17px;margin:34px 0 "
    "10px;padding-bottom:5px;border-bottom:1px solid var(--line)}"
    "p{margin:0 0 12px;max-width:75ch;color:var(--dim)}"
    ".tiles{display:flex;flex-wrap:wrap;gap:10px;margin:18px 0}"
    ".tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:9px 15px}"
    ".tile b{display:block;font-size:20px;font-weight:600;font-variant-numeric:tabular-nums}.tile "
    "span{font-size:12.5px;color:var(--dim)}"
    ".tile.main{border-color:var(--accent)}"
    ".charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(400px,100%),1fr));gap:"
    "14px}"
    "figure{margin:0;padding:6px 6px 10px;border:1px solid var(--line);border-radius:8px}"
    "figure "
    "svg{display:block;width:100%;height:auto}figcaption{font-size:12.5px;line-height:1.4;color:"
    "var(--dim);padding:2px 12px 0}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "th,td{text-align:left;padding:4px 18px 4px 0;border-bottom:1px solid "
    "var(--line);vertical-align:top}th{font-weight:600}"
    "td.n{text-align:right}code,pre{font:12.5px/1.5 ui-monospace,'DejaVu Sans "
    "Mono',Menlo,monospace}code{overflow-wrap:anywhere}"
    "pre{background:var(--card);border:1px solid "
    "var(--line);border-radius:8px;padding:12px;overflow-x:auto}"
    "summary{cursor:pointer;color:var(--accent)}.scroll{overflow-x:auto}";

static void tile(FILE *out, const char *class, const char *value, const char *label) {
  fprintf(out, "<div class=\"tile %s\"><b>", class);
  sl_plot_text(out, value);
  fputs("</b><span>", out);
  sl_plot_text(out, label);
  fputs("</span></div>\n", out);
}

static void tiles(FILE *out, const sl_run_report *r) {
  char text[200];
  fputs("<div class=\"tiles\">\n", out);
  if (!isnan(r->after)) {
    snprintf(text, sizeof text, "%.1f %% \u2192 %.1f %%", 100 * r->before, 100 * r->after);
    tile(out, "main", text, "held-out success, before and after RL");
  } else if (!isnan(r->before)) {
    snprintf(text, sizeof text, "%.1f %%", 100 * r->before);
    tile(out, "main", text, "held-out success before RL");
  }
  snprintf(text, sizeof text, "%.0f of %lld", sl_run_report_steps(r, "rl"),
           (long long)r->config.rl.steps);
  tile(out, "", text, "rollouts");
  snprintf(text, sizeof text, "%.0f", sl_run_report_steps(r, "sft"));
  tile(out, "", text, "steps of the warm start");
  tile(out, "", r->config.gate.name, "gate");
  snprintf(text, sizeof text, "%.0f s", r->curves.seconds);
  tile(out, "", text, "in steps");
  if (r->curves.seconds > 0) {
    snprintf(text, sizeof text, "%.0f", r->curves.tokens / r->curves.seconds);
    tile(out, "", text, "tokens/s, sampled and trained");
  }
  tile(out, "", r->curves.backend, "backend");
  fputs("</div>\n", out);
}

static void figure(FILE *out, const sl_run_chart *chart) {
  const sl_plot_panel panel = sl_run_chart_panel(chart);
  fputs("<figure>\n", out);
  sl_plot_panel_write(out, &panel);
  fputs("<figcaption>", out);
  sl_plot_text(out, chart->reading);
  fputs("</figcaption>\n</figure>\n", out);
}

static void charts(FILE *out, const sl_run_report *r) {
  const char *group = NULL;
  sl_run_chart chart;
  for (size_t i = 0; sl_run_chart_at(r, i, &chart); i++) {
    if (chart.panel.curves == 0) continue;
    if (chart.group != group) {
      if (group) fputs("</div>\n", out);
      group = chart.group;
      fprintf(out, "<h2>%s</h2>\n<div class=\"charts\">\n", group);
    }
    figure(out, &chart);
  }
  if (group) fputs("</div>\n", out);
}

static void evaluation_rows(FILE *out, const sl_run_report *r, const char *phase,
                            const char *label) {
  const sl_run_curve *c = sl_run_curves_find(&r->curves, "evaluation", phase, "held_out_success");
  for (size_t i = 0; c && i < c->n; i++) {
    fprintf(out,
            "<tr><td>%s</td><td class=\"n\">%.0f</td><td class=\"n\">%.2f %%</td><td class=\"n\">",
            label, c->x[i], 100 * c->y[i]);
    if (i) fprintf(out, "%+.2f", 100 * (c->y[i] - c->y[i - 1]));
    fputs("</td></tr>\n", out);
  }
}

static void evaluations(FILE *out, const sl_run_report *r) {
  fputs(
      "<h2>Evaluations</h2>\n<div class=\"scroll\"><table>\n<tr><th>phase</th><th>after "
      "step</th><th>held-out success</th>"
      "<th>change, points</th></tr>\n",
      out);
  evaluation_rows(out, r, "sft", "warm start");
  evaluation_rows(out, r, "rl", "RL");
  fputs("</table></div>\n", out);
  if (!isnan(r->best))
    fprintf(out,
            "<p>The best checkpoint is kept: %.2f %% after rollout %.0f. It was selected on these "
            "problems, so the figure flatters; other problems give a fair one.</p>\n",
            100 * r->best, r->best_step);
}

static void identity_row(FILE *out, const char *what, const char *value) {
  if (!*value) return;
  fprintf(out, "<tr><th>%s</th><td><code>", what);
  sl_plot_text(out, value);
  fputs("</code></td></tr>\n", out);
}

static void identity(FILE *out, const sl_run_report *r) {
  fputs(
      "<h2>Identity</h2>\n<p>The state hash covers parameters, moments and counters. It does not "
      "depend on backend, instruction set, "
      "threads, micro-batch or time: the same configuration and version give the same hash "
      "anywhere.</p>\n"
      "<div class=\"scroll\"><table>\n",
      out);
  identity_row(out, "run", r->path);
  identity_row(out, "state hash of the finished run", r->final);
  identity_row(out, "state after the last step", r->curves.state);
  identity_row(out, "state after the warm start", r->curves.warm);
  identity_row(out, "backend", r->curves.backend);
  fputs("</table></div>\n", out);
}

/* The configuration as it reads back, through memory, because it is escaped on its way. */
static void configuration(FILE *out, const sl_run_report *r) {
  char *text = NULL;
  size_t size = 0;
  FILE *memory = open_memstream(&text, &size);
  sl_error err;
  const int printed = memory && sl_config_print(&r->config, memory, 0, &err) == SL_OK;
  if (memory && fclose(memory) == 0 && printed) {
    fputs("<h2>Configuration</h2>\n<details><summary>every key, as the run had it</summary>\n<pre>",
          out);
    sl_plot_text(out, text);
    fputs("</pre></details>\n", out);
  }
  free(text);
}

void sl_run_report_page(FILE *out, const sl_run_report *r) {
  fputs(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Sluice "
      "run ",
      out);
  sl_plot_text(out, r->name);
  fprintf(out, "</title>\n<style>%s%s</style>\n</head>\n<body>\n<h1>Run ", page_style,
          sl_plot_style);
  sl_plot_text(out, r->name);
  fputs(
      "</h1>\n<p>Faint lines are single steps, bold ones their running mean; the figure at a "
      "curve's end is where it stands now.</p>\n",
      out);
  tiles(out, r);
  charts(out, r);
  evaluations(out, r);
  identity(out, r);
  configuration(out, r);
  fputs("</body>\n</html>\n", out);
}

void sl_run_report_picture(FILE *out, const sl_run_report *r) {
  static const size_t columns = 3;
  sl_run_chart chart[SL_CHART_PICTURE_MAX];
  sl_plot_panel panel[SL_CHART_PICTURE_MAX];
  size_t n = 0;
  for (size_t i = 0; n < SL_CHART_PICTURE_MAX && sl_run_chart_at(r, i, &chart[n]); i++) {
    if (!chart[n].in_picture || chart[n].panel.curves == 0) continue;
    panel[n] = sl_run_chart_panel(&chart[n]);
    n++;
  }
  char title[300], below[400];
  if (isnan(r->after))
    snprintf(title, sizeof title, "Sluice run %.200s", r->name);
  else
    snprintf(title, sizeof title, "Sluice run %.200s: held-out success %.1f %% \u2192 %.1f %%",
             r->name, 100 * r->before, 100 * r->after);
  snprintf(below, sizeof below, "%.0f rollouts, gate %.60s, %s, state %s",
           sl_run_report_steps(r, "rl"), r->config.gate.name, r->curves.backend,
           *r->final ? r->final : r->curves.state);
  sl_plot_write(out, title, below, panel, n, n < columns ? n : columns);
}
