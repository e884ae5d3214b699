/* Supervised warm start (spec O4.5, L2.2, L2.3, L2.4): a batch of problems with their answers, one
 * update. */
#include "run_state.h"

#include <string.h>

static sl_status add_problem(sl_run_state *run, const sl_problem *p, sl_error *err) {
  size_t n;
  SL_TRY(sl_problem_encode_training(p, run->tokenizer, run->prompts.ids, run->counted,
                                    run->max_length, &n, err));
  sl_update_batch_add_counted(&run->step, run->prompts.ids, run->counted, n);
  return SL_OK;
}

sl_status sl_warm_start_step(sl_run_state *run, sl_step_report *report, sl_step_digests *digests,
                             sl_error *err) {
  const sl_config *c = &run->config;
  memset(report, 0, sizeof *report);
  digests->updates = 0;
  run->update = 1;
  run->rate = sl_learning_rate(c->sft.lr, SL_DECAY_CONSTANT, 1.0, (uint64_t)c->sft.warmup,
                               run->sft_step + 1, (uint64_t)c->sft.steps);
  sl_update_batch_clear(&run->step);
  for (int64_t i = 0; i < c->sft.batch; i++) {
    const sl_status status =
        add_problem(run, &run->task.warm.items[sl_data_order_next(&run->sft_order)], err);
    if (status) return status;
  }
  const sl_gradient_options options = {.inv_temperature = 1.0f, .micro_batch = run->micro_batch};
  sl_status status = sl_objective_coefficients(run->step.coefficient, run->step.tokens,
                                               run->step.n_seq, SL_AGG_TOKEN_MEAN, 0.0, err);
  if (!status)
    status = sl_run_kernel_error(
        run, sl_update_batch_gradient(&run->step, run->model, &run->gradients, &options), err);
  if (status) return status;
  for (size_t i = 0; i < run->step.n_seq; i++)
    report->loss -= run->step.sums[i].objective, report->tokens += run->step.tokens[i];
  status = sl_run_state_update(run, run->rate, report, digests, err);
  if (status) return status;
  run->sft_step++, run->update = 0;
  const size_t n = run->step.seq[run->step.n_seq];
  sl_digest_bytes(digests->tokens, run->step.ids, n * sizeof(uint32_t));
  sl_digest_bytes(digests->rewards, NULL, 0);
  sl_digest_bytes(digests->logprobs, run->step.logp, n * sizeof(float));
  return SL_OK;
}
