/* The tables of a study's page. */
#include "study_tables.h"

#include "kernels/support/plot.h"

#include <math.h>
#include <string.h>

static void cell(FILE *out, const char *text) {
  fputs("<td>", out);
  sl_plot_text(out, text);
  fputs("</td>", out);
}

/* A name that stays on one line. */
static void arm_cell(FILE *out, const char *name) {
  fputs("<td style=\"white-space:nowrap\">", out);
  sl_plot_text(out, name);
  fputs("</td>", out);
}

/* "0.0412 [0.0101, 0.0723]"; of two values "(range ...)" and of one the value alone. */
static void write_estimate(FILE *out, const sl_estimate *e, int decimals, double scale) {
  if (e->n == 0) {
    fputs("none", out);
    return;
  }
  fprintf(out, "%.*f", decimals, scale * e->mean);
  if (e->n >= 3)
    fprintf(out, " [%.*f, %.*f]", decimals, scale * e->low, decimals, scale * e->high);
  else if (e->n == 2)
    fprintf(out, " (%.*f to %.*f)", decimals, scale * e->low, decimals, scale * e->high);
}

/* Of a ratio the estimate is of its logarithm. */
static void write_contrast(FILE *out, const sl_contrast *c) {
  sl_estimate e = c->estimate;
  if (c->ratio) e.mean = exp(e.mean), e.low = exp(e.low), e.high = exp(e.high);
  sl_plot_text(out, c->label);
  fputs(": ", out);
  write_estimate(out, &e, c->ratio ? 2 : 4, 1);
  if (c->left_out) fprintf(out, ", %zu seeds without a number", c->left_out);
  if (!isnan(e.p)) fprintf(out, ", p %.2g", e.p);
  fputs("<br>", out);
}

void sl_study_findings_table(FILE *out, const sl_findings *all) {
  fputs(
      "<h2>The paper's findings</h2>\n<p>Differences are paired by seed, and above 0 (a ratio: "
      "above 1) where the paper is borne out; brackets hold the interval at 95 %, round ones the "
      "range of two seeds. A finding is decided if all of its comparisons lie on one side, with "
      "p at most 0.05 after Holm's correction over the findings.</p>\n"
      "<div class=\"scroll\"><table>\n<tr><th>finding</th><th>verdict</th><th>p, Holm</th>"
      "<th>measured</th></tr>\n",
      out);
  for (size_t i = 0; i < all->n; i++) {
    const sl_finding *f = &all->finding[i];
    fputs("<tr>", out);
    cell(out, f->claim);
    fprintf(out, "<td><b>%s</b>%s</td><td class=\"n\">", sl_verdict_words[f->verdict],
            f->mixed ? "; comparisons have both signs" : "");
    if (!isnan(f->adjusted)) fprintf(out, "%.2g", f->adjusted);
    fprintf(out, "</td><td>%s<br>", f->method);
    for (size_t c = 0; c < f->n; c++) write_contrast(out, &f->contrast[c]);
    fputs("</td></tr>\n", out);
  }
  fputs("</table></div>\n", out);
}

/* The measures that the tables of arms show. */
static const sl_measure shown[] = {SL_MEASURE_SUCCESS,       SL_MEASURE_REWARD,
                                   SL_MEASURE_REWARD_LATE,   SL_MEASURE_EUR,
                                   SL_MEASURE_ENTROPY_EARLY, SL_MEASURE_ENTROPY_LATE};
enum { SHOWN = sizeof shown / sizeof *shown };

static double scale_of(sl_measure m) { return strcmp(sl_measure_rows[m].unit, "%") == 0 ? 100 : 1; }

static void head(FILE *out) {
  fputs("<div class=\"scroll\"><table>\n<tr><th>arm</th>", out);
  for (size_t i = 0; i < SHOWN; i++) {
    const sl_measure_row *m = &sl_measure_rows[shown[i]];
    fprintf(out, "<th>%s%s%s</th>", m->label, *m->unit ? ", " : "", m->unit);
  }
  fputs("</tr>\n", out);
}

void sl_study_arms_table(FILE *out, const sl_study_results *r) {
  const sl_study *s = r->table->study;
  fputs("<h2>Arms</h2>\n<p>Means over the seeds, with their intervals or ranges.</p>\n", out);
  head(out);
  for (size_t a = 0; a < s->arms; a++) {
    fputs("<tr>", out);
    arm_cell(out, s->arm[a].name);
    for (size_t i = 0; i < SHOWN; i++) {
      const sl_estimate e = sl_study_estimate(r, a, shown[i], NULL);
      fputs("<td class=\"n\" style=\"white-space:nowrap\">", out);
      write_estimate(out, &e, sl_measure_rows[shown[i]].decimals, scale_of(shown[i]));
      fputs("</td>", out);
    }
    fputs("</tr>\n", out);
  }
  fputs("</table></div>\n", out);
}

