/* The forward pass (spec T5.1) of rollouts: prompts at once, then a token at a time, over a cache
 * of keys and values (spec T3.2, T3.3). */
#include "model_layer.h"

#include "kernels/core/repeat.h"

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
  SL_TRY(sl_layer_product_q(m, 0, m->token_q, a->h1, s->vocab));
  return sl_layer_product_kv(m, 0, m->token_k, m->token_v, a->h1, s->vocab);
}

/* sl_layer_qkv of a rollout, whose first layer may have a table of them. */
static sl_status rollout_qkv(sl_model *m, size_t layer, size_t t, const uint32_t *ids,
                             const uint32_t *position) {
  const sl_model_shape *s = &m->layout->shape;
  const sl_layer_activations *a = &m->layers[layer];
  const size_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
  if (layer || !m->token_q) return sl_layer_qkv(m, layer, t, position);
  SL_TRY(sl_rows_move(m, a->raw_q, m->token_q, ids, t, q, s->vocab));
  SL_TRY(sl_rows_move(m, a->raw_k, m->token_k, ids, t, kv, s->vocab));
  SL_TRY(sl_rows_move(m, a->v, m->token_v, ids, t, kv, s->vocab));
  SL_TRY(sl_layer_turn_q(m, layer, t, position));
  return sl_layer_turn_k(m, layer, t, position);
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
  SL_TRY(sl_layer_input_norm(m, last, t));
  SL_TRY(sl_layer_product_kv(m, last, a->raw_k, a->v, a->h1, t));
  SL_TRY(sl_layer_turn_k(m, last, t, b->position));
  SL_TRY(store(m, last, c, slot, b->position, t));
  SL_TRY(sl_rows_move(m, a->middle, a->h1, ends->row, n, d, t));
  SL_TRY(sl_rows_move(m, m->hidden, a->input, ends->row, n, d, t));
  SL_TRY(sl_layer_product_q(m, last, a->raw_q, a->middle, n));
  SL_TRY(sl_layer_turn_q(m, last, n, ends->position));
  SL_TRY(attend_cache(m, last, c, ends->slot, ends->position, n));
  SL_TRY(sl_layer_finish(m, last, m->hidden, a->o, n, m->output));
  return sl_model_final_norm(m, n, hidden);
}

sl_status sl_model_prefill(sl_model *m, const sl_batch *b, const sl_layer_cache *caches,
                           const uint32_t *slot, const sl_prefill_ends *ends, float *hidden) {
  const size_t last = m->layout->shape.layers - 1, t = b->seq[b->n_seq];
  SL_TRY(sl_model_embed(m, t, b->ids));
  for (size_t l = 0; l < last; l++) {
    SL_TRY(rollout_qkv(m, l, t, b->ids, b->position));
    SL_TRY(store(m, l, &caches[l], slot, b->position, t));
    SL_TRY(sl_layer_attend(m, l, b));
    SL_TRY(sl_layer_finish(m, l, m->layers[l].input, m->layers[l].o, t, sl_layer_output(m, l)));
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
  SL_TRY(sl_model_embed(m, b, step->ids));
  for (size_t l = 0; l < m->layout->shape.layers; l++) {
    const sl_layer_cache *c = &step->caches[l];
    SL_TRY(rollout_qkv(m, l, b, step->ids, position));
    SL_TRY(store(m, l, c, slot, position, b));
    SL_TRY(attend_cache(m, l, c, slot, position, b));
    SL_TRY(sl_layer_finish(m, l, m->layers[l].input, m->layers[l].o, b, sl_layer_output(m, l)));
  }
  return sl_model_final_norm(m, b, step->hidden);
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
