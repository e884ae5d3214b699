/* What sluice-check concludes next to r = 0, and at joins from either side (spec G4.3, G4.4), by
 * hand-written certificates: limits
 * by expansions in powers and logarithms for P1, zones by the logarithm for P3. What is true
 * passes; each falsehood that a rule is there for is refused. */
#include "proofs/check/check.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* w is VALUE at 0, NEAR up to 1, then FAR. */
static char *sealed(const char *value, const char *near, const char *far, const char *claims) {
  char *text;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  fprintf(
      out,
      "sluice-certificate 2\ngate g\nside pos\nweight pick(r, 0, %s, pick(r, 1, %s, %s))\npart\n"
      "joins 2\n%send\n",
      value, near, far, claims);
  fflush(out);
  const XXH128_hash_t h = XXH3_128bits(text, size);
  fprintf(out, "digest %016llx%016llx\n", (unsigned long long)h.high64,
          (unsigned long long)h.low64);
  fclose(out);
  return text;
}

static int accepted(char *text, const char *name, check_result *r) {
  slc_check_certificate(r, text, strlen(text));
  if (!r->accepted) printf("%s: line %d: %s\n", name, r->line, r->why);
  free(text);
  free(r->statement);
  return r->accepted;
}

static const struct {
  const char *value, *near;
  int holds;
} limits[] = {{"0", "r - r*log(r)", 1},
              {"1e-30", "r - r*log(r)", 0},
              {"1", "1 + (1 - r)*r*log(r)^3", 1},
              {"1 - 1e-30", "1 + (1 - r)*r*log(r)^3", 0},
              {"1", "1 + (1 - r)*r^(1/50)*log(r)^9", 1},
              {"1", "1 + (1 - r)*r^(-1/100)/(1 + log(r)^2)^9", 0},
              {"1", "1 + (1 - r)*log(r)/(1 + log(r)^2)", 1},
              {"1", "1 + (1 - r)*log(r)^2/(1 + log(r)^2)", 0},
              {"2", "1 + (1 - r)*log(r)^2/(1 + log(r)^2)", 1},
              {"1 + log(3)", "1 + (1 - r)*(log(3*r) - log(r))", 1},
              {"1 + log(3) + 1e-30", "1 + (1 - r)*(log(3*r) - log(r))", 0},
              {"1/2", "(exp(-r) - 1 + r)/r^2 + r*(3/2 - exp(-1))/(1 + r - r)", 0},
              {"1/2", "(exp(-r) - 1 + r)/r^2 + r*(1 - exp(-1))", 1},
              {"1/3", "(exp(-r) - 1 + r)/r^2 + r*(1 - exp(-1))", 0},
              {"1", "1 + (1 - r)*r*sin(1/r)", 1},
              {"1", "1 + (1 - r)*sin(log(r))", 0},
              {"1", "1 + (1 - r)*exp(-1/r)/r^9", 1},
              {"1", "1 + (1 - r)*exp(-sqrt(1 + log(r)^2))*(1 + log(r)^2)", 1},
              {"1", "1 + (1 - r)*exp(-sqrt(1 + log(r)^2))/r", 0},
              {"1", "1 + (1 - r)*exp(log(r)/9)*log(r)", 1},
              {"1", "1 + (1 - r)*exp(-log(r)/9)*r^(1/10)", 0},
              {"1 + pi/2", "1 + (1 - r)*atan(1/r)", 1},
              {"1 + pi/2 - 1e-30", "1 + (1 - r)*atan(1/r)", 0},
              {"2", "1 + (1 - r)*tanh(1/r)", 1},
              {"2", "1 + (1 - r)*tanh(-log(r))", 1},
              {"3/2", "1 + (1 - r)*tanh(-log(r))", 0},
              {"0", "1 + (1 - r)*erf(-1/r)", 1},
              {"2", "1 + (1 - r)*erf(-1/r)", 0},
              {"1", "1 + (1 - r)*asinh(1/r)*r", 1},
              {"1", "1 + (1 - r)*asinh(1/r)", 0}};

