/* The backward pass: the transpose of the forward one, in reverse order (spec T5.2). dx (T, D) is
 * the gradient of the residual stream. What is a sum over tokens is taken a shard at a time, each
 * into its own totals (spec N4.3), and last in its half of a layer, so that a device gets a shard's
 * offsets once a half; all else is of the whole batch at once. A recomputing model still holds the
 * last layer from the forward pass, and makes each other one again. */
#include "model_activations.h"

/* The rows of a shard that an array holds: all, or those that are read (spec T5.6). */
typedef struct {
  size_t first, n_seq;
  const uint32_t *seq;
} shard_rows;

static shard_rows rows_of(const sl_shard *p, int read) {
  return read ? (shard_rows){p->first_read, p->n_read_seq, p->read_seq}
              : (shard_rows){p->first, p->n_seq, p->seq};
}

/* 1 where this layer's second half holds the read rows alone. */
static int is_read(const sl_model *m, const sl_batch *b, size_t layer) {
  return b->read && layer + 1 == m->layout->shape.layers;
}

/* The gradients of the weights of one layer's feed-forward half, of a shard's rows. */
static sl_status feed_forward_weights(sl_model *m, size_t layer, const sl_shard *p, int read) {
  const shard_rows rows = rows_of(p, read);
  const size_t d = m->layout->shape.hidden, f = m->layout->shape.intermediate, r = rows.first,
               n = rows.n_seq;
  const uint32_t *seq = rows.seq;
  const sl_layer_offsets *at = &m->layout->layers[layer];
  const sl_layer_activations *a = &m->layers[layer];
  float *gate = p->total + at->gate;
  SL_TRY(sl_linear_weight_grad(m->ctx, p->total + at->down, NULL, m->dx + r * d, a->act + r * f,
                               seq, n, d, f));
  SL_TRY(sl_linear_weight_grad(m->ctx, gate, NULL, m->dgate + r * f, a->h2 + r * d, seq, n, f, d));
  SL_TRY(sl_linear_weight_grad(m->ctx, gate + f * d, NULL, m->dup + r * f, a->h2 + r * d, seq, n, f,
                               d));
  return sl_rmsnorm_weight_grad(m->ctx, p->total + at->post_norm, m->dh + r * d, a->middle + r * d,
                                a->rstd2 + r, seq, n, d);
}

/* The gradient of that half: dx of its output becomes dx of `middle`. */
static sl_status feed_forward(sl_model *m, size_t layer, const sl_batch *b, const sl_shard *shards,
                              size_t n_shards) {
  const int read = is_read(m, b, layer);
  const size_t t = read ? b->n_read : b->seq[b->n_seq];
  const size_t d = m->layout->shape.hidden, f = m->layout->shape.intermediate;
  const sl_layer_offsets *at = &m->layout->layers[layer];
  const sl_layer_activations *a = &m->layers[layer];
  const sl_layer_packs *p = &m->packs[layer];
  const float *w = m->parameters;
  const sl_linear_part down = {m->dx, w + at->down, p->down[1], d};
  const sl_linear_part parts[2] = {{m->dgate, w + at->gate, p->gate[1], f},
                                   {m->dup, w + at->gate + f * d, p->up[1], f}};
  SL_TRY(sl_linear_input_grad(m->ctx, m->dact, &down, 1, t, f));
  SL_TRY(sl_swiglu_backward(m->ctx, m->dgate, m->dup, m->dact, a->gate, a->up, t * f));
  SL_TRY(sl_linear_input_grad(m->ctx, m->dh, parts, 2, t, d));
  for (size_t i = 0; i < n_shards; i++) SL_TRY(feed_forward_weights(m, layer, &shards[i], read));
  return sl_rmsnorm_backward(m->ctx, m->dx, m->dh, a->middle, w + at->post_norm, a->rstd2, m->dx, t,
                             d);
}

/* The gradient of a norm's weight by head, of a shard's rows: T1.5 with a row for each token and
 * head (spec T5.5). dy, x and rstd are those of the whole batch. */
static sl_status head_norm_weight(sl_model *m, const sl_shard *p, size_t heads, float *total,
                                  const float *dy, const float *x, const float *rstd) {
  const size_t d = m->layout->shape.head_dim, first = p->first * heads;
  size_t n = 0;
  m->head_seq[0] = 0;
  for (size_t i = 0; i < p->n_seq; i++) /* those without tokens add nothing */
    if (p->seq[i + 1] > p->seq[i]) m->head_seq[++n] = p->seq[i + 1] * (uint32_t)heads;
  return sl_rmsnorm_weight_grad(m->ctx, total, dy + first * d, x + first * d, rstd + first,
                                m->head_seq, n, d);
}

