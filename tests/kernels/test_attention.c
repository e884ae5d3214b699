/* Attention: cpu equals plain bit for bit; decode with a cache equals forward; neighbours in a
 * batch cannot affect a sequence (spec T3, N3.5). */
#include "kernel_test.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const float *q, *k, *v, *d_o, *o, *row_max, *row_scale;
  const uint32_t *seq;
  size_t n_seq, t, heads, kv_heads, d;
} problem;

static sl_status forward(sl_context *ctx, void *arg, float *out) {
  const problem *p = arg;
  const size_t n = p->t * p->heads;
  return sl_attention_forward(ctx, out, out + n * p->d, out + n * (p->d + 1), p->q, p->k, p->v,
                              p->seq, p->n_seq, p->heads, p->kv_heads, p->d);
}

static sl_status backward(sl_context *ctx, void *arg, float *out) {
  const problem *p = arg;
  const size_t n = p->t * p->d;
  float *dk = out + n * p->heads, *dv = dk + n * p->kv_heads;
  return sl_attention_backward(ctx, out, dk, dv, p->d_o, p->o, p->q, p->k, p->v, p->row_max,
                               p->row_scale, p->seq, p->n_seq, p->heads, p->kv_heads, p->d);
}

static void check(uint32_t *seq, size_t n_seq, size_t heads, size_t kv_heads, size_t d, kind k,
                  uint64_t seed) {
  source s = seeded(seed);
  const size_t t = seq[n_seq], n = t * heads;
  float *query = new_floats(&s, k, n * d), *key = new_floats(&s, k, t * kv_heads * d),
        *value = new_floats(&s, k, t * kv_heads * d), *d_o = new_floats(&s, k, n * d),
        *out = zero_floats(n * (d + 2));
  problem p = {query, key, value, d_o,      out, out + n * d, out + n * (d + 1), seq,
               n_seq, t,   heads, kv_heads, d};
  char what[200];
  snprintf(what, sizeof what,
           "%zu tokens in %zu sequences, %zu heads, %zu kv heads, d %zu, kind %d, seed %llu", t,
           n_seq, heads, kv_heads, d, (int)k, (unsigned long long)seed);
  cr_expect(all_contexts_agree("attention_forward", forward, &p, NULL, n * (d + 2)), "%s", what);
  forward(plain_context(), &p, out);
  cr_expect(
      all_contexts_agree("attention_backward", backward, &p, NULL, n * d + 2 * t * kv_heads * d),
      "%s", what);
  free_floats(query), free_floats(key), free_floats(value), free_floats(d_o), free_floats(out),
      free(seq);
}

Test(attention, groups_and_head_sizes) {
  static const size_t head_sizes[] = {2, 4, 6, 8, 10, 16, 24, 30, 32, 34, 48, 64, 66, 80, 128};
  for (size_t i = 0; i < sizeof head_sizes / sizeof *head_sizes; i++) {
    source s = seeded(i);
    const size_t group = 1 + i % 7, kv_heads = 1 + i % 3;
    check(random_seq(&s, 5, 13), 5, group * kv_heads, kv_heads, head_sizes[i], (kind)(i % KINDS),
          5000 + i);
  }
  source s = seeded(99);
  check(random_seq(&s, 3, 9), 3, 36, 2, 16, USUAL, 5100);
}

Test(attention, lengths) {
  static const uint32_t lengths[] = {0,  1,  2,  3,  5,  7,  15,  16,  17,  31,  33,
                                     47, 63, 64, 65, 67, 97, 127, 128, 129, 193, 257};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    const uint32_t length[] = {1, 0, lengths[i], 2};
    check(new_seq(length, 4), 4, 3, 1, 16, (kind)(i % KINDS), 5200 + i);
  }
  check(new_seq(NULL, 0), 0, 3, 1, 16, USUAL, 5300);
}

Test(attention, around_the_key_chunk) {
  static const uint32_t away[] = {SL_KEY_CHUNK - 1,     SL_KEY_CHUNK,     SL_KEY_CHUNK + 1,
                                  2 * SL_KEY_CHUNK - 1, 2 * SL_KEY_CHUNK, 2 * SL_KEY_CHUNK + 1};
  for (size_t i = 0; i < sizeof away / sizeof *away; i++) {
    const uint32_t length[] = {away[i], 5,
                               away[i]}; /* the last one's blocks of queries begin elsewhere */
    check(new_seq(length, 3), 3, 4, 2, 12, (kind)(i % KINDS), 5350 + i);
  }
  const uint32_t longer[] = {7 * SL_KEY_CHUNK + 3};
  check(new_seq(longer, 1), 1, 2, 1, 20, USUAL, 5360);
}

