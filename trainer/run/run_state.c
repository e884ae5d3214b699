/* A run's parts, made in order and released together. */
#include "run_state.h"

#include "trainer/model/block.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

sl_status sl_trainer_kernel_error(const sl_trainer *t, sl_status status, sl_error *err) {
  return status ? sl_fail(err, status, "%s", sl_context_error(t->ctx)->message) : SL_OK;
}

/* Values of the configuration for the parameters of a gate file; a side that is not named keeps the
 * file's default. */
static size_t gate_parameters(const sl_config *c, const sl_gate_definition *file,
                              sl_gate_parameter out[SL_GATE_PARAMETER_LIMIT]) {
  const sl_config_values *const sides[2] = {&c->gate.neg, &c->gate.pos};
  size_t n = 0;
  for (size_t p = 0; p < sl_gate_definition_parameters(file); p++) {
    const sl_gate_parameter_info info = sl_gate_definition_parameter(file, p);
    out[n] = (sl_gate_parameter){info.name, {info.value[0], info.value[1]}};
    for (int side = 0; side < 2; side++)
      for (size_t i = 0; i < sides[side]->n; i++)
        if (strcmp(sides[side]->items[i].name, info.name) == 0)
          out[n].value[side] = sides[side]->items[i].real;
    n++;
  }
  return n;
}

static sl_status check_names(const sl_config *c, const sl_gate_definition *file, sl_error *err) {
  const sl_config_values *const sides[2] = {&c->gate.neg, &c->gate.pos};
  for (int side = 0; side < 2; side++)
    for (size_t i = 0; i < sides[side]->n; i++) {
      int known = 0;
      for (size_t p = 0; p < sl_gate_definition_parameters(file); p++)
        known |=
            strcmp(sl_gate_definition_parameter(file, p).name, sides[side]->items[i].name) == 0;
      if (!known)
        return sl_config_fail(c, side ? SL_KEY_gate_pos : SL_KEY_gate_neg, err,
                              "gate '%s' has no parameter '%s'", c->gate.name,
                              sides[side]->items[i].name);
    }
  return SL_OK;
}

static sl_status load_gate(sl_trainer *t, sl_error *err) {
  sl_status status = sl_config_objective(&t->config, &t->objective, err);
  if (status || t->objective.gate.family != SL_GATE_EXPRESSION) return status;
  sl_gate_definition *defaults;
  status = sl_gate_load(&t->objective.gate, &defaults, t->config.gate.name, NULL, 0, err);
  if (status) return status;
  sl_gate_parameter parameters[SL_GATE_PARAMETER_LIMIT];
  const size_t n = gate_parameters(&t->config, defaults, parameters);
  status = check_names(&t->config, defaults, err);
  if (!status)
    status = sl_gate_load(&t->objective.gate, &t->gate, t->config.gate.name, parameters, n, err);
  sl_gate_definition_free(defaults);
  return status;
}

/* A model of the folder with another alphabet than the task's: every text can be written in it, or
 * the run would stop midway. */
static sl_status describe_folder(sl_trainer *t, sl_extent extent, sl_error *err) {
  const sl_config *c = &t->config;
  sl_status status =
      sl_model_folder_describe(&t->policy.layout, &t->tokenizer, c->model.folder, err);
  if (status) return status;
  if (t->tokenizer)
    return sl_task_check(&t->task, t->tokenizer, extent == SL_EXTENT_EVALUATION, err);
  status = sl_tokenizer_create(&t->tokenizer, t->task.alphabet, err);
  if (!status && sl_tokenizer_vocab(t->tokenizer) > t->policy.layout->shape.vocab)
    status = sl_config_fail(c, SL_KEY_model_folder, err,
                            "a vocabulary of %zu, but the task's alphabet needs %zu",
                            t->policy.layout->shape.vocab, sl_tokenizer_vocab(t->tokenizer));
  return status;
}

/* Tokenizer and layout of the policy; its numbers take memory and come later. */
static sl_status describe_policy(sl_trainer *t, sl_extent extent, sl_error *err) {
  const sl_config *c = &t->config;
  if (*c->model.folder) return describe_folder(t, extent, err);
  const sl_status status = sl_tokenizer_create(&t->tokenizer, t->task.alphabet, err);
  if (status) return status;
  const sl_model_shape shape = sl_config_model_shape(c, sl_tokenizer_vocab(t->tokenizer));
  return sl_model_layout_create(&t->policy.layout, &shape, err);
}

