/* Operations on a run's state that several of its parts share. */
#include "reward_answers.h"
#include "reward_program.h"
#include "run_state.h"

#include <stdlib.h>
#include <string.h>

sl_status sl_run_kernel_error(const sl_run_state *run, sl_status status, sl_error *err) {
  return status ? sl_fail(err, status, "%s", sl_context_error(run->ctx)->message) : SL_OK;
}

sl_gradient_options sl_run_gradient_options(const sl_run_state *run) {
  const sl_config *c = &run->config;
  const int mean = c->rl.entropy_mean == SL_CONFIG_ENTROPY_MEAN_TOKENS;
  return (sl_gradient_options){.objective = &run->objective,
                               .inv_temperature = 1.0f / c->rl.temperature,
                               .micro_batch = run->micro_batch,
                               .entropy_bonus = mean ? c->rl.entropy_bonus : 0.0};
}

void sl_run_state_destroy(sl_run_state *run) {
  if (!run) return;
  sl_model_destroy(run->model);
  sl_model_destroy(run->reference_model);
  sl_generator_destroy(run->generator);
  sl_gradients_free(&run->gradients);
  sl_optimizer_free(&run->optimizer);
  sl_update_batch_free(&run->step);
  sl_update_batch_free(&run->rollout_step);
  sl_digests_free(&run->digests);
  sl_parameters_free(&run->reference);
  sl_parameters_free(&run->policy);
  sl_data_order_free(&run->sft_order);
  sl_data_order_free(&run->rl_order);
  sl_gate_definition_free(run->gate);
  sl_tokenizer_destroy(run->tokenizer);
  sl_task_free(&run->task);
  sl_block_free(run->ctx, run->shared);
  sl_lanes_destroy(run->lanes);
  sl_context_destroy(run->ctx);
  sl_block_free(NULL, run->tables);
  sl_reward_program_destroy(run->program);
  sl_reward_answers_close(run->answers);
  sl_reward_answers_close(run->replay);
  sl_identity_free(&run->identity);
  sl_config_free(&run->config);
  free(run);
}

int sl_run_same_shape(const sl_model_shape *a, const sl_model_shape *b) {
  const sl_rope_scaling *r = &a->rope, *s = &b->rope;
  const int sizes = a->hidden == b->hidden && a->intermediate == b->intermediate &&
                    a->layers == b->layers && a->heads == b->heads && a->kv_heads == b->kv_heads &&
                    a->head_dim == b->head_dim && a->vocab == b->vocab;
  const int rope = r->kind == s->kind && r->stepwise == s->stepwise && r->factor == s->factor &&
                   r->original == s->original && r->low == s->low && r->high == s->high &&
                   r->untruncated == s->untruncated && r->attention == s->attention &&
                   r->mscale == s->mscale && r->mscale_all_dim == s->mscale_all_dim;
  return sizes && rope && a->architecture == b->architecture && !a->tied == !b->tied &&
         a->rope_theta == b->rope_theta && a->rms_eps == b->rms_eps;
}

sl_counters sl_run_state_counters(const sl_run_state *run) {
  return (sl_counters){run->phase,
                       run->sft_step,
                       run->rl_step,
                       run->sft_order.position.epoch,
                       run->sft_order.position.offset,
                       run->rl_order.position.epoch,
                       run->rl_order.position.offset};
}

sl_status sl_run_state_hash(const sl_run_state *run, size_t gradients, char out[SL_DIGEST_TEXT],
                            sl_error *err) {
  const sl_counters counters = sl_run_state_counters(run);
  const float *const arenas[SL_DIGESTS_STATE] = {run->policy.data, run->optimizer.m,
                                                 run->optimizer.v};
  sl_status status = SL_OK;
  for (size_t a = 0; !status && a < SL_DIGESTS_STATE; a++)
    status = sl_digests_take(&run->digests, a, arenas[a]);
  if (!status) status = sl_digests_read(&run->digests, SL_DIGESTS_STATE + gradients);
  if (status) return sl_run_kernel_error(run, status, err);
  sl_state_hash(out, &run->digests, &run->optimizer.state, &counters, run->tau_scale);
  return SL_OK;
}

sl_status sl_run_state_encode(sl_run_state *run, const sl_problems *problems,
                              const uint32_t *chosen, size_t n, sl_error *err) {
  sl_prompts *p = &run->prompts;
  p->n = n;
  p->offset[0] = 0;
  for (size_t i = 0; i < n; i++) {
    size_t count;
    const sl_status status =
        sl_problem_encode_prompt(&problems->items[chosen[i]], run->tokenizer, p->ids + p->offset[i],
                                 run->max_length, &count, err);
    if (status) return status;
    p->offset[i + 1] = p->offset[i] + (uint32_t)count;
  }
  return SL_OK;
}
