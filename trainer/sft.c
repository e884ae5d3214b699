/* Supervised warm start (spec O4.5): a batch of problems with their answers, one optimiser step. */
#include "trainer.h"

#include <string.h>

static sl_status add_problem(sl_trainer *t, const sl_problem *p, sl_error *err) {
  uint32_t *ids = t->prompts.ids;
  size_t prompt, answer;
  sl_status status = sl_tokenizer_encode(t->tokenizer, "prompt", p->prompt, strlen(p->prompt), ids, t->max_length, &prompt, err);
  if (!status)
    status =
        sl_tokenizer_encode(t->tokenizer, "answer", p->answer, strlen(p->answer), ids + prompt, t->max_length - prompt - 1, &answer, err);
  if (status) return status;
  ids[prompt + answer] = SL_TOKEN_EOS;
  sl_step_add(&t->step, ids, prompt + answer + 1, prompt, NULL, 0.0f);
  return SL_OK;
}

static sl_optimizer_options optimizer_options(const sl_config *c) {
  return (sl_optimizer_options){c->optimizer.beta1, c->optimizer.beta2, c->optimizer.eps, c->optimizer.weight_decay, c->optimizer.max_norm};
}

sl_status sl_trainer_update(sl_trainer *t, float lr, sl_step_report *report, sl_error *err) {
  const sl_optimizer_options options = optimizer_options(&t->config);
  double norm;
  const sl_status status = sl_gradient_norm(t->ctx, t->policy.layout, t->gradients.total, &norm, err);
  if (status) return status;
  report->gradient_norm += norm;
  if (norm > report->gradient_norm_max) report->gradient_norm_max = norm;
  report->lr = (double)lr;
  report->updates++;
  report->trained_tokens += t->step.seq[t->step.n_seq];
  return sl_optimizer_step(&t->optimizer, t->ctx, &options, t->policy.data, t->gradients.total, norm, lr, err);
}

void sl_digest_gradient(const sl_trainer *t, sl_step_digests *digests) {
  const sl_model_layout *layout = t->policy.layout;
  for (size_t i = 0; i < layout->n_tensors; i++)
    sl_digest_bytes(digests->gradient[i], t->gradients.total + layout->tensors[i].offset, layout->tensors[i].count * sizeof(float));
}

sl_status sl_sft_step(sl_trainer *t, sl_step_report *report, sl_step_digests *digests, sl_error *err) {
  const sl_config *c = &t->config;
  memset(report, 0, sizeof *report);
  sl_step_clear(&t->step);
  for (int64_t i = 0; i < c->sft.batch; i++) {
    const sl_status status = add_problem(t, &t->task.warm.items[sl_data_order_next(&t->sft_order)], err);
    if (status) return status;
  }
  const sl_step_options options = {NULL, 1.0f, (size_t)c->rl.micro_batch};
  sl_status status = sl_objective_coefficients(t->step.coefficient, t->step.tokens, t->step.n_seq, SL_AGG_TOKEN_MEAN, 0.0, err);
  if (!status) status = sl_trainer_kernel_error(t, sl_step_gradient(&t->step, t->model, &t->gradients, &options), err);
  if (status) return status;
  for (size_t i = 0; i < t->step.n_seq; i++) report->loss -= t->step.sums[i].objective, report->tokens += t->step.tokens[i];
  const float lr = sl_learning_rate(c->sft.lr, SL_DECAY_CONSTANT, 1.0, (uint64_t)c->sft.warmup, t->sft_step + 1, (uint64_t)c->sft.steps);
  status = sl_trainer_update(t, lr, report, err);
  if (status) return status;
  t->sft_step++;
  const size_t n = t->step.seq[t->step.n_seq];
  sl_digest_bytes(digests->tokens, t->step.ids, n * sizeof(uint32_t));
  sl_digest_bytes(digests->rewards, NULL, 0);
  sl_digest_bytes(digests->logprobs, t->step.logp, n * sizeof(float));
  sl_digest_gradient(t, digests);
  return SL_OK;
}
