/* Plain against reference: log-prob, entropy and their gradient; sampling; embedding rows (bounds
 * logprob_*, sample, exact). */
#include "compare.h"
#include "inputs.h"
#include "plain_context.h"

#include <string.h>

static const size_t vocabularies[] = {1, 2, 33, 257, 1025, 2100};
#define N_VOCABULARIES (sizeof vocabularies / sizeof *vocabularies)

static const uint32_t seq[] = {0, 1, 1, 5, 7};
#define N_SEQ 4
#define TOKENS 7
#define WIDTH 9
static const uint8_t mask[TOKENS] = {1, 1, 0, 1, 1, 1, 0};

typedef struct {
  comparison logp, entropy, max, sum, dh, dw;
} results;

typedef struct {
  const float *h, *w;
  uint32_t *target;
  float inv_temperature;
  size_t vocab;
} problem;

static void check(sl_context *ctx, results *c, const problem *p, int with_entropy) {
  const size_t v = p->vocab, nh = TOKENS * WIDTH, nw = v * WIDTH;
  float *logp = take_floats(4 * TOKENS), *entropy = logp + TOKENS, *max = entropy + TOKENS,
        *sum = max + TOKENS;
  double *e = take_doubles(4 * TOKENS), *edh = take_doubles(nh), *edw = take_doubles(nw);
  sl_ball *b = take_balls(4 * TOKENS), *bdh = take_balls(nh), *bdw = take_balls(nw);
  cr_assert_eq(sl_logprob_forward(ctx, logp, entropy, max, sum, p->h, p->w, NULL, p->target, mask,
                                  p->inv_temperature, TOKENS, WIDTH, v),
               SL_OK);
  cr_assert_eq(sl_ref_logprob_forward(e, e + TOKENS, e + 2 * TOKENS, e + 3 * TOKENS, p->h, p->w,
                                      p->target, mask, p->inv_temperature, TOKENS, WIDTH, v),
               SL_OK);
  cr_assert_eq(sl_bound_logprob_forward(b, b + TOKENS, b + 2 * TOKENS, b + 3 * TOKENS, p->h, p->w,
                                        p->target, mask, p->inv_temperature, TOKENS, WIDTH, v),
               SL_OK);
  compare_floats(&c->logp, logp, e, b, TOKENS);
  compare_floats(&c->entropy, entropy, e + TOKENS, b + TOKENS, TOKENS);
  compare_floats(&c->max, max, e + 2 * TOKENS, b + 2 * TOKENS, TOKENS);
  compare_floats(&c->sum, sum, e + 3 * TOKENS, b + 3 * TOKENS, TOKENS);
  const float *dlogp = fill(TOKENS, RANDOM, 1.0f),
              *dentropy = with_entropy ? fill(TOKENS, RANDOM, 0.1f) : NULL,
              *dw0 = fill(nw, RANDOM, 0.1f);
  float *dh = take_floats(nh), *dw = copy_floats(dw0, nw);
  const sl_shard_total total = {dw, TOKENS};
  cr_assert_eq(
      sl_logprob_backward(ctx, dh, &total, 1, dlogp, dentropy, entropy, max, sum, p->h, p->w, NULL,
                          p->target, mask, p->inv_temperature, seq, N_SEQ, WIDTH, v),
      SL_OK);
  cr_assert_eq(
      sl_ref_logprob_backward(edh, edw, dw0, dlogp, dentropy, entropy, max, sum, p->h, p->w,
                              p->target, mask, p->inv_temperature, seq, N_SEQ, WIDTH, v),
      SL_OK);
  cr_assert_eq(
      sl_bound_logprob_backward(bdh, bdw, dw0, dlogp, dentropy, entropy, max, sum, p->h, p->w,
                                p->target, mask, p->inv_temperature, seq, N_SEQ, WIDTH, v),
      SL_OK);
  compare_floats(&c->dh, dh, edh, bdh, nh);
  compare_floats(&c->dw, dw, edw, bdw, nw);
}

