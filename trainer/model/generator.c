/* Memory of a generator: planned, cut, and freed. */
#include "generator.h"

#include "model_activations.h"
#include "tokens.h"

#include <stdint.h>
#include <stdlib.h>

/* Logits held at a time; rows beyond them are drawn in further pieces. */
#define LOGIT_FLOATS ((size_t)1 << 24)

static const uint32_t character_end = SL_TOKEN_EOS;

static void cut_caches(sl_cutter *c, sl_generator *g) {
  const sl_model_shape *s = &g->layout->shape;
  const size_t n = g->n_lanes * g->lane_sequences * g->max_length,
               width = s->kv_heads * s->head_dim;
  for (size_t l = 0; l < s->layers; l++) {
    float *k = sl_cut(c, n, width, sizeof *k), *v = sl_cut(c, n, width, sizeof *v);
    if (g->caches) g->caches[l] = (sl_layer_cache){k, v, g->max_length, g->lane_sequences};
  }
}

/* What kernels alone touch. */
static void cut_block(sl_cutter *c, sl_generator *g) {
  const sl_model_shape *s = &g->layout->shape;
  const size_t d = s->hidden;
  g->token_rows = NULL;
  if (s->vocab <= g->rows)
    g->token_rows = sl_cut(c, s->vocab, (s->heads + 2 * s->kv_heads) * s->head_dim, sizeof(float));
  g->logits = sl_cut(c, g->n_lanes * g->logit_rows, g->layout->shape.vocab, sizeof(float));
  g->hidden = sl_cut(c, g->n_lanes * g->rows, d, sizeof(float)),
  g->last_hidden = sl_cut(c, g->n_lanes * g->lane_sequences, d, sizeof(float));
  cut_caches(c, g);
}

static void cut_mirror(sl_cutter *c, sl_generator *g) {
  const size_t n = g->max_sequences, t = n * g->max_length;
  uint32_t **const by_sequence[] = {&g->length,      &g->slot,
                                    &g->open,        &g->open_number,
                                    &g->open_row,    &g->open_ids,
                                    &g->open_slot,   &g->open_position,
                                    &g->slot_row,    &g->next_row,
                                    &g->fork_to,     &g->fork_from,
                                    &g->fork_length, &g->rollout.prompt_length};
  float **const by_token[] = {&g->grid_logp, &g->grid_entropy, &g->rollout.logp,
                              &g->rollout.entropy};
  uint32_t **const words_by_token[] = {&g->grid, &g->rollout.ids, &g->rollout.position};
  uint32_t **const by_row[] = {&g->piece_ids, &g->piece_slot, &g->piece_position};
  g->caches = sl_cut(c, g->layout->shape.layers, g->n_lanes + 1, sizeof *g->caches);
  for (size_t i = 0; i < sizeof by_sequence / sizeof *by_sequence; i++)
    *by_sequence[i] = sl_cut(c, n, 1, sizeof(uint32_t));
  for (size_t i = 0; i < sizeof by_token / sizeof *by_token; i++)
    *by_token[i] = sl_cut(c, t, 1, sizeof(float));
  for (size_t i = 0; i < sizeof words_by_token / sizeof *words_by_token; i++)
    *words_by_token[i] = sl_cut(c, t, 1, sizeof(uint32_t));
  for (size_t i = 0; i < sizeof by_row / sizeof *by_row; i++)
    *by_row[i] = sl_cut(c, g->rows, g->n_lanes, sizeof(uint32_t));
  g->drawn = sl_cut(c, n, 1, sizeof(uint32_t));
  g->drawn_logp = sl_cut(c, n, 1, sizeof(float)), g->drawn_entropy = sl_cut(c, n, 1, sizeof(float));
  g->rollout.seq = sl_cut(c, n + 1, 1, sizeof(uint32_t)), g->rollout.ended = sl_cut(c, n, 1, 1);
  g->piece_seq = sl_cut(c, 2 * n + 1, 1, sizeof(uint32_t));
}

/* Sequences of a small model whose activations fit a core's cache beside the weights. */
#define UNIT_SEQUENCES ((size_t)128)

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Prompts of a small model go in units, so that activations stay in cache and no lane waits long
 * for another; those of a large one together, as each unit would fetch all weights. */
static void share_out(sl_generator *g, const sl_generator_lanes *lanes) {
  const size_t group = lanes ? lanes->group : 1, n = lanes && lanes->n ? lanes->n : 1,
               prompts = (g->max_sequences + group - 1) / group;
  size_t unit = prompts;
  g->n_lanes = prompts < n ? 1 : n;
  if (lanes && sl_model_is_small(g->ctx, g->layout))
    unit = smaller((prompts + g->n_lanes - 1) / g->n_lanes,
                   UNIT_SEQUENCES < group ? 1 : UNIT_SEQUENCES / group);
  g->lane_sequences = unit == prompts ? g->max_sequences : unit * group;
  g->rows = g->lane_sequences > g->max_length ? g->lane_sequences : g->max_length;
  g->logit_rows = smaller(LOGIT_FLOATS / g->layout->shape.vocab + 1, g->lane_sequences);
}

/* The shell of a generator: sizes alone. SL_ERR_MEMORY if its tokens cannot be counted in 32 bits.
 */