Test(attention, around_the_chunk) {
  for (uint32_t n = SL_DOT_CHUNK - 1; n <= SL_DOT_CHUNK + 1; n++) {
    const uint32_t length[] = {n, 3};
    check(new_seq(length, 2), 2, 2, 1, 8, USUAL, 5400 + n);
  }
  const uint32_t longer[] = {2 * SL_DOT_CHUNK + 9};
  check(new_seq(longer, 1), 1, 2, 2, 4, MIXED, 5500);
}

Test(attention, many_short_sequences) {
  source s = seeded(55);
  check(random_seq(&s, 400, 12), 400, 6, 2, 16, USUAL, 5600);
}

/* Each sequence on its own gives the bits that it has among neighbours. */
Test(attention, batch_neighbours_do_not_show) {
  enum { N = 7, H = 4, KV = 2, D = 10 };
  sl_context *const *list;
  const size_t contexts = cpu_contexts(&list);
  source s = seeded(5700);
  uint32_t *seq = random_seq(&s, N, 40);
  const size_t t = seq[N];
  float *q = new_floats(&s, USUAL, t * H * D), *k = new_floats(&s, USUAL, t * KV * D),
        *v = new_floats(&s, USUAL, t * KV * D);
  float *o = zero_floats(t * H * (D + 2)), *alone = zero_floats(t * H * (D + 2));
  problem all = {
      .q = q, .k = k, .v = v, .seq = seq, .n_seq = N, .t = t, .heads = H, .kv_heads = KV, .d = D};
  for (size_t c = 0; c < contexts; c++) {
    cr_assert_eq(forward(list[c], &all, o), SL_OK);
    for (size_t r = 0; r < N; r++) {
      const size_t first = seq[r], length = seq[r + 1] - first;
      const uint32_t own[] = {0, (uint32_t)length};
      problem one = {.q = q + first * H * D,
                     .k = k + first * KV * D,
                     .v = v + first * KV * D,
                     .seq = own,
                     .n_seq = 1,
                     .t = length};
      one.heads = H, one.kv_heads = KV, one.d = D;
      cr_assert_eq(forward(list[c], &one, alone), SL_OK);
      cr_expect(same_bits("a sequence alone", alone, o + first * H * D, length * H * D * sizeof *o),
                "sequence %zu", r);
    }
  }
  free_floats(q), free_floats(k), free_floats(v), free_floats(o), free_floats(alone), free(seq);
}

/* What the cache holds beyond the stored positions is never read: it starts as NaN. */
static float *nan_cache(size_t n) {
  float *x = zero_floats(n);
  memset(x, 0xff, n * sizeof *x);
  return x;
}

typedef struct {
  size_t slots, capacity;
  float *keys, *values;
} cache;

/* Decodes all sequences of p in step, slot r + 1 for sequence r, and compares with forward's o. */
static int decode_equals(sl_context *ctx, const problem *p, const cache *c, const float *o,
                         size_t longest) {
  const size_t row = p->heads * p->d, kv_row = p->kv_heads * p->d;
  uint32_t *slot = malloc(p->n_seq * sizeof *slot), *position = malloc(p->n_seq * sizeof *position);
  float *q = zero_floats(p->n_seq * row), *k = zero_floats(p->n_seq * kv_row),
        *v = zero_floats(p->n_seq * kv_row), *out = zero_floats(p->n_seq * row);
  int same = 1;
  for (size_t i = 0; i < longest; i++) {
    size_t b = 0;
    for (size_t r = 0; r < p->n_seq; r++) {
      const size_t token = p->seq[r] + i;
      if (token >= p->seq[r + 1]) continue;
      memcpy(q + b * row, p->q + token * row, row * sizeof *q);
      memcpy(k + b * kv_row, p->k + token * kv_row, kv_row * sizeof *k);
      memcpy(v + b * kv_row, p->v + token * kv_row, kv_row * sizeof *v);
      slot[b] = (uint32_t)r + 1, position[b] = (uint32_t)i;
      b++;
    }
    same &= sl_kv_store(ctx, c->keys, c->values, k, v, slot, position, b, p->kv_heads, p->d,
                        c->capacity, c->slots) == SL_OK;
    same &= sl_attention_decode(ctx, out, q, c->keys, c->values, slot, position, b, p->heads,
                                p->kv_heads, p->d, c->capacity, c->slots) == SL_OK;
    for (size_t j = 0; j < b; j++) {
      const size_t token = p->seq[slot[j] - 1] + i;
      same &= same_bits(sl_context_backend(ctx), out + j * row, o + token * row, row * sizeof *o);
    }
  }
  free(slot), free(position), free_floats(q), free_floats(k), free_floats(v), free_floats(out);
  return same;
}

