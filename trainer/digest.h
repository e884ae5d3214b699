/* Digests of tensors and of a training state (spec F4.1, F4.2). */
#ifndef SLUICE_DIGEST_H
#define SLUICE_DIGEST_H

#include "optimizer.h"

#include <stddef.h>
#include <stdint.h>

#define SL_DIGEST_TEXT 33 /* 32 hexadecimal digits and the NUL */

/* The XXH3-128 digest of bytes, as text. */
void sl_digest_bytes(char out[SL_DIGEST_TEXT], const void *bytes, size_t size);

/* Digest of a model's parameters: the bytes of its tensors, one after the other in registry order. */
void sl_parameters_digest(char out[SL_DIGEST_TEXT], const sl_model_layout *layout, const float *parameters);

/* Counters that are part of the state, in this order. */
typedef struct {
  uint64_t phase, sft_step, rl_step;
  uint64_t sft_epoch, sft_offset, rl_epoch, rl_offset;
} sl_counters;

/* The state hash: parameters, moments, bias corrections and counters; nothing of backend, threads, time or micro-batch. */
void sl_state_hash(char out[SL_DIGEST_TEXT], const float *parameters, const sl_optimizer *optimizer, const sl_counters *counters);

#endif
