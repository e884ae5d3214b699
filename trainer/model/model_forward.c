/* The forward pass (spec T5.1), for training, prefill and decoding: they differ in attention alone.
 */
#include "model_activations.h"
#include "shared_rows.h"

static const float *weight(const sl_model *m, size_t offset) { return m->parameters + offset; }

/* NULL where the model has no biases; first: the row of q|k|v. */
static const float *bias(const sl_model *m, const sl_layer_offsets *at, size_t first) {
  return sl_model_has_bias(&m->layout->shape) ? m->parameters + at->q_bias + first : NULL;
}

/* q and k, normed head by head (spec T5.5), where the model does that. */
static sl_status norm_heads(sl_model *m, const sl_layer_offsets *at, const sl_layer_activations *a,
                            size_t t) {
  const sl_model_shape *s = &m->layout->shape;
  if (!sl_model_norms_heads(s)) return SL_OK;
  SL_TRY(sl_rmsnorm_forward(m->ctx, a->q, a->rstd_q, a->raw_q, weight(m, at->q_norm), t * s->heads,
                            s->head_dim, s->rms_eps));
  return sl_rmsnorm_forward(m->ctx, a->k, a->rstd_k, a->raw_k, weight(m, at->k_norm),
                            t * s->kv_heads, s->head_dim, s->rms_eps);
}

/* h1 = rmsnorm(input); q, k, v = h1 W + b, q and k normed by head and rotated. */
sl_status sl_layer_qkv(sl_model *m, size_t layer, size_t t, const uint32_t *position) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_offsets *at = &m->layout->layers[layer];
  const sl_layer_activations *a = &m->layers[layer];
  const sl_layer_packs *p = &m->packs[layer];
  const size_t d = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
  SL_TRY(sl_rmsnorm_forward(m->ctx, a->h1, a->rstd1, a->input, weight(m, at->input_norm), t, d,
                            s->rms_eps));
  SL_TRY(sl_linear_forward(m->ctx, a->raw_q, a->h1, weight(m, at->q_weight), p->q[0],
                           bias(m, at, 0), t, q, d));
  SL_TRY(sl_linear_forward(m->ctx, a->raw_k, a->h1, weight(m, at->q_weight + q * d), p->k[0],
                           bias(m, at, q), t, kv, d));
  SL_TRY(sl_linear_forward(m->ctx, a->v, a->h1, weight(m, at->q_weight + (q + kv) * d), p->v[0],
                           bias(m, at, q + kv), t, kv, d));
  SL_TRY(norm_heads(m, at, a, t));
  SL_TRY(sl_rope_forward(m->ctx, a->q, position, m->cos_table, m->sin_table, t, s->heads,
                         s->head_dim, m->positions));
  return sl_rope_forward(m->ctx, a->k, position, m->cos_table, m->sin_table, t, s->kv_heads,
                         s->head_dim, m->positions);
}

/* middle = input + o W; act = swiglu(rmsnorm(middle)). */
static sl_status feed_forward(sl_model *m, size_t layer, const float *input, const float *o,
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

/* next = middle + act W. */
static sl_status finish(sl_model *m, size_t layer, const float *input, const float *o, size_t t,
                        float *next) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_activations *a = &m->layers[layer];
  SL_TRY(feed_forward(m, layer, input, o, t));
  SL_TRY(sl_linear_forward(m->ctx, m->branch, a->act, weight(m, m->layout->layers[layer].down),
                           m->packs[layer].down[0], NULL, t, s->hidden, s->intermediate));
  return sl_residual_add(m->ctx, next, a->middle, m->branch, t * s->hidden);
}

sl_status sl_layer_finish(sl_model *m, size_t layer, size_t t, float *next) {
  const sl_layer_activations *a = &m->layers[layer];
  return finish(m, layer, a->input, a->o, t, next);
}

/* T1.1 moves rows: those of `from` that `row` names, n of them, of d floats. */
static sl_status move_rows(sl_model *m, float *to, const float *from, const uint32_t *row, size_t n,
                           size_t d, size_t rows) {
  return sl_embedding_forward(m->ctx, to, from, row, n, d, rows);
}

