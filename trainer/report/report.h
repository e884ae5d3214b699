/* The report on a run, or on several side by side: what is drawn, and where (see cmd_report.c). */
#ifndef SLUICE_REPORT_H
#define SLUICE_REPORT_H

#include "run_curves.h"
#include "sample_lines.h"
#include "kernels/support/plot.h"
#include "trainer/config/config.h"

#include <time.h>

/* A run's folder, read. */
typedef struct {
  const char *path;
  char name[128]; /* the folder's own */
  sl_config config;
  char *printed; /* the configuration as it reads back */
  sl_run_curves curves;
  sl_sample_lines samples;
  char final[96];            /* state hash of the finished run; "" before that */
  double before, after;      /* held-out success at the start of RL, and the last; else NAN */
  double span[2], target[2]; /* gate.eur_target as a line from the first rollout to the last */
  double best, best_step; /* of checkpoint.best: the highest in RL, the first of equals; else NAN */
  int ledger, numerics;   /* versions, of the ledger; 0 if there is none */
  char begun[32], latest[32]; /* dates of config.yaml and metrics.jsonl */
} sl_run_report;

/* Most runs in one report: a colour each. */
enum { SL_REPORT_RUNS_MAX = SL_PLOT_COLOURS };

/* Reads config.yaml, metrics.jsonl, samples.jsonl and the ledger's first line where they are there,
 * and, of a finished run, the last checkpoint's state; path must outlive the report. */
sl_status sl_run_report_read(sl_run_report *out, const char *path, sl_error *err);
void sl_run_report_free(sl_run_report *report);

/* "2026-01-31 12:00 UTC" */
void sl_report_date(char *out, size_t size, time_t when);

/* The date of a page: SOURCE_DATE_EPOCH, so that it can be made again byte for byte, or now. */
void sl_report_today(char *out, size_t size);

/* A tile of a page: a value, and under it what it is. class: "main", or "". */
void sl_report_tile(FILE *out, const char *class, const char *value, const char *label);

/* The last finished step of a phase ("sft", "rl"); 0: none. */
double sl_run_report_steps(const sl_run_report *report, const char *phase);

/* The charts, each with the sentence that says how to read it. Of one run a chart may hold several
 * keys; of several runs it holds one key of all of them. */
enum { SL_CHART_CURVES_MAX = SL_REPORT_RUNS_MAX, SL_CHART_PICTURE_MAX = 6 };
typedef struct {
  sl_plot_panel panel; /* panel.curve is set by sl_run_chart_panel */
  sl_plot_curve curve[SL_CHART_CURVES_MAX];
  char title[100];
  const char *group, *reading;
  int in_picture;
} sl_run_chart;

/* Chart number i of the page on n runs in *out; 0 past the last. A chart without data has no
 * curves. */
int sl_run_chart_at(const sl_run_report *runs, size_t n, size_t i, sl_run_chart *out);
/* The panel of a chart, whose curves stay the chart's. */
sl_plot_panel sl_run_chart_panel(const sl_run_chart *chart);

/* The style sheet of pages, beside sl_plot_style. */
extern const char *const sl_report_page_style;
/* The page: self-contained HTML, readable in light and dark. */
void sl_run_report_page(FILE *out, const sl_run_report *runs, size_t n);
/* The picture: six charts of the RL phase (of the warm start alone, if there is no more yet; EUR
 * and tau among them where a controller holds the EUR), as one SVG file. */
void sl_run_report_picture(FILE *out, const sl_run_report *runs, size_t n);
/* The same of one run in a few lines of text; of n runs as a JSON object each, in an array if there
 * are several. */
void sl_run_report_text(FILE *out, const sl_run_report *report);
int sl_run_report_json(FILE *out, const sl_run_report *runs, size_t n);

#endif
