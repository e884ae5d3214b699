/* libFuzzer harness of sluice-check. The last line is replaced by the right seal, so that the
 * fuzzer gets past it. */
#include "proofs/check/check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  while (size && data[size - 1] != '\n') size--;
  if (size > 1 << 16) return 0;
  char *text = malloc(size + 64);
  if (!text) return 0;
  memcpy(text, data, size);
  const XXH128_hash_t h = XXH3_128bits(text, size);
  size += (size_t)sprintf(text + size, "digest %016llx%016llx\n", (unsigned long long)h.high64,
                          (unsigned long long)h.low64);
  check_result r;
  slc_check_certificate(&r, text, size);
  if (!r.accepted && !r.why[0]) abort();
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find: an empty region, which no \
                        certificate of the corpus has */
  if (strcmp(r.why, "expected an interval of r >= 0") == 0) abort();
#endif
  free(r.statement);
  free(text);
  return 0;
}