static void check_decode(size_t n_seq, uint32_t longest, size_t heads, size_t kv_heads, size_t d,
                         size_t capacity, kind numbers, uint64_t seed) {
  source s = seeded(seed);
  uint32_t *seq = random_seq(&s, n_seq, longest);
  const size_t t = seq[n_seq], floats = (n_seq + 1) * kv_heads * d * capacity;
  float *q = new_floats(&s, numbers, t * heads * d), *k = new_floats(&s, numbers, t * kv_heads * d),
        *v = new_floats(&s, numbers, t * kv_heads * d), *o = zero_floats(t * heads * (d + 2));
  problem p = {.q = q,
               .k = k,
               .v = v,
               .seq = seq,
               .n_seq = n_seq,
               .t = t,
               .heads = heads,
               .kv_heads = kv_heads,
               .d = d};
  forward(plain_context(), &p, o);
  sl_context *const *list;
  const size_t contexts = cpu_contexts(&list);
  for (size_t c = 0; c <= contexts; c++) {
    cache x = {n_seq + 1, capacity, nan_cache(floats), nan_cache(floats)};
    cr_expect(decode_equals(c < contexts ? list[c] : plain_context(), &p, &x, o, longest),
              "decode, heads %zu/%zu, d %zu, seed %llu", heads, kv_heads, d,
              (unsigned long long)seed);
    free_floats(x.keys), free_floats(x.values);
  }
  free_floats(q), free_floats(k), free_floats(v), free_floats(o), free(seq);
}

/* Chosen scores: q is 1 in component 0 and d is 16, so that a key's component 0 is four times its
 * score, exactly. */
enum { CHOSEN = 3 * SL_KEY_CHUNK + 5 };
static size_t chunk_of(size_t j) { return j / SL_KEY_CHUNK; }
static float low(size_t j) { return -(float)(j % 7); }
static float first_chunk(size_t j) { return j == 3 ? 9.0f : low(j); }
static float middle_chunk(size_t j) { return j == SL_KEY_CHUNK + 5 ? 9.0f : low(j); }
static float last_chunk(size_t j) { return j == CHOSEN - 2 ? 9.0f : low(j); }
static float border(size_t j) { return j == SL_KEY_CHUNK - 1 || j == SL_KEY_CHUNK ? 9.0f : low(j); }
static float equal_maxima(size_t j) { return j % SL_KEY_CHUNK == chunk_of(j) + 1 ? 9.0f : low(j); }
static float all_equal(size_t j) { return 0.0f * (float)j - 10.0f; }
static float zeros(size_t j) {
  return j % 2 ? 0.0f : -0x1p-149f;
} /* a quarter of it rounds to -0 */
static float rising(size_t j) { return 800.0f * (float)chunk_of(j) + low(j); }
static float falling(size_t j) { return low(j) - 800.0f * (float)chunk_of(j); }
static float subnormal(size_t j) { return 380.0f * (float)chunk_of(j) + low(j); }
static float far_below(size_t j) { return -1e30f - 1e25f * (float)j; }
static const struct {
  const char *name;
  float (*key)(size_t j);
} chosen[] = {{"maximum in the first chunk", first_chunk},
              {"maximum in a middle chunk", middle_chunk},
              {"maximum in the last chunk", last_chunk},
              {"maximum on both sides of a border", border},
              {"equal maxima", equal_maxima},
              {"all equal", all_equal},
              {"zeros of both signs", zeros},
              {"a is 0", rising},
              {"b is 0", falling},
              {"a is subnormal", subnormal},
              {"far below 0", far_below}};

/* Forward, backward and decode in all contexts; the saved maximum is the exact one, and
 * never -0. */
