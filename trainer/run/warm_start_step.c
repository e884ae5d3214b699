/* Supervised warm start (spec O4.5): a batch of problems with their answers, one optimiser step. */
#include "run_state.h"

#include <string.h>

static sl_status add_problem(sl_trainer *t, const sl_problem *p, sl_error *err) {
  uint32_t *ids = t->prompts.ids;
  size_t prompt, answer;
  sl_status status = sl_tokenizer_encode(t->tokenizer, "prompt", p->prompt, strlen(p->prompt), ids,
                                         t->max_length, &prompt, err);
  if (!status)
    status = sl_tokenizer_encode(t->tokenizer, "answer", p->answer, strlen(p->answer), ids + prompt,
                                 t->max_length - prompt - 1, &answer, err);
  if (status) return status;
  ids[prompt + answer] = SL_TOKEN_EOS;
  sl_step_add(&t->step, ids, prompt + answer + 1, prompt, NULL, 0.0f);
  return SL_OK;
}

sl_status sl_sft_step(sl_trainer *t, sl_step_report *report, sl_step_digests *digests,
                      sl_error *err) {
  const sl_config *c = &t->config;
  memset(report, 0, sizeof *report);
  digests->updates = 0;
  sl_step_clear(&t->step);
  for (int64_t i = 0; i < c->sft.batch; i++) {
    const sl_status status =
        add_problem(t, &t->task.warm.items[sl_data_order_next(&t->sft_order)], err);
    if (status) return status;
  }
  const sl_step_options options = {NULL, 1.0f, t->micro_batch};
  sl_status status = sl_objective_coefficients(t->step.coefficient, t->step.tokens, t->step.n_seq,
                                               SL_AGG_TOKEN_MEAN, 0.0, err);
  if (!status)
    status = sl_trainer_kernel_error(
        t, sl_step_gradient(&t->step, t->model, &t->gradients, &options), err);
  if (status) return status;
  for (size_t i = 0; i < t->step.n_seq; i++)
    report->loss -= t->step.sums[i].objective, report->tokens += t->step.tokens[i];
  const float lr = sl_learning_rate(c->sft.lr, SL_DECAY_CONSTANT, 1.0, (uint64_t)c->sft.warmup,
                                    t->sft_step + 1, (uint64_t)c->sft.steps);
  status = sl_trainer_update(t, lr, report, digests, err);
  if (status) return status;
  t->sft_step++;
  const size_t n = t->step.seq[t->step.n_seq];
  sl_digest_bytes(digests->tokens, t->step.ids, n * sizeof(uint32_t));
  sl_digest_bytes(digests->rewards, NULL, 0);
  sl_digest_bytes(digests->logprobs, t->step.logp, n * sizeof(float));
  return SL_OK;
}
