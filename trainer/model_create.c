/* A model's memory: one arena, cut once (spec T5). */
#include "model_activations.h"

#include <sluice/rope.h>

#include <stdlib.h>
#include <string.h>

#define ALIGN 64u

/* Cuts pieces from an arena, or only counts while base is NULL. */
typedef struct {
  unsigned char *base;
  size_t used;
} cutter;

static void *cut(cutter *c, size_t bytes) {
  void *p = c->base ? c->base + c->used : NULL;
  c->used += (bytes + ALIGN - 1) / ALIGN * ALIGN;
  return p;
}

static float *cut_floats(cutter *c, size_t rows, size_t columns) { return cut(c, rows * columns * sizeof(float)); }

static void cut_layer(cutter *c, sl_layer_activations *a, const sl_model_shape *s, size_t t) {
  const size_t d = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim, f = s->intermediate;
  a->input = cut_floats(c, t, d);
  a->h1 = cut_floats(c, t, d), a->rstd1 = cut_floats(c, t, 1);
  a->q = cut_floats(c, t, q), a->k = cut_floats(c, t, kv), a->v = cut_floats(c, t, kv), a->o = cut_floats(c, t, q);
  a->row_max = cut_floats(c, t, s->heads), a->row_scale = cut_floats(c, t, s->heads);
  a->middle = cut_floats(c, t, d);
  a->h2 = cut_floats(c, t, d), a->rstd2 = cut_floats(c, t, 1);
  a->gate = cut_floats(c, t, f), a->up = cut_floats(c, t, f), a->act = cut_floats(c, t, f);
}

static void cut_backward(cutter *c, sl_model *m, const sl_model_shape *s, size_t t) {
  const size_t d = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim, f = s->intermediate;
  m->dx = cut_floats(c, t, d), m->dh = cut_floats(c, t, d);
  m->dq = cut_floats(c, t, q), m->dk = cut_floats(c, t, kv), m->dv = cut_floats(c, t, kv), m->d_o = cut_floats(c, t, q);
  m->dact = cut_floats(c, t, f), m->dgate = cut_floats(c, t, f), m->dup = cut_floats(c, t, f);
}

static void cut_pack(cutter *c, sl_model *m, void *pack[2], size_t n, size_t k) {
  const sl_pack_kind kinds[2] = {SL_PACK_FORWARD, SL_PACK_INPUT_GRAD};
  for (int i = 0; i < 1 + (m->training != 0); i++) {
    const size_t bytes = sl_linear_pack_bytes(m->ctx, n, k, kinds[i]);
    if (bytes) pack[i] = cut(c, bytes);
  }
}

static void cut_packs(cutter *c, sl_model *m, const sl_model_shape *s) {
  const size_t d = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim, f = s->intermediate;
  for (size_t l = 0; l < s->layers; l++) {
    sl_layer_packs *p = &m->packs[l];
    cut_pack(c, m, p->q, q, d), cut_pack(c, m, p->k, kv, d), cut_pack(c, m, p->v, kv, d), cut_pack(c, m, p->o, d, q);
    cut_pack(c, m, p->gate, f, d), cut_pack(c, m, p->up, f, d), cut_pack(c, m, p->down, d, f);
  }
  cut_pack(c, m, m->head_pack, s->vocab, d);
}

static void cut_model(cutter *c, sl_model *m) {
  const sl_model_shape *s = &m->layout->shape;
  const size_t t = m->max_tokens;
  m->cos_table = cut_floats(c, s->max_positions, s->head_dim / 2);
  m->sin_table = cut_floats(c, s->max_positions, s->head_dim / 2);
  for (size_t l = 0; l < s->layers; l++) {
    if (l && !m->training)
      m->layers[l] = m->layers[0];
    else
      cut_layer(c, &m->layers[l], s, t);
  }
  m->output = cut_floats(c, t, s->hidden);
  m->hidden = cut_floats(c, t, s->hidden), m->rstd = cut_floats(c, t, 1), m->branch = cut_floats(c, t, s->hidden);
  m->row_max = cut_floats(c, t, 1), m->row_sum = cut_floats(c, t, 1), m->entropy = cut_floats(c, t, 1);
  if (m->training) cut_backward(c, m, s, t);
  cut_packs(c, m, s);
}

static sl_status build(sl_model *m, sl_error *err) {
  const sl_model_shape *s = &m->layout->shape;
  m->layers = calloc(s->layers, sizeof *m->layers);
  m->packs = calloc(s->layers, sizeof *m->packs);
  if (!m->layers || !m->packs) return sl_fail(err, SL_ERR_MEMORY, "no memory for a model of %zu layers", s->layers);
  cutter c = {NULL, 0};
  cut_model(&c, m);
  const size_t bytes = c.used;
  m->arena = aligned_alloc(ALIGN, bytes);
  if (!m->arena) return sl_fail(err, SL_ERR_MEMORY, "no memory for activations of %zu tokens (%zu bytes)", m->max_tokens, bytes);
  memset(m->arena, 0, bytes);
  c = (cutter){m->arena, 0};
  cut_model(&c, m);
  return sl_rope_tables(m->cos_table, m->sin_table, s->max_positions, s->head_dim, s->rope_theta, err);
}

sl_status sl_model_create(sl_model **out, sl_context *ctx, const sl_model_layout *layout, const float *parameters, size_t max_tokens,
                          int training, sl_error *err) {
  sl_model *m = calloc(1, sizeof *m);
  if (!m) return sl_fail(err, SL_ERR_MEMORY, "no memory for a model");
  m->ctx = ctx, m->layout = layout, m->parameters = parameters, m->max_tokens = max_tokens, m->training = training;
  const sl_status status = build(m, err);
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
  free(model->arena);
  free(model);
}

static sl_status pack(sl_model *m, void *packs[2], size_t offset, size_t n, size_t k) {
  if (packs[0]) SL_TRY(sl_linear_pack(m->ctx, packs[0], m->parameters + offset, n, k, SL_PACK_FORWARD));
  if (packs[1]) SL_TRY(sl_linear_pack(m->ctx, packs[1], m->parameters + offset, n, k, SL_PACK_INPUT_GRAD));
  return SL_OK;
}

sl_status sl_model_pack(sl_model *m) {
  const sl_model_shape *s = &m->layout->shape;
  const size_t d = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim, f = s->intermediate;
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
