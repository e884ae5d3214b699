/* The backward pass: the transpose of the forward one, in reverse order (spec T5.2). dx (T, D) is the gradient of the residual stream. */
#include "model_activations.h"

/* The gradient of one layer's feed-forward half: dx of its output becomes dx of `middle`. */
static sl_status feed_forward(sl_model *m, size_t layer, const sl_batch *b, float *total) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_offsets *at = &m->layout->layers[layer];
  const sl_layer_activations *a = &m->layers[layer];
  const sl_layer_packs *p = &m->packs[layer];
  const size_t t = b->seq[b->n_seq], d = s->hidden, f = s->intermediate;
  const float *w = m->parameters;
  const sl_linear_part down = {m->dx, w + at->down, p->down[1], d};
  SL_TRY(sl_linear_weight_grad(m->ctx, total + at->down, NULL, m->dx, a->act, b->seq, b->n_seq, d, f));
  SL_TRY(sl_linear_input_grad(m->ctx, m->dact, &down, 1, t, f));
  SL_TRY(sl_swiglu_backward(m->ctx, m->dgate, m->dup, m->dact, a->gate, a->up, t * f));
  SL_TRY(sl_linear_weight_grad(m->ctx, total + at->gate, NULL, m->dgate, a->h2, b->seq, b->n_seq, f, d));
  SL_TRY(sl_linear_weight_grad(m->ctx, total + at->gate + f * d, NULL, m->dup, a->h2, b->seq, b->n_seq, f, d));
  const sl_linear_part parts[2] = {{m->dgate, w + at->gate, p->gate[1], f}, {m->dup, w + at->gate + f * d, p->up[1], f}};
  SL_TRY(sl_linear_input_grad(m->ctx, m->dh, parts, 2, t, d));
  SL_TRY(sl_rmsnorm_weight_grad(m->ctx, total + at->post_norm, m->dh, a->middle, a->rstd2, b->seq, b->n_seq, d));
  return sl_rmsnorm_backward(m->ctx, m->dx, m->dh, a->middle, w + at->post_norm, a->rstd2, m->dx, t, d);
}

/* The gradient of its attention half: dx of `middle` becomes dx of the layer's input. */
static sl_status attention(sl_model *m, size_t layer, const sl_batch *b, float *total) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_offsets *at = &m->layout->layers[layer];
  const sl_layer_activations *a = &m->layers[layer];
  const sl_layer_packs *p = &m->packs[layer];
  const size_t t = b->seq[b->n_seq], d = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
  const size_t kw = at->q_weight + q * d, vw = kw + kv * d, kb = at->q_bias + q, vb = kb + kv;
  const float *w = m->parameters;
  const sl_linear_part o = {m->dx, w + at->o, p->o[1], d};
  SL_TRY(sl_linear_weight_grad(m->ctx, total + at->o, NULL, m->dx, a->o, b->seq, b->n_seq, d, q));
  SL_TRY(sl_linear_input_grad(m->ctx, m->d_o, &o, 1, t, q));
  SL_TRY(sl_attention_backward(m->ctx, m->dq, m->dk, m->dv, m->d_o, a->o, a->q, a->k, a->v, a->row_max, a->row_scale, b->seq, b->n_seq,
                               s->heads, s->kv_heads, s->head_dim));
  SL_TRY(sl_rope_backward(m->ctx, m->dq, b->position, m->cos_table, m->sin_table, t, s->heads, s->head_dim));
  SL_TRY(sl_rope_backward(m->ctx, m->dk, b->position, m->cos_table, m->sin_table, t, s->kv_heads, s->head_dim));
  SL_TRY(sl_linear_weight_grad(m->ctx, total + at->q_weight, total + at->q_bias, m->dq, a->h1, b->seq, b->n_seq, q, d));
  SL_TRY(sl_linear_weight_grad(m->ctx, total + kw, total + kb, m->dk, a->h1, b->seq, b->n_seq, kv, d));
  SL_TRY(sl_linear_weight_grad(m->ctx, total + vw, total + vb, m->dv, a->h1, b->seq, b->n_seq, kv, d));
  const sl_linear_part parts[3] = {{m->dq, w + at->q_weight, p->q[1], q}, {m->dk, w + kw, p->k[1], kv}, {m->dv, w + vw, p->v[1], kv}};
  SL_TRY(sl_linear_input_grad(m->ctx, m->dh, parts, 3, t, d));
  SL_TRY(sl_rmsnorm_weight_grad(m->ctx, total + at->input_norm, m->dh, a->input, a->rstd1, b->seq, b->n_seq, d));
  return sl_rmsnorm_backward(m->ctx, m->dx, m->dh, a->input, w + at->input_norm, a->rstd1, m->dx, t, d);
}

sl_status sl_model_backward(sl_model *m, const sl_batch *b, float inv_temperature, const float *dlogp, const float *dentropy, float *total,
                            float *head_total) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_model_layout *at = m->layout;
  const size_t t = b->seq[b->n_seq], d = s->hidden;
  float *head = head_total ? head_total : total + at->head;
  SL_TRY(sl_logprob_backward(m->ctx, m->dh, head, dlogp, dentropy, m->entropy, m->row_max, m->row_sum, m->hidden, m->parameters + at->head,
                             m->head_pack[0], b->target, b->mask, inv_temperature, b->seq, b->n_seq, d, s->vocab));
  SL_TRY(sl_rmsnorm_weight_grad(m->ctx, total + at->norm, m->dh, m->output, m->rstd, b->seq, b->n_seq, d));
  SL_TRY(sl_rmsnorm_backward(m->ctx, m->dx, m->dh, m->output, m->parameters + at->norm, m->rstd, NULL, t, d));
  for (size_t l = s->layers; l-- > 0;) {
    SL_TRY(feed_forward(m, l, b, total));
    SL_TRY(attention(m, l, b, total));
  }
  return sl_embedding_grad(m->ctx, total + at->embed, m->dx, b->ids, b->seq, b->n_seq, d, s->vocab);
}
