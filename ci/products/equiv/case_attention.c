/* Cases of attention and its cache (spec T3). */
#include "problem.h"
#include "sizes.h"

#include <assert.h>
#include <stdio.h>

enum {
  T = SL_HEADS_T,
  D = SL_HEADS_D,
  HEADS = SL_HEADS_HEADS,
  KV_HEADS = SL_HEADS_KV_HEADS,
  N_SEQ = SL_HEADS_N_SEQ,
  CAPACITY = SL_HEADS_CAPACITY,
  SLOTS = SL_HEADS_SLOTS
};

/* Every fourth problem is narrow, so that it can be long: several key chunks are joined (spec
 * T3.1). Returns whether it is. */
static int draw_heads(sl_problem *p) {
  const uint32_t fewer = p->shrink > 1;
  if (sl_source_below(&p->source, 4) == 0) {
    p->size[KV_HEADS] = 1;
    p->size[HEADS] = 1 + sl_source_below(&p->source, 2);
    p->size[D] = 1 + sl_source_below(&p->source, 4);
    return 1;
  }
  p->size[KV_HEADS] = 1 + sl_source_below(&p->source, 3 - fewer);
  p->size[HEADS] = p->size[KV_HEADS] * (1 + sl_source_below(&p->source, 4 - fewer));
  size_t budget = sl_budget(p, 600);
  if (budget > 72) budget = 72;
  p->size[D] = sl_size(p, "d", 1, 72, &budget);
  return 0;
}

/* The same, with the heads that are wanted: as many for each kv head. */
static int head_size(sl_problem *p) {
  const int narrow = draw_heads(p);
  const size_t group = p->size[HEADS] / p->size[KV_HEADS];
  p->size[KV_HEADS] = sl_size_wanted(p, "kv_heads", p->size[KV_HEADS], 1, 3);
  p->size[HEADS] = p->size[KV_HEADS] * sl_size_wanted(p, "group", group, 1, 4);
  if (narrow) p->size[D] = sl_size_wanted(p, "d", p->size[D], 1, 72);
  return narrow;
}

/* q, k, v of as many tokens as `pairs` products of a query and a key component allow; returns the
 * number of tokens. Where every access costs, so does the rest of each tile: then `padded`
 * products, of sequences longer by a tile at each end. */
static size_t make_sequences(sl_problem *p, size_t pairs, size_t padded) {
  head_size(p);
  const size_t more = p->shrink > 1 ? 16 : 0, components = p->size[D] + more / 2,
               most = more ? sl_budget(p, padded) : pairs;
  size_t longest = 1;
  while ((longest + 1 + more) * (longest + 1 + more) * p->size[HEADS] * components < most &&
         longest < 2 * SL_DOT_CHUNK + 20)
    longest++;
  if (sl_is_wanted(p, "t")) longest = 2 * SL_DOT_CHUNK + 20;
  const uint32_t *seq = sl_add_seq(p, longest, &p->size[N_SEQ]);
  const size_t t = seq[p->size[N_SEQ]];
  sl_add_floats(p, "q", SL_IN, t * p->size[HEADS] * p->size[D]);
  sl_add_floats(p, "k", SL_IN, t * p->size[KV_HEADS] * p->size[D]);
  sl_add_floats(p, "v", SL_IN, t * p->size[KV_HEADS] * p->size[D]);
  sl_shape(p, "t %zu in %zu sequences, heads %zu, kv heads %zu, d %zu", t, p->size[N_SEQ],
           p->size[HEADS], p->size[KV_HEADS], p->size[D]);
  return t;
}

void sl_make_attention_forward(sl_problem *p) {
  const size_t t = make_sequences(p, 1000000, 3200000), rows = t * p->size[HEADS];
  sl_add(p, "o", SL_F32, SL_OUT, rows * p->size[D]);
  sl_add(p, "row_max", SL_F32, SL_OUT, rows);
  sl_add(p, "row_scale", SL_F32, SL_OUT, rows);
}

sl_status sl_run_attention_forward(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_attention_forward(ctx, at[4], at[5], at[6], at[1], at[2], at[3], at[0], p->size[N_SEQ],
                              p->size[HEADS], p->size[KV_HEADS], p->size[D]);
}

void sl_make_attention_backward(sl_problem *p) {
  const size_t t = make_sequences(p, 200000, 1600000), rows = t * p->size[HEADS], d = p->size[D],
               kv = t * p->size[KV_HEADS] * d;
  float *o = sl_add(p, "o", SL_F32, SL_IN, rows * d),
        *row_max = sl_add(p, "row_max", SL_F32, SL_IN, rows);
  float *row_scale = sl_add(p, "row_scale", SL_F32, SL_IN, rows);
  const sl_array *a = p->array;
  const sl_status status =
      sl_attention_forward(p->golden, o, row_max, row_scale, a[1].data, a[2].data, a[3].data,
                           a[0].data, p->size[N_SEQ], p->size[HEADS], p->size[KV_HEADS], d);
  assert(status == SL_OK);
  (void)status;
  sl_add_floats(p, "d_o", SL_IN, rows * d);
  sl_add(p, "dq", SL_F32, SL_OUT, rows * d);
  sl_add(p, "dk", SL_F32, SL_OUT, kv);
  sl_add(p, "dv", SL_F32, SL_OUT, kv);
}

