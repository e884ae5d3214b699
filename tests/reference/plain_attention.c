/* Plain against reference: attention forward, backward, decode, and the cache (bounds attention_*,
 * exact). */
#include "compare.h"
#include "inputs.h"
#include "plain_context.h"

#include <math.h>
#include <string.h>

/* A batch of queries, keys, values and gradients. Scores stay below about 2^9: beyond, softmax
 * turns the rounding of a score into more than the whole result, and the bound says so. */
typedef struct {
  size_t heads, kv_heads, d, n_seq, t;
  const uint32_t *seq;
  float *q, *k, *v, *d_o, *o, *row_max, *row_scale;
} problem;

static problem make_problem(input_kind kind, float scale, const uint32_t *seq, size_t n_seq,
                            size_t heads, size_t kv_heads, size_t d) {
  const size_t t = seq[n_seq], nq = t * heads * d, nk = t * kv_heads * d;
  const float score_scale = kind == SPREAD ? 0x1p-8f : kind == SUBNORMAL ? 1.0f : scale;
  const problem p = {heads,
                     kv_heads,
                     d,
                     n_seq,
                     t,
                     seq,
                     fill(nq, kind, score_scale),
                     kind == CANCELLING ? fill_paired(nk, scale)
                                        : fill(nk, kind == SUBNORMAL ? RANDOM : kind, score_scale),
                     fill(nk, kind, 1.0f),
                     fill(nq, kind, 1.0f),
                     take_floats(nq),
                     take_floats(t * heads),
                     take_floats(t * heads)};
  return p;
}

/* Scores that rise or fall by `step` a key, so that the factors a or b of a join underflow (spec
 * T3.1). */
static void make_slope(const problem *p, float step) {
  const float root = sqrtf((float)p->d);
  for (size_t i = 0; i < p->t * p->heads * p->d; i++) p->q[i] = 1.0f;
  for (size_t r = 0; r < p->n_seq; r++)
    for (size_t j = p->seq[r]; j < p->seq[r + 1]; j++)
      for (size_t c = 0; c < p->kv_heads * p->d; c++)
        p->k[j * p->kv_heads * p->d + c] = step / root * (float)(j - p->seq[r]);
}

static const uint32_t short_seq[] = {0, 1, 1, 34, 51};
static const uint32_t long_seq[] = {0, 270, 290};

typedef struct {
  comparison o, max, scale, dq, dk, dv;
} results;

static void check(sl_context *ctx, results *c, const problem *p) {
  const size_t nq = p->t * p->heads * p->d, nk = p->t * p->kv_heads * p->d, rows = p->t * p->heads;
  double *o = take_doubles(nq), *max = take_doubles(rows), *scale = take_doubles(rows),
         *dk = take_doubles(nk), *dv = take_doubles(nk);
  sl_ball *bo = take_balls(nq), *bmax = take_balls(rows), *bscale = take_balls(rows),
          *bk = take_balls(nk), *bv = take_balls(nk);
  float *dq = take_floats(nq), *gk = take_floats(nk), *gv = take_floats(nk);
#define SHAPE p->seq, p->n_seq, p->heads, p->kv_heads, p->d
  cr_assert_eq(sl_attention_forward(ctx, p->o, p->row_max, p->row_scale, p->q, p->k, p->v, SHAPE),
               SL_OK);
  cr_assert_eq(sl_ref_attention_forward(o, max, scale, p->q, p->k, p->v, SHAPE), SL_OK);
  cr_assert_eq(sl_bound_attention_forward(bo, bmax, bscale, p->q, p->k, p->v, SHAPE), SL_OK);
  compare_floats(&c->o, p->o, o, bo, nq);
  compare_floats(&c->max, p->row_max, max, bmax, rows);
  compare_floats(&c->scale, p->row_scale, scale, bscale, rows);
#define GIVEN p->d_o, p->o, p->q, p->k, p->v, p->row_max, p->row_scale, SHAPE
  cr_assert_eq(sl_attention_backward(ctx, dq, gk, gv, GIVEN), SL_OK);
  cr_assert_eq(sl_ref_attention_backward(o, dk, dv, GIVEN), SL_OK);
  cr_assert_eq(sl_bound_attention_backward(bo, bk, bv, GIVEN), SL_OK);
#undef GIVEN
#undef SHAPE
  compare_floats(&c->dq, dq, o, bo, nq);
  compare_floats(&c->dk, gk, dk, bk, nk);
  compare_floats(&c->dv, gv, dv, bv, nk);
}

