/* A model's memory, cut once (spec T5): tables that stay, then packs and activations. */
#include "model_activations.h"

#include "block.h"

#include "kernels/core/verify.h"

#include <sluice/rope.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static float *cut_floats(sl_cutter *c, size_t rows, size_t columns) {
  return sl_cut(c, rows, columns, sizeof(float));
}

/* All but the input. */
static void cut_layer(sl_cutter *c, sl_layer_activations *a, const sl_model_shape *s, size_t t) {
  const size_t d = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim,
               f = s->intermediate;
  a->h1 = cut_floats(c, t, d), a->rstd1 = cut_floats(c, t, 1);
  a->q = cut_floats(c, t, q), a->k = cut_floats(c, t, kv), a->v = cut_floats(c, t, kv),
  a->o = cut_floats(c, t, q);
  a->raw_q = a->q, a->raw_k = a->k;
  if (sl_model_norms_heads(s)) {
    a->raw_q = cut_floats(c, t, q), a->raw_k = cut_floats(c, t, kv);
    a->rstd_q = cut_floats(c, t, s->heads), a->rstd_k = cut_floats(c, t, s->kv_heads);
  }
  a->row_max = cut_floats(c, t, s->heads), a->row_scale = cut_floats(c, t, s->heads);
  a->middle = cut_floats(c, t, d);
  a->h2 = cut_floats(c, t, d), a->rstd2 = cut_floats(c, t, 1);
  a->gate = cut_floats(c, t, f), a->up = cut_floats(c, t, f), a->act = cut_floats(c, t, f);
}

static void cut_backward(sl_cutter *c, sl_model *m, const sl_model_shape *s, size_t t) {
  const size_t d = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim,
               f = s->intermediate;
  m->dx = cut_floats(c, t, d), m->dh = cut_floats(c, t, d);
  m->dq = cut_floats(c, t, q), m->dk = cut_floats(c, t, kv), m->dv = cut_floats(c, t, kv),
  m->d_o = cut_floats(c, t, q);
  m->draw_q = m->dq, m->draw_k = m->dk;
  if (sl_model_norms_heads(s)) m->draw_q = cut_floats(c, t, q), m->draw_k = cut_floats(c, t, kv);
  m->dact = cut_floats(c, t, f), m->dgate = cut_floats(c, t, f), m->dup = cut_floats(c, t, f);
}

static void *cut_one_pack(sl_cutter *c, sl_model *m, size_t n, size_t k, sl_pack_kind kind) {
  const size_t bytes = sl_linear_pack_bytes(m->ctx, n, k, kind);
  return bytes ? sl_cut(c, bytes, 1, 1) : NULL;
}

static void cut_pack(sl_cutter *c, sl_model *m, void *pack[2], size_t n, size_t k) {
  pack[0] = cut_one_pack(c, m, n, k, SL_PACK_FORWARD);
  if (m->kind) pack[1] = cut_one_pack(c, m, n, k, SL_PACK_INPUT_GRAD);
}

static void cut_packs(sl_cutter *c, sl_model *m, const sl_model_shape *s) {
  const size_t d = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim,
               f = s->intermediate;
  for (size_t l = 0; l < s->layers; l++) {
    sl_layer_packs *p = &m->packs[l];
    cut_pack(c, m, p->q, q, d), cut_pack(c, m, p->k, kv, d), cut_pack(c, m, p->v, kv, d),
        cut_pack(c, m, p->o, d, q);
    cut_pack(c, m, p->gate, f, d), cut_pack(c, m, p->up, f, d), cut_pack(c, m, p->down, d, f);
  }
  m->head_pack = cut_one_pack(c, m, s->vocab, d, SL_PACK_FORWARD);
}

static void cut_tables(sl_cutter *c, sl_model *m) {
  m->cos_table = cut_floats(c, m->positions, m->layout->shape.head_dim / 2);
  m->sin_table = cut_floats(c, m->positions, m->layout->shape.head_dim / 2);
}

static void cut_activations(sl_cutter *c, sl_model *m) {
  const sl_model_shape *s = &m->layout->shape;
  const size_t t = m->max_tokens;
  for (size_t l = 0; l < s->layers; l++) {
    sl_layer_activations *a = &m->layers[l];
    if (l && m->kind != SL_MODEL_TRAINING)
      *a = m->layers[0];
    else
      cut_layer(c, a, s, t);
    if (l == 0 || m->kind) a->input = cut_floats(c, t, s->hidden);
  }
  m->output = cut_floats(c, t, s->hidden);
  m->hidden = cut_floats(c, t, s->hidden), m->rstd = cut_floats(c, t, 1),
  m->branch = cut_floats(c, t, s->hidden);
  m->row_max = cut_floats(c, t, 1), m->row_sum = cut_floats(c, t, 1),
  m->entropy = cut_floats(c, t, 1);
  if (m->kind) cut_backward(c, m, s, t);
}

static void cut_model(sl_cutter *c, sl_model *m) {
  cut_packs(c, m, &m->layout->shape);
  cut_activations(c, m);
}