static sl_status prepare(sl_generator *g, sl_context *ctx, const sl_model_layout *layout,
                         size_t max_sequences, size_t max_length, const sl_generator_lanes *lanes,
                         sl_error *err) {
  if (max_length == 0 || max_sequences > UINT32_MAX / max_length)
    return sl_fail(err, SL_ERR_MEMORY, "a rollout of %zu sequences of %zu tokens is too large",
                   max_sequences, max_length);
  *g = (sl_generator){.ctx = ctx,
                      .layout = layout,
                      .ends = &character_end,
                      .n_ends = 1,
                      .max_sequences = max_sequences,
                      .max_length = max_length};
  share_out(g, lanes);
  return SL_OK;
}

static size_t count_bytes(sl_generator *g, void (*cut)(sl_cutter *, sl_generator *)) {
  sl_cutter c = {0};
  cut(&c, g);
  return sl_cutter_bytes(&c);
}

/* Of all lanes; SIZE_MAX if they overflow. */
static size_t all_activations(const sl_generator *g, const sl_model_memory *m) {
  return m->activations > SIZE_MAX / g->n_lanes ? SIZE_MAX : m->activations * g->n_lanes;
}

sl_status sl_generator_bytes(sl_generator_memory *out, sl_context *ctx,
                             const sl_model_layout *layout, size_t max_sequences, size_t max_length,
                             const sl_generator_lanes *lanes, sl_error *err) {
  sl_generator g;
  sl_status status = prepare(&g, ctx, layout, max_sequences, max_length, lanes, err);
  sl_model_memory model;
  if (!status) status = sl_model_bytes(&model, ctx, layout, g.rows, SL_MODEL_FORWARD, err);
  if (status) return status;
  model.activations = all_activations(&g, &model);
  out->model = model;
  out->lanes = g.n_lanes, out->lane_sequences = g.lane_sequences;
  out->cache = count_bytes(&g, cut_caches);
  out->work = count_bytes(&g, cut_block);
  out->tokens = sl_mirror_bytes(ctx, count_bytes(&g, cut_mirror));
  return SL_OK;
}

static size_t sum_of(size_t a, size_t b) { return a > SIZE_MAX - b ? SIZE_MAX : a + b; }

/* The model, and what kernels alone touch, behind the model's part of the caller's memory or in a
 * block. */
static sl_status place_work(sl_generator *g, const float *parameters,
                            const sl_generator_lanes *lanes, void *memory, sl_error *err) {
  const size_t bytes = count_bytes(g, cut_block);
  unsigned char *at = memory;
  sl_model_memory model;
  sl_status status = sl_model_bytes(&model, g->ctx, g->layout, g->rows, SL_MODEL_FORWARD, err);
  if (!status)
    status = sl_model_create_in(&g->model, g->ctx, g->layout, parameters, g->rows, SL_MODEL_FORWARD,
                                memory, err);
  if (status) return status;
  const size_t more = all_activations(g, &model) - model.activations; /* of the other lanes */
  if (!memory)
    SL_TRY(sl_block_create(&g->block, g->ctx, sum_of(more, bytes), "a rollout's cache", err));
  at = memory ? at + model.packs + model.activations : g->block;
  cut_block(&(sl_cutter){.base = at + more, .bytes = bytes}, g);
  if (g->token_rows) sl_model_set_token_rows(g->model, g->token_rows);
  if (!lanes || g->n_lanes < 2) return SL_OK;
  g->lanes = lanes->lanes;
  return sl_model_set_lanes(g->model, g->lanes, at, err);
}

sl_status sl_generator_create(sl_generator **out, sl_context *ctx, const sl_model_layout *layout,
                              const float *parameters, size_t max_sequences, size_t max_length,
                              size_t group, sl_error *err) {
  sl_generator_lanes wanted = {NULL, sl_model_lanes(ctx, layout), group};
  sl_generator_memory bytes;
  sl_lanes *own = NULL;
  SL_TRY(sl_generator_bytes(&bytes, ctx, layout, max_sequences, max_length, &wanted, err));
  if (bytes.lanes > 1) SL_TRY(sl_lanes_create(&own, ctx, bytes.lanes, err));
  wanted.lanes = own;
  const sl_status status = sl_generator_create_in(out, ctx, layout, parameters, max_sequences,
                                                  max_length, &wanted, NULL, err);
  if (status)
    sl_lanes_destroy(own);
  else
    (*out)->own_lanes = own;
  return status;
}

sl_status sl_generator_create_in(sl_generator **out, sl_context *ctx, const sl_model_layout *layout,
                                 const float *parameters, size_t max_sequences, size_t max_length,
                                 const sl_generator_lanes *lanes, void *memory, sl_error *err) {
  sl_generator *g = calloc(1, sizeof *g);
  if (!g) return sl_fail(err, SL_ERR_MEMORY, "no memory for a generator");
  sl_status status = prepare(g, ctx, layout, max_sequences, max_length, lanes, err);
  const size_t mirror = status ? 0 : count_bytes(g, cut_mirror);
  if (!status) status = sl_mirror_create(&g->mirror, ctx, mirror, "a rollout's tokens", err);
  if (!status) {
    cut_mirror(&(sl_cutter){.base = g->mirror.host, .bytes = mirror}, g);
    status = place_work(g, parameters, lanes, memory, err);
  }
  if (status) {
    sl_generator_destroy(g);
    return status;
  }
  *out = g;
  return SL_OK;
}

void sl_generator_destroy(sl_generator *g) {
  if (!g) return;
  sl_model_destroy(g->model);
  sl_block_free(g->ctx, g->block);
  sl_mirror_free(&g->mirror);
  sl_lanes_destroy(g->own_lanes);
  free(g);
}
