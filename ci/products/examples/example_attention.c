/* Examples of attention, its cache, and the head (spec T3, T4). */
#include "examples.h"

typedef struct {
  size_t heads, kv_heads, d, n_seq;
  uint32_t seq[4];
} shape;

static size_t tokens(const shape *s) { return s->seq[s->n_seq]; }

static void put_seq(sl_examples *x, const shape *s) {
  sl_example_put_u32(x, "in", "seq", SL_DIMS(s->n_seq + 1), s->seq);
}

typedef struct {
  const float *q, *k, *v, *d_o;
} inputs;

/* Both kernels, the second one with what the first one saves. */
static void call_both(sl_examples *x, const shape *s, inputs in) {
  const size_t t = tokens(s);
  const sl_dims q_dims = SL_DIMS(t, s->heads, s->d), kv_dims = SL_DIMS(t, s->kv_heads, s->d),
                row_dims = SL_DIMS(t, s->heads);
  float *o = sl_example_room(x, t * s->heads * s->d, sizeof *o),
        *dq = sl_example_room(x, t * s->heads * s->d, sizeof *dq),
        *dk = sl_example_room(x, t * s->kv_heads * s->d, sizeof *dk),
        *dv = sl_example_room(x, t * s->kv_heads * s->d, sizeof *dv),
        *row_max = sl_example_room(x, t * s->heads, sizeof *row_max),
        *row_scale = sl_example_room(x, t * s->heads, sizeof *row_scale);
  sl_example_check(x,
                   sl_attention_forward(x->plain, o, row_max, row_scale, in.q, in.k, in.v, s->seq,
                                        s->n_seq, s->heads, s->kv_heads, s->d),
                   NULL);
  sl_example_put_f32(x, "out", "o", q_dims, o);
  sl_example_put_f32(x, "out", "row_max", row_dims, row_max);
  sl_example_put_f32(x, "out", "row_scale", row_dims, row_scale);
  sl_example_check(x,
                   sl_attention_backward(x->plain, dq, dk, dv, in.d_o, o, in.q, in.k, in.v, row_max,
                                         row_scale, s->seq, s->n_seq, s->heads, s->kv_heads, s->d),
                   NULL);
  sl_example_put_f32(x, "out", "dq", q_dims, dq);
  sl_example_put_f32(x, "out", "dk", kv_dims, dk);
  sl_example_put_f32(x, "out", "dv", kv_dims, dv);
}

#define BOTH "attention_forward attention_backward"

static void forward_and_backward(sl_examples *x, const char *what, shape s) {
  const size_t t = tokens(&s);
  const sl_dims q_dims = SL_DIMS(t, s.heads, s.d), kv_dims = SL_DIMS(t, s.kv_heads, s.d);
  inputs in;
  sl_example(x, BOTH, "%s", what);
  put_seq(x, &s);
  in.q = sl_example_floats(x, "q", q_dims, 2), in.k = sl_example_floats(x, "k", kv_dims, 2);
  in.v = sl_example_floats(x, "v", kv_dims, 1), in.d_o = sl_example_floats(x, "d_o", q_dims, 1);
  call_both(x, &s, in);
}

static void minus_zero(sl_examples *x) {
  static const float zero[4] = {0}, one[] = {1, 1, 1, 1}, v[] = {-0x1p-149f, 0, 0, 0};
  const shape s = {1, 1, 2, 1, {0, 2}};
  const sl_dims dims = SL_DIMS(2, 1, 2);
  sl_example(x, BOTH, "a result that only the final + 0 keeps from -0");
  put_seq(x, &s);
  sl_example_put_f32(x, "in", "q", dims, zero);
  sl_example_put_f32(x, "in", "k", dims, zero);
  sl_example_put_f32(x, "in", "v", dims, v);
  sl_example_put_f32(x, "in", "d_o", dims, one);
  call_both(x, &s, (inputs){zero, zero, v, one});
}

