/* One gradient: forward, loss and backward of the sequences of an optimiser step, whole shards at
 * once (spec N4.3, O1 to O5). */
#ifndef SLUICE_STEP_H
#define SLUICE_STEP_H

#include "block.h"
#include "gradients.h"
#include "model.h"

#include <sluice/objective.h>

/* Arrays over the tokens that somebody reads: all but the last of each sequence (spec T5.6). */
typedef struct {
  uint32_t *seq; /* (n_seq + 1) */
  uint32_t *ids, *position, *target;
  uint8_t *mask;
  float *logp_old, *logp_ref, *logp, *entropy, *dlogp, *dentropy;
  /* Of the micro-batch of these tokens: */
  uint32_t *last, *place; /* sl_batch.read and place */
  uint32_t *shared_row, *shared_ids, *shared_position, *shared_place, *read_row,
      *read_place;     /* those of its sl_shared_rows */
  uint32_t *read_node; /* by row that is computed: its place in read_row */
} sl_read_rows;

/* The sequences of one optimiser step, packed, as the host sees them. Arrays over tokens unless
 * said otherwise. */
typedef struct {
  size_t max_sequences, max_tokens;
  size_t n_seq;
  int rehearses; /* its equal sequences stand for different ones: no row is shared */
  uint32_t *seq; /* (n_seq + 1) */
  uint32_t *ids;
  uint8_t *mask;
  float *logp_old, *logp_ref; /* logp_ref: 0 unless a reference is used */
  float *logp, *entropy;
  float *advantage;    /* (n_seq) */
  double *coefficient; /* (n_seq) */
  uint32_t *tokens;    /* (n_seq) unmasked tokens */
  sl_loss_sums *sums;  /* (n_seq) */
  sl_read_rows read;   /* made of the arrays above; what kernels work on */
  /* Of a micro-batch, each at the place of its first sequence, so that lanes have their own: */
  uint32_t *local_seq; /* (2 n_seq) its offsets */
  uint32_t *shard_seq; /* (2 n_seq) offsets of its shards, one after the other; */
  uint32_t *chunk_seq; /* (2 n_seq + tokens / SL_DOT_CHUNK) their read_seq, one after the other */
  sl_shard *shards;    /* (n_seq) those of them that have tokens */
  sl_mirror mirror;    /* all of them */
} sl_update_batch;

sl_status sl_update_batch_create(sl_update_batch *out, sl_context *ctx, size_t max_sequences,
                                 size_t max_tokens, sl_error *err);
void sl_update_batch_free(sl_update_batch *step);
/* Bytes of memory for such a step. */
size_t sl_update_batch_bytes(const sl_context *ctx, size_t max_sequences, size_t max_tokens);

/* Appends a sequence whose tokens after the first prompt_length are learnt from (spec L1.4).
 * logp_old may be NULL (then 0). */
void sl_update_batch_clear(sl_update_batch *step);
void sl_update_batch_add(sl_update_batch *step, const uint32_t *ids, size_t length,
                         size_t prompt_length, const float *logp_old, float advantage);
/* The same; learnt are the ids where counted (length of it) is 1. */
void sl_update_batch_add_counted(sl_update_batch *step, const uint32_t *ids, const uint8_t *counted,
                                 size_t length);

/* What to differentiate: the gated objective, or the supervised loss of spec O4.5 where objective
 * is NULL. */
typedef struct {
  const sl_objective *objective;
  float inv_temperature;
  size_t micro_batch;   /* most sequences at a time, of all lanes together; 0: all. A gradient takes
                           whole shards, as many as its totals are for, and cuts a shard that is
                           larger. */
  double entropy_bonus; /* its mean over the step's tokens, where gamma is 0 (spec O4.4) */
} sl_gradient_options;

/* How many shards of a step can be taken at once: all, or the largest power of two with at most
 * micro_batch sequences, but 1 at least. */
size_t sl_shards_at_once(size_t n_seq, size_t shards, size_t micro_batch);
/* Largest number of tokens that a micro-batch of such steps can hold. */
size_t sl_micro_batch_tokens(size_t n_seq, size_t shards, size_t micro_batch, size_t max_length);

/* Log-probs alone, of every sequence, into `logp` and `entropy` (T), arrays of the step: of the
 * training model or of a frozen reference. */
sl_status sl_update_batch_logprobs(sl_update_batch *step, sl_model *model,
                                   const sl_gradient_options *options, float *logp, float *entropy);

/* Runs the largest micro-batch that sl_update_batch_gradient makes of the step's sequences, with
 * coefficients of 0, so that the workspace grows to its final size, and each lane's; no gradient
 * changes. Likewise for sl_update_batch_logprobs. */
sl_status sl_update_batch_rehearse(sl_update_batch *step, sl_model *model, sl_gradients *gradients,
                                   const sl_gradient_options *options);

sl_status sl_update_batch_rehearse_logprobs(sl_update_batch *step, sl_model *model,
                                            const sl_gradient_options *options);

/* The most sequences at a time of each of `lanes` lanes: of a gradient (0: all), and of log-probs
 * of n_seq sequences. */
size_t sl_lane_micro_batch(size_t micro_batch, size_t lanes);
size_t sl_lane_sequences(size_t n_seq, size_t micro_batch, size_t lanes);

/* Gradient of the whole step in gradients->total; step->logp, entropy and sums are filled.
 * coefficient must be set. */
sl_status sl_update_batch_gradient(sl_update_batch *step, sl_model *model, sl_gradients *gradients,
                                   const sl_gradient_options *options);

#endif
