/* Gradient totals of a step over its shards (spec N4.3, N4.4): 1 + log2 S arenas, whatever the number of sequences. */
#ifndef SLUICE_GRADIENTS_H
#define SLUICE_GRADIENTS_H

#include "model_layout.h"

#include <sluice/kernels.h>

#define SL_SHARD_LEVELS 11 /* reduce_shards <= 1024 */

typedef struct {
  sl_context *ctx;
  const sl_model_layout *layout;
  size_t shards;
  float *total;                  /* of the current shard; after the last one, of the step */
  float *head_total;             /* (V, D) if the head is tied, else NULL */
  float *level[SL_SHARD_LEVELS]; /* subtrees of 2^i shards that wait for their right neighbour */
  size_t done;                   /* shards finished */
} sl_gradients;

/* shards: a power of two. */
sl_status sl_gradients_create(sl_gradients *out, sl_context *ctx, const sl_model_layout *layout, size_t shards, sl_error *err);
void sl_gradients_free(sl_gradients *g);
/* Arenas that they take, 1 + log2 shards, and all their bytes. */
size_t sl_gradients_buffers(size_t shards);
size_t sl_gradients_bytes(const sl_model_layout *layout, size_t shards);

/* First sequence of shard k of n sequences (spec N4.3). */
size_t sl_shard_begin(size_t k, size_t n, size_t shards);

/* Around each shard of a step, in order: begin zeroes the totals, end combines what is complete. */
sl_status sl_gradients_begin_shard(sl_gradients *g);
sl_status sl_gradients_end_shard(sl_gradients *g);

#endif
