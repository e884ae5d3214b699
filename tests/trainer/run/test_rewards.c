/* Rewards of a rollout (spec F3.6): only a completion whose tokens are all characters, up to its
 * end token, is a text that can be right. */
#include "tests/trainer/tiny.h"

#include <criterion/criterion.h>
#include <string.h>

#define COMPLETION 4

/* The reward of these tokens as the answer to a training problem. */
static double reward_of(sl_run_state *run, const uint32_t *completion, size_t n, uint8_t ended) {
  uint32_t ids[1 + COMPLETION] = {SL_TOKEN_FIRST_CHARACTER}, seq[2] = {0, (uint32_t)(1 + n)},
                   prompt_length[1] = {1};
  memcpy(ids + 1, completion, n * sizeof *ids);
  const sl_rollout r = {
      .n = 1, .seq = seq, .prompt_length = prompt_length, .ended = &ended, .ids = ids};
  run->chosen[0] = 0;
  uint64_t timed_out;
  sl_error err;
  cr_assert_eq(sl_rewards(run, &r, &timed_out, &err), SL_OK, "%s", err.message);
  return run->reward[0];
}

Test(rewards, padding_and_unknown_tokens_do_not_vanish_before_grading) {
  sl_run_state *run = tiny_trainer(NULL);
  uint32_t answer[2];
  size_t n;
  sl_error err;
  const char *text = run->task.train.items[0].answer;
  cr_assert_eq(
      sl_tokenizer_encode(run->tokenizer, "answer", text, strlen(text), answer, 2, &n, &err), SL_OK,
      "%s", err.message);
  const uint32_t a = answer[0], b = n == 2 ? answer[1] : SL_TOKEN_EOS,
                 unknown = (uint32_t)sl_tokenizer_vocab(run->tokenizer);
  const struct {
    uint32_t ids[COMPLETION];
    uint8_t ended;
    double reward;
  } cases[] = {
      {{a, b, SL_TOKEN_EOS, SL_TOKEN_EOS}, 1, 1},
      {{a, b, SL_TOKEN_EOS, SL_TOKEN_EOS}, 0, 0},
      {{SL_TOKEN_PAD, a, b, SL_TOKEN_EOS}, 1, 0},
      {{a, n == 2 ? SL_TOKEN_PAD : b, n == 2 ? b : SL_TOKEN_EOS, SL_TOKEN_EOS}, 1, n < 2},
      {{unknown, a, b, SL_TOKEN_EOS}, 1, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    cr_assert_eq(reward_of(run, cases[i].ids, COMPLETION, cases[i].ended), cases[i].reward,
                 "case %zu for the answer '%s'", i, text);
  const uint32_t behind[] = {a, n == 2 ? b : SL_TOKEN_PAD, SL_TOKEN_PAD, SL_TOKEN_EOS};
  cr_assert_eq(reward_of(run, behind, COMPLETION, 1), 0, "padding before the end token");
  sl_run_state_destroy(run);
}