void sl_examples_attention(sl_examples *x) {
  forward_and_backward(x, "two sequences, grouped heads", (shape){4, 2, 2, 2, {0, 3, 5}});
  forward_and_backward(x, "more keys than a chunk", (shape){1, 1, 2, 1, {0, 130}});
  forward_and_backward(x, "more queries than a chunk of a token dot, three heads a group",
                       (shape){3, 1, 2, 1, {0, 258}});
  forward_and_backward(x, "a head longer than a chunk of a dot", (shape){1, 1, 264, 1, {0, 2}});
  minus_zero(x);
}

void sl_examples_cache(sl_examples *x) {
  const size_t slots = 3, kv_heads = 1, d = 2, capacity = 4, heads = 2;
  const sl_dims k_dims = SL_DIMS(slots, kv_heads, d, capacity),
                v_dims = SL_DIMS(slots, kv_heads, capacity, d);
  sl_example(x, "kv_store", "two tokens");
  float *k_cache = sl_example_floats(x, "k_cache", k_dims, 1),
        *v_cache = sl_example_floats(x, "v_cache", v_dims, 1);
  const float *k = sl_example_floats(x, "k", SL_DIMS(2, kv_heads, d), 1),
              *v = sl_example_floats(x, "v", SL_DIMS(2, kv_heads, d), 1);
  const uint32_t slot[] = {2, 0}, position[] = {1, 3};
  sl_example_put_u32(x, "in", "slot", SL_DIMS(2), slot);
  sl_example_put_u32(x, "in", "position", SL_DIMS(2), position);
  sl_example_check(x,
                   sl_kv_store(x->plain, k_cache, v_cache, k, v, slot, position, 2, kv_heads, d,
                               capacity, slots),
                   NULL);
  sl_example_put_f32(x, "out", "k_cache", k_dims, k_cache);
  sl_example_put_f32(x, "out", "v_cache", v_dims, v_cache);

  sl_example(x, "kv_fork", "prefixes of one slot to two others");
  k_cache = sl_example_floats(x, "k_cache", k_dims, 1);
  v_cache = sl_example_floats(x, "v_cache", v_dims, 1);
  const uint32_t to[] = {1, 2}, from[] = {0, 0}, length[] = {3, 1};
  sl_example_put_u32(x, "in", "to", SL_DIMS(2), to);
  sl_example_put_u32(x, "in", "from", SL_DIMS(2), from);
  sl_example_put_u32(x, "in", "length", SL_DIMS(2), length);
  sl_example_check(
      x, sl_kv_fork(x->plain, k_cache, v_cache, to, from, length, 2, kv_heads, d, capacity, slots),
      NULL);
  sl_example_put_f32(x, "out", "k_cache", k_dims, k_cache);
  sl_example_put_f32(x, "out", "v_cache", v_dims, v_cache);

  sl_example(x, "attention_decode", "a new token whose key and value are stored");
  const float *q = sl_example_floats(x, "q", SL_DIMS(2, heads, d), 2),
              *keys = sl_example_floats(x, "k_cache", k_dims, 1),
              *values = sl_example_floats(x, "v_cache", v_dims, 1);
  sl_example_put_u32(x, "in", "slot", SL_DIMS(2), slot);
  sl_example_put_u32(x, "in", "position", SL_DIMS(2), position);
  float *o = sl_example_room(x, 2 * heads * d, sizeof *o);
  sl_example_check(x,
                   sl_attention_decode(x->plain, o, q, keys, values, slot, position, 2, heads,
                                       kv_heads, d, capacity, slots),
                   NULL);
  sl_example_put_f32(x, "out", "o", SL_DIMS(2, heads, d), o);
}

enum { ROWS = 4 };

/* Weights (vocab, d) of the head, and what the rows are made with. */
typedef struct {
  size_t vocab, d;
  const float *h, *w;
  float inv_temperature;
  int with_entropy;
} head;

