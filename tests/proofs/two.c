/* Certificates of gates of two arguments (spec G1.7, G4.2): a refutation counts where its witness
 * lies in the region, p > 0 and r p < 1, and is said to lie beyond it elsewhere. */
#include "proofs/check/check.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Of a gate, by its weight; one part. */
typedef struct {
  const char *old, *range, *weight, *claims;
  const char *says; /* of P1 to P4w; NULL: it is refused */
} claimed;

static char *sealed(const claimed *c) {
  char *y = calloc(2000, 1);
  const int more = strstr(c->weight, "pick(") != NULL; /* one more join */
  const int n = sprintf(y,
                        "sluice-certificate 2\ngate a\n%sside pos\nweight %s\n%spart 0 1\n"
                        "joins %d\n%ssegment 0 up moving 1 0 1 0\nsegment 1 down moving 1 0 %d 0\n"
                        "%send\n",
                        c->old, c->weight, c->range, 2 + more, c->claims, more,
                        more ? "segment 2 down moving 1 0 0 0\n" : "");
  const XXH128_hash_t h = XXH3_128bits(y, (size_t)n);
  sprintf(y + n, "digest %016llx%016llx\n", (unsigned long long)h.high64,
          (unsigned long long)h.low64);
  return y;
}

#define OPEN(p) p " undecided\n"
#define POINTWISE "open (proved for each p alone, which says less)"
#define BEYOND "open (refuted only beyond the region)"

static const claimed rows[] = {
    /* w(1) = 1 + p/10 is not 1: at p = 1/2 a token is there, at p = 1 the region ends at r = 1 */
    {"old p\n", "range p 0 1\n", "(1 + p/10)/(1 + (r - 1)^2)",
     OPEN("P1") "P2 refuted one 0 1 0 0.5\n" OPEN("P3") OPEN("P4") OPEN("P4w"),
     "P1 open, P2 refuted, P3 open, P4 open, P4w open"},
    {"old p\n", "range p 0 1\n", "(1 + p/10)/(1 + (r - 1)^2)",
     OPEN("P1") "P2 refuted one 0 1 0 1\n" OPEN("P3") OPEN("P4") OPEN("P4w"),
     "P1 open, P2 " BEYOND ", P3 open, P4 open, P4w open"},
    /* the same without a second argument is a refutation */
    {"", "range p 0 1\n", "(1 + p/10)/(1 + (r - 1)^2)",
     OPEN("P1") "P2 refuted one 0 1 0 1\n" OPEN("P3") OPEN("P4") OPEN("P4w"),
     "P1 open, P2 refuted, P3 open, P4 open, P4w open"},
    /* w jumps at r = 1 + p, and the place that the record gives is that join */
    {"old p\n", "range p 0 1\n", "pick(r, 1 + p, 1, 0)",
     "P1 refuted jump 2 3 -1 0.5\n" OPEN("P2") OPEN("P3") OPEN("P4") OPEN("P4w"),
     "P1 refuted, P2 open, P3 open, P4 open, P4w open"},
    {"old p\n", "range p 0 1\n", "pick(r, 1 + p, 1, 0)",
     "P1 refuted jump 2 1 -1 0.75\n" OPEN("P2") OPEN("P3") OPEN("P4") OPEN("P4w"), NULL},
    {"old p\n", "range p 0 1\n", "pick(r, 1 + p, 1, 0)",
     "P1 refuted jump 2 7 -2 0.75\n" OPEN("P2") OPEN("P3") OPEN("P4") OPEN("P4w"),
     "P1 " BEYOND ", P2 open, P3 open, P4 open, P4w open"},
    /* r w -> inf at p = 0, where no token is */
    {"old p\n", "range p 0 1\n", "1/(1 + p*(r - 1)^2)",
     OPEN("P1") OPEN("P2") OPEN("P3") "P4 refuted above 0 1 0 0\n" OPEN("P4w"),
     "P1 open, P2 open, P3 open, P4 " BEYOND ", P4w open"},
    /* P4 for each p is not P4 of a gate of two arguments, of all p at once */
    {"old p\n", "range p 0 1\n", "1/(1 + (r - 1)^2)",
     OPEN("P1") OPEN("P2") OPEN("P3") "P4 proved tail 4\nP4w proved by-P4\n",
     "P1 open, P2 open, P3 open, P4 " POINTWISE ", P4w " POINTWISE},
    {"", "range p 0 1\n", "1/(1 + (r - 1)^2)",
     OPEN("P1") OPEN("P2") OPEN("P3") "P4 proved tail 4\nP4w proved by-P4\n",
     "P1 open, P2 open, P3 open, P4 proved, P4w proved"},
    /* its name is one that nothing else has */
    {"old r\n", "range r 0 1\n", "1", OPEN("P1") OPEN("P2") OPEN("P3") OPEN("P4") OPEN("P4w"),
     NULL},
    /* the second argument is a range over [0, 1] */
    {"old q\n", "range p 0 1\n", "1", OPEN("P1") OPEN("P2") OPEN("P3") OPEN("P4") OPEN("P4w"),
     NULL},
    {"old p\n", "range p 0 0.5\n", "1", OPEN("P1") OPEN("P2") OPEN("P3") OPEN("P4") OPEN("P4w"),
     NULL},
    {"old \n", "range p 0 1\n", "1", OPEN("P1") OPEN("P2") OPEN("P3") OPEN("P4") OPEN("P4w"), NULL},
};

Test(two, a_witness_counts_in_the_region) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char *text = sealed(&rows[i]);
    check_result r;
    slc_check_certificate(&r, text, strlen(text));
    cr_expect_eq(r.accepted, rows[i].says != NULL, "row %zu: line %d: %s", i, r.line, r.why);
    cr_expect(!rows[i].says || strstr(r.statement, rows[i].says), "row %zu: %s", i, r.statement);
    if (rows[i].says)
      cr_expect_eq(strstr(r.statement, "more than their region") != NULL, *rows[i].old != '\0',
                   "row %zu: %s", i, r.statement);
    free(r.statement), free(text);
  }
}
