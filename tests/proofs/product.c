/* P4 of certificates (spec G4.4) against hand-written ones: what is true passes, and each falsehood
 * that a part of the rule is there for is refused - a bound that is too large, one that holds
 * further out alone, an exponent of exactly 1, an f that is not bounded, format 1. Each bound that
 * passes is also held against r w in rational arithmetic, where w is rational. */
#include "proofs/check/check.h"

#include <criterion/criterion.h>
#include <gmp.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static char *sealed(const char *version, const char *head, const char *p4, const char *regions) {
  char *text;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  const int pieces = strstr(head, "pick(") != NULL; /* one more join */
  fprintf(out,
          "sluice-certificate %s\ngate g\nside pos\n%s\njoins %d\nP1 undecided\nP2 undecided\n"
          "P3 undecided\n%s\nP4w undecided\nsegment 0 up moving 1 0 1 0\n"
          "segment 1 down moving 1 0 %d 0\n%s%send\n",
          version, head, 2 + pieces, p4, pieces, pieces ? "segment 2 down moving 1 0 0 0\n" : "",
          regions);
  fflush(out);
  const XXH128_hash_t h = XXH3_128bits(text, size);
  fprintf(out, "digest %016llx%016llx\n", (unsigned long long)h.high64,
          (unsigned long long)h.low64);
  fclose(out);
  return text;
}

