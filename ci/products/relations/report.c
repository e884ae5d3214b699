/* The report for people, and for GitHub. */
#include "report.h"

#include "ci/products/equiv/equiv.h"
#include "ci/products/judge/github_text.h"

#include <inttypes.h>
#include <string.h>

static const char *cell(const sl_run_row *row, sl_relation r) {
  static const char *const short_names[] = {"=", "DIFFERS", "?", "-"};
  return short_names[row->outcomes.of[r]];
}

void sl_report_head(FILE *out, const sl_run_request *request) {
  fprintf(out, "seed %" PRIu64 "; repeat with: %s --seed %" PRIu64, request->seed, request->program,
          request->seed);
  if (request->seconds > 0.0)
    fprintf(out, " --seconds %g", request->seconds);
  else
    fprintf(out, " --cases %zu", request->cases);
  if (request->backend) fprintf(out, " --backend %s", request->backend);
  if (request->isa != SL_ISA_BEST)
    fprintf(out, " --isa %s", request->isa == SL_ISA_AVX2 ? "avx2" : "avx512");
  if (request->shrink) fprintf(out, " --shrink %zu", request->shrink);
  if (request->shape) fprintf(out, " --shape %s", request->shape);
  for (int k = 0; k < SL_KERNEL_COUNT && request->some; k++)
    if (request->wanted[k]) fprintf(out, " --kernel %s", sl_equiv_kernel_name((sl_kernel_id)k));
  fputs(
      "\nI: with itself; A: within its bound of the exact result; P: with plain. = equal, ? "
      "inconclusive, - not tried\n\n",
      out);
  fprintf(out, "%-20s %-16s %-3s %-7s %-3s %8s %9s %10s %6s %-22s %-12s\n", "kernel", "backend",
          "I", "A", "P", "problems", "elements", "ulps", "share", "where", "power");
}

static void place(char *text, size_t size, sl_element_place at) {
  if (at.tensor)
    snprintf(text, size, "%s[%zu]", at.tensor, at.index);
  else
    snprintf(text, size, "-");
}

static void power(char *text, size_t size, const sl_run_row *row) {
  const int used =
      snprintf(text, size, "2^-%d %zu/%zu", row->scale, row->terms_rejected, row->terms);
  if (row->masks)
    snprintf(text + used, size - (size_t)used, " %zu/%zu", row->masks_rejected, row->masks);
}

void sl_report_row(FILE *out, const sl_run_row *row) {
  char where[80], how_fine[48];
  place(where, sizeof where, row->accuracy.ulps_at);
  power(how_fine, sizeof how_fine, row);
  fprintf(out, "%-20s %-16s %-3s %-7s %-3s %8zu %9zu %10.3g %6.3f %-22s %-12s\n",
          sl_equiv_kernel_name(row->kernel), row->backend, cell(row, SL_RELATION_I),
          cell(row, SL_RELATION_A), cell(row, SL_RELATION_P), row->problems, row->accuracy.judged,
          row->accuracy.ulps, row->accuracy.share, where, how_fine);
  if (row->outcome == SL_OUTCOME_DIFFERENT || row->outcome == SL_OUTCOME_INCONCLUSIVE)
    fprintf(out, "  %s: %s\n  repeat: %s\n",
            row->outcome == SL_OUTCOME_DIFFERENT ? "DIFFERENT" : "INCONCLUSIVE",
            row->message[0] ? row->message : "nothing was judged by A", row->replay);
  if (row->derivation[0]) fprintf(out, "    %s\n", row->derivation);
  fflush(out);
}

static void count(size_t of[4], const sl_run_report *r) {
  memset(of, 0, 4 * sizeof *of);
  for (size_t i = 0; i < r->rows; i++) of[r->row[i].outcome]++;
}

void sl_report_end(FILE *out, const sl_run_report *r) {
  size_t of[4];
  count(of, r);
  fprintf(out,
          "\nulps: the largest error in ulps; share: of its bound; power: the smallest scale that "
          "is rejected, and\nthe terms taken away and the masks shifted by one that are\n"
          "%zu of %zu rows equal, %zu different, %zu inconclusive; %zu backends are not here "
          "(%.0f s)\n",
          of[SL_OUTCOME_EQUAL], r->rows, of[SL_OUTCOME_DIFFERENT], of[SL_OUTCOME_INCONCLUSIVE],
          r->skipped, r->seconds);
}

void sl_report_annotations(FILE *out, const sl_run_report *r) {
  for (size_t i = 0; i < r->rows; i++) {
    const sl_run_row *row = &r->row[i];
    if (row->outcome != SL_OUTCOME_DIFFERENT && row->outcome != SL_OUTCOME_INCONCLUSIVE) continue;
    fprintf(out,
            "::%s title=%s on %s::", row->outcome == SL_OUTCOME_DIFFERENT ? "error" : "warning",
            sl_equiv_kernel_name(row->kernel), row->backend);
    sl_github_text(out, row->message);
    fputs("%0Arepeat: ", out);
    sl_github_text(out, row->replay);
    fputc('\n', out);
  }
}

void sl_report_as_markdown(FILE *out, const sl_run_report *r) {
  size_t of[4];
  count(of, r);
  fprintf(out, "### %s: %zu of %zu equal, %zu different, %zu inconclusive\n\n", r->request->program,
          of[SL_OUTCOME_EQUAL], r->rows, of[SL_OUTCOME_DIFFERENT], of[SL_OUTCOME_INCONCLUSIVE]);
  fputs(
      "| kernel | backend | outcome | I | A | P | ulps | share | power |\n"
      "|---|---|---|---|---|---|---|---|---|\n",
      out);
  for (size_t i = 0; i < r->rows; i++) {
    const sl_run_row *row = &r->row[i];
    char fine[48];
    power(fine, sizeof fine, row);
    fprintf(out, "| %s | %s | %s | %s | %s | %s | %.3g | %.3f | %s |\n",
            sl_equiv_kernel_name(row->kernel), row->backend, sl_outcome_name(row->outcome),
            cell(row, SL_RELATION_I), cell(row, SL_RELATION_A), cell(row, SL_RELATION_P),
            row->accuracy.ulps, row->accuracy.share, fine);
  }
  fprintf(out, "\nSeed %" PRIu64 ".\n", r->request->seed);
}
