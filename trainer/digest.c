/* Digests of tensors and of a training state (spec F4.1, F4.2), by libxxhash: XXH3 runs at memory speed, so that a hash a step costs
 * nothing. */
#include "digest.h"

#include <stdio.h>
#define XXH_STATIC_LINKING_ONLY /* the size of a state, which then needs no memory of its own */
#include <xxhash.h>

#define BLOCK ((size_t)1 << 20)

static void as_text(char out[SL_DIGEST_TEXT], XXH128_hash_t h) {
  snprintf(out, SL_DIGEST_TEXT, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

void sl_digest_bytes(char out[SL_DIGEST_TEXT], const void *bytes, size_t size) { as_text(out, XXH3_128bits(bytes, size)); }

void sl_parameters_digest(char out[SL_DIGEST_TEXT], const sl_model_layout *layout, const float *parameters) {
  XXH3_state_t state, *all = &state;
  XXH3_INITSTATE(all);
  XXH3_128bits_reset(all);
  for (size_t i = 0; i < layout->n_tensors; i++)
    XXH3_128bits_update(all, parameters + layout->tensors[i].offset, layout->tensors[i].count * sizeof *parameters);
  as_text(out, XXH3_128bits_digest(all));
}

/* Feeds the digest of each block of a tensor, with the block's number as seed. */
static void feed_blocks(XXH3_state_t *all, const void *data, size_t size) {
  const unsigned char *bytes = data;
  for (size_t block = 0, at = 0; at < size; block++, at += BLOCK) {
    const size_t n = size - at < BLOCK ? size - at : BLOCK;
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(bytes + at, n, block));
    XXH3_128bits_update(all, &canonical, sizeof canonical);
  }
}

void sl_state_hash(char out[SL_DIGEST_TEXT], const float *parameters, const sl_optimizer *optimizer, const sl_counters *counters) {
  XXH3_state_t state, *all = &state;
  XXH3_INITSTATE(all);
  XXH3_128bits_reset(all);
  const sl_model_layout *layout = optimizer->layout;
  const float *const arenas[3] = {parameters, optimizer->m, optimizer->v};
  for (int a = 0; a < 3; a++)
    for (size_t i = 0; i < layout->n_tensors; i++)
      feed_blocks(all, arenas[a] + layout->tensors[i].offset, layout->tensors[i].count * sizeof(float));
  feed_blocks(all, &optimizer->state.b1_power, sizeof(double));
  feed_blocks(all, &optimizer->state.b2_power, sizeof(double));
  feed_blocks(all, counters, sizeof *counters);
  as_text(out, XXH3_128bits_digest(all));
}