Test(at_zero, limits) {
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    check_result r;
    char *text = sealed(limits[i].value, limits[i].near, "1",
                        "P1 proved tail boxes\nP2 undecided\nP3 undecided\nP4 undecided\n"
                        "P4w undecided\nsegment 0 up moving 1 0 1 0\nsegment 1 down moving 1 0 0 "
                        "0\nregion 0 defined 0 0 0 1 0 1\nc 0 0 1 0\n"
                        "region 1 defined 0 1 0 inf 0 1\nc 1 0 inf 0\n");
    cr_expect(accepted(text, limits[i].near, &r) == limits[i].holds, "%s at 0, then %s\n",
              limits[i].value, limits[i].near);
  }
}

static const struct {
  const char *near, *slope; /* slope: the form, if there is one */
  int shift, holds;         /* of the zone (0, 2^-shift] */
} zones[] = {{"r - r*log(r)", "-log(r)", 4, 1},
             {"r*log(1 + 1/r)/log(2)", "(log(1 + 1/r) - 1/(1 + r))/log(2)", 4, 1},
             {"2*r + r*log(r) - r^2", NULL, 2, 0}, /* falls below exp(-3) */
             {"2*r + r*log(r) - r^2", "3 + log(r) - 2*r", 2, 0},
             {"r - r*log(r) - 1e-9*sqrt(r)*(1 - r)", NULL, 4, 0},
             {"2*r + r*log(r)/9 - r^2", "2 + log(r)/9 + 1/9 - 2*r", 6, 0}, /* below exp(-19) */
             {"3*r - r*log(r)/9 - r^2", "3 - log(r)/9 - 1/9 - 2*r", 6, 1}};

Test(at_zero, zones_by_the_logarithm) {
  for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
    char claims[800], form[100] = "";
    check_result r;
    if (zones[i].slope) snprintf(form, sizeof form, "form 0 slope %s\n", zones[i].slope);
    snprintf(claims, sizeof claims,
             "P1 undecided\nP2 undecided\nP3 proved strict tail boxes\nP4 undecided\nP4w "
             "undecided\nsegment 0 up moving 0 %d 1 0\nsegment 1 down moving 1 0 0 0\n%s"
             "region 0 up 0 1 %d 1 0 1\nc 1 %d 1 0\nregion 1 down 0 1 0 inf 0 1\nc 1 0 inf 0\n",
             zones[i].shift, form, -zones[i].shift, -zones[i].shift);
    cr_expect(accepted(sealed("0", zones[i].near, "exp(1 - r)", claims), zones[i].near, &r) ==
                  zones[i].holds,
              "%s\n", zones[i].near);
  }
}

/* w is NEAR beyond r = 1, or before it, and VALUE on the other side and at it: do they differ? */
static const struct {
  int before;
  const char *near, *value;
  int differ;
} sides[] = {{0, "1 + (r - 1)*log(r - 1)", "1", 0},  {0, "1 + (r - 1)*log(r - 1)", "1 - 1e-30", 1},
             {0, "min(1/2, 1/(r - 1)^2)", "1/2", 0}, {0, "min(1/2, 1/(r - 1)^2)", "1", 1},
             {0, "min(1/2, 1/(r - 1)^3)", "1", 1},   {1, "min(1/2, 1/(r - 1)^2)", "1", 1},
             {1, "min(1/2, 1/(r - 1)^3)", "1", 0}, /* it has no limit */
             {0, "exp(-1/(r - 1))", "0", 0},         {0, "exp(-1/(r - 1))", "1e-30", 1},
             {0, "exp(1/(r - 1))", "1e-30", 0},      {1, "exp(1/(r - 1))", "0", 0},
             {1, "exp(1/(r - 1))", "1e-30", 1},      {1, "exp(-1/(r - 1))", "1e-30", 0},
             {0, "atan(1/(r - 1))", "pi/2", 0},      {0, "atan(1/(r - 1))", "-pi/2", 1},
             {1, "atan(1/(r - 1))", "pi/2", 1},      {1, "atan(1/(r - 1))", "-pi/2", 0},
             {0, "sin(1/(r - 1))", "2", 0},          {1, "(r - 1)*sin(1/(r - 1))", "1e-30", 1}};