sl_status sl_rows_gather(sl_model *m, const sl_batch *b, float *to, const float *from, size_t d) {
  return move_rows(m, to, from, b->read, b->n_read, d, b->seq[b->n_seq]);
}

sl_status sl_rows_spread(sl_model *m, const sl_batch *b, float *to, float *from, size_t d) {
  const size_t t = b->seq[b->n_seq], n = b->n_read;
  if (n < t) SL_TRY(sl_memory_zero(m->ctx, from + n * d, d * sizeof *from));
  return move_rows(m, to, from, b->place, t, d, n < t ? n + 1 : n);
}

/* Rows of the layers but of attention, which has a row for each token. */
static size_t computed_rows(const sl_batch *b) {
  return b->shared ? b->shared->n : b->seq[b->n_seq];
}

/* Which row each of t rows is, of those computed: of the micro-batch or of its read rows. */
typedef struct {
  const uint32_t *place; /* NULL: its own */
  size_t t;
} copies;

static copies all_copies(const sl_batch *b) {
  return (copies){b->shared ? b->shared->place : NULL, b->seq[b->n_seq]};
}

static copies read_copies(const sl_batch *b) {
  return (copies){b->shared ? b->shared->read_place : NULL, b->n_read};
}

/* Rows of d floats of an activation. */
typedef struct {
  float *x;
  size_t d;
} rows;

static sl_status repeat(sl_model *m, copies c, const rows *arrays, size_t n) {
  for (size_t i = 0; c.place && i < n; i++)
    SL_TRY(sl_rows_repeat(m->ctx, arrays[i].x, c.place, c.t, arrays[i].d));
  return SL_OK;
}

/* What attention reads, and, of a model that goes backward, the norms by head. */
static sl_status repeat_heads(sl_model *m, size_t layer, const sl_batch *b) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_activations *a = &m->layers[layer];
  const size_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
  const rows arrays[] = {{a->q, q},
                         {a->k, kv},
                         {a->v, kv},
                         {a->raw_q, q},
                         {a->raw_k, kv},
                         {a->rstd_q, s->heads},
                         {a->rstd_k, s->kv_heads}};
  return repeat(m, all_copies(b), arrays, m->kind && sl_model_norms_heads(s) ? 7 : 3);
}

static sl_status repeat_input(sl_model *m, size_t layer, const sl_batch *b) {
  const sl_layer_activations *a = &m->layers[layer];
  const size_t d = m->layout->shape.hidden;
  return repeat(m, all_copies(b), (rows[]){{a->input, d}, {a->h1, d}, {a->rstd1, 1}}, 3);
}

static sl_status repeat_feed_forward(sl_model *m, size_t layer, copies c) {
  const sl_layer_activations *a = &m->layers[layer];
  const size_t d = m->layout->shape.hidden, f = m->layout->shape.intermediate;
  const rows arrays[] = {{a->middle, d}, {a->h2, d}, {a->rstd2, 1},
                         {a->gate, f},   {a->up, f}, {a->act, f}};
  return repeat(m, c, arrays, 6);
}

/* Where layer l + 1 reads what layer l wrote. */
static float *layer_output(const sl_model *m, size_t layer) {
  return layer + 1 < m->layout->shape.layers ? m->layers[layer + 1].input : m->output;
}

static sl_status embed(sl_model *m, size_t t, const uint32_t *ids) {
  const sl_model_shape *s = &m->layout->shape;
  return sl_embedding_forward(m->ctx, m->layers[0].input, weight(m, m->layout->embed), ids, t,
                              s->hidden, s->vocab);
}

static sl_status final_norm(sl_model *m, size_t t, float *hidden) {
  const sl_model_shape *s = &m->layout->shape;
  return sl_rmsnorm_forward(m->ctx, hidden, m->rstd, m->output, weight(m, m->layout->norm), t,
                            s->hidden, s->rms_eps);
}

static sl_status attend(sl_model *m, size_t layer, const sl_batch *b) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_activations *a = &m->layers[layer];
  return sl_attention_forward(m->ctx, a->o, a->row_max, a->row_scale, a->q, a->k, a->v, b->seq,
                              b->n_seq, s->heads, s->kv_heads, s->head_dim);
}

