/* Digests of tensors and of a training state (spec F4.1, F4.2, F5.3). Texts and the few bytes of
 * digests go through libxxhash; tensors are the kernels' work. */
#include "state_digest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#define XXH_STATIC_LINKING_ONLY /* the size of a state, which then needs no memory of its own */
#include <xxhash.h>

static void as_text(char out[SL_DIGEST_TEXT], uint64_t high, uint64_t low) {
  snprintf(out, SL_DIGEST_TEXT, "%016llx%016llx", (unsigned long long)high,
           (unsigned long long)low);
}

void sl_digest_bytes(char out[SL_DIGEST_TEXT], const void *bytes, size_t size) {
  const XXH128_hash_t h = XXH3_128bits(bytes, size);
  as_text(out, h.high64, h.low64);
}

struct sl_digest_stream {
  XXH3_state_t *state;
};

sl_digest_stream *sl_digest_open(void) {
  sl_digest_stream *stream = malloc(sizeof *stream);
  XXH3_state_t *state = stream ? XXH3_createState() : NULL;
  if (!state) {
    free(stream);
    return NULL;
  }
  XXH3_128bits_reset(state);
  stream->state = state;
  return stream;
}

void sl_digest_add(sl_digest_stream *stream, const void *bytes, size_t size) {
  XXH3_128bits_update(stream->state, bytes, size);
}

void sl_digest_close(char out[SL_DIGEST_TEXT], sl_digest_stream *stream) {
  const XXH128_hash_t h = XXH3_128bits_digest(stream->state);
  as_text(out, h.high64, h.low64);
  XXH3_freeState(stream->state);
  free(stream);
}

static size_t arena_words(const sl_model_layout *layout) { return 2 * layout->n_tensors; }
static size_t host_bytes(const sl_model_layout *layout, size_t arenas) {
  return arenas * arena_words(layout) * sizeof(uint64_t);
}

sl_status sl_digests_create(sl_digests *out, sl_context *ctx, const sl_model_layout *layout,
                            size_t arenas, sl_error *err) {
  sl_digests d = {.layout = layout, .arenas = arenas};
  const sl_status status =
      sl_mirror_create(&d.values, ctx, host_bytes(layout, arenas), "the digests of tensors", err);
  if (!status) *out = d;
  return status;
}

void sl_digests_free(sl_digests *d) { sl_mirror_free(&d->values); }

size_t sl_digests_bytes(const sl_context *ctx, const sl_model_layout *layout, size_t arenas) {
  return sl_mirror_bytes(ctx, host_bytes(layout, arenas));
}

/* The two words of a tensor. */
static uint64_t *value(const sl_digests *d, size_t at, size_t tensor) {
  return (uint64_t *)(void *)d->values.host + at * arena_words(d->layout) + 2 * tensor;
}

sl_status sl_digests_take(const sl_digests *d, size_t at, const float *arena) {
  sl_status status = SL_OK;
  for (size_t i = 0; !status && i < d->layout->n_tensors; i++) {
    const sl_tensor_info *t = &d->layout->tensors[i];
    status = sl_tensor_digest(d->values.ctx, sl_mirror_device(&d->values, value(d, at, i)),
                              arena + t->offset, t->count);
  }
  return status;
}

sl_status sl_digests_read(const sl_digests *d, size_t n) {
  return sl_mirror_pull(&d->values, d->values.host, host_bytes(d->layout, n));
}

void sl_digests_text(char out[SL_DIGEST_TEXT], const sl_digests *d, size_t at, size_t tensor) {
  const uint64_t *v = value(d, at, tensor);
  as_text(out, v[1], v[0]);
}

static void begin(XXH3_state_t *all) {
  XXH3_INITSTATE(all);
  XXH3_128bits_reset(all);
}

static void end(char out[SL_DIGEST_TEXT], const XXH3_state_t *all) {
  const XXH128_hash_t h = XXH3_128bits_digest(all);
  as_text(out, h.high64, h.low64);
}

/* The digests of an arena, each as 16 bytes, high half first. */
static void feed_arena(XXH3_state_t *all, const sl_digests *d, size_t at) {
  for (size_t i = 0; i < d->layout->n_tensors; i++) {
    const uint64_t *v = value(d, at, i);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, (XXH128_hash_t){.low64 = v[0], .high64 = v[1]});
    XXH3_128bits_update(all, &canonical, sizeof canonical);
  }
}

sl_status sl_parameters_digest(char out[SL_DIGEST_TEXT], sl_context *ctx,
                               const sl_model_layout *layout, const float *parameters,
                               sl_error *err) {
  sl_digests d;
  sl_status status = sl_digests_create(&d, ctx, layout, 1, err);
  if (status) return status;
  status = sl_digests_take(&d, 0, parameters);
  if (!status) status = sl_digests_read(&d, 1);
  if (status) {
    sl_fail(err, status, "%s", sl_context_error(ctx)->message);
  } else {
    XXH3_state_t all;
    begin(&all);
    feed_arena(&all, &d, 0);
    end(out, &all);
  }
  sl_digests_free(&d);
  return status;
}

void sl_state_hash(char out[SL_DIGEST_TEXT], const sl_digests *d, const sl_adamw_state *adamw,
                   const sl_counters *counters, double tau_scale) {
  XXH3_state_t all;
  begin(&all);
  for (size_t a = 0; a < SL_DIGESTS_STATE; a++) feed_arena(&all, d, a);
  XXH3_128bits_update(&all, &adamw->b1_power, sizeof adamw->b1_power);
  XXH3_128bits_update(&all, &adamw->b2_power, sizeof adamw->b2_power);
  XXH3_128bits_update(&all, counters, sizeof *counters);
  if (!isnan(tau_scale)) XXH3_128bits_update(&all, &tau_scale, sizeof tau_scale);
  end(out, &all);
}