Test(plain_attention, forward_and_backward) {
  inputs_begin("attention");
  sl_context *ctx = plain_context();
  results c = {comparison_of("attention_forward o", SL_KERNEL_attention_forward),
               comparison_of("attention_forward row_max", SL_KERNEL_attention_forward),
               comparison_of("attention_forward row_scale", SL_KERNEL_attention_forward),
               comparison_of("attention_backward dq", SL_KERNEL_attention_backward),
               comparison_of("attention_backward dk", SL_KERNEL_attention_backward),
               comparison_of("attention_backward dv", SL_KERNEL_attention_backward)};
  for (input_kind kind = 0; kind < KINDS; kind++)
    for (int sharp = 0; sharp < 2; sharp++) {
      const problem p = make_problem(kind, sharp ? 8.0f : 1.0f, short_seq, 4, 4, 2, 6);
      check(ctx, &c, &p);
    }
  const float steps[] = {0.0f, 0.01f, -0.01f, 1.75f, -1.75f};
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    const problem p = make_problem(RANDOM, 1.0f, long_seq, 2, 2, 1, 4);
    if (i) make_slope(&p, steps[i]);
    check(ctx, &c, &p);
  }
  comparison_end(&c.o, SLACK_LIMIT);
  comparison_end(&c.max, SLACK_LIMIT);
  comparison_end(&c.scale, SLACK_LIMIT);
  comparison_end(&c.dq, SLACK_LIMIT);
  comparison_end(&c.dk, SLACK_LIMIT);
  comparison_end(&c.dv, SLACK_LIMIT);
  inputs_end();
  sl_context_destroy(ctx);
}

#define SLOTS 3
#define CAPACITY 300

Test(plain_attention, decode) {
  inputs_begin("attention_decode");
  sl_context *ctx = plain_context();
  comparison c = comparison_of("attention_decode o", SL_KERNEL_attention_decode);
  const size_t heads = 4, kv_heads = 2, d = 6, nq = SLOTS * heads * d,
               cache = SLOTS * kv_heads * d * CAPACITY;
  const uint32_t slot[] = {2, 0, 1}, position[] = {0, 255, 299};
  for (input_kind kind = 0; kind < KINDS; kind++) {
    const float scale = kind == SPREAD ? 0x1p-8f : 1.0f;
    const float *q = fill(nq, kind, scale),
                *k = fill(cache, kind == SUBNORMAL ? RANDOM : kind, scale),
                *v = fill(cache, kind, 1.0f);
    float *o = take_floats(nq);
    double *exact = take_doubles(nq);
    sl_ball *bound = take_balls(nq);
    cr_assert_eq(sl_attention_decode(ctx, o, q, k, v, slot, position, SLOTS, heads, kv_heads, d,
                                     CAPACITY, SLOTS),
                 SL_OK);
    cr_assert_eq(sl_ref_attention_decode(exact, q, k, v, slot, position, SLOTS, heads, kv_heads, d,
                                         CAPACITY),
                 SL_OK);
    cr_assert_eq(sl_bound_attention_decode(bound, q, k, v, slot, position, SLOTS, heads, kv_heads,
                                           d, CAPACITY),
                 SL_OK);
    compare_floats(&c, o, exact, bound, nq);
  }
  comparison_end(&c, SLACK_LIMIT);
  inputs_end();
  sl_context_destroy(ctx);
}

/* Copies: bit equality (bound exact). */
Test(plain_attention, cache) {
  inputs_begin("kv_store, kv_fork");
  sl_context *ctx = plain_context();
  const size_t kv_heads = 2, d = 6, t = 5, cache = SLOTS * kv_heads * d * CAPACITY,
               bytes = cache * sizeof(float);
  const uint32_t slot[] = {2, 0, 1, 2, 2}, position[] = {0, 255, 299, 1, 7};
  const uint32_t to[] = {1}, from[] = {2}, length[] = {8};
  const float *k = fill(t * kv_heads * d, RANDOM, 1.0f), *v = fill(t * kv_heads * d, RANDOM, 1.0f),
              *old = fill(cache, RANDOM, 1.0f);
  float *k_got = copy_floats(old, cache), *v_got = copy_floats(old, cache),
        *k_want = copy_floats(old, cache), *v_want = copy_floats(old, cache);
  cr_assert_eq(
      sl_kv_store(ctx, k_got, v_got, k, v, slot, position, t, kv_heads, d, CAPACITY, SLOTS), SL_OK);
  sl_ref_kv_store(k_want, v_want, k, v, slot, position, t, kv_heads, d, CAPACITY);
  cr_expect(memcmp(k_got, k_want, bytes) == 0 && memcmp(v_got, v_want, bytes) == 0, "kv_store");
  cr_assert_eq(sl_kv_fork(ctx, k_got, v_got, to, from, length, 1, kv_heads, d, CAPACITY, SLOTS),
               SL_OK);
  sl_ref_kv_fork(k_want, v_want, to, from, length, 1, kv_heads, d, CAPACITY);
  cr_expect(memcmp(k_got, k_want, bytes) == 0 && memcmp(v_got, v_want, bytes) == 0, "kv_fork");
  cr_expect(memcmp(k_got, old, bytes) != 0, "the copies changed nothing");
  inputs_end();
  sl_context_destroy(ctx);
}
