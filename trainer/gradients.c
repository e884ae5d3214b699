/* Gradient totals of a step over its shards: a binary counter of finished subtrees (spec N4.3, N4.4). */
#include "gradients.h"

#include "block.h"

#include <string.h>

static size_t head_floats(const sl_model_layout *layout) { return layout->shape.vocab * layout->shape.hidden; }

size_t sl_gradients_buffers(size_t shards) {
  size_t n = 1;
  while ((size_t)1 << n <= shards) n++;
  return n;
}

size_t sl_gradients_bytes(const sl_model_layout *layout, size_t shards) {
  return sl_gradients_buffers(shards) * sl_arena_bytes(layout) + (layout->shape.tied ? head_floats(layout) * sizeof(float) : 0);
}

sl_status sl_gradients_create(sl_gradients *out, sl_context *ctx, const sl_model_layout *layout, size_t shards, sl_error *err) {
  sl_gradients g = {.ctx = ctx, .layout = layout, .shards = shards};
  sl_status status = sl_arena_create(&g.total, ctx, layout, err);
  for (size_t i = 0; !status && (size_t)1 << i < shards; i++) status = sl_arena_create(&g.level[i], ctx, layout, err);
  if (!status && layout->shape.tied) {
    void *block = NULL;
    status = sl_block_create(&block, ctx, head_floats(layout) * sizeof *g.head_total, "the head's gradient", err);
    g.head_total = block;
  }
  if (status) {
    sl_gradients_free(&g);
    return status;
  }
  *out = g;
  return SL_OK;
}

void sl_gradients_free(sl_gradients *g) {
  sl_arena_free(g->ctx, g->total);
  for (size_t i = 0; i < SL_SHARD_LEVELS; i++) sl_arena_free(g->ctx, g->level[i]);
  sl_block_free(g->ctx, g->head_total);
  memset(g, 0, sizeof *g);
}

size_t sl_shard_begin(size_t k, size_t n, size_t shards) { return k * n / shards; }

sl_status sl_gradients_begin_shard(sl_gradients *g) {
  if (g->done == g->shards) g->done = 0;
  const sl_status status = sl_memory_zero(g->ctx, g->total, sl_arena_bytes(g->layout));
  if (status || !g->head_total) return status;
  return sl_memory_zero(g->ctx, g->head_total, head_floats(g->layout) * sizeof *g->head_total);
}

sl_status sl_gradients_end_shard(sl_gradients *g) {
  if (g->head_total) {
    float *embed = g->total + g->layout->embed;
    const sl_status status = sl_residual_add(g->ctx, embed, g->head_total, embed, head_floats(g->layout));
    if (status) return status;
  }
  size_t i = 0;
  for (size_t bits = g->done++; bits & 1; bits >>= 1, i++) {
    const sl_status status = sl_residual_add(g->ctx, g->total, g->level[i], g->total, g->layout->n_floats);
    if (status) return status;
  }
  if (g->done < g->shards) {
    float *t = g->level[i];
    g->level[i] = g->total;
    g->total = t;
  }
  return SL_OK;
}