/* dq and dk of the normed heads become draw_q and draw_k. */
static sl_status norm_heads(sl_model *m, size_t layer, size_t t, const sl_shard *shards,
                            size_t n_shards) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_offsets *at = &m->layout->layers[layer];
  const sl_layer_activations *a = &m->layers[layer];
  const float *w = m->parameters;
  if (!sl_model_norms_heads(s)) return SL_OK;
  for (size_t i = 0; i < n_shards; i++) {
    const sl_shard *p = &shards[i];
    SL_TRY(head_norm_weight(m, p, s->heads, p->total + at->q_norm, m->dq, a->raw_q, a->rstd_q));
    SL_TRY(head_norm_weight(m, p, s->kv_heads, p->total + at->k_norm, m->dk, a->raw_k, a->rstd_k));
  }
  SL_TRY(sl_rmsnorm_backward(m->ctx, m->draw_q, m->dq, a->raw_q, w + at->q_norm, a->rstd_q, NULL,
                             t * s->heads, s->head_dim));
  return sl_rmsnorm_backward(m->ctx, m->draw_k, m->dk, a->raw_k, w + at->k_norm, a->rstd_k, NULL,
                             t * s->kv_heads, s->head_dim);
}

/* The gradient of o_proj and of its input, d_o, of all shards. dx stays the residual gradient. */
static sl_status output_projection(sl_model *m, size_t layer, const sl_batch *b,
                                   const sl_shard *shards, size_t n_shards, const float **dx) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_offsets *at = &m->layout->layers[layer];
  const size_t d = s->hidden, q = s->heads * s->head_dim;
  const int read = is_read(m, b, layer);
  const float *o = read ? m->d_o : m->layers[layer].o;
  const sl_linear_part part = {m->dx, m->parameters + at->o, m->packs[layer].o[1], d};
  for (size_t i = 0; i < n_shards; i++) {
    const shard_rows r = rows_of(&shards[i], read);
    SL_TRY(sl_linear_weight_grad(m->ctx, shards[i].total + at->o, NULL, m->dx + r.first * d,
                                 o + r.first * q, r.seq, r.n_seq, d, q));
  }
  *dx = m->dx;
  if (!read) return sl_linear_input_grad(m->ctx, m->d_o, &part, 1, b->seq[b->n_seq], q);
  SL_TRY(sl_linear_input_grad(m->ctx, m->dq, &part, 1, b->n_read, q));
  SL_TRY(sl_rows_spread(m, b, m->d_o, m->dq, q));
  *dx = m->branch;
  return sl_rows_spread(m, b, m->branch, m->dx, d);
}

/* The gradients of the weights of its attention half but o_proj. */
static sl_status attention_weights(sl_model *m, size_t layer, const sl_shard *p) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_offsets *at = &m->layout->layers[layer];
  const sl_layer_activations *a = &m->layers[layer];
  const size_t d = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim,
               r = p->first, n = p->n_seq;
  const float *x = a->h1 + r * d;
  float *qw = p->total + at->q_weight, *kw = qw + q * d, *vw = kw + kv * d;
  const int bias = sl_model_has_bias(s);
  float *qb = bias ? p->total + at->q_bias : NULL, *kb = bias ? qb + q : NULL,
        *vb = bias ? kb + kv : NULL;
  SL_TRY(sl_linear_weight_grad(m->ctx, qw, qb, m->draw_q + r * q, x, p->seq, n, q, d));
  SL_TRY(sl_linear_weight_grad(m->ctx, kw, kb, m->draw_k + r * kv, x, p->seq, n, kv, d));
  SL_TRY(sl_linear_weight_grad(m->ctx, vw, vb, m->dv + r * kv, x, p->seq, n, kv, d));
  return sl_rmsnorm_weight_grad(m->ctx, p->total + at->input_norm, m->dh + r * d, a->input + r * d,
                                a->rstd1 + r, p->seq, n, d);
}

