/* A run's memory and parts, made in order and released together. */
#include "trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

sl_status sl_trainer_kernel_error(const sl_trainer *t, sl_status status, sl_error *err) {
  return status ? sl_fail(err, status, "%s", sl_context_error(t->ctx)->message) : SL_OK;
}

/* Values of the configuration for the parameters of a gate file; a side that is not named keeps the file's default. */
static size_t gate_parameters(const sl_config *c, const sl_gate_definition *file, sl_gate_parameter out[SL_GATE_PARAMETER_LIMIT]) {
  const sl_config_values *const sides[2] = {&c->gate.neg, &c->gate.pos};
  size_t n = 0;
  for (size_t p = 0; p < sl_gate_definition_parameters(file); p++) {
    const sl_gate_parameter_info info = sl_gate_definition_parameter(file, p);
    out[n] = (sl_gate_parameter){info.name, {info.value[0], info.value[1]}};
    for (int side = 0; side < 2; side++)
      for (size_t i = 0; i < sides[side]->n; i++)
        if (strcmp(sides[side]->items[i].name, info.name) == 0) out[n].value[side] = sides[side]->items[i].real;
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
        known |= strcmp(sl_gate_definition_parameter(file, p).name, sides[side]->items[i].name) == 0;
      if (!known)
        return sl_config_fail(c, side ? SL_KEY_gate_pos : SL_KEY_gate_neg, err, "gate '%s' has no parameter '%s'", c->gate.name,
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
  if (!status) status = sl_gate_load(&t->objective.gate, &t->gate, t->config.gate.name, parameters, n, err);
  sl_gate_definition_free(defaults);
  return status;
}

static sl_status make_policy(sl_trainer *t, sl_error *err) {
  const sl_config *c = &t->config;
  if (*c->model.folder) {
    sl_status status = sl_model_folder_read(&t->policy, &t->tokenizer, c->model.folder, err);
    if (!status && !t->tokenizer) status = sl_tokenizer_create(&t->tokenizer, t->task.alphabet, err);
    if (!status && sl_tokenizer_vocab(t->tokenizer) > t->policy.layout->shape.vocab)
      status = sl_config_fail(c, SL_KEY_model_folder, err, "a vocabulary of %zu, but the task's alphabet needs %zu",
                              t->policy.layout->shape.vocab, sl_tokenizer_vocab(t->tokenizer));
    return status;
  }
  sl_status status = sl_tokenizer_create(&t->tokenizer, t->task.alphabet, err);
  if (status) return status;
  const sl_model_shape shape = sl_config_model_shape(c, sl_tokenizer_vocab(t->tokenizer));
  status = sl_parameters_create(&t->policy, &shape, err);
  if (!status) sl_parameters_init(&t->policy, (uint64_t)c->run.seed, c->model.init_std);
  return status;
}

static sl_status plan_lengths(sl_trainer *t, sl_error *err) {
  const sl_config *c = &t->config;
  const size_t completion = t->task.answer_max + 1 > (size_t)c->rl.max_new_tokens ? t->task.answer_max + 1 : (size_t)c->rl.max_new_tokens;
  t->max_length = t->task.prompt_max + completion;
  if (t->max_length > t->policy.layout->shape.max_positions)
    return sl_config_fail(c, SL_KEY_rl_max_new_tokens, err,
                          "prompts of up to %zu tokens and completions of up to %zu exceed the model's %zu positions", t->task.prompt_max,
                          completion, t->policy.layout->shape.max_positions);
  if ((size_t)c->rl.prompts > t->task.train.n)
    return sl_config_fail(c, SL_KEY_rl_prompts, err, "%lld prompts a rollout, but the task has %zu", (long long)c->rl.prompts,
                          t->task.train.n);
  return SL_OK;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static sl_status make_machinery(sl_trainer *t, sl_error *err) {
  const sl_config *c = &t->config;
  const size_t shards = (size_t)c->rl.reduce_shards, micro = (size_t)c->rl.micro_batch;
  const size_t rollout = (size_t)(c->rl.prompts * c->rl.group), update = rollout / (size_t)c->rl.updates, batch = (size_t)c->sft.batch;
  const size_t step_most = larger(update, batch), sequences = t->max_sequences = rollout;
  const sl_model_layout *layout = t->policy.layout;
  const size_t micro_tokens = sl_micro_batch_tokens(step_most, shards, micro, t->max_length);
  sl_status status = sl_optimizer_create(&t->optimizer, layout, err);
  if (!status) status = sl_gradients_create(&t->gradients, t->ctx, layout, shards, err);
  if (!status) status = sl_model_create(&t->model, t->ctx, layout, t->policy.data, micro_tokens, 1, err);
  if (!status) status = sl_generator_create(&t->generator, t->ctx, layout, t->policy.data, sequences, t->max_length, err);
  if (!status) status = sl_step_create(&t->step, step_most, step_most * t->max_length, err);
  if (!status && c->rl.beta > 0) status = sl_step_create(&t->rollout_step, rollout, rollout * t->max_length, err);
  if (status) return status;
  t->prompts.offset = calloc(sequences + 1, sizeof(uint32_t));
  t->prompts.ids = calloc(sequences * t->max_length, sizeof(uint32_t));
  t->reward = calloc(rollout, sizeof(double));
  t->reward_in_order = calloc(rollout, sizeof(double));
  t->advantage = calloc(rollout, sizeof(float));
  t->chosen = calloc(sequences, sizeof(uint32_t));
  t->group = calloc((size_t)c->rl.prompts + 1, sizeof(uint32_t));
  t->update_order = calloc((size_t)c->rl.prompts, sizeof(uint32_t));
  t->reward_order = calloc(rollout, sizeof(uint32_t));
  t->solved = calloc(t->task.held_out.n, sizeof(double));
  t->text = malloc(SL_TEXT_BYTES(t->max_length));
  if (!t->prompts.offset || !t->prompts.ids || !t->reward || !t->reward_in_order || !t->advantage || !t->chosen || !t->group ||
      !t->update_order || !t->reward_order || !t->solved || !t->text)
    return sl_fail(err, SL_ERR_MEMORY, "no memory for a rollout of %zu sequences", sequences);
  for (size_t p = 0; p <= (size_t)c->rl.prompts; p++) t->group[p] = (uint32_t)(p * (size_t)c->rl.group);
  return SL_OK;
}

/* Fills a step with the largest micro-batch of its kind: sequences of the longest kind, learnt from throughout. */
static void fill_largest(const sl_trainer *t, sl_step *s) {
  const sl_config *c = &t->config;
  const size_t tokens = sl_micro_batch_tokens(s->max_sequences, (size_t)c->rl.reduce_shards, (size_t)c->rl.micro_batch, t->max_length);
  memset(t->prompts.ids, 0, t->max_length * sizeof *t->prompts.ids);
  sl_step_clear(s);
  for (size_t i = 0; i < tokens / t->max_length; i++) sl_step_add(s, t->prompts.ids, t->max_length, 1, NULL, 0.0f);
}

/* Kernels take their workspace from the context, which keeps the largest. Here each runs once on the largest input that it can get, so that
 * no step allocates anything. */
static sl_status rehearse(sl_trainer *t, sl_error *err) {
  const sl_step_options options = {&t->objective, 1.0f / t->config.rl.temperature, 0};
  double norm;
  fill_largest(t, &t->step);
  sl_status status = sl_trainer_kernel_error(t, sl_step_rehearse(&t->step, t->model, &t->gradients, &options), err);
  if (!status) status = sl_gradient_norm(t->ctx, t->policy.layout, t->gradients.total, &norm, err);
  if (!status && t->reference_model) {
    sl_step *s = &t->rollout_step;
    fill_largest(t, s);
    status = sl_trainer_kernel_error(t, sl_step_logprobs(s, t->reference_model, &options, 1, s->logp_ref, s->entropy), err);
  }
  return status ? status : sl_generator_rehearse(t->generator, err);
}

static sl_status make_reference(sl_trainer *t, sl_error *err) {
  const sl_config *c = &t->config;
  if (!(c->rl.beta > 0)) return SL_OK;
  sl_status status;
  if (*c->rl.reference) {
    status = sl_model_folder_read(&t->reference, NULL, c->rl.reference, err);
    if (!status && t->reference.layout->shape.vocab != t->policy.layout->shape.vocab)
      status = sl_config_fail(c, SL_KEY_rl_reference, err, "its vocabulary is %zu, the policy's %zu", t->reference.layout->shape.vocab,
                              t->policy.layout->shape.vocab);
  } else {
    status = sl_parameters_create(&t->reference, &t->policy.layout->shape, err);
  }
  if (status) return status;
  const size_t rollout = (size_t)(c->rl.prompts * c->rl.group);
  const size_t tokens = sl_micro_batch_tokens(rollout, (size_t)c->rl.reduce_shards, (size_t)c->rl.micro_batch, t->max_length);
  return sl_model_create(&t->reference_model, t->ctx, t->reference.layout, t->reference.data, tokens, 0, err);
}

static sl_status build(sl_trainer *t, sl_error *err) {
  const sl_config *c = &t->config;
  static const sl_isa isas[] = {SL_ISA_BEST, SL_ISA_AVX2, SL_ISA_AVX512};
  const sl_context_options options = {c->run.backend, isas[c->run.isa], (int)c->run.threads};
  sl_status status = sl_context_create(&t->ctx, &options, err);
  const sl_task_options task = sl_config_task_options(c);
  if (!status) status = sl_task_load(&t->task, &task, err);
  if (!status) status = make_policy(t, err);
  if (!status) status = load_gate(t, err);
  if (!status) status = plan_lengths(t, err);
  if (!status) status = make_machinery(t, err);
  if (!status) status = make_reference(t, err);
  if (!status) status = rehearse(t, err);
  if (!status) status = sl_data_order_create(&t->sft_order, t->task.warm.n, (uint64_t)c->run.seed, SL_STREAM_SFT, err);
  if (!status) status = sl_data_order_create(&t->rl_order, t->task.train.n, (uint64_t)c->run.seed, SL_STREAM_RL, err);
  return status;
}

sl_status sl_trainer_create(sl_trainer **out, sl_config *config, sl_error *err) {
  sl_trainer *t = calloc(1, sizeof *t);
  if (!t) {
    sl_config_free(config);
    return sl_fail(err, SL_ERR_MEMORY, "no memory for a run");
  }
  t->config = *config;
  t->success_before = t->success_after = NAN;
  const sl_status status = build(t, err);
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
  sl_parameters_free(&t->reference);
  sl_parameters_free(&t->policy);
  sl_data_order_free(&t->sft_order);
  sl_data_order_free(&t->rl_order);
  sl_gate_definition_free(t->gate);
  sl_tokenizer_destroy(t->tokenizer);
  sl_task_free(&t->task);
  sl_context_destroy(t->ctx);
  free(t->prompts.offset), free(t->prompts.ids);
  free(t->reward), free(t->reward_in_order), free(t->advantage), free(t->chosen), free(t->group), free(t->update_order),
      free(t->reward_order);
  free(t->solved), free(t->text);
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

void sl_trainer_hash(const sl_trainer *t, char out[SL_DIGEST_TEXT]) {
  const sl_counters counters = sl_trainer_counters(t);
  sl_state_hash(out, t->policy.data, &t->optimizer, &counters);
}

sl_status sl_trainer_encode(sl_trainer *t, const sl_problems *problems, const uint32_t *chosen, size_t n, sl_error *err) {
  sl_prompts *p = &t->prompts;
  p->n = n;
  p->offset[0] = 0;
  for (size_t i = 0; i < n; i++) {
    const char *text = problems->items[chosen[i]].prompt;
    size_t count;
    const sl_status status =
        sl_tokenizer_encode(t->tokenizer, "prompt", text, strlen(text), p->ids + p->offset[i], t->max_length, &count, err);
    if (status) return status;
    p->offset[i + 1] = p->offset[i] + (uint32_t)count;
  }
  return SL_OK;
}