static void check_chosen(const char *name, float (*chosen_key)(size_t j)) {
  enum { H = 2, D = 16, N = CHOSEN };
  static const uint32_t seq[] = {0, N};
  source s = seeded(5970);
  float *q = zero_floats(N * H * D), *k = zero_floats(N * D), *v = new_floats(&s, MIXED, N * D),
        *d_o = new_floats(&s, USUAL, N * H * D), *o = zero_floats(N * H * (D + 2));
  for (size_t i = 0; i < N * H; i++) q[i * D] = 1.0f;
  for (size_t j = 0; j < N; j++) k[j * D] = chosen_key(j);
  problem p = {q, k, v, d_o, o, o + N * H * D, o + N * H * (D + 1), seq, 1, N, H, 1, D};
  cr_expect(all_contexts_agree(name, forward, &p, NULL, N * H * (D + 2)), "%s", name);
  forward(plain_context(), &p, o);
  cr_expect(all_contexts_agree(name, backward, &p, NULL, N * H * D + 2 * N * D), "%s", name);
  float max = -INFINITY;
  for (size_t i = 0; i < N; i++) {
    max = fmaxf(max, k[i * D] * 0.25f) + 0.0f;
    cr_expect(same_bits("maximum", p.row_max + i * H, &max, sizeof max), "%s, query %zu", name, i);
  }
  sl_context *const *list;
  const size_t contexts = cpu_contexts(&list);
  for (size_t c = 0; c <= contexts; c++) {
    cache x = {2, N, nan_cache(2 * D * N), nan_cache(2 * D * N)};
    cr_expect(decode_equals(c < contexts ? list[c] : plain_context(), &p, &x, o, N), "decode, %s",
              name);
    free_floats(x.keys), free_floats(x.values);
  }
  free_floats(q), free_floats(k), free_floats(v), free_floats(d_o), free_floats(o);
}

Test(attention, chosen_scores) {
  for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++)
    check_chosen(chosen[i].name, chosen[i].key);
}

/* A chunk's -0 meets -0: the first chunk's subnormal values vanish under a larger score, and the
 * second's are a product that underflows and a -0. The next token's value is above 0: a term of p =
 * +0 with it would make +0 of that (spec T3.1). */
Test(attention, a_term_beyond_the_edge_does_not_show) {
  enum { N = SL_KEY_CHUNK + 3, AT = SL_KEY_CHUNK + 1 };
  static const uint32_t seq[] = {0, N};
  float q[N], k[N] = {0}, v[N], o[3 * N];
  for (size_t j = 0; j < N; j++) q[j] = 1.0f, v[j] = j < AT ? -0x1p-149f : 1.0f;
  k[AT - 1] = 100.0f, k[AT] = 200.0f, v[AT] = -0.0f;
  problem p = {
      .q = q, .k = k, .v = v, .seq = seq, .n_seq = 1, .t = N, .heads = 1, .kv_heads = 1, .d = 1};
  const float zero = 0.0f;
  forward(plain_context(), &p, o);
  cr_expect(same_bits("a zero", o + AT, &zero, sizeof zero));
  cr_expect(all_contexts_agree("attention_forward", forward, &p, NULL, 3 * N));
}

Test(attention, decode_equals_forward) {
  for (size_t group = 1; group <= 7; group++)
    check_decode(9, 21, group * 2, 2, 2 * group + 4, 21, (kind)(group % KINDS), 5800 + group);
  check_decode(3, 70, 18, 1, 16, 71, USUAL, 5900);
  check_decode(3, 2 * SL_KEY_CHUNK + 2, 10, 2, 24, 2 * SL_KEY_CHUNK + 2, MIXED, 5910);
  check_decode(2, SL_DOT_CHUNK + 40, 3, 1, 16, SL_DOT_CHUNK + 64, USUAL, 5950);
  check_decode(200, 12, 6, 2, 16, 16, USUAL, 5960);
}

