/* The forward pass (spec T5.1), for training, prefill and decoding: they differ in attention alone.
 */
#include "model_activations.h"

#include "kernels/core/repeat.h"

static const float *weight(const sl_model *m, size_t offset) { return m->parameters + offset; }

/* NULL where the model has no biases; first: the row of q|k|v. */
static const float *bias(const sl_model *m, const sl_layer_offsets *at, size_t first) {
  return sl_model_has_bias(&m->layout->shape) ? m->parameters + at->q_bias + first : NULL;
}

/* q, k and v of t rows of h1, as products; the last two for keys and values alone. */
static sl_status product_q(sl_model *m, size_t layer, float *q, const float *h1, size_t t) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_offsets *at = &m->layout->layers[layer];
  return sl_linear_forward(m->ctx, q, h1, weight(m, at->q_weight), m->packs[layer].q[0],
                           bias(m, at, 0), t, s->heads * s->head_dim, s->hidden);
}

static sl_status product_kv(sl_model *m, size_t layer, float *k, float *v, const float *h1,
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

/* raw_q and raw_k normed by head (spec T5.5), where the model does that, and rotated. */
static sl_status turn_q(sl_model *m, size_t layer, size_t t, const uint32_t *position) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_offsets *at = &m->layout->layers[layer];
  const sl_layer_activations *a = &m->layers[layer];
  if (sl_model_norms_heads(s))
    SL_TRY(sl_rmsnorm_forward(m->ctx, a->q, a->rstd_q, a->raw_q, weight(m, at->q_norm),
                              t * s->heads, s->head_dim, s->rms_eps));
  return sl_rope_forward(m->ctx, a->q, position, m->cos_table, m->sin_table, t, s->heads,
                         s->head_dim, m->positions);
}

static sl_status turn_k(sl_model *m, size_t layer, size_t t, const uint32_t *position) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_offsets *at = &m->layout->layers[layer];
  const sl_layer_activations *a = &m->layers[layer];
  if (sl_model_norms_heads(s))
    SL_TRY(sl_rmsnorm_forward(m->ctx, a->k, a->rstd_k, a->raw_k, weight(m, at->k_norm),
                              t * s->kv_heads, s->head_dim, s->rms_eps));
  return sl_rope_forward(m->ctx, a->k, position, m->cos_table, m->sin_table, t, s->kv_heads,
                         s->head_dim, m->positions);
}

/* h1 = rmsnorm(input). */
static sl_status input_norm(sl_model *m, size_t layer, size_t t) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_activations *a = &m->layers[layer];
  return sl_rmsnorm_forward(m->ctx, a->h1, a->rstd1, a->input,
                            weight(m, m->layout->layers[layer].input_norm), t, s->hidden,
                            s->rms_eps);
}

