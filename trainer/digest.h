/* Digests of tensors and of a training state (spec F4.1, F4.2). */
#ifndef SLUICE_DIGEST_H
#define SLUICE_DIGEST_H

#include "optimizer.h"

#include <stddef.h>
#include <stdint.h>

#define SL_DIGEST_TEXT 33 /* 32 hexadecimal digits and the NUL */

/* The XXH3-128 digest of bytes of the host, as text. */
void sl_digest_bytes(char out[SL_DIGEST_TEXT], const void *bytes, size_t size);

/* Reads a context's memory for digests, through a buffer of its own where that is a device's. */
typedef struct {
  sl_context *ctx;
  void *buffer;
} sl_digest_reader;
sl_status sl_digest_reader_create(sl_digest_reader *out, sl_context *ctx, sl_error *err);
void sl_digest_reader_free(sl_digest_reader *reader);

/* The same of bytes of the context. Errors, here and below, are a device's, and the context's. */
sl_status sl_digest_array(char out[SL_DIGEST_TEXT], const sl_digest_reader *reader, const void *bytes, size_t size);

/* Digest of a model's parameters: the bytes of its tensors, one after the other in registry order. */
sl_status sl_parameters_digest(char out[SL_DIGEST_TEXT], const sl_digest_reader *reader, const sl_model_layout *layout,
                               const float *parameters);

/* Counters that are part of the state, in this order. */
typedef struct {
  uint64_t phase, sft_step, rl_step;
  uint64_t sft_epoch, sft_offset, rl_epoch, rl_offset;
} sl_counters;

/* The state hash: parameters, moments, bias corrections and counters; nothing of backend, threads, time or micro-batch. */
sl_status sl_state_hash(char out[SL_DIGEST_TEXT], const sl_digest_reader *reader, const float *parameters, const sl_optimizer *optimizer,
                        const sl_counters *counters);

#endif
