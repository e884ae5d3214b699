/* Reports for programs: JSON, JUnit XML. */
#include "report.h"

#include "ci/products/equiv/equiv.h"
#include "kernels/support/cli.h"
#include "kernels/support/plot.h"

#include <inttypes.h>
#include <math.h>

/* JSON has no infinity. */
static void number(FILE *out, double x) {
  if (isfinite(x))
    fprintf(out, "%.9g", x);
  else
    fputs("\"inf\"", out);
}

static void place(FILE *out, sl_element_place at) {
  if (!at.tensor)
    fputs("null", out);
  else
    fprintf(out, "\"%s[%zu]\"", at.tensor, at.index);
}

static void controls(FILE *out, const sl_run_row *row) {
  fputs("\"kinds\": {", out);
  for (size_t k = 0; k < SL_RUN_KINDS; k++) {
    const sl_control_tally *t = &row->tally[k];
    fprintf(out, "%s\"%s\": {\"problems\": %zu, \"no_power\": %zu", k ? ", " : "",
            sl_run_kind_name(k), t->problems, t->without_power);
    for (int c = 0; c < SL_CONTROLS; c++)
      fprintf(out, ", \"%s\": [%zu, %zu]", sl_control_name((sl_control)c), t->rejected[c],
              t->tried[c]);
    fputc('}', out);
  }
  fputc('}', out);
}

static void row_as_json(FILE *out, const sl_run_row *row) {
  static const char *const letters[SL_RELATIONS] = {"I", "A", "P"};
  const sl_judgement *j = &row->accuracy;
  fprintf(out, "{\"kernel\": \"%s\", \"backend\": \"%s\", \"outcome\": \"%s\"",
          sl_equiv_kernel_name(row->kernel), row->backend, sl_outcome_name(row->outcome));
  for (int r = 0; r < SL_RELATIONS; r++)
    fprintf(out, ", \"%s\": \"%s\"", letters[r], sl_outcome_name(row->outcomes.of[r]));
  fprintf(out,
          ", \"problems\": %zu, \"judged\": %zu, \"wrong\": %zu, "
          "\"no_bound\": %zu, \"not_judged\": %zu, \"ulps\": ",
          row->problems, j->judged, j->wrong, j->unbounded, j->unjudged);
  number(out, j->ulps);
  fputs(", \"ulps_at\": ", out), place(out, j->ulps_at);
  fputs(", \"share\": ", out), number(out, j->share);
  fputs(", \"share_at\": ", out), place(out, j->share_at);
  fputs(", \"share_p99\": ", out), number(out, sl_judgement_p99(j));
  fprintf(out,
          ", \"power\": {\"scale\": %d, \"terms\": %zu, \"terms_rejected\": %zu, \"masks\": %zu, "
          "\"masks_rejected\": %zu}, ",
          row->scale, row->terms, row->terms_rejected, row->masks, row->masks_rejected);
  controls(out, row);
  fprintf(out, ", \"seed\": %" PRIu64 ", \"shape\": ", row->last);
  sl_cli_json_text(out, row->shape);
  fputs(", \"message\": ", out), sl_cli_json_text(out, row->message);
  fputs(", \"repeat\": ", out), sl_cli_json_text(out, row->replay);
  if (row->derivation[0]) fputs(", \"derivation\": ", out), sl_cli_json_text(out, row->derivation);
  fprintf(out, ", \"seconds\": %.3f}", row->seconds);
}

void sl_report_as_json(FILE *out, const sl_run_report *r) {
  fprintf(out,
          "{\"generator\": %d, \"seed\": %" PRIu64
          ", \"cases\": %zu, \"exit_code\": %d, "
          "\"absent_backends\": %zu, \"seconds\": %.3f, \"rows\": [",
          SL_EQUIV_GENERATOR, r->request->seed, r->request->cases, r->code, r->skipped, r->seconds);
  for (size_t i = 0; i < r->rows; i++) {
    fputs(i ? ",\n  " : "\n  ", out);
    row_as_json(out, &r->row[i]);
  }
  fputs("\n]}\n", out);
}

static void case_as_junit(FILE *out, const sl_run_row *row) {
  static const char *const elements[] = {NULL, "failure", "error", "skipped"};
  const char *element = elements[row->outcome];
  fprintf(out, "    <testcase classname=\"%s\" name=\"%s\" time=\"%.3f\"", row->backend,
          sl_equiv_kernel_name(row->kernel), row->seconds);
  if (!element) {
    fputs("/>\n", out);
    return;
  }
  fprintf(out, ">\n      <%s message=\"", element);
  sl_plot_text(out, row->message);
  fputs("\">repeat: ", out);
  sl_plot_text(out, row->replay);
  fprintf(out, "</%s>\n    </testcase>\n", element);
}

void sl_report_as_junit(FILE *out, const sl_run_report *r) {
  size_t of[4] = {0};
  for (size_t i = 0; i < r->rows; i++) of[r->row[i].outcome]++;
  fprintf(out,
          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
          "  <testsuite name=\"%s, seed %" PRIu64
          "\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\">\n",
          r->request->program, r->request->seed, r->rows, of[SL_OUTCOME_DIFFERENT],
          of[SL_OUTCOME_INCONCLUSIVE], of[SL_OUTCOME_SKIPPED], r->seconds);
  for (size_t i = 0; i < r->rows; i++) case_as_junit(out, &r->row[i]);
  fputs("  </testsuite>\n</testsuites>\n", out);
}