static const struct {
  const char *head, *p4, *regions;
  int holds;
} claims[] = {
    /* r w = r/(1 + r): 16/17 at 2^4, 64/65 at 2^6 */
    {"weight 1/(1 + r)\npart", "P4 refuted above 4 7 -3", "", 1},
    {"weight 1/(1 + r)\npart", "P4 refuted above 6 31 -5", "", 1},
    {"weight 1/(1 + r)\npart", "P4 refuted above 4 31 -5", "", 0},
    {"weight 1/(1 + r)\npart", "P4 refuted above 6 1 0", "", 0},
    {"weight 1/(1 + r)\npart", "P4 refuted below 4 7 -3", "", 0},
    {"weight 1/(1 + r)\npart", "P4 refuted below 4 -7 -3", "", 0},
    {"weight 1/(1 + r)\npart", "P4 refuted above 4 -7 -3", "", 0},
    {"weight 1/(1 + r)\npart", "P4 refuted above 4 0 0", "", 0},
    {"weight -1/(1 + r)\npart", "P4 refuted below 4 -7 -3", "", 1},
    {"weight -1/(1 + r)\npart", "P4 refuted below 4 -31 -5", "", 0},
    /* the power that decides */
    {"weight 1/r\npart", "P4 refuted above 0 1 0", "", 1},
    {"weight 1/r\npart", "P4 refuted above 0 1025 -10", "", 0},
    {"weight 1/r\npart", "P4 proved tail 4", "", 0},
    {"weight 1/r\npart", "P4 proved slope-tail 4", "", 0},
    {"weight 1/r\npart", "P4 proved log-tail 8", "", 0},
    {"weight r^(-65/64)\npart", "P4 proved tail 4", "", 1},
    {"weight r^(-65/64)\npart", "P4 refuted above 4 1 -1", "", 0},
    {"weight r^(-63/64)\npart", "P4 proved tail 4", "", 0},
    {"weight r^(-63/64)\npart", "P4 refuted above 4 1 0", "", 1},
    {"weight 3/5 - r/(1 + r)\npart", "P4 refuted below 5 -1 2", "", 1},
    {"weight 3/5 - r/(1 + r)\npart", "P4 refuted below 1 -1 -2", "", 0},
    /* waves have no limit */
    {"weight (2 + sin(r))/r\npart", "P4 refuted above 4 1 0", "", 1},
    {"weight (2 + sin(r))/r\npart", "P4 refuted above 4 17 -4", "", 0},
    {"weight (1 + sin(r))/r\npart", "P4 refuted above 4 1 -9", "", 0},
    {"weight (1 + sin(r))/r\npart", "P4 proved tail 4", "", 0},
    {"weight (1 + sin(r))/r^2\npart", "P4 proved tail 4", "", 1},
    /* logarithms, by s = log r */
    {"weight 1/((1 + r)*log(3 + r))\npart", "P4 proved log-tail 5", "", 1},
    {"weight 1/((1 + r)*log(3 + r))\npart", "P4 proved tail 5", "", 0},
    {"weight log(3 + r)/(1 + r)\npart", "P4 proved log-tail 5", "", 0},
    {"weight log(3 + r)/(1 + r)\npart", "P4 refuted above 6 1 1", "", 1},
    {"weight log(3 + r)/(1 + r)\npart", "P4 refuted above 2 1 1", "", 0},
    {"weight 1/(1 + log(1 + r))\npart", "P4 refuted above 7 1 0", "", 1},
    {"weight 1/(1 + log(1 + r))\npart", "P4 refuted above 2 1 2", "", 0},
    /* falls until log r is near 5000, and rises then */
    {"weight r^(-99/100)*(1 + log(r))^(-50)\npart", "P4 refuted above 7 1 -120", "", 0},
    /* by f'', where f' -> 0 */
    {"weight 1 - erf(r)\npart", "P4 proved slope-tail 4", "", 1},
    {"weight 1 - erf(r)\npart", "P4 refuted above 4 1 -20", "", 0},
    {"weight 5/4 - erf(r)\npart", "P4 proved slope-tail 4", "", 0},
    {"weight 1/(1 + r)\npart", "P4 proved slope-tail 4", "", 0},
    /* f' falls and f is bounded */
    {"value 5 - 1/log(2 + r)\npart", "P4 proved bounded 2",
     "region 1 falls 0 1 2 inf 0 1\nc 1 2 inf 0\n", 1},
    {"value 5 - 1/log(2 + r)\npart", "P4 proved bounded 2", "", 0},
    {"value 5 - 1/log(2 + r)\npart", "P4 proved bounded 2",
     "region 1 falls 0 1 3 inf 0 1\nc 1 3 inf 0\n", 0},
    {"value 5 - 1/log(2 + r)\npart", "P4 proved bounded 2",
     "region 1 defined 0 1 2 inf 0 1\nc 1 2 inf 0\n", 0},
    {"value log(1 + r)\npart", "P4 proved bounded 2", "region 1 falls 0 1 2 inf 0 1\nc 1 2 inf 0\n",
     0},
    {"value atan(r) + r\npart", "P4 proved bounded 2",
     "region 1 falls 0 1 2 inf 0 1\nc 1 2 inf 0\n", 0},
    {"weight 1/(1 + r)\npart", "P4 proved bounded 2", "region 1 falls 0 1 2 inf 0 1\nc 1 2 inf 0\n",
     0},
    /* beyond the last join: 1/r^2 up to r = 100, 1/r from there */
    {"weight pick(r, 100, 1/r^2, 1/r)\npart", "P4 refuted above 7 1 0", "", 1},
    {"weight pick(r, 100, 1/r^2, 1/r)\npart", "P4 refuted above 2 1 0", "", 0},
    /* at a named parameter value, within the part */
    {"weight (1 + r)^(-k)\nrange k 0.5 2\npart 0.5 2", "P4 refuted above 4 7 -3 1", "", 1},
    {"weight (1 + r)^(-k)\nrange k 0.5 2\npart 0.5 2", "P4 refuted above 4 7 -3 1.5", "", 0},
    {"weight (1 + r)^(-k)\nrange k 0.5 2\npart 0.5 2", "P4 refuted above 4 7 -3 0.25", "", 0},
    {"weight (1 + r)^(-k)\nrange k 0.5 2\npart 0.5 2", "P4 proved tail 4", "",
     0}, /* by a logarithmic slope: it keeps below a negative number, f' has one sign, no join is
            beyond */
    {"weight exp(1 - r)\npart", "P4 proved decay 1", "", 1},
    {"weight -exp(1 - r)\npart", "P4 proved decay 1", "", 1},
    {"weight exp(r - exp(r))\npart", "P4 proved decay 2", "", 1},
    {"weight 1/r^2\npart", "P4 proved decay 4", "", 0},
    {"weight exp(r)\npart", "P4 proved decay 4", "", 0},
    {"weight exp(1 - r)*sin(r)\npart", "P4 proved decay 4", "", 0},
    {"weight exp(1 - r) + 1e-9/r\npart", "P4 proved decay 4", "", 0},
    {"weight pick(r, 100, 1/r, exp(1 - r))\npart", "P4 proved decay 7", "", 1},
    {"weight pick(r, 100, 1/r, exp(1 - r))\npart", "P4 proved decay 2", "", 0},
    {"weight pick(r, 100, exp(1 - r), 1/r)\npart", "P4 proved decay 7", "", 0},
    {"weight exp(k*(1 - r))\nrange k 0.5 2\npart 0.5 2", "P4 proved decay 4", "", 1},
    {"weight exp(k*(1 - r))\nrange k 0 2\npart 0 2", "P4 proved decay 4", "", 0},
    /* of r f' in log r */
    {"weight r^(-65/64)\npart", "P4 proved log-decay 4", "", 1},
    {"weight exp(-log(r)^2)\npart", "P4 proved log-decay 4", "", 1},
    {"weight 1/r\npart", "P4 proved log-decay 8", "", 0},
    {"weight r^(-63/64)\npart", "P4 proved log-decay 8", "", 0},
    {"weight 1/(r*(1 + log(r)))\npart", "P4 proved log-decay 8", "", 0},
    {"weight pick(r, 100, 1/r, r^(-2))\npart", "P4 proved log-decay 7", "", 1},
    {"weight pick(r, 100, 1/r, r^(-2))\npart", "P4 proved log-decay 4", "", 0},
    /* exponents that cancel but for what stays bounded: e^(1/10) is 1.105 */
    {"weight exp(-log(r) + 1/10)\npart", "P4 refuted above 4 1 0", "", 1},
    {"weight exp(-log(r) + 1/10)\npart", "P4 refuted above 4 9 -3", "", 0},
    {"weight exp(-log(r) + 1/10)\npart", "P4 proved log-tail 8", "", 0},
    {"weight exp(-log(r) + log(r)/100)\npart", "P4 proved log-tail 8", "", 0},
};

