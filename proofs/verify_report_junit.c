/* The report as JUnit XML: a test suite for each gate. */
#include "verify_report.h"

#include "kernels/support/cli.h"
#include "kernels/support/text_stream.h"

#include <stdlib.h>

static void escape(FILE *out, const char *text) {
  for (; *text; text++) {
    if (*text == '<')
      fputs("&lt;", out);
    else if (*text == '>')
      fputs("&gt;", out);
    else if (*text == '&')
      fputs("&amp;", out);
    else if (*text == '"')
      fputs("&quot;", out);
    else
      fputc(*text, out);
  }
}

static void write_case(FILE *out, const sl_report *r, int s, const char *name, const char *kind,
                       const char *message) {
  fputs("  <testcase classname=\"", out);
  escape(out, r->def->name);
  fputs(".", out);
  escape(out, sl_side_name(r, s));
  fputs("\" name=\"", out);
  escape(out, name);
  if (!kind) {
    fputs("\"/>\n", out);
    return;
  }
  fprintf(out, "\">\n    <%s message=\"", kind);
  escape(out, message);
  fprintf(out, "\"/>\n  </testcase>\n");
}

static void junit_finding(FILE *out, const sl_report *r, int s, const char *name,
                          const sl_finding *f) {
  write_case(out, r, s, name,
             f->verdict == SL_PROVED    ? NULL
             : f->verdict == SL_REFUTED ? "failure"
                                        : "error",
             f->text);
}

/* What differs from the file's `expect`, to be freed; NULL: memory is short. */
static char *unexpected(const sl_report *r) {
  sl_text_stream made;
  FILE *out = sl_text_stream_open(&made);
  if (out) sl_report_expected(out, r);
  return sl_text_stream_close(&made);
}

static void suite_head(FILE *out, const sl_report *r, int unmet) {
  int tests = 0, failures = 0, errors = 0;
  for (int s = 0; s < 2; s++) {
    if (!(r->sides >> s & 1)) continue;
    for (int i = 0; i < 4 + r->def->requirement_count; i++) {
      const sl_verdict v =
          i < 4 ? r->side[s].property[i].verdict : r->side[s].requirement[i - 4].verdict;
      tests++, failures += v == SL_REFUTED, errors += v == SL_UNDECIDED;
    }
    if (r->floats) tests++, failures += !sl_float_holds(&r->binary32[s]);
  }
  if (r->expects) tests++, failures += unmet;
  fprintf(out, "<testsuite name=\"sluice verify\" tests=\"%d\" failures=\"%d\" errors=\"%d\">\n",
          tests, failures, errors);
}

static void write_suite(FILE *out, const sl_report *r) {
  static const char *const names[] = {"P1", "P2", "P3", "P4"};
  const int unmet = r->expects && !sl_report_expected(NULL, r);
  char *const differs = unmet ? unexpected(r) : NULL;
  suite_head(out, r, unmet);
  for (int s = 1; s >= 0; s--) {
    if (!(r->sides >> s & 1)) continue;
    const sl_side_report *side = &r->side[s];
    for (int i = 0; i < 4; i++) junit_finding(out, r, s, names[i], &side->property[i]);
    for (int i = 0; i < r->def->requirement_count; i++)
      junit_finding(out, r, s, r->def->requirement[i].text, &side->requirement[i]);
    char name[64] = "binary32";
    if (r->stride > 1)
      snprintf(name, sizeof name, "binary32, one block of 4096 ratios in %u", r->stride);
    if (r->floats)
      write_case(out, r, s, name, sl_float_holds(&r->binary32[s]) ? NULL : "failure",
                 "the binary32 code breaks a property; the report names the floats");
  }
  if (r->expects)
    write_case(out, r, r->same_sides ? 1 : r->sides >> 1, "expect", unmet ? "failure" : NULL,
               differs ? differs : "memory is too short to say what differs");
  free(differs);
  fputs("</testsuite>\n", out);
}

/* A gate that could not be read. */
static void write_error(FILE *out, const sl_verified *v) {
  fputs(
      "<testsuite name=\"sluice verify\" tests=\"1\" failures=\"0\" errors=\"1\">\n"
      "  <testcase classname=\"",
      out);
  escape(out, v->name);
  fputs("\" name=\"load\">\n    <error message=\"", out);
  escape(out, v->err.message);
  fputs("\"/>\n  </testcase>\n</testsuite>\n", out);
}

void sl_report_junit(FILE *out, const sl_verified *v, size_t n) {
  fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", out);
  if (n > 1) fputs("<testsuites>\n", out);
  for (size_t i = 0; i < n; i++)
    if (v[i].code == SL_EXIT_OK)
      write_suite(out, &v[i].report);
    else
      write_error(out, &v[i]);
  if (n > 1) fputs("</testsuites>\n", out);
}