Test(at_zero, limits_from_either_side_of_a_join) {
  for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
    char weight[200], *text;
    size_t size;
    check_result r;
    snprintf(weight, sizeof weight, sides[i].before ? "pick(1, r, %s, %s)" : "pick(r, 1, %s, %s)",
             sides[i].value, sides[i].near);
    FILE *out = open_memstream(&text, &size);
    fprintf(out,
            "sluice-certificate 2\ngate g\nside pos\nweight %s\npart\njoins 2\n"
            "P1 refuted jump 1 1 0\nP2 undecided\nP3 undecided\nP4 undecided\nP4w undecided\n"
            "segment 0 up moving 1 0 1 0\nsegment 1 down moving 1 0 0 0\nend\n",
            weight);
    fflush(out);
    const XXH128_hash_t h = XXH3_128bits(text, size);
    fprintf(out, "digest %016llx%016llx\n", (unsigned long long)h.high64,
            (unsigned long long)h.low64);
    fclose(out);
    cr_expect_eq(accepted(text, weight, &r), sides[i].differ, "%s", weight);
  }
}

/* Both sides of f' tend to 1 at r = 1, where f has no value, nor f': P1 is refuted, and neither P2
 * nor P3 is shown. */
Test(at_zero, limits_are_no_value_at_one) {
  static const struct {
    const char *claims, *why;
  } rows[] = {
      {"P2 undecided\nP3 undecided", ""},
      {"P2 proved by-P3\nP3 proved strict tail boxes",
       "P2: f' is not shown to be 1 at r = 1 itself"},
      {"P2 undecided\nP3 proved strict tail boxes", "P3: a step at a join goes the wrong way"},
      {"P2 proved below boxes\nP3 undecided", "P2: f' is not shown to be 1 at r = 1 itself"}};
  for (int claimed = 0; claimed < 4; claimed++) {
    char *text;
    size_t size;
    check_result r;
    FILE *out = open_memstream(&text, &size);
    fprintf(out,
            "sluice-certificate 2\ngate g\nside pos\nvalue (r - 1)*(1 - exp(-1/abs(r - 1)))\npart\n"
            "joins 2\nP1 refuted undefined 0 1 0\n%s\nP4 undecided\nP4w undecided\n"
            "segment 0 up moving 1 0 1 0\n"
            "segment 1 down moving 1 0 0 0\n%s%s%send\n",
            rows[claimed].claims,
            claimed ? "form 0 slope -exp(1/(r - 1))/(r - 1)^3\n"
                      "form 1 slope -1/((r - 1)^3*exp(1/(r - 1)))\nregion 0 up 0 0 0 1 0 1\n"
                      "c 0 0 1 0\nregion 1 down 0 1 0 1 1 1\nc 1 0 1 1\n"
                    : "",
            claimed == 1 || claimed == 2 ? "region 1 down 0 1 1 inf 0 1\nc 1 1 inf 0\n" : "",
            claimed == 3 ? "region 0 below 0 0 0 1 0 1\nc 0 0 1 0\n"
                           "region 1 below 0 1 0 inf 0 1\nc 1 0 inf 0\n"
                         : "");
    fflush(out);
    const XXH128_hash_t h = XXH3_128bits(text, size);
    fprintf(out, "digest %016llx%016llx\n", (unsigned long long)h.high64,
            (unsigned long long)h.low64);
    fclose(out);
    cr_expect_eq(accepted(text, "no value at 1", &r), !claimed);
    cr_expect_str_eq(r.why, rows[claimed].why);
  }
}