/* A prompt that is prefilled once and forked gives the cache that storing it everywhere gives. */
Test(cache, a_forked_prompt_is_a_stored_prompt) {
  enum { SLOTS = 9, KV = 2, D = 12, P = 30, LENGTH = 17 };
  const size_t floats = SLOTS * KV * D * P;
  sl_context *const *list;
  const size_t contexts = cpu_contexts(&list);
  source s = seeded(6000);
  float *k = new_floats(&s, USUAL, LENGTH * KV * D), *v = new_floats(&s, USUAL, LENGTH * KV * D);
  for (size_t c = 0; c <= contexts; c++) {
    sl_context *ctx = c < contexts ? list[c] : plain_context();
    float *stored_k = nan_cache(floats), *stored_v = nan_cache(floats),
          *forked_k = nan_cache(floats), *forked_v = nan_cache(floats);
    uint32_t slot[LENGTH], position[LENGTH], to[SLOTS], from[SLOTS], length[SLOTS];
    for (uint32_t r = 0; r < SLOTS; r++) {
      for (uint32_t i = 0; i < LENGTH; i++) slot[i] = r, position[i] = i;
      cr_assert_eq(
          sl_kv_store(ctx, stored_k, stored_v, k, v, slot, position, LENGTH, KV, D, P, SLOTS),
          SL_OK);
      if (r == 0)
        cr_assert_eq(
            sl_kv_store(ctx, forked_k, forked_v, k, v, slot, position, LENGTH, KV, D, P, SLOTS),
            SL_OK);
      to[r] = r, from[r] = r / 2, length[r] = LENGTH;
    }
    cr_assert_eq(sl_kv_fork(ctx, forked_k, forked_v, to, from, length, SLOTS, KV, D, P, SLOTS),
                 SL_OK);
    cr_expect(same_bits("keys", forked_k, stored_k, floats * sizeof *k));
    cr_expect(same_bits("values", forked_v, stored_v, floats * sizeof *k));
    free_floats(stored_k), free_floats(stored_v), free_floats(forked_k), free_floats(forked_v);
  }
  free_floats(k), free_floats(v);
}

static void expect_refused(sl_context *ctx, sl_status got, sl_status want, const char *place) {
  cr_expect_eq(got, want, "%s: %s", sl_context_backend(ctx), sl_status_name(got));
  cr_expect_not_null(strstr(sl_context_error(ctx)->message, place), "%s",
                     sl_context_error(ctx)->message);
}

Test(attention, shapes_and_positions_that_cannot_be_are_refused) {
  sl_context *const *list;
  const size_t contexts = cpu_contexts(&list);
  const float x[64] = {0};
  float y[64] = {3}, z[64] = {3};
  const uint32_t seq[] = {0, 2, 1}, late[] = {1, 2}, zero[] = {0, 0}, position[] = {1, 4};
  for (size_t c = 0; c <= contexts; c++) {
    sl_context *ctx = c < contexts ? list[c] : plain_context();
    expect_refused(ctx, sl_attention_forward(ctx, y, y, y, x, x, x, seq, 2, 3, 2, 2), SL_ERR_USAGE,
                   "2 kv heads do not divide 3");
    expect_refused(ctx, sl_attention_forward(ctx, y, y, y, x, x, x, seq, 2, 2, 1, 0), SL_ERR_USAGE,
                   "no component");
    expect_refused(ctx, sl_attention_forward(ctx, y, y, y, x, x, x, seq, 2, 2, 1, 2), SL_ERR_INPUT,
                   "seq[2] is 1");
    expect_refused(ctx, sl_attention_forward(ctx, y, y, y, x, x, x, late, 1, 2, 1, 2), SL_ERR_INPUT,
                   "seq[0] is 1");
    expect_refused(ctx, sl_attention_backward(ctx, y, y, y, x, x, x, x, x, x, x, seq, 2, 2, 1, 2),
                   SL_ERR_INPUT, "seq[2] is 1");
    expect_refused(ctx, sl_attention_decode(ctx, y, x, x, x, zero, position, 2, 2, 1, 2, 4, 1),
                   SL_ERR_INPUT, "position[1] is 4");
    expect_refused(ctx, sl_attention_decode(ctx, y, x, x, x, position, zero, 2, 2, 1, 2, 1, 4),
                   SL_ERR_INPUT, "slot[1] is 4, but the caches' slots are 4");
    expect_refused(ctx, sl_kv_store(ctx, y, z, x, x, zero, position, 2, 1, 2, 4, 1), SL_ERR_INPUT,
                   "position[1] is 4");
    expect_refused(ctx, sl_kv_store(ctx, y, z, x, x, position, zero, 2, 1, 2, 1, 4), SL_ERR_INPUT,
                   "slot[1] is 4");
    expect_refused(ctx, sl_kv_fork(ctx, y, z, position, zero, position, 2, 1, 2, 3, 5),
                   SL_ERR_INPUT, "length[1] is 4");
    expect_refused(ctx, sl_kv_fork(ctx, y, z, position, zero, zero, 2, 1, 2, 3, 4), SL_ERR_INPUT,
                   "to[1] is 4");
    expect_refused(ctx, sl_kv_fork(ctx, y, z, zero, position, zero, 2, 1, 2, 3, 4), SL_ERR_INPUT,
                   "from[1] is 4");
    cr_expect_eq(y[0], 3.0f);
    cr_expect_eq(z[0], 3.0f);
  }
}