/* Both kernels; h, w and inv_temperature are written already. */
static void call_head(sl_examples *x, const head *in) {
  static const uint32_t seq[] = {0, 3, ROWS};
  static const uint8_t mask[ROWS] = {1, 0, 1, 1};
  const uint32_t *target = sl_example_ids(x, "target", SL_DIMS(ROWS), (uint32_t)in->vocab);
  sl_example_put_mask(x, "mask", ROWS, mask);
  sl_example_put_u32(x, "in", "seq", SL_DIMS(3), seq);
  const float *dlogp = sl_example_floats(x, "dlogp", SL_DIMS(ROWS), 1),
              *dentropy =
                  in->with_entropy ? sl_example_floats(x, "dentropy", SL_DIMS(ROWS), 1) : NULL;
  float *dw = sl_example_floats(x, "dw", SL_DIMS(in->vocab, in->d), 1),
        *dh = sl_example_room(x, ROWS * in->d, sizeof *dh);
  const sl_shard_total total = {dw, ROWS};
  float logp[ROWS], entropy[ROWS], row_max[ROWS], row_sum[ROWS];
  sl_example_check(x,
                   sl_logprob_forward(x->plain, logp, entropy, row_max, row_sum, in->h, in->w, NULL,
                                      target, mask, in->inv_temperature, ROWS, in->d, in->vocab),
                   NULL);
  sl_example_put_f32(x, "out", "logp", SL_DIMS(ROWS), logp);
  sl_example_put_f32(x, "out", "entropy", SL_DIMS(ROWS), entropy);
  sl_example_put_f32(x, "out", "row_max", SL_DIMS(ROWS), row_max);
  sl_example_put_f32(x, "out", "row_sum", SL_DIMS(ROWS), row_sum);
  sl_example_check(x,
                   sl_logprob_backward(x->plain, dh, &total, 1, dlogp, dentropy, entropy, row_max,
                                       row_sum, in->h, in->w, NULL, target, mask,
                                       in->inv_temperature, seq, 2, in->d, in->vocab),
                   NULL);
  sl_example_put_f32(x, "out", "dh", SL_DIMS(ROWS, in->d), dh);
  sl_example_put_f32(x, "out", "dw", SL_DIMS(in->vocab, in->d), dw);
}

static void begin_head(sl_examples *x, const char *what, float inv_temperature) {
  sl_example(x, "logprob_forward logprob_backward", what);
  sl_example_single(x, "inv_temperature", inv_temperature);
}

static void random_head(sl_examples *x, const char *what, head in) {
  in.d = 3;
  begin_head(x, what, in.inv_temperature);
  in.h = sl_example_floats(x, "h", SL_DIMS(ROWS, in.d), 2);
  in.w = sl_example_floats(x, "w", SL_DIMS(in.vocab, in.d), 1);
  call_head(x, &in);
}

/* Each chunk has about half of the sum, and few of its terms count: how the chunks are joined then
 * reaches the last bit. */
static void joined_chunks(sl_examples *x) {
  enum { VOCAB = 1030, CHUNK = 1024 };
  begin_head(x, "two chunks of like weight, joined by fma", 1);
  float *w = sl_example_room(x, VOCAB, sizeof *w);
  for (int v = 0; v < VOCAB; v++)
    w[v] = v == 0 ? 0.5f : v < CHUNK ? -48.0f : 0.015625f * (float)(v - CHUNK);
  head in = {.vocab = VOCAB, .d = 1, .w = w, .inv_temperature = 1, .with_entropy = 1};
  in.h = sl_example_between(x, "h", SL_DIMS(ROWS, 1), 0.5, 2);
  sl_example_put_f32(x, "in", "w", SL_DIMS(VOCAB, 1), w);
  call_head(x, &in);
}

void sl_examples_logprob(sl_examples *x) {
  random_head(x, "a short vocabulary", (head){.vocab = 7, .inv_temperature = 1});
  random_head(x, "tempered, with the gradient of the entropy",
              (head){.vocab = 7, .inv_temperature = 1.25f, .with_entropy = 1});
  random_head(x, "more than a chunk of the vocabulary",
              (head){.vocab = 1030, .inv_temperature = 1, .with_entropy = 1});
  joined_chunks(x);
}
