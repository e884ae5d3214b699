/* A model's memory: one block, cut once (spec T5). */
#include "model_activations.h"

#include "block.h"

#include <sluice/rope.h>

#include <stdlib.h>

static float *cut_floats(sl_cutter *c, size_t rows, size_t columns) {
  return sl_cut(c, rows, columns, sizeof(float));
}

static void cut_layer(sl_cutter *c, sl_layer_activations *a, const sl_model_shape *s, size_t t) {
  const size_t d = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim,
               f = s->intermediate;
  a->input = cut_floats(c, t, d);
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

static void cut_pack(sl_cutter *c, sl_model *m, void *pack[2], size_t n, size_t k) {
  const sl_pack_kind kinds[2] = {SL_PACK_FORWARD, SL_PACK_INPUT_GRAD};
  for (int i = 0; i < 1 + (m->training != 0); i++) {
    const size_t bytes = sl_linear_pack_bytes(m->ctx, n, k, kinds[i]);
    if (bytes) pack[i] = sl_cut(c, bytes, 1, 1);
  }
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
  cut_pack(c, m, m->head_pack, s->vocab, d);
}

static void cut_model(sl_cutter *c, sl_model *m) {
  const sl_model_shape *s = &m->layout->shape;
  const size_t t = m->max_tokens;
  m->cos_table = cut_floats(c, m->positions, s->head_dim / 2);
  m->sin_table = cut_floats(c, m->positions, s->head_dim / 2);
  for (size_t l = 0; l < s->layers; l++) {
    if (l && !m->training)
      m->layers[l] = m->layers[0];
    else
      cut_layer(c, &m->layers[l], s, t);
  }
  m->output = cut_floats(c, t, s->hidden);
  m->hidden = cut_floats(c, t, s->hidden), m->rstd = cut_floats(c, t, 1),
  m->branch = cut_floats(c, t, s->hidden);
  m->row_max = cut_floats(c, t, 1), m->row_sum = cut_floats(c, t, 1),
  m->entropy = cut_floats(c, t, 1);
  if (m->training) cut_backward(c, m, s, t);
  cut_packs(c, m, s);
}

/* The shell of a model: all but its block. */
static sl_status prepare(sl_model *m, sl_context *ctx, const sl_model_layout *layout,
                         size_t max_tokens, int training, sl_error *err) {
  const size_t layers = layout->shape.layers;
  *m = (sl_model){.ctx = ctx,
                  .layout = layout,
                  .max_tokens = max_tokens,
                  .training = training,
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

static size_t count_bytes(sl_model *m) {
  sl_cutter c = {0};
  cut_model(&c, m);
  return sl_cutter_bytes(&c);
}

sl_status sl_model_bytes(size_t *out, sl_context *ctx, const sl_model_layout *layout,
                         size_t max_tokens, int training, sl_error *err) {
  sl_model m;
  const sl_status status = prepare(&m, ctx, layout, max_tokens, training, err);
  if (!status) *out = count_bytes(&m);
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

sl_status sl_model_create(sl_model **out, sl_context *ctx, const sl_model_layout *layout,
                          const float *parameters, size_t max_tokens, int training, sl_error *err) {
  sl_model *m = malloc(sizeof *m);
  if (!m) return sl_fail(err, SL_ERR_MEMORY, "no memory for a model");
  sl_status status = prepare(m, ctx, layout, max_tokens, training, err);
  m->parameters = parameters;
  const size_t bytes = status ? 0 : count_bytes(m);
  if (!status && training && sl_model_norms_heads(&layout->shape) &&
      !(m->head_seq = malloc((max_tokens + 1) * sizeof *m->head_seq)))
    status = sl_fail(err, SL_ERR_MEMORY, "no memory for a model");
  if (!status) status = sl_block_create(&m->block, ctx, bytes, "a model's activations", err);
  if (!status) {
    cut_model(&(sl_cutter){.base = m->block, .bytes = bytes}, m);
    status = fill_rope(m, err);
  }
  if (status) {
    sl_model_destroy(m);
    return status;
  }
  *out = m;
  return SL_OK;
}

void sl_model_destroy(sl_model *model) {
  if (!model) return;
  free(model->layers);
  free(model->packs);
  free(model->head_seq);
  sl_block_free(model->ctx, model->block);
  free(model);
}

static sl_status pack(sl_model *m, void *packs[2], size_t offset, size_t n, size_t k) {
  if (packs[0])
    SL_TRY(sl_linear_pack(m->ctx, packs[0], m->parameters + offset, n, k, SL_PACK_FORWARD));
  if (packs[1])
    SL_TRY(sl_linear_pack(m->ctx, packs[1], m->parameters + offset, n, k, SL_PACK_INPUT_GRAD));
  return SL_OK;
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
  return pack(m, m->head_pack, m->layout->head, s->vocab, d);
}
