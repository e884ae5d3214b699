/* The policy: forward and backward over packed sequences (spec T5). Shapes: T tokens of one
 * micro-batch, D hidden, H query heads and KV key/value heads of size d, F feed-forward, V
 * vocabulary. */
#ifndef SLUICE_MODEL_H
#define SLUICE_MODEL_H

#include "model_layout.h"

#include "kernels/lanes.h"

#include <sluice/kernels.h>

/* Rows of a micro-batch whose values are computed once (spec T5.7): those of the first row that has
 * them, in the memory of the host. */
typedef struct {
  size_t n;                   /* rows that are computed, */
  const uint32_t *row;        /* (n) which, ascending */
  const uint32_t *ids;        /* (n) theirs */
  const uint32_t *position;   /* (n) */
  const uint32_t *place;      /* (T) of each row among them: place[i] <= i */
  size_t n_read;              /* the same of the rows that are read of the last layer: */
  const uint32_t *read_row;   /* (n_read) */
  const uint32_t *read_place; /* (sl_batch.n_read) */
} sl_shared_rows;

/* A micro-batch (spec N4.1): offsets on the host, the other arrays in the context's memory, as all
 * arrays below. target and mask say which tokens' log-probs are wanted: mask[i] is 1 if the token
 * after i is learnt from, and target[i] is that token. */
typedef struct {
  size_t n_seq;
  const uint32_t *seq;          /* (n_seq + 1) offsets, seq[0] = 0 */
  const uint32_t *ids;          /* (T) */
  const uint32_t *position;     /* (T), from 0 in each sequence */
  const uint32_t *target;       /* (T) */
  const uint8_t *mask;          /* (T) */
  size_t n_read;                /* rows that somebody reads of the last layer after attention */
  const uint32_t *read;         /* (n_read) which, ascending; NULL: all are computed (spec T5.6) */
  const uint32_t *place;        /* (T) each row's place among them; n_read where it is not */
  const sl_shared_rows *shared; /* NULL: each row is computed for itself */
} sl_batch;

typedef struct sl_model sl_model;

/* What a model holds: of the forward pass one layer at a time, for rollouts; all layers, for the
 * backward pass; of each layer its input, from which the backward pass makes the rest again, by the
 * same kernels and so with the same bits. */
typedef enum { SL_MODEL_FORWARD, SL_MODEL_TRAINING, SL_MODEL_RECOMPUTING } sl_model_kind;

/* Bytes of a model, each SIZE_MAX if it overflows. tables stay; packs and activations mean nothing
 * before sl_model_pack and after the last use of its results, and may lie in memory that others
 * have in between. */
typedef struct {
  size_t tables, packs, activations;
} sl_model_memory;
sl_status sl_model_bytes(sl_model_memory *out, sl_context *ctx, const sl_model_layout *layout,
                         size_t max_tokens, sl_model_kind kind, sl_error *err);

/* A model over parameters that stay the caller's, for up to max_tokens tokens at a time. After
 * sl_model_create nothing is allocated. SL_ERR_MEMORY, SL_ERR_INPUT. */
sl_status sl_model_create(sl_model **out, sl_context *ctx, const sl_model_layout *layout,
                          const float *parameters, size_t max_tokens, sl_model_kind kind,
                          sl_error *err);
/* The same with packs and activations at `memory`, of the context, which stays the caller's. */
sl_status sl_model_create_in(sl_model **out, sl_context *ctx, const sl_model_layout *layout,
                             const float *parameters, size_t max_tokens, sl_model_kind kind,
                             void *memory, sl_error *err);
void sl_model_destroy(sl_model *model);

/* Who hears how far a forward pass is: before each layer, and before what follows the last one.
 * parts: the layers and 1. */
typedef struct {
  void (*tell)(void *user, size_t done, size_t parts);
  void *user;
} sl_model_watch;
/* Of the passes of sl_model_forward from now on; it stays the caller's. NULL: nobody. */
void sl_model_set_watch(sl_model *model, const sl_model_watch *watch);

