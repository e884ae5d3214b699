/* The digest of standard input (spec F4.1): digest-of <FILE. */
#include <xxhash.h>

#include <stdio.h>

int main(void) {
  static unsigned char piece[65536];
  XXH3_state_t *state = XXH3_createState();
  if (!state || XXH3_128bits_reset(state) != XXH_OK) return 1;
  for (size_t n; (n = fread(piece, 1, sizeof piece, stdin)) > 0;)
    XXH3_128bits_update(state, piece, n);
  const XXH128_hash_t digest = XXH3_128bits_digest(state);
  XXH3_freeState(state);
  printf("%016llx%016llx\n", (unsigned long long)digest.high64, (unsigned long long)digest.low64);
  return ferror(stdin) != 0;
}