/* h1 to o of a layer. */
static sl_status attention_half(sl_model *m, size_t layer, const sl_batch *b) {
  const sl_shared_rows *shared = b->shared;
  SL_TRY(sl_layer_qkv(m, layer, computed_rows(b), shared ? shared->position : b->position));
  SL_TRY(repeat_heads(m, layer, b));
  return attend(m, layer, b);
}

/* *o: attention's output in the rows that are computed. Attention was the last to read q, and what
 * it wrote of d_o, dq is overwritten by the backward pass. */
static sl_status take_attention(sl_model *m, size_t layer, const sl_batch *b, const float **o) {
  const sl_layer_activations *a = &m->layers[layer];
  const sl_shared_rows *shared = b->shared;
  float *to = m->kind ? m->dq : a->q;
  *o = shared ? to : a->o;
  return shared ? move_rows(m, to, a->o, shared->row, shared->n,
                            m->layout->shape.heads * m->layout->shape.head_dim, b->seq[b->n_seq])
                : SL_OK;
}

/* All rows of a layer whose computed rows are there. */
static sl_status repeat_layer(sl_model *m, size_t layer, const sl_batch *b) {
  SL_TRY(repeat_input(m, layer, b));
  return repeat_feed_forward(m, layer, all_copies(b));
}

/* A recomputing model has kept the inputs of the computed rows. */
sl_status sl_layer_again(sl_model *m, size_t layer, const sl_batch *b) {
  const float *o;
  SL_TRY(attention_half(m, layer, b));
  SL_TRY(take_attention(m, layer, b, &o));
  SL_TRY(feed_forward(m, layer, m->layers[layer].input, o, computed_rows(b)));
  return repeat_layer(m, layer, b);
}

/* A layer but the last. Its rows are repeated where the backward pass reads them from here. */
static sl_status inner_layer(sl_model *m, size_t layer, const sl_batch *b) {
  const float *o;
  SL_TRY(attention_half(m, layer, b));
  SL_TRY(take_attention(m, layer, b, &o));
  SL_TRY(finish(m, layer, m->layers[layer].input, o, computed_rows(b), layer_output(m, layer)));
  return m->kind == SL_MODEL_TRAINING ? repeat_layer(m, layer, b) : SL_OK;
}

/* What the backward pass reads of the last layer's rows that are read. m->d_o keeps their attention
 * for it; it writes that array after its last use. */
static sl_status keep_read_rows(sl_model *m, const sl_batch *b) {
  const sl_model_shape *s = &m->layout->shape;
  const size_t last = s->layers - 1;
  SL_TRY(sl_rows_gather(m, b, m->d_o, m->layers[last].o, s->heads * s->head_dim));
  SL_TRY(repeat_feed_forward(m, last, read_copies(b)));
  return repeat(m, read_copies(b), (rows[]){{m->output, s->hidden}, {m->rstd, 1}}, 2);
}

/* The rest of the last layer and the final norm, of the rows that are read. */
static sl_status finish_read_rows(sl_model *m, const sl_batch *b) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_shared_rows *shared = b->shared;
  const size_t last = s->layers - 1, t = b->seq[b->n_seq], d = s->hidden,
               q = s->heads * s->head_dim, n = shared ? shared->n_read : b->n_read;
  const uint32_t *row = shared ? shared->read_row : b->read;
  const sl_layer_activations *a = &m->layers[last];
  float *o = m->kind ? m->dq : a->q, *input = m->kind ? m->dx : a->h1; /* free by now */
  SL_TRY(repeat_input(m, last, b));
  SL_TRY(move_rows(m, o, a->o, row, n, q, t));
  SL_TRY(move_rows(m, input, a->input, row, n, d, t));
  SL_TRY(finish(m, last, input, o, n, m->output));
  SL_TRY(final_norm(m, n, m->branch));
  SL_TRY(repeat(m, read_copies(b), (rows[]){{m->branch, d}}, 1));
  SL_TRY(sl_rows_spread(m, b, m->hidden, m->branch, d));
  return m->kind ? keep_read_rows(m, b) : SL_OK;
}