/* 1 if a core's cache holds most of the model's weights, and its kernels are so short that threads
 * which share them wait for each other longer than they compute; 0 on a device. */
int sl_model_is_small(const sl_context *ctx, const sl_model_layout *layout);
/* How many lanes serve a model of this layout best: the context's threads where it is small, else
 * 0. */
size_t sl_model_lanes(const sl_context *ctx, const sl_model_layout *layout);

/* Lanes for a model: each computes sequences of its own, for which it has activations of up to
 * max_tokens tokens; packs and tables are shared. The first lane has the model's own activations,
 * the others' are at `memory`, of the host, which stays the caller's: for each those bytes that
 * sl_model_bytes calls activations. lanes outlive the model. SL_ERR_MEMORY. */
sl_status sl_model_set_lanes(sl_model *model, const sl_lanes *lanes, void *memory, sl_error *err);

/* Products of the first layer's q, k and v depend on a row's token alone: where the vocabulary is
 * smaller than a rollout, prefill and decoding take them from a table, which sl_model_pack fills.
 * `memory`, (V, (H + 2 KV) d) of the context, stays the caller's. V is at most the model's tokens
 * at a time. Before sl_model_set_lanes. */
void sl_model_set_token_rows(sl_model *model, float *memory);

/* Rearranges the weights for the backend (spec T2.4); call after every change of the parameters. */
sl_status sl_model_pack(sl_model *model);

/* logp and entropy (T) of the targets under the softmax of logits * inv_temperature; masked slots
 * +0. */
sl_status sl_model_forward(sl_model *model, const sl_batch *batch, float inv_temperature,
                           float *logp, float *entropy);

/* A shard of a batch (spec N4.3): sequences that follow one another, the first of whose tokens is
 * token `first` of the batch, and the totals that their gradient is added to. */
typedef struct {
  size_t n_seq, first;
  const uint32_t *seq; /* (n_seq + 1) offsets from `first`, seq[0] = 0, on the host */
  float *total;        /* an arena of the layout */
  float *head_total;   /* (V, D) if the head is tied, else NULL */
  /* Of its rows that are read: the first's place, and as sequences the chunks of N4.2 that hold
   * them: (n_read_seq + 1) offsets, so that chunks stay what they are among all rows. */
  size_t n_read_seq, first_read;
  const uint32_t *read_seq;
} sl_shard;

/* Adds the gradient of the last forward to the totals of the shards that the batch is made of; all
 * have tokens. dlogp and dentropy (T); dentropy may be NULL. */
sl_status sl_model_backward(sl_model *model, const sl_batch *batch, const sl_shard *shards,
                            size_t n_shards, float inv_temperature, const float *dlogp,
                            const float *dentropy);

/* What generation needs of the model, layer by layer. */
typedef struct {
  float *k_cache, *v_cache; /* of one layer, see kv_store */
  size_t capacity, slots;   /* positions of a slot, and how many slots */
} sl_layer_cache;

/* The last tokens of a batch's sequences, in the context's memory. */
typedef struct {
  const uint32_t *row, *slot, *position; /* (n_seq) */
} sl_prefill_ends;

/* Prefill: forward over whole prompts; stores keys and values of token i at slot[i], position[i].
 * hidden (n_seq, D) receives the final norm's output of each prompt's last token. */
sl_status sl_model_prefill(sl_model *model, const sl_batch *batch, const sl_layer_cache *caches,
                           const uint32_t *slot, const sl_prefill_ends *ends, float *hidden);

/* One new token for each of b slots: ids, slot, position (b); hidden (b, D). Until memory of the
 * context is freed, caches at one address are the same (spec N1.9). */
sl_status sl_model_decode(sl_model *model, size_t b, const uint32_t *ids, const uint32_t *slot,
                          const uint32_t *position, const sl_layer_cache *caches, float *hidden);

/* Logits (b, V) of hidden rows. */
sl_status sl_model_logits(sl_model *model, size_t b, const float *hidden, float *logits);

#endif