/* The gradient of that half: dx of `middle` becomes dx of the layer's input. */
static sl_status attention(sl_model *m, size_t layer, const sl_batch *b, const sl_shard *shards,
                           size_t n_shards) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_offsets *at = &m->layout->layers[layer];
  const sl_layer_activations *a = &m->layers[layer];
  const sl_layer_packs *p = &m->packs[layer];
  const size_t t = b->seq[b->n_seq], d = s->hidden, q = s->heads * s->head_dim,
               kv = s->kv_heads * s->head_dim;
  const float *w = m->parameters, *qw = w + at->q_weight, *kw = qw + q * d, *vw = kw + kv * d;
  const sl_linear_part parts[3] = {
      {m->draw_q, qw, p->q[1], q}, {m->draw_k, kw, p->k[1], kv}, {m->dv, vw, p->v[1], kv}};
  const float *residual;
  SL_TRY(output_projection(m, layer, b, shards, n_shards, &residual));
  SL_TRY(sl_attention_backward(m->ctx, m->dq, m->dk, m->dv, m->d_o, a->o, a->q, a->k, a->v,
                               a->row_max, a->row_scale, b->seq, b->n_seq, s->heads, s->kv_heads,
                               s->head_dim));
  SL_TRY(sl_rope_backward(m->ctx, m->dq, b->position, m->cos_table, m->sin_table, t, s->heads,
                          s->head_dim, m->positions));
  SL_TRY(sl_rope_backward(m->ctx, m->dk, b->position, m->cos_table, m->sin_table, t, s->kv_heads,
                          s->head_dim, m->positions));
  SL_TRY(norm_heads(m, layer, t, shards, n_shards));
  SL_TRY(sl_linear_input_grad(m->ctx, m->dh, parts, 3, t, d));
  for (size_t i = 0; i < n_shards; i++) SL_TRY(attention_weights(m, layer, &shards[i]));
  return sl_rmsnorm_backward(m->ctx, m->dx, m->dh, a->input, w + at->input_norm, a->rstd1, residual,
                             t, d);
}

/* The head's weights and its input from the log-probs, of all shards at once: their logits share
 * the head's packs. Then the final norm's weight. */
static sl_status head(sl_model *m, const sl_batch *b, const sl_shard *shards, size_t n_shards,
                      float inv_temperature, const float *dlogp, const float *dentropy) {
  const sl_model_layout *at = m->layout;
  const size_t d = at->shape.hidden, t = b->seq[b->n_seq];
  for (size_t i = 0; i < n_shards; i++) {
    const sl_shard *p = &shards[i];
    m->head_totals[i] = (sl_shard_total){p->head_total ? p->head_total : p->total + at->head,
                                         i + 1 < n_shards ? p[1].first : t};
  }
  SL_TRY(sl_logprob_backward(m->ctx, m->dh, m->head_totals, n_shards, dlogp, dentropy, m->entropy,
                             m->row_max, m->row_sum, m->hidden, m->parameters + at->head,
                             m->head_pack, b->target, b->mask, inv_temperature, b->seq, b->n_seq, d,
                             at->shape.vocab));
  const float *dh = m->dh;
  if (b->read) {
    SL_TRY(sl_rows_gather(m, b, m->branch, dh, d));
    dh = m->branch;
  }
  for (size_t i = 0; i < n_shards; i++) {
    const shard_rows r = rows_of(&shards[i], b->read != NULL);
    SL_TRY(sl_rmsnorm_weight_grad(m->ctx, shards[i].total + at->norm, dh + r.first * d,
                                  m->output + r.first * d, m->rstd + r.first, r.seq, r.n_seq, d));
  }
  return sl_rmsnorm_backward(m->ctx, m->dx, dh, m->output, m->parameters + at->norm, m->rstd, NULL,
                             b->read ? b->n_read : t, d);
}

sl_status sl_model_backward(sl_model *m, const sl_batch *b, const sl_shard *shards, size_t n_shards,
                            float inv_temperature, const float *dlogp, const float *dentropy) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_model_layout *at = m->layout;
  const size_t d = s->hidden;
  SL_TRY(head(m, b, shards, n_shards, inv_temperature, dlogp, dentropy));
  for (size_t l = s->layers; l-- > 0;) {
    if (m->kind == SL_MODEL_RECOMPUTING && l + 1 < s->layers) SL_TRY(sl_layer_again(m, l, b));
    SL_TRY(feed_forward(m, l, b, shards, n_shards));
    SL_TRY(attention(m, l, b, shards, n_shards));
  }
  for (size_t i = 0; i < n_shards; i++) {
    const sl_shard *p = &shards[i];
    SL_TRY(sl_embedding_grad(m->ctx, p->total + at->embed, m->dx + p->first * d, b->ids + p->first,
                             p->seq, p->n_seq, d, s->vocab));
  }
  return SL_OK;
}
