/* The forward pass (spec T5.1) of training and log-probs. */
#include "model_layer.h"
#include "shared_rows.h"

sl_status sl_rows_gather(sl_model *m, const sl_batch *b, float *to, const float *from, size_t d) {
  return sl_rows_move(m, to, from, b->read, b->n_read, d, b->seq[b->n_seq]);
}

sl_status sl_rows_spread(sl_model *m, const sl_batch *b, float *to, float *from, size_t d) {
  const size_t t = b->seq[b->n_seq], n = b->n_read;
  if (n < t) SL_TRY(sl_memory_zero(m->ctx, from + n * d, d * sizeof *from));
  return sl_rows_move(m, to, from, b->place, t, d, n < t ? n + 1 : n);
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

/* h1 to o of a layer. */
static sl_status attention_half(sl_model *m, size_t layer, const sl_batch *b) {
  const sl_shared_rows *shared = b->shared;
  SL_TRY(sl_layer_qkv(m, layer, computed_rows(b), shared ? shared->position : b->position));
  SL_TRY(repeat_heads(m, layer, b));
  return sl_layer_attend(m, layer, b);
}

/* *o: attention's output in the rows that are computed. Attention was the last to read q, and what
 * it wrote of d_o, dq is overwritten by the backward pass. */
static sl_status take_attention(sl_model *m, size_t layer, const sl_batch *b, const float **o) {
  const sl_layer_activations *a = &m->layers[layer];
  const sl_shared_rows *shared = b->shared;
  float *to = m->kind ? m->dq : a->q;
  *o = shared ? to : a->o;
  return shared ? sl_rows_move(m, to, a->o, shared->row, shared->n,
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
  SL_TRY(sl_layer_feed_forward(m, layer, m->layers[layer].input, o, computed_rows(b)));
  return repeat_layer(m, layer, b);
}

/* A layer but the last. Its rows are repeated where the backward pass reads them from here. */
static sl_status inner_layer(sl_model *m, size_t layer, const sl_batch *b) {
  const float *o;
  SL_TRY(attention_half(m, layer, b));
  SL_TRY(take_attention(m, layer, b, &o));
  SL_TRY(sl_layer_finish(m, layer, m->layers[layer].input, o, computed_rows(b),
                         sl_layer_output(m, layer)));
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
  SL_TRY(sl_rows_move(m, o, a->o, row, n, q, t));
  SL_TRY(sl_rows_move(m, input, a->input, row, n, d, t));
  SL_TRY(sl_layer_finish(m, last, input, o, n, m->output));
  SL_TRY(sl_model_final_norm(m, n, m->branch));
  SL_TRY(repeat(m, read_copies(b), (rows[]){{m->branch, d}}, 1));
  SL_TRY(sl_rows_spread(m, b, m->hidden, m->branch, d));
  return m->kind ? keep_read_rows(m, b) : SL_OK;
}

static sl_status finish_last(sl_model *m, const sl_batch *b) {
  const size_t last = m->layout->shape.layers - 1, d = m->layout->shape.hidden;
  const float *o;
  if (b->read) return finish_read_rows(m, b);
  SL_TRY(take_attention(m, last, b, &o));
  SL_TRY(sl_layer_finish(m, last, m->layers[last].input, o, computed_rows(b), m->output));
  SL_TRY(sl_model_final_norm(m, computed_rows(b), m->hidden));
  SL_TRY(repeat(m, all_copies(b), (rows[]){{m->hidden, d}}, 1));
  if (!m->kind) return SL_OK;
  SL_TRY(repeat_layer(m, last, b));
  return repeat(m, all_copies(b), (rows[]){{m->output, d}, {m->rstd, 1}}, 2);
}

void sl_model_set_watch(sl_model *m, const sl_model_watch *watch) { m->watch = watch; }

static void tell(const sl_model *m, size_t done) {
  if (m->watch) m->watch->tell(m->watch->user, done, m->layout->shape.layers + 1);
}

sl_status sl_model_forward(sl_model *m, const sl_batch *b, float inv_temperature, float *logp,
                           float *entropy) {
  const sl_model_shape *s = &m->layout->shape;
  const size_t t = b->seq[b->n_seq], last = s->layers - 1;
  SL_TRY(sl_model_embed(m, computed_rows(b), b->shared ? b->shared->ids : b->ids));
  for (size_t l = 0; l < last; l++) {
    tell(m, l);
    SL_TRY(inner_layer(m, l, b));
  }
  tell(m, last);
  SL_TRY(attention_half(m, last, b));
  SL_TRY(finish_last(m, b));
  tell(m, s->layers);
  SL_TRY(sl_logprob_forward(m->ctx, logp, entropy, m->row_max, m->row_sum, m->hidden,
                            weight(m, m->layout->head), m->head_pack, b->target, b->mask,
                            inv_temperature, t, s->hidden, s->vocab));
  return sl_memory_copy(m->ctx, m->entropy, entropy, t * sizeof *entropy);
}
