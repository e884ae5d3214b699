/* The steps of a layer, of which training, prefill and decoding consist (spec T5.1). */
#include "model_layer.h"

/* NULL where the model has no biases; first: the row of q|k|v. */
static const float *bias(const sl_model *m, const sl_layer_offsets *at, size_t first) {
  return sl_model_has_bias(&m->layout->shape) ? m->parameters + at->q_bias + first : NULL;
}

sl_status sl_layer_product_q(sl_model *m, size_t layer, float *q, const float *h1, size_t t) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_offsets *at = &m->layout->layers[layer];
  return sl_linear_forward(m->ctx, q, h1, weight(m, at->q_weight), m->packs[layer].q[0],
                           bias(m, at, 0), t, s->heads * s->head_dim, s->hidden);
}

sl_status sl_layer_product_kv(sl_model *m, size_t layer, float *k, float *v, const float *h1,
                              size_t t) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_offsets *at = &m->layout->layers[layer];
  const sl_layer_packs *p = &m->packs[layer];
  const size_t d = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
  SL_TRY(sl_linear_forward(m->ctx, k, h1, weight(m, at->q_weight + q * d), p->k[0], bias(m, at, q),
                           t, kv, d));
  return sl_linear_forward(m->ctx, v, h1, weight(m, at->q_weight + (q + kv) * d), p->v[0],
                           bias(m, at, q + kv), t, kv, d);
}

/* q or k: its rows of heads, before and after norm and rotation. */
typedef struct {
  float *x, *raw, *rstd;
  size_t norm, heads; /* norm: where its weights are */
} rows_of_heads;

static sl_status turn(sl_model *m, rows_of_heads r, size_t t, const uint32_t *position) {
  const sl_model_shape *s = &m->layout->shape;
  if (sl_model_norms_heads(s))
    SL_TRY(sl_rmsnorm_forward(m->ctx, r.x, r.rstd, r.raw, weight(m, r.norm), t * r.heads,
                              s->head_dim, s->rms_eps));
  return sl_rope_forward(m->ctx, r.x, position, m->cos_table, m->sin_table, t, r.heads, s->head_dim,
                         m->positions);
}

sl_status sl_layer_turn_q(sl_model *m, size_t layer, size_t t, const uint32_t *position) {
  const sl_layer_activations *a = &m->layers[layer];
  const rows_of_heads q = {a->q, a->raw_q, a->rstd_q, m->layout->layers[layer].q_norm,
                           m->layout->shape.heads};
  return turn(m, q, t, position);
}

sl_status sl_layer_turn_k(sl_model *m, size_t layer, size_t t, const uint32_t *position) {
  const sl_layer_activations *a = &m->layers[layer];
  const rows_of_heads k = {a->k, a->raw_k, a->rstd_k, m->layout->layers[layer].k_norm,
                           m->layout->shape.kv_heads};
  return turn(m, k, t, position);
}

sl_status sl_layer_input_norm(sl_model *m, size_t layer, size_t t) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_activations *a = &m->layers[layer];
  return sl_rmsnorm_forward(m->ctx, a->h1, a->rstd1, a->input,
                            weight(m, m->layout->layers[layer].input_norm), t, s->hidden,
                            s->rms_eps);
}

sl_status sl_layer_qkv(sl_model *m, size_t layer, size_t t, const uint32_t *position) {
  const sl_layer_activations *a = &m->layers[layer];
  SL_TRY(sl_layer_input_norm(m, layer, t));
  SL_TRY(sl_layer_product_q(m, layer, a->raw_q, a->h1, t));
  SL_TRY(sl_layer_product_kv(m, layer, a->raw_k, a->v, a->h1, t));
  SL_TRY(sl_layer_turn_q(m, layer, t, position));
  return sl_layer_turn_k(m, layer, t, position);
}

sl_status sl_layer_feed_forward(sl_model *m, size_t layer, const float *input, const float *o,
                                size_t t) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_offsets *at = &m->layout->layers[layer];
  const sl_layer_activations *a = &m->layers[layer];
  const sl_layer_packs *p = &m->packs[layer];
  const size_t d = s->hidden, q = s->heads * s->head_dim, f = s->intermediate;
  SL_TRY(sl_linear_forward(m->ctx, m->branch, o, weight(m, at->o), p->o[0], NULL, t, d, q));
  SL_TRY(sl_residual_add(m->ctx, a->middle, input, m->branch, t * d));
  SL_TRY(sl_rmsnorm_forward(m->ctx, a->h2, a->rstd2, a->middle, weight(m, at->post_norm), t, d,
                            s->rms_eps));
  SL_TRY(sl_linear_forward(m->ctx, a->gate, a->h2, weight(m, at->gate), p->gate[0], NULL, t, f, d));
  SL_TRY(sl_linear_forward(m->ctx, a->up, a->h2, weight(m, at->gate + f * d), p->up[0], NULL, t, f,
                           d));
  return sl_swiglu_forward(m->ctx, a->act, a->gate, a->up, t * f);
}

sl_status sl_layer_finish(sl_model *m, size_t layer, const float *input, const float *o, size_t t,
                          float *next) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_activations *a = &m->layers[layer];
  SL_TRY(sl_layer_feed_forward(m, layer, input, o, t));
  SL_TRY(sl_linear_forward(m->ctx, m->branch, a->act, weight(m, m->layout->layers[layer].down),
                           m->packs[layer].down[0], NULL, t, s->hidden, s->intermediate));
  return sl_residual_add(m->ctx, next, a->middle, m->branch, t * s->hidden);
}

sl_status sl_rows_move(sl_model *m, float *to, const float *from, const uint32_t *row, size_t n,
                       size_t d, size_t rows) {
  return sl_embedding_forward(m->ctx, to, from, row, n, d, rows);
}

float *sl_layer_output(const sl_model *m, size_t layer) {
  return layer + 1 < m->layout->shape.layers ? m->layers[layer + 1].input : m->output;
}

sl_status sl_model_embed(sl_model *m, size_t t, const uint32_t *ids) {
  const sl_model_shape *s = &m->layout->shape;
  return sl_embedding_forward(m->ctx, m->layers[0].input, weight(m, m->layout->embed), ids, t,
                              s->hidden, s->vocab);
}

sl_status sl_model_final_norm(sl_model *m, size_t t, float *hidden) {
  const sl_model_shape *s = &m->layout->shape;
  return sl_rmsnorm_forward(m->ctx, hidden, m->rstd, m->output, weight(m, m->layout->norm), t,
                            s->hidden, s->rms_eps);
}

sl_status sl_layer_attend(sl_model *m, size_t layer, const sl_batch *b) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_activations *a = &m->layers[layer];
  return sl_attention_forward(m->ctx, a->o, a->row_max, a->row_scale, a->q, a->k, a->v, b->seq,
                              b->n_seq, s->heads, s->kv_heads, s->head_dim);
}
