/* Hand-written certificates whose boxes are wider than any enclosure decides: those on which the
 * goal holds are halved until it is seen, towards infinity too; the others are refused. */
#include "proofs/check/check.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static int accepted(const char *weight) {
  char *text;
  size_t size;
  check_result r;
  FILE *out = open_memstream(&text, &size);
  fprintf(out,
          "sluice-certificate 2\ngate g\nside pos\nweight %s\npart\njoins 2\nP1 undecided\n"
          "P2 undecided\nP3 proved strict tail boxes\nP4 undecided\nP4w undecided\n"
          "segment 0 up moving 1 0 1 0\nsegment 1 down moving 1 0 0 0\n"
          "region 0 up 0 0 0 1 0 1\nc 0 0 1 0\nregion 1 down 0 1 0 inf 0 1\nc 1 0 inf 0\nend\n",
          weight);
  fflush(out);
  const XXH128_hash_t h = XXH3_128bits(text, size);
  fprintf(out, "digest %016llx%016llx\n", (unsigned long long)h.high64,
          (unsigned long long)h.low64);
  fclose(out);
  slc_check_certificate(&r, text, strlen(text));
  if (!r.accepted) printf("%s: line %d: %s\n", weight, r.line, r.why);
  const int ok = r.accepted;
  free(r.statement), free(text);
  return ok;
}

/* For r > 1 the slope of the exponent is -1 + 2 c t (1 - t^2) with t = tanh(r - 1), at most
 * -1 + 4 c/sqrt(27): below 0 for c < 1.299. A box of all t of [0, 1] gives up to -1 + 2 c. */
Test(boxes, are_halved_until_they_are_decided) {
  cr_expect(accepted("exp(-abs(r - 1) + 3/4*tanh(r - 1)^2)"));
  cr_expect(accepted("exp(-abs(r - 1) + 5/4*tanh(r - 1)^2)"));
  cr_expect(!accepted("exp(-abs(r - 1) + 21/16*tanh(r - 1)^2)"));
  cr_expect(!accepted("exp(-abs(r - 1) + 3/2*tanh(r - 1)^2)"));
}
