/* The checker against changed certificates: each mutant is sealed again, so that only the check of
 * its claims can refuse it. */
#include "changes.h"

#include "proofs/check/check.h"
#include "proofs/prover/verify.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PER_CLASS = 42 };

/* Built-in gates, or text. */
static const struct {
  const char *gate, *range, *text;
} sources[] = {
    {"sigmoid", NULL, NULL},
    {"arctan", NULL, NULL},
    {"softsign_abs", NULL, NULL},
    {"erf", NULL, NULL},
    {"tanh", NULL, NULL},
    {"mixture", NULL, NULL},
    {"flat_top", NULL, NULL},
    {"clip", NULL, NULL},
    {"ripple", NULL, NULL},
    {"quartic", NULL, NULL},
    {"floor", NULL, NULL},
    {"off_centre", NULL, NULL},
    {"late_jump", NULL, NULL},
    {"reciprocal", NULL, NULL},
    {"lone_point", NULL, NULL},
    {"arctan", "0.5 4", NULL},
    {"sigmoid", "1 2", NULL},
    {"asinh", NULL, NULL},
    {"cispo", NULL, NULL},
    {"slow_cancel", NULL, NULL},
    {"lemma", NULL, "gate lemma f = 5 - 1/log(r + 2)"},
    {"logs", NULL, "gate logs weight = 1/((1 + r)*log(3 + r))"},
    {"erfc", NULL, "gate erfc weight = 1 - erf(abs(r - 1))"},
    {"negative", NULL,
     "gate negative weight = 1/(1 + (r - 1)^2) if r <= 3 | 4/5/r - 1/15 otherwise"},
    {"bump", "0 1",
     "gate bump param c in [0, 1] default 0.5 weight = exp(-(r - 1)^2)*(1 + c*(r - 1)^2)"},
    {"root", "0.1 10",
     "gate root param t in [0.1, 10] default 1 f = (r - 1)/sqrt(1 + (t*(r - 1))^2)"},
    {"touch", NULL, "gate touch weight = exp(-(r - 1)^2*(r - 3)^2/(1 + sqrt(r)))"},
    {"products", NULL, "gate products weight = 4*sigmoid(r - 1)*(1 - sigmoid(r - 1))"},
    {"least", NULL, "gate least f = min(r - 1, tanh(r - 1))"},
    {"most", "0.5 2",
     "gate most param t in [0.5, 2] default 1 "
     "f = max(atan(t*(r - 1))/t, min(r - 1, 0))"},
    {"log", NULL,
     "gate log weight = 0 if r <= 0 | r*log(1 + 1/r)/log(2) if r <= 1 | 1/r^2 otherwise"},
    {"power", "0.5 2", "gate power param k in [0.5, 2] default 1 weight = (1 + (r - 1)^2)^(-k)"}};
enum { SOURCES = sizeof sources / sizeof *sources };

static char *make(int k) {
  sl_gate gate;
  sl_gate_definition *def;
  sl_error err;
  sl_verify_options v = {.seconds = 60, .boxes = 400000};
  char path[] = "/tmp/sluice-mutations-XXXXXX";
  close(mkstemp(path));
  const char *given = sources[k].text;
  cr_assert_eq(given ? sl_gate_parse(&gate, &def, given, strlen(given), "text", NULL, 0, &err)
                     : sl_gate_load(&gate, &def, sources[k].gate, NULL, 0, &err),
               SL_OK, "%s", err.message);
  if (sources[k].range) {
    char a[20], b[20];
    sscanf(sources[k].range, "%19s %19s", a, b);
    v.ranged = 1;
    cr_assert(sl_decimal_parse(a, &v.low[0]) && sl_decimal_parse(b, &v.high[0]));
  }
  sl_certificate *c;
  sl_side_report report;
  cr_assert_eq(sl_certificate_open(&c, path, def, &err), SL_OK);
  sl_verify_side(&report, def, 1, &v, c);
  cr_assert_eq(sl_certificate_close(c, &err), SL_OK);
  sl_side_report_clear(&report);
  sl_gate_definition_free(def);
  FILE *in = fopen(path, "r");
  char *text = calloc(1 << 22, 1);
  cr_assert(fread(text, 1, (1 << 22) - 1, in) > 0);
  fclose(in);
  unlink(path);
  return text;
}

Test(mutations, none_passes_for_the_original, .timeout = 600) {
  static char *text[SOURCES], *statement[SOURCES];
  static lines_t t;
  int total = 0, other = 0, same = 0;
  for (int k = 0; k < SOURCES; k++) {
    check_result r;
    text[k] = make(k);
    slc_check_certificate(&r, text[k], strlen(text[k]));
    cr_assert(r.accepted, "%s: line %d: %s", sources[k].gate, r.line, r.why);
    statement[k] = r.statement;
  }
  for (int c = 0; c < CERTIFICATE_CHANGES; c++) {
    int made = 0, refused = 0, equal = 0;
    for (int i = 0; i < PER_CLASS * 6 && made < PER_CLASS; i++) {
      const int k = (i + c) % SOURCES;
      size_t size;
      lines_split(&t, text[k]);
      const int applied = certificate_changes[c].make(&t);
      char *mutant = lines_seal(&t, &size);
      if (applied && strcmp(mutant, text[k]) != 0) {
        check_result r;
        slc_check_certificate(&r, mutant, size);
        made++;
        refused += !r.accepted;
        if (r.accepted && strcmp(r.statement, statement[k]) != 0) other++;
        if (r.accepted && strcmp(r.statement, statement[k]) == 0) {
          equal++;
          cr_expect(certificate_changes[c].equivalent != NULL,
                    "accepted: %s, of %s (seed 9e3779b97f4a7c15)\n", certificate_changes[c].name,
                    sources[k].gate);
        }
        free(r.statement);
      }
      free(mutant);
      lines_clear(&t);
    }
    total += made, same += equal;
    printf("%-45s %3d mutants, %3d refused, %2d the same statement%s%s\n",
           certificate_changes[c].name, made, refused, equal,
           equal && certificate_changes[c].equivalent ? ": " : "",
           equal && certificate_changes[c].equivalent ? certificate_changes[c].equivalent : "");
    cr_expect(made > 0, "%s applied to no certificate", certificate_changes[c].name);
  }
  printf("%d classes, %d mutants, %d accepted for another statement, %d the same statement\n",
         CERTIFICATE_CHANGES, total, other, same);
  cr_assert(CERTIFICATE_CHANGES >= 20 && total >= 1500, "%d mutants", total);
}

/* The seal itself: any change of a byte without sealing again is refused. */
Test(mutations, an_unsealed_change_is_refused) {
  char *text = make(0);
  const size_t size = strlen(text);
  for (size_t i = 0; i < size; i += 7) {
    check_result r;
    text[i] ^= 1;
    slc_check_certificate(&r, text, size);
    cr_assert(!r.accepted, "byte %zu", i);
    free(r.statement);
    text[i] ^= 1;
  }
  free(text);
}
