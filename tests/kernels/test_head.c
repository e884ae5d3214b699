/* The head: each backend, instruction set and thread count gives the bits of plain around every
 * tile, group and chunk of the vocabulary, and the comparison catches a mask that is dropped and
 * chunks that are not anchored (spec T4.1, T4.2, T4.3, N4.2). */
#include "kernel_test.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED 5

typedef struct {
  float *h, *w, *state, *dlogp, *dentropy; /* state: logp, entropy, row_max, row_sum */
  uint32_t *target, *seq;
  uint8_t *mask;
  size_t n_seq, d, vocab;
  float inv_temperature;
} inputs;

static sl_status forward(sl_context *ctx, void *arg, float *out) {
  const inputs *in = arg;
  const size_t t = in->seq[in->n_seq];
  return sl_logprob_forward(ctx, out, out + t, out + 2 * t, out + 3 * t, in->h, in->w, NULL,
                            in->target, in->mask, in->inv_temperature, t, in->d, in->vocab);
}

static sl_status backward(sl_context *ctx, void *arg, float *out) {
  const inputs *in = arg;
  const size_t t = in->seq[in->n_seq];
  const sl_shard_total total = {out + t * in->d, t};
  return sl_logprob_backward(ctx, out, &total, 1, in->dlogp, in->dentropy, in->state + t,
                             in->state + 2 * t, in->state + 3 * t, in->h, in->w, NULL, in->target,
                             in->mask, in->inv_temperature, in->seq, in->n_seq, in->d, in->vocab);
}

/* Each sequence a shard: dh, then the totals. */
#define SHARDS_MAX 4
static sl_status backward_shards(sl_context *ctx, void *arg, float *out) {
  const inputs *in = arg;
  const size_t t = in->seq[in->n_seq];
  sl_shard_total totals[SHARDS_MAX];
  for (size_t k = 0; k < in->n_seq; k++)
    totals[k] = (sl_shard_total){out + (t + k * in->vocab) * in->d, in->seq[k + 1]};
  return sl_logprob_backward(ctx, out, totals, in->n_seq, in->dlogp, in->dentropy, in->state + t,
                             in->state + 2 * t, in->state + 3 * t, in->h, in->w, NULL, in->target,
                             in->mask, in->inv_temperature, in->seq, in->n_seq, in->d, in->vocab);
}

/* The same, a call for each. */
static sl_status backward_one_by_one(sl_context *ctx, void *arg, float *out) {
  const inputs *in = arg;
  const size_t t = in->seq[in->n_seq];
  sl_status status = SL_OK;
  for (size_t k = 0; !status && k < in->n_seq; k++) {
    const size_t at = in->seq[k];
    const uint32_t seq[] = {0, in->seq[k + 1] - in->seq[k]};
    const sl_shard_total total = {out + (t + k * in->vocab) * in->d, seq[1]};
    status = sl_logprob_backward(
        ctx, out + at * in->d, &total, 1, in->dlogp + at, in->dentropy + at, in->state + t + at,
        in->state + 2 * t + at, in->state + 3 * t + at, in->h + at * in->d, in->w, NULL,
        in->target + at, in->mask + at, in->inv_temperature, seq, 1, in->d, in->vocab);
  }
  return status;
}

static inputs new_inputs(source *s, kind what, const uint32_t *length, size_t n_seq, size_t d,
                         size_t vocab, uint32_t unmasked_of_8) {
  inputs in = {.n_seq = n_seq,
               .d = d,
               .vocab = vocab,
               .inv_temperature = 1.25f,
               .seq = new_seq(length, n_seq)};
  const size_t t = in.seq[n_seq];
  in.h = new_floats(s, what, t * d), in.w = new_floats(s, what, vocab * d),
  in.state = zero_floats(4 * t);
  in.dlogp = new_floats(s, USUAL, t), in.dentropy = new_floats(s, USUAL, t);
  in.target = malloc((t + 1) * sizeof *in.target), in.mask = malloc(t + 1);
  cr_assert(in.target && in.mask);
  for (size_t i = 0; i < t; i++) {
    in.target[i] = next_below(s, (uint32_t)vocab);
    in.mask[i] = next_below(s, 8) < unmasked_of_8;
    if (next_below(s, 3) == 0) in.dentropy[i] = 0.0f;
  }
  cr_assert_eq(forward(plain_context(), &in, in.state), SL_OK);
  return in;
}

static void free_inputs(inputs *in) {
  free_floats(in->h), free_floats(in->w), free_floats(in->state), free_floats(in->dlogp),
      free_floats(in->dentropy);
  free(in->target), free(in->mask), free(in->seq);
}