void sl_study_differences_table(FILE *out, const sl_study_results *r) {
  const sl_study *s = r->table->study;
  const size_t from = s->roles.baseline;
  if (from == SL_STUDY_NONE) return;
  fputs(
      "<h2>Arms less the baseline</h2>\n<p>Paired by seed, without a correction for their number: "
      "to be read beside ",
      out);
  sl_plot_text(out, s->arm[from].name);
  if (s->roles.repeat != SL_STUDY_NONE) {
    fputs(" with another sampling seed, ", out);
    sl_plot_text(out, s->arm[s->roles.repeat].name);
  }
  fputs(".</p>\n", out);
  head(out);
  for (size_t a = 0; a < s->arms; a++) {
    if (a == from) continue;
    fputs("<tr>", out);
    arm_cell(out, s->arm[a].name);
    for (size_t i = 0; i < SHOWN; i++) {
      const sl_estimate e = sl_study_difference(r, a, from, shown[i]);
      fputs("<td class=\"n\" style=\"white-space:nowrap\">", out);
      write_estimate(out, &e, sl_measure_rows[shown[i]].decimals, scale_of(shown[i]));
      fputs("</td>", out);
    }
    fputs("</tr>\n", out);
  }
  fputs("</table></div>\n", out);
}

static void write_times(FILE *out, const sl_study_results *r, size_t arm, sl_measure m) {
  const sl_study_table *t = r->table;
  const char *comma = "";
  for (size_t s = 0; s < t->study->seeds; s++) {
    const double time = sl_study_measure_of(r, arm, s, m);
    if (isnan(time)) continue;
    if (isinf(time))
      fprintf(out, "%snot in %lld", comma,
              (long long)t->run[t->warm + s * t->study->arms + arm].steps);
    else
      fprintf(out, "%s%.1f", comma, time);
    comma = ", ";
  }
}

void sl_study_times_table(FILE *out, const sl_study_results *r) {
  const sl_study *s = r->table->study;
  fprintf(
      out,
      "<h2>Times to a threshold</h2>\n<p>Rollouts until the format reward reaches %g, and until "
      "held-out success reaches %g, seed by seed, on the straight line between two "
      "measurements. The mean is of the seeds that reached it.</p>\n"
      "<div class=\"scroll\"><table>\n<tr><th>arm</th><th>format: mean</th><th>seeds</th>"
      "<th>success: mean</th><th>seeds</th></tr>\n",
      s->roles.format, s->roles.success);
  for (size_t a = 0; a < s->arms; a++) {
    static const sl_measure times[] = {SL_MEASURE_FORMAT_TIME, SL_MEASURE_SUCCESS_TIME};
    fputs("<tr>", out);
    arm_cell(out, s->arm[a].name);
    for (size_t i = 0; i < 2; i++) {
      const sl_estimate e = sl_study_estimate(r, a, times[i], NULL);
      fputs("<td class=\"n\" style=\"white-space:nowrap\">", out);
      if (e.n) fprintf(out, "%.1f", e.mean);
      fputs("</td><td>", out);
      write_times(out, r, a, times[i]);
      fputs("</td>", out);
    }
    fputs("</tr>\n", out);
  }
  fputs("</table></div>\n", out);
}

void sl_study_problems_table(FILE *out, const sl_study_results *r) {
  const sl_study_table *t = r->table;
  size_t n = 0;
  for (size_t i = 0; i < t->n; i++) {
    char name[SL_STUDY_NAME_MAX + 32];
    const sl_study_run *run = &t->run[i];
    if (run->state == SL_STUDY_FINISHED) continue;
    if (n++ == 0)
      fputs(
          "<h2>Runs that are missing</h2>\n<div class=\"scroll\"><table>\n<tr><th>run</th>"
          "<th>why</th></tr>\n",
          out);
    sl_study_run_name(name, sizeof name, t, run);
    fputs("<tr>", out);
    cell(out, name);
    cell(out, *run->problem ? run->problem : "it has not finished");
    fputs("</tr>\n", out);
  }
  if (n) fputs("</table></div>\n", out);
}
