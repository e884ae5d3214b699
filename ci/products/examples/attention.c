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

static void forward_and_backward(sl_examples *x, const char *what, shape s) {
  const size_t t = tokens(&s);
  const sl_dims q_dims = SL_DIMS(t, s.heads, s.d), kv_dims = SL_DIMS(t, s.kv_heads, s.d),
                row_dims = SL_DIMS(t, s.heads);
  sl_example(x, what);
  put_seq(x, &s);
  const float *q = sl_example_floats(x, "q", q_dims, 2), *k = sl_example_floats(x, "k", kv_dims, 2),
              *v = sl_example_floats(x, "v", kv_dims, 1),
              *d_o = sl_example_floats(x, "d_o", q_dims, 1);
  float *o = sl_example_room(x, t * s.heads * s.d, sizeof *o),
        *dq = sl_example_room(x, t * s.heads * s.d, sizeof *dq),
        *dk = sl_example_room(x, t * s.kv_heads * s.d, sizeof *dk),
        *dv = sl_example_room(x, t * s.kv_heads * s.d, sizeof *dv),
        *row_max = sl_example_room(x, t * s.heads, sizeof *row_max),
        *row_scale = sl_example_room(x, t * s.heads, sizeof *row_scale);
  sl_example_check(x,
                   sl_attention_forward(x->plain, o, row_max, row_scale, q, k, v, s.seq, s.n_seq,
                                        s.heads, s.kv_heads, s.d),
                   NULL);
  sl_example_put_f32(x, "out", "o", q_dims, o);
  sl_example_put_f32(x, "out", "row_max", row_dims, row_max);
  sl_example_put_f32(x, "out", "row_scale", row_dims, row_scale);
  sl_example_check(x,
                   sl_attention_backward(x->plain, dq, dk, dv, d_o, o, q, k, v, row_max, row_scale,
                                         s.seq, s.n_seq, s.heads, s.kv_heads, s.d),
                   NULL);
  sl_example_put_f32(x, "out", "dq", q_dims, dq);
  sl_example_put_f32(x, "out", "dk", kv_dims, dk);
  sl_example_put_f32(x, "out", "dv", kv_dims, dv);
}

void sl_examples_attention(sl_examples *x) {
  forward_and_backward(x, "two sequences, grouped heads", (shape){4, 2, 2, 2, {0, 3, 5}});
  forward_and_backward(x, "more keys than a chunk", (shape){1, 1, 2, 1, {0, 130}});
  forward_and_backward(x, "more queries than a chunk of a token dot, three heads a group",
                       (shape){3, 1, 2, 1, {0, 258}});
  forward_and_backward(x, "a head longer than a chunk of a dot", (shape){1, 1, 264, 1, {0, 2}});
}

void sl_examples_cache(sl_examples *x) {
  const size_t slots = 3, kv_heads = 1, d = 2, capacity = 4, heads = 2;
  const sl_dims k_dims = SL_DIMS(slots * kv_heads, d, capacity),
                v_dims = SL_DIMS(slots * kv_heads, capacity, d);
  sl_example(x, "store: k (t, kv_heads, d); caches (slots, kv_heads, ...) with kv_heads 1");
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

  sl_example(x, "fork: positions [0, length) of slot from go to slot to");
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

  sl_example(x, "decode: a new token at position[b] of slot[b], whose key and value are stored");
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

static void head(sl_examples *x, const char *what, size_t vocab, float inv_temperature,
                 int with_entropy) {
  enum { T = 4 };
  const size_t d = 3;
  const uint32_t seq[] = {0, 3, T};
  const uint8_t mask[T] = {1, 0, 1, 1};
  sl_example(x, what);
  sl_example_single(x, "inv_temperature", inv_temperature);
  const float *h = sl_example_floats(x, "h", SL_DIMS(T, d), 2),
              *w = sl_example_floats(x, "w", SL_DIMS(vocab, d), 1);
  const uint32_t *target = sl_example_ids(x, "target", SL_DIMS(T), (uint32_t)vocab);
  sl_example_put_mask(x, "mask", T, mask);
  sl_example_put_u32(x, "in", "seq", SL_DIMS(3), seq);
  const float *dlogp = sl_example_floats(x, "dlogp", SL_DIMS(T), 1),
              *dentropy = with_entropy ? sl_example_floats(x, "dentropy", SL_DIMS(T), 1) : NULL;
  float *dw = sl_example_floats(x, "dw", SL_DIMS(vocab, d), 1);
  float logp[T], entropy[T], row_max[T], row_sum[T], dh[T * 3];
  sl_example_check(x,
                   sl_logprob_forward(x->plain, logp, entropy, row_max, row_sum, h, w, NULL, target,
                                      mask, inv_temperature, T, d, vocab),
                   NULL);
  sl_example_put_f32(x, "out", "logp", SL_DIMS(T), logp);
  sl_example_put_f32(x, "out", "entropy", SL_DIMS(T), entropy);
  sl_example_check(x,
                   sl_logprob_backward(x->plain, dh, dw, dlogp, dentropy, entropy, row_max, row_sum,
                                       h, w, NULL, target, mask, inv_temperature, seq, 2, d, vocab),
                   NULL);
  sl_example_put_f32(x, "out", "dh", SL_DIMS(T, d), dh);
  sl_example_put_f32(x, "out", "dw", SL_DIMS(vocab, d), dw);
}

void sl_examples_logprob(sl_examples *x) {
  head(x, "forward and backward", 7, 1, 0);
  head(x, "tempered, with the gradient of the entropy", 7, 1.25f, 1);
  head(x, "more than a chunk of the vocabulary", 1030, 1, 1);
}