static void check(source *s, kind what, const uint32_t *length, size_t n_seq, size_t d,
                  size_t vocab, uint32_t unmasked_of_8) {
  inputs in = new_inputs(s, what, length, n_seq, d, vocab, unmasked_of_8);
  const size_t t = in.seq[n_seq], floats = (t + vocab) * d, shards = (t + n_seq * vocab) * d;
  float *initial = new_floats(s, USUAL, (t + (n_seq + 1) * vocab) * d);
  char name[128];
  snprintf(name, sizeof name,
           "%zu tokens in %zu sequences, d %zu, vocab %zu, %u of 8 unmasked, seed %d", t, n_seq, d,
           vocab, unmasked_of_8, SEED);
  cr_expect(all_contexts_agree(name, forward, &in, NULL, 4 * t), "forward, %s", name);
  cr_expect(all_contexts_agree(name, backward, &in, initial, floats), "backward, %s", name);
  cr_expect(all_contexts_agree(name, backward_shards, &in, initial, shards), "shards, %s", name);
  cr_expect(runs_agree(name, backward_shards, backward_one_by_one, &in, initial, shards),
            "shards one by one, %s", name);
  free_floats(initial);
  free_inputs(&in);
}

Test(head, around_tiles) {
  source s = seeded(SEED);
  static const uint32_t length[] = {0, 1, 49, 3};
  static const size_t vocab[] = {1, 17, 31, 33, 255, 257}, d[] = {0, 1, 33};
  for (size_t v = 0; v < sizeof vocab / sizeof *vocab; v++)
    for (size_t i = 0; i < sizeof d / sizeof *d; i++)
      for (uint32_t unmasked = 0; unmasked <= 8; unmasked += 4)
        check(&s, (kind)(v % KINDS), length, 4, d[i], vocab[v], unmasked);
}

/* Vocabularies of several chunks of softmax sums and several groups of the gradient; blocks of
 * chunks of tokens. */
Test(head, around_groups) {
  source s = seeded(SEED);
  static const uint32_t length[] = {7, 2 * SL_DOT_CHUNK + 1, 0, SL_DOT_CHUNK};
  check(&s, USUAL, length, 1, 5, 2 * SL_SUM_CHUNK + 1, 8);
  check(&s, MIXED, length, 1, 5, 2 * SL_SUM_CHUNK, 6);
  check(&s, USUAL, length, 1, 9, SL_SUM_CHUNK - 1, 8);
  check(&s, USUAL, length, 4, 3, 19, 5);
  check(&s, MIXED, length, 2, SL_DOT_CHUNK + 1, 40, 7);
  check(&s, USUAL, length, 0, 3, 19, 5);
}

/* Wrong ways, each the right kernel on other inputs. */
typedef enum { RIGHT, MASK_DROPPED, NOT_ANCHORED, ENTROPY_DROPPED, WAYS } way;
typedef struct {
  inputs in;
  way w;
} planted_inputs;

static sl_status planted(sl_context *ctx, void *arg, float *out) {
  const planted_inputs *p = arg;
  inputs in = p->in;
  uint32_t one_sequence[] = {0, in.seq[in.n_seq]};
  uint8_t all[SL_DOT_CHUNK + 64]; /* on the stack: what a run takes of the heap is counted */
  cr_assert_lt(one_sequence[1], sizeof all);
  memset(all, 1, sizeof all);
  if (p->w == MASK_DROPPED) in.mask = all;
  if (p->w == NOT_ANCHORED) in.seq = one_sequence, in.n_seq = 1;
  if (p->w == ENTROPY_DROPPED) in.dentropy = NULL;
  return backward(ctx, &in, out);
}

static sl_status right(sl_context *ctx, void *arg, float *out) {
  return backward(ctx, &((planted_inputs *)arg)->in, out);
}

Test(head, planted) {
  source s = seeded(SEED);
  static const uint32_t length[] = {5, SL_DOT_CHUNK + 3, 4};
  planted_inputs p = {.in = new_inputs(&s, USUAL, length, 3, 6, 9, 6)};
  const size_t t = p.in.seq[3], floats = (t + p.in.vocab) * p.in.d;
  float *initial = new_floats(&s, USUAL, floats);
  uint8_t *mask = p.in.mask, *all = malloc(t);
  cr_assert_not_null(all);
  memset(all, 1, t);
  /* States of masked rows too, so that a dropped mask gives wrong numbers and not an error. */
  p.in.mask = all;
  cr_assert_eq(forward(plain_context(), &p.in, p.in.state), SL_OK);
  p.in.mask = mask;
  for (p.w = RIGHT; p.w < WAYS; p.w++)
    cr_expect_eq(runs_agree("planted", planted, right, &p, initial, floats), p.w == RIGHT, "way %d",
                 (int)p.w);
  free(all), free_floats(initial);
  free_inputs(&p.in);
}
