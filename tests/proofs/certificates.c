/* Certificates that an edit makes false or ill-formed (certificates.def, certificates_records.def):
 * the checker accepts each before the edit, and refuses it after it, with the message, though the
 * digest is right. */
#include "proofs/check/check.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const struct {
  const char *name, *from, *to, *message, *text;
} forgeries[] = {
#define FORGERY(name, from, to, message, text) {#name, from, to, message, text},
#include "certificates.def"
#include "certificates_records.def"
#undef FORGERY
};

/* With `from` replaced by `to`, once. */
static char *sealed(const char *text, const char *from, const char *to) {
  static char unedited[8000];
  char *out;
  size_t size;
  cr_assert(snprintf(unedited, sizeof unedited, "sluice-certificate 2\ngate g\n%s", text) <
            (int)sizeof unedited);
  const char *at = strstr(unedited, from);
  cr_assert(at, "%s is not in the certificate", from);
  FILE *f = open_memstream(&out, &size);
  fprintf(f, "%.*s%s%s", (int)(at - unedited), unedited, to, at + strlen(from));
  fflush(f);
  const XXH128_hash_t h = XXH3_128bits(out, size);
  fprintf(f, "digest %016llx%016llx\n", (unsigned long long)h.high64, (unsigned long long)h.low64);
  fclose(f);
  return out;
}

Test(certificates, are_refused_after_an_edit_that_makes_them_false) {
  for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
    check_result before, after;
    const char *from = forgeries[i].from;
    char *right = sealed(forgeries[i].text, from, from),
         *wrong = sealed(forgeries[i].text, from, forgeries[i].to);
    slc_check_certificate(&before, right, strlen(right));
    slc_check_certificate(&after, wrong, strlen(wrong));
    cr_expect(before.accepted, "%s: line %d: %s", forgeries[i].name, before.line, before.why);
    cr_expect(!after.accepted && !strcmp(after.why, forgeries[i].message), "%s, edited: %s",
              forgeries[i].name, after.accepted ? "accepted" : after.why);
    free(before.statement), free(after.statement);
    free(right), free(wrong);
  }
}
