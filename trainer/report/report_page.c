/* The report as a page of HTML that needs nothing else, and as a picture. */
#include "report_tables.h"

#include "kernels/support/version.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const sl_report_page_style =
    ":root{color-scheme:light dark;--ink:#1c1c1c;--dim:#5d6269;--line:#e2e4e7;--paper:#fff;"
    "--card:#f7f8f9;--accent:#1b6ca8}"
    "@media (prefers-color-scheme:dark){:root{--ink:#eceff3;--dim:#a8adb4;--line:#32373e;"
    "--paper:#16191d;--card:#1d2126;--accent:#6cb4ee}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;padding:28px 20px 60px;max-width:1440px;background:var(--paper);"
    "color:var(--ink);font:15px/1.5 system-ui,'Helvetica Neue',Arial,sans-serif}"
    "h1{font-size:24px;margin:0 0 2px}"
    "h2{font-size:17px;margin:34px 0 10px;padding-bottom:5px;"
    "border-bottom:1px solid var(--line)}"
    "p{margin:0 0 12px;max-width:75ch;color:var(--dim)}"
    ".tiles{display:flex;flex-wrap:wrap;gap:10px;margin:18px 0}"
    ".tile{background:var(--card);border:1px solid var(--line);border-radius:8px;"
    "padding:9px 15px}"
    ".tile b{display:block;font-size:20px;font-weight:600;font-variant-numeric:tabular-nums}"
    ".tile span{font-size:12.5px;color:var(--dim)}"
    ".tile.main{border-color:var(--accent)}"
    ".charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(400px,100%),1fr));"
    "gap:14px}"
    "figure{margin:0;padding:6px 6px 10px;border:1px solid var(--line);border-radius:8px}"
    "figure svg{display:block;width:100%;height:auto}"
    "figcaption{font-size:12.5px;line-height:1.4;color:var(--dim);padding:2px 12px 0}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "th,td{text-align:left;padding:4px 18px 4px 0;border-bottom:1px solid var(--line);"
    "vertical-align:top}"
    "th{font-weight:600}"
    "td.n{text-align:right}"
    "code,pre{font:12.5px/1.5 ui-monospace,'DejaVu Sans Mono',Menlo,monospace}"
    "code{overflow-wrap:anywhere}"
    "pre{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px;"
    "overflow-x:auto}"
    "summary{cursor:pointer;color:var(--accent)}"
    ".scroll{overflow-x:auto}";

static void figure(FILE *out, const sl_run_chart *chart) {
  const sl_plot_panel panel = sl_run_chart_panel(chart);
  fputs("<figure>\n", out);
  sl_plot_panel_write(out, &panel);
  fputs("<figcaption>", out);
  sl_plot_text(out, chart->reading);
  fputs("</figcaption>\n</figure>\n", out);
}

static void charts(FILE *out, const sl_run_report *runs, size_t n) {
  const char *group = NULL;
  sl_run_chart chart;
  for (size_t i = 0; sl_run_chart_at(runs, n, i, &chart); i++) {
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

void sl_report_today(char *out, size_t size) {
  const char *epoch = getenv("SOURCE_DATE_EPOCH");
  sl_report_date(out, size, epoch ? (time_t)strtoll(epoch, NULL, 10) : time(NULL));
}

static void names(FILE *out, const sl_run_report *runs, size_t n) {
  fputs(n == 1 ? "run " : "runs ", out);
  for (size_t r = 0; r < n; r++) {
    if (r) fputs(", ", out);
    sl_plot_text(out, runs[r].name);
  }
}

static size_t longest(const sl_run_report *runs, size_t n) {
  size_t points = 0;
  for (size_t r = 0; r < n; r++)
    for (size_t c = 0; c < runs[r].curves.n; c++)
      if (runs[r].curves.curve[c].n > points) points = runs[r].curves.curve[c].n;
  return points;
}

static void introduction(FILE *out, const sl_run_report *runs, size_t n) {
  char date[40];
  sl_report_today(date, sizeof date);
  fprintf(out, "<p>Made by Sluice %s on %s.", sl_version(), date);
  if (runs->numerics) fprintf(out, " Numerics version %d.", runs->numerics);
  if (*runs->begun && n == 1) fprintf(out, " Begun %s, last step %s.", runs->begun, runs->latest);
  fputs(
      "</p>\n<p>Faint lines are single steps, bold ones their running mean; the figure at a "
      "curve's end is where it stands now.",
      out);
  if (longest(runs, n) > SL_PLOT_POINTS)
    fprintf(out,
            " Curves of more than %d points are thinned: of each of %d equal parts the smallest "
            "and the largest value are drawn. metrics.jsonl has all of them.",
            SL_PLOT_POINTS, SL_PLOT_BUCKETS);
  fputs("</p>\n", out);
}

void sl_run_report_page(FILE *out, const sl_run_report *runs, size_t n) {
  fputs(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Sluice ",
      out);
  names(out, runs, n);
  fprintf(out, "</title>\n<style>%s%s</style>\n</head>\n<body>\n<h1>Sluice ", sl_report_page_style,
          sl_plot_style);
  names(out, runs, n);
  fputs("</h1>\n", out);
  introduction(out, runs, n);
  if (n == 1)
    sl_report_tiles(out, runs);
  else
    sl_report_summary(out, runs, n);
  charts(out, runs, n);
  if (n == 1) {
    sl_report_completions(out, runs);
    sl_report_evaluations(out, runs);
  }
  sl_report_identity(out, runs, n);
  sl_report_configuration(out, runs, n);
  fputs("</body>\n</html>\n", out);
}

static void picture_title(char *title, size_t title_size, char *below, size_t below_size,
                          const sl_run_report *r, size_t n) {
  size_t used = (size_t)snprintf(title, title_size, n == 1 ? "Sluice run " : "Sluice runs ");
  for (size_t i = 0; i < n && used < title_size; i++)
    used += (size_t)snprintf(title + used, title_size - used, "%s%.100s", i ? ", " : "", r[i].name);
  if (n > 1) {
    snprintf(below, below_size, "Sluice %s", sl_version());
    return;
  }
  if (!isnan(r->after) && used < title_size)
    snprintf(title + used, title_size - used, ": held-out success %.1f %% \u2192 %.1f %%",
             100 * r->before, 100 * r->after);
  snprintf(below, below_size, "%.0f rollouts, gate %.60s, %s, state %s",
           sl_run_report_steps(r, "rl"), r->config.gate.name, r->curves.backend,
           *r->final ? r->final : r->curves.state);
}

void sl_run_report_picture(FILE *out, const sl_run_report *runs, size_t n) {
  static const size_t columns = 3;
  sl_run_chart chart[SL_CHART_PICTURE_MAX];
  sl_plot_panel panel[SL_CHART_PICTURE_MAX];
  size_t count = 0;
  for (size_t i = 0; count < SL_CHART_PICTURE_MAX && sl_run_chart_at(runs, n, i, &chart[count]);
       i++) {
    if (!chart[count].in_picture || chart[count].panel.curves == 0) continue;
    panel[count] = sl_run_chart_panel(&chart[count]);
    count++;
  }
  char title[1000], below[400];
  picture_title(title, sizeof title, below, sizeof below, runs, n);
  sl_plot_write(out, title, below, panel, count, count < columns ? count : columns);
}