Test(plain_head, logprob) {
  inputs_begin("logprob");
  sl_context *ctx = plain_context();
  results c = {comparison_of("logprob_forward logp", SL_KERNEL_logprob_forward),
               comparison_of("logprob_forward entropy", SL_KERNEL_logprob_forward),
               comparison_of("logprob_forward row_max", SL_KERNEL_logprob_forward),
               comparison_of("logprob_forward row_sum", SL_KERNEL_logprob_forward),
               comparison_of("logprob_backward dh", SL_KERNEL_logprob_backward),
               comparison_of("logprob_backward dw", SL_KERNEL_logprob_backward)};
  for (size_t l = 0; l < N_VOCABULARIES; l++)
    for (input_kind kind = 0; kind < KINDS; kind++)
      for (int sharp = 0; sharp < 2; sharp++) {
        const float scale = kind == SPREAD ? 0x1p-8f : sharp ? 30.0f : 1.0f;
        problem p = {fill(TOKENS * WIDTH, kind, kind == SUBNORMAL ? 1.0f : scale), NULL,
                     take_words(TOKENS), sharp ? 0.7f : 1.0f, vocabularies[l]};
        p.w = kind == CANCELLING ? fill_paired(p.vocab * WIDTH, 1.0f)
                                 : fill(p.vocab * WIDTH, kind == SUBNORMAL ? RANDOM : kind,
                                        kind == SPREAD ? scale : 1.0f);
        for (size_t i = 0; i < TOKENS; i++) p.target[i] = (uint32_t)(next_u64() % p.vocab);
        check(ctx, &c, &p, sharp || kind);
      }
  comparison_end(&c.logp, SLACK_LIMIT);
  comparison_end(&c.entropy, SLACK_LIMIT);
  comparison_end(&c.max, SLACK_LIMIT);
  comparison_end(&c.sum, SLACK_LIMIT);
  comparison_end(&c.dh, SLACK_LIMIT);
  comparison_end(&c.dw, SLACK_LIMIT);
  inputs_end();
  sl_context_destroy(ctx);
}

Test(plain_head, sample) {
  inputs_begin("sample");
  sl_context *ctx = plain_context();
  comparison logp = comparison_of("sample logp", SL_KERNEL_sample),
             entropy = comparison_of("sample entropy", SL_KERNEL_sample);
  const sl_sampling ways[] = {{1.0f, 0, 1.0, 1, 7},
                              {0.0f, 0, 1.0, 1, 7},
                              {0.7f, 5, 1.0, 2, 8},
                              {1.3f, 0, 0.9, 3, 9},
                              {2.0f, 40, 0.5, 4, 0}};
  const size_t b = 40;
  size_t different = 0;
  for (size_t way = 0; way < sizeof ways / sizeof *ways; way++)
    for (size_t l = 0; l < N_VOCABULARIES; l++) {
      const size_t v = vocabularies[l];
      float *logits = fill(b * v, RANDOM, 6.0f);
      for (size_t i = 0; i + 1 < b * v; i += 5) logits[i + 1] = logits[i]; /* ties */
      uint32_t *sequence = take_words(b), *position = take_words(b), *token = take_words(b),
               *want = take_words(b);
      for (size_t i = 0; i < b; i++)
        sequence[i] = (uint32_t)next_u64(), position[i] = (uint32_t)(next_u64() % 1000);
      float *got_p = take_floats(b), *got_h = take_floats(b);
      double *p = take_doubles(b), *h = take_doubles(b);
      sl_ball *bp = take_balls(b), *bh = take_balls(b);
      cr_assert_eq(
          sl_sample(ctx, token, got_p, got_h, logits, &ways[way], sequence, position, b, v), SL_OK);
      cr_assert_eq(sl_ref_sample_token(want, logits, &ways[way], sequence, position, b, v), SL_OK);
      cr_expect(memcmp(token, want, b * sizeof *token) == 0,
                "tokens differ: way %zu, vocabulary %zu", way, v);
      cr_assert_eq(sl_ref_sample(p, h, token, logits, ways[way].temperature, b, v), SL_OK);
      cr_assert_eq(sl_bound_sample(bp, bh, token, logits, ways[way].temperature, b, v), SL_OK);
      compare_floats(&logp, got_p, p, bp, b);
      compare_floats(&entropy, got_h, h, bh, b);
      for (size_t i = 1; i < b; i++) different += token[i] != token[0];
    }
  cr_expect(different > 0, "all draws are the same");
  comparison_end(&logp, SLACK_LIMIT);
  comparison_end(&entropy, SLACK_LIMIT);
  inputs_end();
  sl_context_destroy(ctx);
}

Test(plain_head, embedding) {
  inputs_begin("embedding_forward");
  sl_context *ctx = plain_context();
  const float *table = fill(11 * WIDTH, RANDOM, 1.0f);
  const uint32_t ids[] = {10, 0, 3, 3, 7};
  float *got = take_floats(5 * WIDTH), *want = take_floats(5 * WIDTH);
  cr_assert_eq(sl_embedding_forward(ctx, got, table, ids, 5, WIDTH, 11), SL_OK);
  sl_ref_embedding_forward(want, table, ids, 5, WIDTH);
  cr_expect(memcmp(got, want, 5 * WIDTH * sizeof *got) == 0);
  inputs_end();
  sl_context_destroy(ctx);
}