sl_status sl_layer_qkv(sl_model *m, size_t layer, size_t t, const uint32_t *position) {
  const sl_layer_activations *a = &m->layers[layer];
  SL_TRY(input_norm(m, layer, t));
  SL_TRY(product_q(m, layer, a->raw_q, a->h1, t));
  SL_TRY(product_kv(m, layer, a->raw_k, a->v, a->h1, t));
  SL_TRY(turn_q(m, layer, t, position));
  return turn_k(m, layer, t, position);
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

sl_status sl_layer_again(sl_model *m, size_t layer, const sl_batch *b) {
  const size_t t = b->seq[b->n_seq];
  SL_TRY(sl_layer_qkv(m, layer, t, b->position));
  SL_TRY(attend(m, layer, b));
  return feed_forward(m, layer, m->layers[layer].input, m->layers[layer].o, t);
}

/* The rest of the last layer and the final norm, of the rows that are read. m->d_o keeps their
 * attention for the backward pass, which writes that array after its last use. */
static sl_status finish_read_rows(sl_model *m, const sl_batch *b) {
  const sl_model_shape *s = &m->layout->shape;
  const size_t last = s->layers - 1;
  const sl_layer_activations *a = &m->layers[last];
  SL_TRY(sl_rows_gather(m, b, m->d_o, a->o, s->heads * s->head_dim));
  SL_TRY(sl_rows_gather(m, b, m->dx, a->input, s->hidden));
  SL_TRY(finish(m, last, m->dx, m->d_o, b->n_read, m->output));
  SL_TRY(final_norm(m, b->n_read, m->branch));
  return sl_rows_spread(m, b, m->hidden, m->branch, s->hidden);
}

static sl_status finish_last(sl_model *m, const sl_batch *b) {
  const size_t t = b->seq[b->n_seq];
  if (b->read && m->kind) return finish_read_rows(m, b);
  SL_TRY(sl_layer_finish(m, m->layout->shape.layers - 1, t, m->output));
  return final_norm(m, t, m->hidden);
}

void sl_model_set_watch(sl_model *m, const sl_model_watch *watch) { m->watch = watch; }

static void tell(const sl_model *m, size_t done) {
  if (m->watch) m->watch->tell(m->watch->user, done, m->layout->shape.layers + 1);
}

sl_status sl_model_forward(sl_model *m, const sl_batch *b, float inv_temperature, float *logp,
                           float *entropy) {
  const sl_model_shape *s = &m->layout->shape;
  const size_t t = b->seq[b->n_seq];
  SL_TRY(embed(m, t, b->ids));
  for (size_t l = 0; l < s->layers; l++) {
    tell(m, l);
    SL_TRY(sl_layer_qkv(m, l, t, b->position));
    SL_TRY(attend(m, l, b));
    if (l + 1 < s->layers) SL_TRY(sl_layer_finish(m, l, t, layer_output(m, l)));
  }
  SL_TRY(finish_last(m, b));
  tell(m, s->layers);
  SL_TRY(sl_logprob_forward(m->ctx, logp, entropy, m->row_max, m->row_sum, m->hidden,
                            weight(m, m->layout->head), m->head_pack, b->target, b->mask,
                            inv_temperature, t, s->hidden, s->vocab));
  return sl_memory_copy(m->ctx, m->entropy, entropy, t * sizeof *entropy);
}

static sl_status store(sl_model *m, size_t layer, const sl_layer_cache *c, const uint32_t *slot,
                       const uint32_t *position, size_t t) {
  const sl_model_shape *s = &m->layout->shape;
  return sl_kv_store(m->ctx, c->k_cache, c->v_cache, m->layers[layer].k, m->layers[layer].v, slot,
                     position, t, s->kv_heads, s->head_dim, c->capacity, c->slots);
}

sl_status sl_model_fill_token_rows(sl_model *m) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_activations *a = &m->layers[0];
  SL_TRY(sl_rmsnorm_forward(m->ctx, a->h1, a->rstd1, weight(m, m->layout->embed),
                            weight(m, m->layout->layers[0].input_norm), s->vocab, s->hidden,
                            s->rms_eps));
  SL_TRY(product_q(m, 0, m->token_q, a->h1, s->vocab));
  return product_kv(m, 0, m->token_k, m->token_v, a->h1, s->vocab);
}

/* sl_layer_qkv of a rollout, whose first layer may have a table of them. */
static sl_status rollout_qkv(sl_model *m, size_t layer, size_t t, const uint32_t *ids,
                             const uint32_t *position) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_activations *a = &m->layers[layer];
  const size_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
  if (layer || !m->token_q) return sl_layer_qkv(m, layer, t, position);
  SL_TRY(move_rows(m, a->raw_q, m->token_q, ids, t, q, s->vocab));
  SL_TRY(move_rows(m, a->raw_k, m->token_k, ids, t, kv, s->vocab));
  SL_TRY(move_rows(m, a->v, m->token_v, ids, t, kv, s->vocab));
  SL_TRY(turn_q(m, layer, t, position));
  return turn_k(m, layer, t, position);
}

/* Attention of t rows to what the cache holds. */
static sl_status attend_cache(sl_model *m, size_t layer, const sl_layer_cache *c,
                              const uint32_t *slot, const uint32_t *position, size_t t) {
  const sl_model_shape *s = &m->layout->shape;
  return sl_attention_decode(m->ctx, m->layers[layer].o, m->layers[layer].q, c->k_cache, c->v_cache,
                             slot, position, t, s->heads, s->kv_heads, s->head_dim, c->capacity,
                             c->slots);
}

