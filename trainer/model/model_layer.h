/* The steps of a layer, shared by training, prefill and decoding. Internal. t: rows. */
#ifndef SLUICE_MODEL_LAYER_H
#define SLUICE_MODEL_LAYER_H

#include "model_activations.h"

static inline const float *weight(const sl_model *m, size_t offset) {
  return m->parameters + offset;
}

/* Token embeddings to the input of the first layer; output to hidden (t, D). */
sl_status sl_model_embed(sl_model *m, size_t t, const uint32_t *ids);
sl_status sl_model_final_norm(sl_model *m, size_t t, float *hidden);

/* h1 = rmsnorm(input). */
sl_status sl_layer_input_norm(sl_model *m, size_t layer, size_t t);
/* q, k and v of t rows of h1, as products; the last two for keys and values alone. */
sl_status sl_layer_product_q(sl_model *m, size_t layer, float *q, const float *h1, size_t t);
sl_status sl_layer_product_kv(sl_model *m, size_t layer, float *k, float *v, const float *h1,
                              size_t t);
/* raw_q and raw_k normed by head (spec T5.5), where the model does that, and rotated. */
sl_status sl_layer_turn_q(sl_model *m, size_t layer, size_t t, const uint32_t *position);
sl_status sl_layer_turn_k(sl_model *m, size_t layer, size_t t, const uint32_t *position);
/* All of these. */
sl_status sl_layer_qkv(sl_model *m, size_t layer, size_t t, const uint32_t *position);

/* o and its sums, from q, k and v of a batch. */
sl_status sl_layer_attend(sl_model *m, size_t layer, const sl_batch *b);

/* middle = input + o W; act = swiglu(rmsnorm(middle)). */
sl_status sl_layer_feed_forward(sl_model *m, size_t layer, const float *input, const float *o,
                                size_t t);
/* That, and next = middle + act W. */
sl_status sl_layer_finish(sl_model *m, size_t layer, const float *input, const float *o, size_t t,
                          float *next);
/* Where layer l + 1 reads what layer l wrote. */
float *sl_layer_output(const sl_model *m, size_t layer);

/* Rows of `from`, which has `rows` of d floats, that `row` names: n of them (T1.1 moves rows). */
sl_status sl_rows_move(sl_model *m, float *to, const float *from, const uint32_t *row, size_t n,
                       size_t d, size_t rows);

#endif
