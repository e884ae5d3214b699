/* The page of a study. */
#include "study_page.h"

#include "figures.h"
#include "study_tables.h"
#include "kernels/support/plot.h"
#include "kernels/support/version.h"
#include "trainer/report/report.h"

#include <math.h>
#include <string.h>

static void introduction(FILE *out, const sl_study_results *r) {
  const sl_study_table *t = r->table;
  char date[40], text[120];
  size_t present = 0;
  for (size_t i = t->warm; i < t->n; i++) present += r->result[i].present != 0;
  sl_report_today(date, sizeof date);
  fprintf(out, "<p>Made by Sluice %s on %s.</p>\n<div class=\"tiles\">\n", sl_version(), date);
  snprintf(text, sizeof text, "%zu of %zu", present, t->n - t->warm);
  sl_report_tile(out, "", text, "runs, all from one warm start a seed");
  snprintf(text, sizeof text, "%zu", t->study->seeds);
  sl_report_tile(out, "", text, t->study->seeds < 3 ? "seeds: ranges only, no intervals" : "seeds");
  if (!isnan(r->clip_ratio)) {
    snprintf(text, sizeof text, "%.2f %%", 100 * r->clip_ratio);
    sl_report_tile(out, "main", text, "clip ratio of the baseline's second updates");
  }
  fputs("</div>\n", out);
  if (!r->exercised)
    fprintf(
        out,
        "<p><b>Gates not exercised:</b> the baseline's clip ratio must lie between %.0f %% and "
        "%.0f %% for gates to differ by what they let through. No finding gets a verdict.</p>\n",
        100 * SL_STUDY_CLIP_LOW, 100 * SL_STUDY_CLIP_HIGH);
}

sl_status sl_study_page_write(FILE *out, const sl_study_results *r, const sl_findings *findings,
                              sl_error *err) {
  const char *slash = strrchr(r->table->study->file, '/');
  const char *name = slash ? slash + 1 : r->table->study->file;
  fputs(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Sluice ",
      out);
  sl_plot_text(out, name);
  fprintf(out, "</title>\n<style>%s%s</style>\n</head>\n<body>\n<h1>Sluice study ",
          sl_report_page_style, sl_plot_style);
  sl_plot_text(out, name);
  fputs("</h1>\n", out);
  introduction(out, r);
  sl_study_findings_table(out, findings);
  fputs(
      "<p>In the figures a curve is the mean over the seeds; faint lines are single rollouts, bold "
      "ones their running mean, and the figure at a curve's end is where it stands then.</p>\n",
      out);
  const sl_status status = sl_study_figures_write(out, r, err);
  if (status) return status;
  sl_study_arms_table(out, r);
  sl_study_differences_table(out, r);
  sl_study_times_table(out, r);
  sl_study_problems_table(out, r);
  fputs("</body>\n</html>\n", out);
  return SL_OK;
}

void sl_study_text_write(FILE *out, const sl_study_results *r, const sl_findings *findings) {
  if (!isnan(r->clip_ratio))
    fprintf(out, "clip ratio of the baseline's second updates: %.2f %%%s\n", 100 * r->clip_ratio,
            r->exercised ? "" : ", not between 2 and 20 %: gates not exercised");
  for (size_t i = 0; i < findings->n; i++) {
    const sl_finding *f = &findings->finding[i];
    fprintf(out, "%-24s  %s", sl_verdict_words[f->verdict], f->claim);
    if (!isnan(f->adjusted)) fprintf(out, " (p %.2g, Holm)", f->adjusted);
    fputc('\n', out);
  }
}