static sl_status describe_reference(sl_trainer *t, sl_error *err) {
  const sl_config *c = &t->config;
  if (!(c->rl.beta > 0)) return SL_OK;
  if (!*c->rl.reference)
    return sl_model_layout_create(&t->reference.layout, &t->policy.layout->shape, err);
  const sl_status status =
      sl_model_folder_describe(&t->reference.layout, NULL, c->rl.reference, err);
  if (status) return status;
  const sl_model_shape *own = &t->policy.layout->shape, *its = &t->reference.layout->shape;
  if (its->vocab != own->vocab)
    return sl_config_fail(c, SL_KEY_rl_reference, err, "its vocabulary is %zu, the policy's %zu",
                          its->vocab, own->vocab);
  if (its->max_positions < t->max_length)
    return sl_config_fail(c, SL_KEY_rl_reference, err,
                          "it has %zu positions, but sequences have up to %zu tokens",
                          its->max_positions, t->max_length);
  return SL_OK;
}

static sl_status plan_lengths(sl_trainer *t, sl_extent extent, sl_error *err) {
  const sl_config *c = &t->config;
  const size_t wanted = (size_t)c->rl.max_new_tokens,
               completion = t->task.answer_max + 1 > wanted ? t->task.answer_max + 1 : wanted;
  const size_t positions = t->policy.layout->shape.max_positions,
               rollout = (size_t)(c->rl.prompts * c->rl.group);
  t->max_length = t->task.prompt_max + completion;
  t->max_sequences =
      extent == SL_EXTENT_EVALUATION && t->task.held_out.n < rollout ? t->task.held_out.n : rollout;
  if (t->max_length > positions)
    return sl_config_fail(c, *c->model.folder ? SL_KEY_model_folder : SL_KEY_model_max_positions,
                          err,
                          "%zu positions, but prompts have up to %zu tokens, and answers or "
                          "completions (rl.max_new_tokens) up to %zu",
                          positions, t->task.prompt_max, completion);
  if (extent != SL_EXTENT_EVALUATION && (size_t)c->rl.prompts > t->task.train.n)
    return sl_config_fail(c, SL_KEY_rl_prompts, err, "%lld prompts a rollout, but the task has %zu",
                          (long long)c->rl.prompts, t->task.train.n);
  return SL_OK;
}

/* All that can be known and refused before memory is taken. */
static sl_status prepare(sl_trainer *t, sl_extent extent, sl_error *err) {
  const sl_config *c = &t->config;
  static const sl_isa isas[] = {SL_ISA_BEST, SL_ISA_AVX2, SL_ISA_AVX512};
  const sl_context_options options = {c->run.backend, isas[c->run.isa], (int)c->run.threads};
  sl_status status = sl_context_create(&t->ctx, &options, err);
  const sl_task_options task = sl_config_task_options(c);
  if (!status) status = sl_task_load(&t->task, &task, err);
  if (!status) status = describe_policy(t, extent, err);
  if (!status) status = load_gate(t, err);
  if (!status) status = plan_lengths(t, extent, err);
  if (!status && extent != SL_EXTENT_EVALUATION) status = describe_reference(t, err);
  return status ? status : sl_trainer_plan(t, extent, err);
}

static sl_status fill_policy(sl_trainer *t, sl_error *err) {
  const sl_config *c = &t->config;
  sl_status status = *c->model.folder
                         ? sl_model_weights_read(&t->policy, c->model.folder, err)
                         : sl_arena_create(&t->policy.data, NULL, t->policy.layout, err);
  if (!status && !*c->model.folder)
    sl_parameters_init(&t->policy, (uint64_t)c->run.seed, c->model.init_std);
  return status ? status : sl_parameters_move(&t->policy, t->ctx, err);
}

static sl_status fill_reference(sl_trainer *t, sl_error *err) {
  const sl_config *c = &t->config;
  if (!t->reference.layout) return SL_OK;
  const sl_status status =
      *c->rl.reference ? sl_model_weights_read(&t->reference, c->rl.reference, err)
                       : sl_arena_create(&t->reference.data, NULL, t->reference.layout, err);
  return status ? status : sl_parameters_move(&t->reference, t->ctx, err);
}

