/* Gradient totals of a step over its shards: a stack of finished subtrees under the totals of a
 * group (spec N4.3, N4.4). */
#include "gradients.h"

#include "block.h"

#include <string.h>

static size_t head_floats(const sl_model_layout *layout) {
  return layout->shape.vocab * layout->shape.hidden;
}

/* Each head's total begins at a multiple of 16 floats, as groups of an arena do. */
static size_t head_stride(const sl_model_layout *layout) {
  return (head_floats(layout) + 15) / 16 * 16;
}

/* Subtrees wait for at most one neighbour of each size from a group's up to S / 2. */
static size_t count_arenas(size_t shards, size_t at_once) {
  size_t n = at_once;
  for (; at_once < shards; at_once *= 2) n++;
  return n;
}

static void cut_totals(sl_cutter *c, sl_gradients *g) {
  g->total = sl_cut(c, count_arenas(g->shards, g->at_once), g->layout->n_floats, sizeof *g->total);
  if (g->layout->shape.tied)
    g->head_total = sl_cut(c, g->at_once, head_stride(g->layout), sizeof *g->head_total);
}

size_t sl_gradients_bytes(const sl_model_layout *layout, size_t shards, size_t at_once) {
  sl_gradients g = {.layout = layout, .shards = shards, .at_once = at_once};
  sl_cutter c = {0};
  cut_totals(&c, &g);
  return sl_cutter_bytes(&c);
}

sl_status sl_gradients_create(sl_gradients *out, sl_context *ctx, const sl_model_layout *layout,
                              size_t shards, size_t at_once, sl_error *err) {
  void *block;
  const size_t bytes = sl_gradients_bytes(layout, shards, at_once);
  SL_TRY(sl_block_create(&block, ctx, bytes, "the gradients of a step", err));
  sl_gradients_place(out, ctx, layout, shards, at_once, block);
  out->block = block;
  return SL_OK;
}

void sl_gradients_place(sl_gradients *out, sl_context *ctx, const sl_model_layout *layout,
                        size_t shards, size_t at_once, void *memory) {
  const size_t bytes = sl_gradients_bytes(layout, shards, at_once);
  *out = (sl_gradients){.ctx = ctx, .layout = layout, .shards = shards, .at_once = at_once};
  cut_totals(&(sl_cutter){.base = memory, .bytes = bytes}, out);
}

void sl_gradients_free(sl_gradients *g) {
  sl_block_free(g->ctx, g->block);
  memset(g, 0, sizeof *g);
}

size_t sl_shard_begin(size_t k, size_t n, size_t shards) { return k * n / shards; }

/* 1 if shards [first, first + count) have no sequences: their totals stay +0, a term that changes
 * no total, and no memory holds them. */
static int is_empty(const sl_gradients *g, size_t first, size_t count) {
  return sl_shard_begin(first, g->n_seq, g->shards) ==
         sl_shard_begin(first + count, g->n_seq, g->shards);
}

/* Of these shards, those that have sequences: their totals lie one after the other. */
static size_t count_held(const sl_gradients *g, size_t first, size_t count) {
  size_t n = 0;
  for (size_t i = 0; i < count; i++) n += !is_empty(g, first + i, 1);
  return n;
}

/* Finished subtrees that wait and are not empty: their sizes are the bits of the count. */
static size_t count_waiting(const sl_gradients *g) {
  size_t n = 0;
  for (size_t size = g->shards, first = 0; size; size /= 2)
    if (g->done & size) n += !is_empty(g, first, size), first += size;
  return n;
}

float *sl_gradients_total(const sl_gradients *g, size_t i) {
  return g->total + (count_waiting(g) + count_held(g, g->done, i)) * g->layout->n_floats;
}

float *sl_gradients_head_total(const sl_gradients *g, size_t i) {
  return g->head_total ? g->head_total + i * head_stride(g->layout) : NULL;
}

sl_status sl_gradients_begin_group(sl_gradients *g, size_t n_seq) {
  if (g->done == g->shards) g->done = 0;
  g->n_seq = n_seq;
  sl_status status = sl_memory_zero(g->ctx, sl_gradients_total(g, 0),
                                    count_held(g, g->done, g->at_once) * sl_arena_bytes(g->layout));
  for (size_t i = 0; g->head_total && !status && i < g->at_once; i++)
    if (!is_empty(g, g->done + i, 1))
      status = sl_memory_zero(g->ctx, sl_gradients_head_total(g, i),
                              head_stride(g->layout) * sizeof *g->head_total);
  return status;
}

/* The arena `count` arenas to the right is added to `left`. */
static sl_status add(const sl_gradients *g, float *left, size_t count) {
  return sl_residual_add(g->ctx, left, left, left + count * g->layout->n_floats,
                         g->layout->n_floats);
}

static sl_status add_heads(const sl_gradients *g) {
  for (size_t i = 0; g->head_total && i < g->at_once; i++) {
    if (is_empty(g, g->done + i, 1)) continue;
    float *embed = sl_gradients_total(g, i) + g->layout->embed;
    const sl_status status = sl_residual_add(g->ctx, embed, sl_gradients_head_total(g, i), embed,
                                             head_floats(g->layout));
    if (status) return status;
  }
  return SL_OK;
}

/* The tree over shards [first, first + count) of the group, a power of two, into the first of their
 * arenas, which is at `into`. */
static sl_status combine(const sl_gradients *g, float *into, size_t first, size_t count) {
  if (count == 1) return SL_OK;
  const size_t half = count / 2, left = count_held(g, first, half);
  sl_status status = combine(g, into, first, half);
  if (!status) status = combine(g, into + left * g->layout->n_floats, first + half, half);
  if (status || left == 0 || is_empty(g, first + half, half)) return status;
  return add(g, into, left);
}

sl_status sl_gradients_end_group(sl_gradients *g) {
  float *into = sl_gradients_total(g, 0);
  sl_status status = add_heads(g);
  if (!status) status = combine(g, into, g->done, g->at_once);
  int held = !is_empty(g, g->done, g->at_once);
  size_t size = g->at_once, first = g->done;
  for (; !status && g->done & size; size *= 2) {
    first -= size;
    if (is_empty(g, first, size)) continue;
    into -= g->layout->n_floats;
    if (held) status = add(g, into, 1);
    held = 1;
  }
  if (status) return status;
  g->done += g->at_once;
  return g->done < g->shards || held
             ? SL_OK
             : sl_memory_zero(g->ctx, g->total, sl_arena_bytes(g->layout)); /* no sequence at all */
}
