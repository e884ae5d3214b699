/* Requirements in certificates (spec G4.5): what the prover writes is accepted, and edits that make
 * a claim false, or take away what it rests on, are refused. */
#include "proofs/check/check.h"
#include "proofs/prover/verify.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

static const char touch[] =
    "gate touch\n"
    "param t in [0.1, 2] default 1\n"
    "f = atan(t*(r - 1))/t\n"
    "require f' <= 1\n"                        /* follows from P2 */
    "require sup(f') <= 1 for t in [0.5, 2]\n" /* beyond the side's value: touches 0 at r = 1 */
    "require f >= 0 for r in [1, 1000]\n"      /* touches it at an end of its range */
    "require inf(f) >= -pi/4\n"                /* at r = 0 */
    "require sup(f) <= pi/2\n"                 /* in the limit */
    "require r*f' <= 5/4 for r in [0, 3], t in [1, 2]\n"
    "require f >= 0\n"
    "require f' >= 0.49 for r in [1, 2], t in [0.5, 1]\n";

/* The expression tends to its bound, or below it, at infinity: by the tail form in log r alone. */
static const char far[] =
    "gate far\n"
    "weight = exp(-(2*log(r))^2) if r > 0 | 0 otherwise\n"
    "require sup(r*f') <= 1.5\n"
    "require sup(r*f') <= 1.06\n" /* it is 1.0645 */
    "require r^4*f' >= 1e-9 for r in [1, 10]\n"
    "require r*f' >= 1e-9 for r in [1, 1e30]\n"; /* it tends to 0 */

/* What counts at r = 0 and at a join itself (spec G2.3): of f its value; of f' its limit at 0, and
 * what the rules give elsewhere. */
static const char ends[] =
    "gate ends\n"
    "f = 5*r - pi/4 if r <= 0 | atan(r - 1) if r < 2 | pi/4 + 3*(r - 2) if r <= 2 | atan(r - 1) "
    "otherwise\n"
    "require f' <= 0.9 for r in [0, 0.5]\n" /* 1/2 at r = 0, by the rules 5 */
    "require f' >= 0.4 for r in [0, 0]\n"
    "require f' >= 0.6 for r in [0, 0]\n"
    "require f' <= 2 for r in [1.5, 2]\n" /* 3 at r = 2 */
    "require f' <= 2 for r in [2, 2]\n"
    "require f + sqrt(2 - r) <= 1/2 for r in [2, 3]\n"; /* pi/4 at r = 2, then none */

/* w is above at r = 0 alone; of a weight its own value counts. */
static const char lifted[] =
    "gate lifted\n"
    "weight = 5 if r <= 0 | 1/(1 + (r - 1)^2) otherwise\n"
    "require f' <= 1\n"
    "require f' <= 5 for r in [0, 0]\n"
    "require f' <= 4 for r in [0, 0]\n"
    "require f' <= 4 for r in [0.1, 9]\n";

/* At r = 2 the second piece is 3, but w is 1/2 there, and nothing beyond. */
static const char cut_off[] =
    "gate cut_off\n"
    "weight = 1/(1 + (r - 1)^2) if r <= 2 | 3 + sqrt(2 - r) otherwise\n"
    "require f' <= 1\n"
    "require f' <= 0.9 for r in [2, 3]\n"
    "require f' <= 0.4 for r in [2, 3]\n";

/* Certificate text of a gate; want: of each requirement p, r, or u for undecided. */
static char *prove(const char *gate_text, const char *name, const char *want) {
  sl_gate gate;
  sl_gate_definition *def;
  sl_error err;
  sl_certificate *c;
  sl_side_report report;
  const sl_verify_options v = {.seconds = 60, .boxes = 400000};
  char path[] = "/tmp/sluice-requirement-XXXXXX", *text = calloc(1 << 20, 1);
  close(mkstemp(path));
  cr_assert_eq(sl_gate_parse(&gate, &def, gate_text, strlen(gate_text), name, NULL, 0, &err), SL_OK,
               "%s", err.message);
  cr_assert_eq(sl_certificate_open(&c, path, def, &err), SL_OK);
  sl_verify_side(&report, def, 1, &v, c);
  cr_assert_eq(sl_certificate_close(c, &err), SL_OK);
  for (int i = 0; i < def->requirement_count; i++)
    cr_expect_eq(report.requirement[i].verdict,
                 want[i] == 'r'   ? SL_REFUTED
                 : want[i] == 'p' ? SL_PROVED
                                  : SL_UNDECIDED,
                 "%s: %s", def->requirement[i].text, report.requirement[i].text);
  sl_side_report_clear(&report);
  sl_gate_definition_free(def);
  FILE *in = fopen(path, "r");
  cr_assert(in && fread(text, 1, (1 << 20) - 1, in) > 0);
  fclose(in);
  unlink(path);
  return text;
}