static int verdict(const char *version, int i, char *why, size_t size) {
  check_result r;
  char *text = sealed(version, claims[i].head, claims[i].p4, claims[i].regions);
  slc_check_certificate(&r, text, strlen(text));
  snprintf(why, size, "line %d: %s", r.line, r.why);
  free(r.statement), free(text);
  return r.accepted;
}

Test(product, truths_pass_and_falsehoods_are_refused) {
  char why[300];
  for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
    cr_expect_eq(verdict("2", (int)i, why, sizeof why), claims[i].holds, "%s, %s: %s",
                 claims[i].head, claims[i].p4, why);
}

Test(product, format_1_is_refused_by_what_its_P4_says) {
  char why[300];
  cr_expect(!verdict("1", 0, why, sizeof why));
  cr_expect(strstr(why, "format 1, whose P4 says less"), "%s", why);
}

/* r w of the rational rows, as numerator and denominator in r. */
static const struct {
  int claim;
  long top[3], bottom[3]; /* coefficients of 1, r, r^2 */
} exact[] = {{0, {0, 1, 0}, {1, 1, 0}},  {1, {0, 1, 0}, {1, 1, 0}},  {2, {0, 1, 0}, {1, 1, 0}},
             {3, {0, 1, 0}, {1, 1, 0}},  {8, {0, -1, 0}, {1, 1, 0}}, {9, {0, -1, 0}, {1, 1, 0}},
             {10, {1, 0, 0}, {1, 0, 0}}, {11, {1, 0, 0}, {1, 0, 0}}, {19, {0, 3, -2}, {5, 5, 0}},
             {20, {0, 3, -2}, {5, 5, 0}}};

static void polynomial(mpq_t y, const long *c, const mpq_t r) {
  mpq_t k;
  mpq_init(k);
  mpq_set_si(y, c[2], 1);
  for (int i = 1; i >= 0; i--) {
    mpq_mul(y, y, r);
    mpq_set_si(k, c[i], 1);
    mpq_add(y, y, k);
  }
  mpq_clear(k);
}

/* What `holds` says of those rows, at 2^E times 1, 5/4, 3/2, ... up to 2^(E + 40). */
Test(product, bounds_hold_in_rational_arithmetic) {
  mpq_t r, y, z, bound;
  mpq_inits(r, y, z, bound, (mpq_ptr)0);
  for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
    char way[8];
    long e, m, shift;
    int all = 1;
    sscanf(claims[exact[i].claim].p4, "P4 refuted %7s %ld %ld %ld", way, &e, &m, &shift);
    mpq_set_si(bound, m, 1);
    if (shift < 0)
      mpq_div_2exp(bound, bound, (mp_bitcnt_t)-shift);
    else
      mpq_mul_2exp(bound, bound, (mp_bitcnt_t)shift);
    for (long k = 0; k < 160; k++) {
      mpq_set_si(r, 4 + k % 4, 4);
      mpq_canonicalize(r);
      mpq_mul_2exp(r, r, (mp_bitcnt_t)(e + k / 4));
      polynomial(y, exact[i].top, r), polynomial(z, exact[i].bottom, r);
      mpq_div(y, y, z);
      all &= way[0] == 'a' ? mpq_cmp(y, bound) >= 0 : mpq_cmp(y, bound) <= 0;
    }
    cr_expect_eq(all, claims[exact[i].claim].holds, "%s, %s", claims[exact[i].claim].head,
                 claims[exact[i].claim].p4);
  }
  mpq_clears(r, y, z, bound, (mpq_ptr)0);
}
