/* Digests of tensors and of a training state (spec F4.1, F4.2, F5.3). */
#ifndef SLUICE_STATE_DIGEST_H
#define SLUICE_STATE_DIGEST_H

#include "trainer/model/optimizer.h"

#include <stddef.h>
#include <stdint.h>

#define SL_DIGEST_TEXT 33 /* 32 hexadecimal digits and the NUL */

/* The XXH3-128 digest of bytes of the host, as text. */
void sl_digest_bytes(char out[SL_DIGEST_TEXT], const void *bytes, size_t size);

/* The same of bytes that come in pieces. NULL if memory is short; close frees it. */
typedef struct sl_digest_stream sl_digest_stream;
sl_digest_stream *sl_digest_open(void);
void sl_digest_add(sl_digest_stream *stream, const void *bytes, size_t size);
void sl_digest_close(char out[SL_DIGEST_TEXT], sl_digest_stream *stream);

/* Digests of the tensors of arenas of one layout: kernels take them where the tensors lie, and one
 * copy brings them to the host. */
typedef struct {
  const sl_model_layout *layout;
  sl_mirror values; /* (arenas, n_tensors, 2) 64-bit words: low, high */
  size_t arenas;
} sl_digests;

sl_status sl_digests_create(sl_digests *out, sl_context *ctx, const sl_model_layout *layout,
                            size_t arenas, sl_error *err);
void sl_digests_free(sl_digests *digests);
size_t sl_digests_bytes(const sl_context *ctx, const sl_model_layout *layout, size_t arenas);

/* Takes those of an arena, as number `at`; sl_digests_read brings the first n arenas' to the host.
 * Errors are the context's. */
sl_status sl_digests_take(const sl_digests *digests, size_t at, const float *arena);
sl_status sl_digests_read(const sl_digests *digests, size_t n);
/* The digest of a tensor of arena `at`, as text, once it is read. */
void sl_digests_text(char out[SL_DIGEST_TEXT], const sl_digests *digests, size_t at, size_t tensor);

/* The XXH3-128 of the digests of a model's tensors (spec F4.5). Takes memory for the time of the
 * call. */
sl_status sl_parameters_digest(char out[SL_DIGEST_TEXT], sl_context *ctx,
                               const sl_model_layout *layout, const float *parameters,
                               sl_error *err);

/* Counters that are part of the state, in this order. */
typedef struct {
  uint64_t phase, sft_step, rl_step;
  uint64_t sft_epoch, sft_offset, rl_epoch, rl_offset;
} sl_counters;

/* Arenas whose digests make the state. */
enum { SL_DIGESTS_PARAMETERS, SL_DIGESTS_M, SL_DIGESTS_V, SL_DIGESTS_STATE };

/* The state hash: parameters, moments, bias corrections and counters; nothing of backend, threads,
 * time or micro-batch. The digests of the first SL_DIGESTS_STATE arenas have been read. tau_scale
 * is part of it where it is a number (spec L3.11). */
void sl_state_hash(char out[SL_DIGEST_TEXT], const sl_digests *digests, const sl_adamw_state *adamw,
                   const sl_counters *counters, double tau_scale);

#endif