/* The shell of a model: all but its blocks. */
static sl_status prepare(sl_model *m, sl_context *ctx, const sl_model_layout *layout,
                         size_t max_tokens, sl_model_kind kind, sl_error *err) {
  const size_t layers = layout->shape.layers;
  *m = (sl_model){.ctx = ctx,
                  .layout = layout,
                  .max_tokens = max_tokens,
                  .kind = kind,
                  .positions = sl_model_positions(&layout->shape)};
  m->layers = calloc(layers, sizeof *m->layers);
  m->packs = calloc(layers, sizeof *m->packs);
  if (!m->layers || !m->packs)
    return sl_fail(err, SL_ERR_MEMORY, "no memory for a model of %zu layers", layers);
  if (max_tokens > UINT32_MAX / layout->shape.heads) /* rows of heads have 32-bit offsets */
    return sl_fail(err, SL_ERR_MEMORY, "%zu tokens at a time are too many for %zu heads",
                   max_tokens, layout->shape.heads);
  return SL_OK;
}

static size_t count_bytes(sl_model *m, void (*cut)(sl_cutter *, sl_model *)) {
  sl_cutter c = {0};
  cut(&c, m);
  return sl_cutter_bytes(&c);
}

static void cut_packs_alone(sl_cutter *c, sl_model *m) { cut_packs(c, m, &m->layout->shape); }

sl_status sl_model_bytes(sl_model_memory *out, sl_context *ctx, const sl_model_layout *layout,
                         size_t max_tokens, sl_model_kind kind, sl_error *err) {
  sl_model m;
  const sl_status status = prepare(&m, ctx, layout, max_tokens, kind, err);
  if (!status)
    *out = (sl_model_memory){count_bytes(&m, cut_tables), count_bytes(&m, cut_packs_alone),
                             count_bytes(&m, cut_activations)};
  free(m.layers);
  free(m.packs);
  return status;
}

/* Made on the host (spec T1.9), then put where the kernels are. */
static sl_status fill_rope(sl_model *m, sl_error *err) {
  const sl_model_shape *s = &m->layout->shape;
  const size_t n = m->positions * (s->head_dim / 2), bytes = n * sizeof(float);
  float *made = malloc(2 * bytes);
  sl_status status =
      made ? sl_rope_scaled_tables(made, made + n, m->positions, s->head_dim, s->rope_theta,
                                   &s->rope, err)
           : sl_fail(err, SL_ERR_MEMORY, "no memory for the rotary tables of %zu positions",
                     m->positions);
  if (!status) {
    status = sl_memory_write(m->ctx, m->cos_table, made, bytes);
    if (!status) status = sl_memory_write(m->ctx, m->sin_table, made + n, bytes);
    if (status) sl_fail(err, status, "%s", sl_context_error(m->ctx)->message);
  }
  free(made);
  return status;
}

/* The rotary tables, and packs and activations where the caller has no memory for them. */
static sl_status take_blocks(sl_model *m, void *memory, sl_error *err) {
  const size_t tables = count_bytes(m, cut_tables), bytes = count_bytes(m, cut_model);
  sl_status status = sl_block_create(&m->tables, m->ctx, tables, "a model's rotary tables", err);
  if (!status && !memory)
    status = sl_block_create(&m->block, m->ctx, bytes, "a model's activations", err);
  if (status) return status;
  cut_tables(&(sl_cutter){.base = m->tables, .bytes = tables}, m);
  cut_model(&(sl_cutter){.base = memory ? memory : m->block, .bytes = bytes}, m);
  return fill_rope(m, err);
}

/* What the backward pass hands to kernels; each shard has a token at least. */
static sl_status take_host_arrays(sl_model *m, sl_error *err) {
  const size_t t = m->max_tokens;
  m->head_totals = malloc((t + 1) * sizeof *m->head_totals);
  if (sl_model_norms_heads(&m->layout->shape)) m->head_seq = malloc((t + 1) * sizeof *m->head_seq);
  if (m->head_totals && (m->head_seq || !sl_model_norms_heads(&m->layout->shape))) return SL_OK;
  return sl_fail(err, SL_ERR_MEMORY, "no memory for a model");
}

sl_status sl_model_create_in(sl_model **out, sl_context *ctx, const sl_model_layout *layout,
                             const float *parameters, size_t max_tokens, sl_model_kind kind,
                             void *memory, sl_error *err) {
  sl_model *m = malloc(sizeof *m);
  if (!m) return sl_fail(err, SL_ERR_MEMORY, "no memory for a model");
  sl_status status = prepare(m, ctx, layout, max_tokens, kind, err);
  m->parameters = parameters;
  if (!status && kind) status = take_host_arrays(m, err);
  if (!status) status = take_blocks(m, memory, err);
  if (status) {
    sl_model_destroy(m);
    return status;
  }
  *out = m;
  return SL_OK;
}