/* The last layer of a prefill, whose rows are read at the sequences' ends alone (spec T5.6): keys
 * and values of all rows, then the ends as in decoding. Arrays that are unused so far hold their
 * input and h1. */
static sl_status prefill_last(sl_model *m, const sl_batch *b, const sl_layer_cache *c,
                              const uint32_t *slot, const sl_prefill_ends *ends, float *hidden) {
  const size_t last = m->layout->shape.layers - 1, d = m->layout->shape.hidden,
               t = b->seq[b->n_seq], n = b->n_seq;
  const sl_layer_activations *a = &m->layers[last];
  SL_TRY(input_norm(m, last, t));
  SL_TRY(product_kv(m, last, a->raw_k, a->v, a->h1, t));
  SL_TRY(turn_k(m, last, t, b->position));
  SL_TRY(store(m, last, c, slot, b->position, t));
  SL_TRY(move_rows(m, a->middle, a->h1, ends->row, n, d, t));
  SL_TRY(move_rows(m, m->hidden, a->input, ends->row, n, d, t));
  SL_TRY(product_q(m, last, a->raw_q, a->middle, n));
  SL_TRY(turn_q(m, last, n, ends->position));
  SL_TRY(attend_cache(m, last, c, ends->slot, ends->position, n));
  SL_TRY(finish(m, last, m->hidden, a->o, n, m->output));
  return final_norm(m, n, hidden);
}

sl_status sl_model_prefill(sl_model *m, const sl_batch *b, const sl_layer_cache *caches,
                           const uint32_t *slot, const sl_prefill_ends *ends, float *hidden) {
  const size_t last = m->layout->shape.layers - 1, t = b->seq[b->n_seq];
  SL_TRY(embed(m, t, b->ids));
  for (size_t l = 0; l < last; l++) {
    SL_TRY(rollout_qkv(m, l, t, b->ids, b->position));
    SL_TRY(store(m, l, &caches[l], slot, b->position, t));
    SL_TRY(attend(m, l, b));
    SL_TRY(sl_layer_finish(m, l, t, layer_output(m, l)));
  }
  return prefill_last(m, b, &caches[last], slot, ends, hidden);
}

typedef struct {
  sl_model *model;
  size_t b;
  const uint32_t *ids, *slot, *position;
  const sl_layer_cache *caches;
  float *hidden;
} decoding;

static sl_status decode(void *arg) {
  const decoding *step = arg;
  sl_model *m = step->model;
  const size_t b = step->b;
  const uint32_t *slot = step->slot, *position = step->position;
  SL_TRY(embed(m, b, step->ids));
  for (size_t l = 0; l < m->layout->shape.layers; l++) {
    const sl_layer_cache *c = &step->caches[l];
    SL_TRY(rollout_qkv(m, l, b, step->ids, position));
    SL_TRY(store(m, l, c, slot, position, b));
    SL_TRY(attend_cache(m, l, c, slot, position, b));
    SL_TRY(sl_layer_finish(m, l, b, layer_output(m, l)));
  }
  return final_norm(m, b, step->hidden);
}

/* A device records the launches (spec N1.9): tokens, slots and positions are read from memory, and
 * all else that decides them is in the key. */
sl_status sl_model_decode(sl_model *m, size_t b, const uint32_t *ids, const uint32_t *slot,
                          const uint32_t *position, const sl_layer_cache *caches, float *hidden) {
  decoding step = {m, b, ids, slot, position, caches, hidden};
  const sl_repeat_key key = {{(uintptr_t)m, b, (uintptr_t)ids, (uintptr_t)slot, (uintptr_t)position,
                              (uintptr_t)caches, (uintptr_t)hidden}};
  return sl_context_repeat(m->ctx, &key, decode, &step);
}

sl_status sl_model_logits(sl_model *m, size_t b, const float *hidden, float *logits) {
  const sl_model_shape *s = &m->layout->shape;
  return sl_linear_forward(m->ctx, logits, hidden, weight(m, m->layout->head), m->head_pack, NULL,
                           b, s->vocab, s->hidden);
}
