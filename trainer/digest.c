/* Digests of tensors and of a training state (spec F4.1, F4.2), by libxxhash: XXH3 runs at memory speed, so that a hash a step costs
 * nothing. */
#include "digest.h"

#include "block.h"

#include <stdio.h>
#define XXH_STATIC_LINKING_ONLY /* the size of a state, which then needs no memory of its own */
#include <xxhash.h>

#define BLOCK ((size_t)1 << 20)

static void as_text(char out[SL_DIGEST_TEXT], XXH128_hash_t h) {
  snprintf(out, SL_DIGEST_TEXT, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

void sl_digest_bytes(char out[SL_DIGEST_TEXT], const void *bytes, size_t size) { as_text(out, XXH3_128bits(bytes, size)); }

sl_status sl_digest_reader_create(sl_digest_reader *out, sl_context *ctx, sl_error *err) {
  *out = (sl_digest_reader){ctx, NULL};
  return sl_context_on_device(ctx) ? sl_block_create(&out->buffer, NULL, BLOCK, "digests", err) : SL_OK;
}

void sl_digest_reader_free(sl_digest_reader *r) {
  sl_block_free(NULL, r->buffer);
  *r = (sl_digest_reader){NULL, NULL};
}

/* Up to BLOCK bytes of the context as the host sees them. */
static sl_status view(const unsigned char **out, const sl_digest_reader *r, const void *bytes, size_t size) {
  *out = r->buffer ? r->buffer : bytes;
  return r->buffer ? sl_memory_read(r->ctx, r->buffer, bytes, size) : SL_OK;
}

/* Feeds an array as one text. */
static sl_status feed_array(XXH3_state_t *all, const sl_digest_reader *r, const void *data, size_t size) {
  const unsigned char *bytes = data, *seen;
  for (size_t at = 0; at < size; at += BLOCK) {
    const size_t n = size - at < BLOCK ? size - at : BLOCK;
    const sl_status status = view(&seen, r, bytes + at, n);
    if (status) return status;
    XXH3_128bits_update(all, seen, n);
  }
  return SL_OK;
}

sl_status sl_digest_array(char out[SL_DIGEST_TEXT], const sl_digest_reader *r, const void *bytes, size_t size) {
  XXH3_state_t state, *all = &state;
  XXH3_INITSTATE(all);
  XXH3_128bits_reset(all);
  const sl_status status = feed_array(all, r, bytes, size);
  as_text(out, XXH3_128bits_digest(all));
  return status;
}

sl_status sl_parameters_digest(char out[SL_DIGEST_TEXT], const sl_digest_reader *r, const sl_model_layout *layout,
                               const float *parameters) {
  XXH3_state_t state, *all = &state;
  sl_status status = SL_OK;
  XXH3_INITSTATE(all);
  XXH3_128bits_reset(all);
  for (size_t i = 0; !status && i < layout->n_tensors; i++)
    status = feed_array(all, r, parameters + layout->tensors[i].offset, layout->tensors[i].count * sizeof *parameters);
  as_text(out, XXH3_128bits_digest(all));
  return status;
}

static void feed_block(XXH3_state_t *all, const void *bytes, size_t n, size_t block) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(bytes, n, block));
  XXH3_128bits_update(all, &canonical, sizeof canonical);
}

/* Feeds the digest of each block of a tensor, with the block's number as seed. */
static sl_status feed_blocks(XXH3_state_t *all, const sl_digest_reader *r, const void *data, size_t size) {
  const unsigned char *bytes = data, *seen;
  for (size_t block = 0, at = 0; at < size; block++, at += BLOCK) {
    const size_t n = size - at < BLOCK ? size - at : BLOCK;
    const sl_status status = view(&seen, r, bytes + at, n);
    if (status) return status;
    feed_block(all, seen, n, block);
  }
  return SL_OK;
}

sl_status sl_state_hash(char out[SL_DIGEST_TEXT], const sl_digest_reader *r, const float *parameters, const sl_optimizer *optimizer,
                        const sl_counters *counters) {
  XXH3_state_t state, *all = &state;
  sl_status status = SL_OK;
  XXH3_INITSTATE(all);
  XXH3_128bits_reset(all);
  const sl_model_layout *layout = optimizer->layout;
  const float *const arenas[3] = {parameters, optimizer->m, optimizer->v};
  for (int a = 0; a < 3; a++)
    for (size_t i = 0; !status && i < layout->n_tensors; i++)
      status = feed_blocks(all, r, arenas[a] + layout->tensors[i].offset, layout->tensors[i].count * sizeof(float));
  feed_block(all, &optimizer->state.b1_power, sizeof(double), 0);
  feed_block(all, &optimizer->state.b2_power, sizeof(double), 0);
  feed_block(all, counters, sizeof *counters, 0);
  as_text(out, XXH3_128bits_digest(all));
  return status;
}