static sl_status finish_last(sl_model *m, const sl_batch *b) {
  const size_t last = m->layout->shape.layers - 1, d = m->layout->shape.hidden;
  const float *o;
  if (b->read) return finish_read_rows(m, b);
  SL_TRY(take_attention(m, last, b, &o));
  SL_TRY(finish(m, last, m->layers[last].input, o, computed_rows(b), m->output));
  SL_TRY(final_norm(m, computed_rows(b), m->hidden));
  SL_TRY(repeat(m, all_copies(b), (rows[]){{m->hidden, d}}, 1));
  if (!m->kind) return SL_OK;
  SL_TRY(repeat_layer(m, last, b));
  return repeat(m, all_copies(b), (rows[]){{m->output, d}, {m->rstd, 1}}, 2);
}

sl_status sl_model_forward(sl_model *m, const sl_batch *b, float inv_temperature, float *logp,
                           float *entropy) {
  const sl_model_shape *s = &m->layout->shape;
  const size_t t = b->seq[b->n_seq], last = s->layers - 1;
  SL_TRY(embed(m, computed_rows(b), b->shared ? b->shared->ids : b->ids));
  for (size_t l = 0; l < last; l++) SL_TRY(inner_layer(m, l, b));
  SL_TRY(attention_half(m, last, b));
  SL_TRY(finish_last(m, b));
  SL_TRY(sl_logprob_forward(m->ctx, logp, entropy, m->row_max, m->row_sum, m->hidden,
                            weight(m, m->layout->head), m->head_pack, b->target, b->mask,
                            inv_temperature, t, s->hidden, s->vocab));
  return sl_memory_copy(m->ctx, m->entropy, entropy, t * sizeof *entropy);
}

sl_status sl_model_prefill(sl_model *m, const sl_batch *b, const sl_layer_cache *caches,
                           const uint32_t *slot, float *hidden) {
  const sl_model_shape *s = &m->layout->shape;
  const size_t t = b->seq[b->n_seq];
  SL_TRY(embed(m, t, b->ids));
  for (size_t l = 0; l < s->layers; l++) {
    const sl_layer_activations *a = &m->layers[l];
    SL_TRY(sl_layer_qkv(m, l, t, b->position));
    SL_TRY(sl_kv_store(m->ctx, caches[l].k_cache, caches[l].v_cache, a->k, a->v, slot, b->position,
                       t, s->kv_heads, s->head_dim, caches[l].capacity, caches[l].slots));
    SL_TRY(attend(m, l, b));
    SL_TRY(sl_layer_finish(m, l, t, layer_output(m, l)));
  }
  return final_norm(m, t, hidden);
}

sl_status sl_model_decode(sl_model *m, size_t b, const uint32_t *ids, const uint32_t *slot,
                          const uint32_t *position, const sl_layer_cache *caches, float *hidden) {
  const sl_model_shape *s = &m->layout->shape;
  SL_TRY(embed(m, b, ids));
  for (size_t l = 0; l < s->layers; l++) {
    const sl_layer_activations *a = &m->layers[l];
    const sl_layer_cache *c = &caches[l];
    SL_TRY(sl_layer_qkv(m, l, b, position));
    SL_TRY(sl_kv_store(m->ctx, c->k_cache, c->v_cache, a->k, a->v, slot, position, b, s->kv_heads,
                       s->head_dim, c->capacity, c->slots));
    SL_TRY(sl_attention_decode(m->ctx, a->o, a->q, c->k_cache, c->v_cache, slot, position, b,
                               s->heads, s->kv_heads, s->head_dim, c->capacity, c->slots));
    SL_TRY(sl_layer_finish(m, l, b, layer_output(m, l)));
  }
  return final_norm(m, b, hidden);
}

sl_status sl_model_logits(sl_model *m, size_t b, const float *hidden, float *logits) {
  const sl_model_shape *s = &m->layout->shape;
  return sl_linear_forward(m->ctx, logits, hidden, weight(m, m->layout->head), m->head_pack, NULL,
                           b, s->vocab, s->hidden);
}