sl_status sl_run_attention_backward(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_attention_backward(ctx, at[8], at[9], at[10], at[7], at[4], at[1], at[2], at[3], at[5],
                               at[6], at[0], p->size[N_SEQ], p->size[HEADS], p->size[KV_HEADS],
                               p->size[D]);
}

/* Caches as arrays 0 and 1. */
static size_t make_cache(sl_problem *p, sl_role role) {
  const size_t least = head_size(p) ? SL_KEY_CHUNK + 1 : 1;
  size_t budget = sl_budget(p, 40000) / p->size[D] + 1;
  if (budget > SL_DOT_CHUNK + 80) budget = SL_DOT_CHUNK + 80;
  p->size[CAPACITY] = sl_size(p, "capacity", least, budget, &budget),
  p->size[SLOTS] = 1 + sl_source_below(&p->source, 5);
  const size_t n = p->size[SLOTS] * p->size[KV_HEADS] * p->size[D] * p->size[CAPACITY];
  sl_add_floats(p, "k_cache", role, n);
  sl_add_floats(p, "v_cache", role, n);
  return n;
}

void sl_make_attention_decode(sl_problem *p) {
  make_cache(p, SL_IN);
  const size_t b =
      sl_size_wanted(p, "b", sl_source_below(&p->source, p->shrink > 1 ? 5 : 9), 0, 16);
  p->size[T] = b;
  sl_add_ids(p, "slot", b, p->size[SLOTS]);
  uint32_t *position = sl_add_ids(p, "position", b, p->size[CAPACITY]);
  for (size_t i = 0; i < b; i += 2)
    position[i] = (uint32_t)p->size[CAPACITY] - 1 - position[i]; /* late ones: many keys */
  sl_add_floats(p, "q", SL_IN, b * p->size[HEADS] * p->size[D]);
  sl_add(p, "o", SL_F32, SL_OUT, b * p->size[HEADS] * p->size[D]);
  sl_shape(p, "b %zu, heads %zu, kv heads %zu, d %zu, capacity %zu, slots %zu", b, p->size[HEADS],
           p->size[KV_HEADS], p->size[D], p->size[CAPACITY], p->size[SLOTS]);
}

sl_status sl_run_attention_decode(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_attention_decode(ctx, at[5], at[4], at[0], at[1], at[2], at[3], p->size[T],
                             p->size[HEADS], p->size[KV_HEADS], p->size[D], p->size[CAPACITY],
                             p->size[SLOTS]);
}

/* Every (slot, position) at most once: t tokens walk through the cache with a stride that is prime
 * to its size. */
void sl_make_kv_store(sl_problem *p) {
  make_cache(p, SL_INOUT);
  const size_t places = p->size[SLOTS] * p->size[CAPACITY],
               most = sl_budget(p, 200000) / (p->size[KV_HEADS] * p->size[D]);
  const size_t drawn = sl_source_below(&p->source, (uint32_t)places + 1),
               t = drawn < most ? drawn : most;
  const size_t stride = places % 7 ? 7 : places % 11 ? 11 : 1;
  p->size[T] = t;
  uint32_t *slot = sl_add(p, "slot", SL_U32, SL_IN, t),
           *position = sl_add(p, "position", SL_U32, SL_IN, t);
  for (size_t i = 0; i < t; i++) {
    const size_t at = i * stride % places;
    slot[i] = (uint32_t)(at / p->size[CAPACITY]), position[i] = (uint32_t)(at % p->size[CAPACITY]);
  }
  sl_add_floats(p, "k", SL_IN, t * p->size[KV_HEADS] * p->size[D]);
  sl_add_floats(p, "v", SL_IN, t * p->size[KV_HEADS] * p->size[D]);
  sl_shape(p, "t %zu, kv heads %zu, d %zu, capacity %zu, slots %zu", t, p->size[KV_HEADS],
           p->size[D], p->size[CAPACITY], p->size[SLOTS]);
}

sl_status sl_run_kv_store(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_kv_store(ctx, at[0], at[1], at[4], at[5], at[2], at[3], p->size[T], p->size[KV_HEADS],
                     p->size[D], p->size[CAPACITY], p->size[SLOTS]);
}

/* Slot 0 is copied to some of the others. */
void sl_make_kv_fork(sl_problem *p) {
  make_cache(p, SL_INOUT);
  const size_t n = p->size[SLOTS] - 1;
  p->size[T] = n;
  uint32_t *to = sl_add(p, "to", SL_U32, SL_IN, n), *length = sl_add(p, "length", SL_U32, SL_IN, n);
  sl_add(p, "from", SL_U32, SL_IN, n);
  for (size_t i = 0; i < n; i++)
    to[i] = (uint32_t)(i + 1),
    length[i] = sl_source_below(&p->source, (uint32_t)p->size[CAPACITY] + 1);
  sl_shape(p, "%zu copies, kv heads %zu, d %zu, capacity %zu, slots %zu", n, p->size[KV_HEADS],
           p->size[D], p->size[CAPACITY], p->size[SLOTS]);
}

sl_status sl_run_kv_fork(sl_context *ctx, const sl_problem *p, void *const *at) {
  return sl_kv_fork(ctx, at[0], at[1], at[2], at[4], at[3], p->size[T], p->size[KV_HEADS],
                    p->size[D], p->size[CAPACITY], p->size[SLOTS]);
}