/* The first `from` after `after` becomes `to`; sealed again. */
static char *edited(const char *text, const char *after, const char *from, const char *to) {
  const char *place = strstr(text, after);
  const char *at = place ? strstr(place, from) : NULL;
  cr_assert(at, "%s, %s", after, from);
  char *y = calloc(strlen(text) + strlen(to) + 100, 1);
  sprintf(y, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  char *seal = strstr(y, "\ndigest ") + 1;
  const XXH128_hash_t h = XXH3_128bits(y, (size_t)(seal - y));
  sprintf(seal, "digest %016llx%016llx\n", (unsigned long long)h.high64,
          (unsigned long long)h.low64);
  return y;
}

typedef struct {
  const char *after, *from, *to;
} edit;

static const edit far_edits[] = {
    {"require r*f' <= 1.5", "1.5", "1.06"},
    {"require r*f' <= 1.5", "log-tail", "tail"},
    {"require r*f' <= 1.5", "log-tail", "slope-tail"},
    {"require r*f' <= 1.5", "log-tail ", "log-tail 0 "},
    {"require r*f' <= 1.5", "R proved log-tail", "R proved by-P2"},
    {"side", "P1 proved tail", "P1 proved log-tail"},
};

static const edit touch_edits[] = {
    /* by P2: a smaller bound, a wider range than the side's, another function, no P2 */
    {"require f' <= 1\n", "<= 1", "<= 0.999"},
    {"require f' <= 1\n", "parameter t 1", "range t 1 2"},
    {"require f' <= 1\n", "parameter t 1", "parameter t 1.5"},
    {"require f' <= 1\n", "f' <=", "f <="},
    {"require f' <= 1\n", "f' <=", "2*f' <="},
    {"side", "P2 proved by-P3", "P2 undecided"},
    {"side", "P2 proved by-P3", "P2 refuted value 0 1 0"},
    /* a smaller bound, and the fall from r = 1 taken away */
    {"range t 0.5 2", "R proved tail", "R proved by-P2"},
    {"range t 0.5 2", " down ", " defined "},
    {"range t 0.5 2", "region 1", "region 0"},
    /* the end at which it is 0, and beyond it */
    {"require 0 <= f\nover 1 1000", "0 <= f", "0.001 <= f"},
    {"require 0 <= f\nover 1 1000", "over 1 ", "over 0.999 "},
    {"require 0 <= f\nover 1 1000", "over 1 ", "over 0 "},
    {"require 0 <= f\nover 1 1000", " 1000", " inf"},
    {"require 0 <= f\nover 1 1000", "region 1 down", "region 1 defined"},
    {"require -pi/4 <= f", "-pi/4", "-pi/5"},
    {"require -pi/4 <= f", "-pi/4", "-0.785398"},
    {"require f <= pi/2", "pi/2", "1.570796"},
    {"require f <= pi/2", "pi/2", "pi/3"},
    /* over its range of r and of t: 1.2071 is the largest of r f' at t = 1 */
    {"require r*f' <= 5/4", "5/4", "6/5"},
    {"require r*f' <= 5/4", "range t 1 2", "range t 0.5 2"},
    {"require r*f' <= 5/4", "over 0 3", "over 0 4"},
    {"require r*f' <= 5/4", "part 1 2", "part 1 1.5"},
    /* a refutation: outside of the range, and where it holds */
    {"require 0 <= f\nover 0 inf", "R refuted value 0 1 -1", "R refuted value 0 1 1"},
    {"require 0 <= f\nover 0 inf", "over 0 inf", "over 1 inf"},
    {"require 0 <= f\nover 0 inf", "R refuted value 0 1 -1", "R proved tail 4"},
    {"require 0 <= f\nover 0 inf", "R refuted value", "R refuted slope"},
    {"require 0.49 <= f'", "0.49", "0.51"},
    {"require 0.49 <= f'", "over 1 2", "over 1 3"},
};

static const edit end_edits[] = {
    {"require f' <= 0.9", "0.9", "0.49"},
    {"require f' <= 0.9", "R proved tail 0", "R refuted value 0 0 0"},
    {"require 0.4 <= f'", "0.4", "0.6"},
    {"require 0.6 <= f'", "0.6", "0.4"},
    {"require f' <= 2\nover 1.5 2", "value 3 ", "value 1 "},
    {"require f' <= 2\nover 1.5 2", "over 1.5 2", "over 1.5 1.9"},
    {"require f' <= 2\nover 2 2", "<= 2", "<= 3"},
    {"require f + sqrt(2 - r) <= 1/2", "1/2", "4/5"},
    {"require f + sqrt(2 - r) <= 1/2", "R refuted value 2 1 1", "R refuted value 0 1 1"},
};

static const edit lifted_edits[] = {
    {"require f' <= 1\n", "<= 1", "<= 5"},
    {"require f' <= 1\n", "over 0 inf", "over 0.1 inf"},
    {"require f' <= 5\n", "<= 5", "<= 4"},
};

static void refuse(char *text, const edit *edits, size_t n) {
  check_result r;
  slc_check_certificate(&r, text, strlen(text));
  cr_assert(r.accepted, "line %d: %s", r.line, r.why);
  free(r.statement);
  for (size_t i = 0; i < n; i++) {
    char *y = edited(text, edits[i].after, edits[i].from, edits[i].to);
    slc_check_certificate(&r, y, strlen(y));
    cr_expect(!r.accepted, "accepted: after %s, %s for %s", edits[i].after, edits[i].to,
              edits[i].from);
    free(r.statement), free(y);
  }
  free(text);
}

Test(requirement, edits_are_refused) {
  refuse(prove(touch, "touch", "pppppprp"), touch_edits, sizeof touch_edits / sizeof *touch_edits);
}

Test(requirement, tails_in_log_r) {
  refuse(prove(far, "far", "prpr"), far_edits, sizeof far_edits / sizeof *far_edits);
}

Test(requirement, ends_of_ranges) {
  refuse(prove(ends, "ends", "pprrrr"), end_edits, sizeof end_edits / sizeof *end_edits);
  refuse(prove(lifted, "lifted", "rprp"), lifted_edits, sizeof lifted_edits / sizeof *lifted_edits);
  refuse(prove(cut_off, "cut_off", "uur"), NULL, 0);
}
