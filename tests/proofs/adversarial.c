/* What is false is never proved, what is true never refuted (spec G2.3), on adversarial gates;
 * and the checker, on other arithmetic, follows every verdict. */
#include "proofs/check/check.h"
#include "proofs/prover/verify.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  const char *name, *body, *range, *truth, *want;
} trick;

static const trick tricks[] = {
#define TRICK(name, body, range, truth, want) {#name, body, range, truth, want},
#include "adversarial.def"
#undef TRICK
};
enum { TRICKS = sizeof tricks / sizeof *tricks };

static int wrong(const sl_finding *f, char truth, int property) {
  if (f->verdict == SL_PROVED) return truth == 'f' || (property == 2 && f->strict && truth == 'w');
  return f->verdict == SL_REFUTED && truth != 'f';
}
static int wanted(const sl_finding *f, char want) {
  return want == '-' || (want == 'p' ? f->verdict == SL_PROVED : f->verdict == SL_REFUTED);
}

static char *contents(const char *path) {
  FILE *in = fopen(path, "r");
  char *text = calloc(1 << 22, 1);
  cr_assert(in && text && fread(text, 1, (1 << 22) - 1, in) > 0);
  fclose(in);
  unlink(path);
  return text;
}

static void try(const trick *t, int *decided) {
  char text[600], path[] = "/tmp/sluice-adversarial-XXXXXX", low[20], high[20];
  sl_gate gate;
  sl_gate_definition *def;
  sl_error err;
  sl_certificate *certificate;
  sl_side_report report;
  sl_verify_options v = {
      .seconds = 1000,
      .boxes = 5000}; /* boxes bound the work: no verdict depends on how busy the machine is */
  check_result r;
  close(mkstemp(path));
  snprintf(text, sizeof text, "gate %s\n%s", t->name, t->body);
  cr_assert_eq(sl_gate_parse(&gate, &def, text, strlen(text), t->name, NULL, 0, &err), SL_OK, "%s",
               err.message);
  if (t->range) {
    sscanf(t->range, "%19s %19s", low, high);
    v.ranged = 1;
    cr_assert(sl_decimal_parse(low, &v.low[0]) && sl_decimal_parse(high, &v.high[0]));
  }
  cr_assert_eq(sl_certificate_open(&certificate, path, def, &err), SL_OK);
  sl_verify_side(&report, def, 1, &v, certificate);
  cr_assert_eq(sl_certificate_close(certificate, &err), SL_OK, "%s", err.message);
  for (int i = 0; i < 4; i++) {
    const sl_finding *f = &report.property[i];
    static const char *const names[] = {"PROVED", "REFUTED", "UNDECIDED"};
    *decided += f->verdict != SL_UNDECIDED;
    cr_expect(!wrong(f, t->truth[i], i), "%s: P%d is %s%s: %s\n", t->name, i + 1, names[f->verdict],
              f->strict ? " strict" : "", f->text);
    cr_expect(wanted(f, t->want[i]), "%s: P%d wanted %c, is %s: %s\n", t->name, i + 1, t->want[i],
              names[f->verdict], f->text);
  }
  char *written = contents(path);
  slc_check_certificate(&r, written, strlen(written));
  cr_expect(r.accepted, "%s: line %d: %s\n", t->name, r.line, r.why);
  free(r.statement), free(written);
  sl_side_report_clear(&report);
  sl_gate_definition_free(def);
}

Test(adversarial, never_a_wrong_verdict, .timeout = 600) {
  int decided = 0;
  for (int i = 0; i < TRICKS; i++) try(&tricks[i], &decided);
  printf("%d gates, %d of %d verdicts decided, none wrong\n", TRICKS, decided, 4 * TRICKS);
  cr_assert(TRICKS >= 30);
}
