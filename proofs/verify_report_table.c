/* The table of several gates, and how a report compares with its file's `expect` (spec G1.3). */
#include "verify_report.h"

#include "kernels/support/cli.h"

#include <string.h>

const char *sl_verified_summary(const sl_report *r) {
  const sl_verdict need = sl_report_requirements(r);
  switch (sl_report_verdict(r)) {
    case SL_REFUTED:
      return "NOT ADMISSIBLE";
    case SL_UNDECIDED:
      return "UNDECIDED";
    default:
      return sl_report_float_violations(r) ? "ADMISSIBLE, binary32 VIOLATED"
             : need == SL_REFUTED          ? "ADMISSIBLE, a requirement NOT MET"
             : need == SL_UNDECIDED        ? "ADMISSIBLE, a requirement UNDECIDED"
                                           : "ADMISSIBLE";
  }
}

static int name_width(const sl_verified *v, size_t n) {
  size_t widest = strlen("gate");
  for (size_t i = 0; i < n; i++)
    if (strlen(v[i].name) > widest) widest = strlen(v[i].name);
  return (int)(widest < 40 ? widest : 40);
}

void sl_report_table(FILE *out, const sl_verified *v, size_t n) {
  enum { VERDICT_WIDTH = 36 };
  const int width = name_width(v, n);
  fprintf(out, "\n%-*s  %-9s %-9s %-9s %-9s  %-*s %s\n", width, "gate", "P1", "P2", "P3", "P4",
          VERDICT_WIDTH, "verdict", "seconds");
  for (size_t i = 0; i < n; i++) {
    fprintf(out, "%-*s ", width, v[i].name);
    for (int k = 0; k < SL_P4W; k++)
      fprintf(out, " %-9s",
              v[i].code == SL_EXIT_OK ? sl_verdict_name(sl_report_property(&v[i].report, k)) : "-");
    fprintf(out, "  %-*s %.1f\n", VERDICT_WIDTH,
            v[i].code == SL_EXIT_OK ? sl_verified_summary(&v[i].report) : "an error, said above",
            v[i].seconds);
  }
  for (size_t i = 0; i < n; i++)
    if (v[i].code == SL_EXIT_OK && v[i].report.floats && v[i].report.stride > 1) {
      fprintf(out, "binary32: one block of 4096 ratios in %u was looked at (--fast)\n",
              v[i].report.stride);
      return;
    }
}

static const char *expected_word(sl_gate_expectation e) {
  static const char *const words[] = {"nothing", "proved",  "strict",
                                      "weak",    "refuted", "undecided"};
  return words[e];
}

static sl_gate_expectation found(const sl_finding *f) {
  return f->verdict == SL_REFUTED     ? SL_EXPECT_REFUTED
         : f->verdict == SL_UNDECIDED ? SL_EXPECT_UNDECIDED
         : f->strict                  ? SL_EXPECT_STRICT
                                      : SL_EXPECT_WEAK;
}

/* 1 if property i of side s is as expected. */
static int property_expected(FILE *out, const sl_report *r, int s, int i) {
  const sl_finding *f = &r->side[r->same_sides ? 1 : s].property[i];
  const sl_gate_expectation want = r->def->expect[s][i], got = found(f);
  if (want == SL_EXPECT_PROVED ? f->verdict == SL_PROVED : want == got) return 1;
  const char *word = i == 2 || f->verdict != SL_PROVED ? expected_word(got) : "proved";
  if (!out) return 0;
  fprintf(out, "%s: %s, P%d: expected %s, found %s: %s\n", r->def->file, s ? "A > 0" : "A <= 0",
          i + 1, expected_word(want), word, f->text);
  return 0;
}

int sl_report_expected(FILE *out, const sl_report *r) {
  int named = 0, ok = 1;
  for (int s = 0; s < 2; s++)
    for (int i = 0; i < SL_P4W; i++) named |= r->def->expect[s][i] != SL_EXPECT_NONE;
  if (!named) {
    if (out) fprintf(out, "%s: has no 'expect', which --expect compares with\n", r->def->file);
    return 0;
  }
  for (int s = 1; s >= 0; s--)
    for (int i = 0; i < SL_P4W; i++) ok &= property_expected(out, r, s, i);
  return ok;
}