static sl_status build(sl_trainer *t, sl_extent extent, sl_error *err) {
  const sl_config *c = &t->config;
  sl_status status = prepare(t, extent, err);
  if (status || extent == SL_EXTENT_PLAN) return status;
  status = fill_policy(t, err);
  if (!status) status = fill_reference(t, err);
  if (!status) status = sl_trainer_allocate(t, extent, err);
  if (!status)
    status = sl_data_order_create(&t->sft_order, t->task.warm.n, (uint64_t)c->run.seed,
                                  SL_STREAM_SFT, err);
  if (!status)
    status = sl_data_order_create(&t->rl_order, t->task.train.n, (uint64_t)c->run.seed,
                                  SL_STREAM_RL, err);
  return status;
}

sl_status sl_trainer_create(sl_trainer **out, sl_config *config, sl_extent extent, sl_error *err) {
  sl_trainer *t = calloc(1, sizeof *t);
  if (!t) {
    sl_config_free(config);
    return sl_fail(err, SL_ERR_MEMORY, "no memory for a run");
  }
  t->config = *config;
  t->success_before = t->success_after = NAN;
  const sl_status status = build(t, extent, err);
  if (status) {
    sl_trainer_destroy(t);
    return status;
  }
  *out = t;
  return SL_OK;
}

void sl_trainer_destroy(sl_trainer *t) {
  if (!t) return;
  sl_model_destroy(t->model);
  sl_model_destroy(t->reference_model);
  sl_generator_destroy(t->generator);
  sl_gradients_free(&t->gradients);
  sl_optimizer_free(&t->optimizer);
  sl_step_free(&t->step);
  sl_step_free(&t->rollout_step);
  sl_digests_free(&t->digests);
  sl_parameters_free(&t->reference);
  sl_parameters_free(&t->policy);
  sl_data_order_free(&t->sft_order);
  sl_data_order_free(&t->rl_order);
  sl_gate_definition_free(t->gate);
  sl_tokenizer_destroy(t->tokenizer);
  sl_task_free(&t->task);
  sl_context_destroy(t->ctx);
  sl_block_free(NULL, t->tables);
  sl_config_free(&t->config);
  free(t);
}

sl_counters sl_trainer_counters(const sl_trainer *t) {
  return (sl_counters){t->phase,
                       t->sft_step,
                       t->rl_step,
                       t->sft_order.position.epoch,
                       t->sft_order.position.offset,
                       t->rl_order.position.epoch,
                       t->rl_order.position.offset};
}

sl_status sl_trainer_hash(const sl_trainer *t, size_t gradients, char out[SL_DIGEST_TEXT],
                          sl_error *err) {
  const sl_counters counters = sl_trainer_counters(t);
  const float *const arenas[SL_DIGESTS_STATE] = {t->policy.data, t->optimizer.m, t->optimizer.v};
  sl_status status = SL_OK;
  for (size_t a = 0; !status && a < SL_DIGESTS_STATE; a++)
    status = sl_digests_take(&t->digests, a, arenas[a]);
  if (!status) status = sl_digests_read(&t->digests, SL_DIGESTS_STATE + gradients);
  if (status) return sl_trainer_kernel_error(t, status, err);
  sl_state_hash(out, &t->digests, &t->optimizer.state, &counters);
  return SL_OK;
}

sl_status sl_trainer_encode(sl_trainer *t, const sl_problems *problems, const uint32_t *chosen,
                            size_t n, sl_error *err) {
  sl_prompts *p = &t->prompts;
  p->n = n;
  p->offset[0] = 0;
  for (size_t i = 0; i < n; i++) {
    const char *text = problems->items[chosen[i]].prompt;
    size_t count;
    const sl_status status = sl_tokenizer_encode(t->tokenizer, "prompt", text, strlen(text),
                                                 p->ids + p->offset[i], t->max_length, &count, err);
    if (status) return status;
    p->offset[i + 1] = p->offset[i] + (uint32_t)count;
  }
  return SL_OK;
}