sl_status sl_model_create(sl_model **out, sl_context *ctx, const sl_model_layout *layout,
                          const float *parameters, size_t max_tokens, sl_model_kind kind,
                          sl_error *err) {
  return sl_model_create_in(out, ctx, layout, parameters, max_tokens, kind, NULL, err);
}

/* Kernels of so few parameters last 10 to 100 us, and gradients of several shards at once take
 * little memory. */
#define SMALL_PARAMETERS ((size_t)1 << 20)

int sl_model_is_small(const sl_context *ctx, const sl_model_layout *layout) {
  return layout->n_floats <= SMALL_PARAMETERS && sl_lanes_possible(ctx);
}

size_t sl_model_lanes(const sl_context *ctx, const sl_model_layout *layout) {
  const size_t threads = (size_t)sl_context_threads(ctx),
               n = threads < SL_LANES_MAX ? threads : SL_LANES_MAX;
  return n > 1 && sl_model_is_small(ctx, layout) ? n : 0;
}

void sl_model_set_token_rows(sl_model *m, float *memory) {
  const sl_model_shape *s = &m->layout->shape;
  const size_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
  SL_VERIFY(!m->lanes && s->vocab <= m->max_tokens);
  m->token_q = memory, m->token_k = m->token_q + s->vocab * q,
  m->token_v = m->token_k + s->vocab * kv;
}

static sl_status set_lane(sl_model *lane, const sl_model *m, sl_context *ctx, void *memory,
                          sl_error *err) {
  *lane = *m;
  lane->ctx = ctx, lane->lanes = NULL, lane->lane = NULL;
  lane->layers = malloc(m->layout->shape.layers * sizeof *lane->layers);
  lane->head_seq = NULL, lane->head_totals = NULL;
  if (!lane->layers) return sl_fail(err, SL_ERR_MEMORY, "no memory for a model");
  memcpy(lane->layers, m->layers, m->layout->shape.layers * sizeof *lane->layers);
  const sl_status status = m->kind ? take_host_arrays(lane, err) : SL_OK;
  if (!status && memory) cut_activations(&(sl_cutter){.base = memory, .bytes = SIZE_MAX}, lane);
  return status;
}

sl_status sl_model_set_lanes(sl_model *m, const sl_lanes *lanes, void *memory, sl_error *err) {
  m->lane = calloc(lanes->n, sizeof *m->lane);
  if (!m->lane) return sl_fail(err, SL_ERR_MEMORY, "no memory for a model's lanes");
  m->lanes = lanes;
  sl_model_memory bytes;
  sl_status status = sl_model_bytes(&bytes, m->ctx, m->layout, m->max_tokens, m->kind, err);
  unsigned char *at = memory;
  for (size_t i = 0; !status && i < lanes->n; i++)
    status =
        set_lane(&m->lane[i], m, lanes->lane[i], i ? at + (i - 1) * bytes.activations : NULL, err);
  return status;
}

static void free_host_arrays(sl_model *m) {
  free(m->layers);
  free(m->head_seq);
  free(m->head_totals);
}

void sl_model_destroy(sl_model *model) {
  if (!model) return;
  for (size_t i = 0; model->lanes && i < model->lanes->n; i++) free_host_arrays(&model->lane[i]);
  free(model->lane);
  free_host_arrays(model);
  free(model->packs);
  sl_block_free(model->ctx, model->block);
  sl_block_free(model->ctx, model->tables);
  free(model);
}

static sl_status pack_one(sl_model *m, void *packed, size_t offset, size_t n, size_t k,
                          sl_pack_kind kind) {
  return packed ? sl_linear_pack(m->ctx, packed, m->parameters + offset, n, k, kind) : SL_OK;
}

static sl_status pack(sl_model *m, void *packs[2], size_t offset, size_t n, size_t k) {
  SL_TRY(pack_one(m, packs[0], offset, n, k, SL_PACK_FORWARD));
  return pack_one(m, packs[1], offset, n, k, SL_PACK_INPUT_GRAD);
}

sl_status sl_model_pack(sl_model *m) {
  const sl_model_shape *s = &m->layout->shape;
  const size_t d = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim,
               f = s->intermediate;
  for (size_t l = 0; l < s->layers; l++) {
    const sl_layer_offsets *at = &m->layout->layers[l];
    sl_layer_packs *p = &m->packs[l];
    SL_TRY(pack(m, p->q, at->q_weight, q, d));
    SL_TRY(pack(m, p->k, at->q_weight + q * d, kv, d));
    SL_TRY(pack(m, p->v, at->q_weight + (q + kv) * d, kv, d));
    SL_TRY(pack(m, p->o, at->o, d, q));
    SL_TRY(pack(m, p->gate, at->gate, f, d));
    SL_TRY(pack(m, p->up, at->gate + f * d, f, d));
    SL_TRY(pack(m, p->down, at->down, d, f));
  }
  SL_TRY(pack_one(m, m->head_pack, m->layout->head, s->vocab, d, SL_PACK_FORWARD));
  return m->token_q ? sl_model_fill_token_rows(m) : SL_OK;
}
