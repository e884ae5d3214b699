/* Gradient totals of a step over its shards (spec N4.3, N4.4): for G shards at once G + log2(S / G)
 * arenas, whatever the number of sequences. */
#ifndef SLUICE_GRADIENTS_H
#define SLUICE_GRADIENTS_H

#include "model_layout.h"

#include <sluice/kernels.h>

typedef struct {
  sl_context *ctx;
  const sl_model_layout *layout;
  size_t shards, at_once; /* of a group: at_once divides shards */
  float *total; /* arenas: finished subtrees that wait for their right neighbour, then the group's
                   shards; after the last group the first is the step's gradient */
  float *head_total; /* (V, D) for each shard of the group if the head is tied, else NULL */
  size_t done;       /* shards finished */
  size_t n_seq;      /* of the step: shards without sequences take no memory and no time */
  void *block;       /* that holds the totals; NULL: they lie in the caller's memory */
} sl_gradients;

/* shards, at_once: powers of two, at_once <= shards. */
sl_status sl_gradients_create(sl_gradients *out, sl_context *ctx, const sl_model_layout *layout,
                              size_t shards, size_t at_once, sl_error *err);
/* The same in the context's memory at `memory`, which stays the caller's; others may have it
 * between the last use of a step's gradient and the next step. */
void sl_gradients_place(sl_gradients *out, sl_context *ctx, const sl_model_layout *layout,
                        size_t shards, size_t at_once, void *memory);
void sl_gradients_free(sl_gradients *g);
/* Bytes of their memory; SIZE_MAX if that overflows. */
size_t sl_gradients_bytes(const sl_model_layout *layout, size_t shards, size_t at_once);

/* First sequence of shard k of n sequences (spec N4.3). */
size_t sl_shard_begin(size_t k, size_t n, size_t shards);

/* Around each group of shards of a step of n_seq sequences, in order: begin zeroes the totals, end
 * combines what is complete. */
sl_status sl_gradients_begin_group(sl_gradients *g, size_t n_seq);
sl_status sl_gradients_end_group(sl_gradients *g);

/* Totals of shard i of the group, one that has sequences: an arena; (V, D) of the head, NULL unless
 * it is tied. */
float *sl_gradients_total(const sl_gradients *g, size_t i);
float *sl_gradients_head_total(const sl_gradients *g, size_t i);

#endif
