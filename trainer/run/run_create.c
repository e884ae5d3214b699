/* A run's parts, made in order: what can be refused is refused before memory is taken. */
#include "first_pass.h"
#include "reward_source.h"
#include "run_gate.h"
#include "run_plan.h"
#include "run_state.h"
#include "run_template.h"

#include "trainer/files/companions.h"
#include "trainer/model/block.h"

#include <sluice/rope.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A rule for rotary frequencies that the configuration names goes before the folder's. */
static void choose_tables(const sl_run_state *run, sl_model_layout *layout) {
  const int rule = run->config.model.rope_tables;
  if (rule != SL_CONFIG_ROPE_TABLES_FOLDER)
    layout->shape.rope.stepwise = rule == SL_CONFIG_ROPE_TABLES_STEPWISE;
}

/* What the model sees of the task's prompts (spec F7.7, F3.15). */
static sl_status settle_prompts(sl_run_state *run, sl_error *err) {
  const char *folder = sl_config_path(&run->config, SL_KEY_model_folder);
  return sl_template_apply_task(&run->config, folder, run->tokenizer, &run->task, err);
}

/* A plan may be made before the weights are fetched. */
static sl_status describe(const sl_run_state *run, sl_model_layout **layout,
                          sl_tokenizer **tokenizer, int *bare, const char *folder, sl_error *err) {
  if (run->extent == SL_EXTENT_PLAN)
    return sl_model_folder_plan(layout, tokenizer, bare, folder, err);
  return sl_model_folder_describe(layout, tokenizer, folder, err);
}

/* A model of the folder with another alphabet than the task's: every text can be written in it, or
 * the run would stop midway. */
static sl_status describe_folder(sl_run_state *run, sl_extent extent, sl_error *err) {
  const sl_config *c = &run->config;
  sl_status status = describe(run, &run->policy.layout, &run->tokenizer, &run->bare,
                              sl_config_path(c, SL_KEY_model_folder), err);
  if (!status && extent != SL_EXTENT_EVALUATION)
    status = sl_companions_check(sl_config_path(c, SL_KEY_model_folder), err);
  if (status) return status;
  choose_tables(run, run->policy.layout);
  if (run->tokenizer)
    status = sl_task_check(&run->task, run->tokenizer, extent == SL_EXTENT_EVALUATION, err);
  if (run->tokenizer) return status ? status : settle_prompts(run, err);
  status = sl_refuse_foreign_tokenizer(sl_config_path(c, SL_KEY_model_folder), err);
  if (!status) status = sl_tokenizer_create(&run->tokenizer, run->task.alphabet, err);
  if (!status && sl_tokenizer_vocab(run->tokenizer) > run->policy.layout->shape.vocab)
    status = sl_config_fail(c, SL_KEY_model_folder, err,
                            "a vocabulary of %zu, but the task's alphabet needs %zu",
                            run->policy.layout->shape.vocab, sl_tokenizer_vocab(run->tokenizer));
  return status ? status : settle_prompts(run, err);
}

static sl_status describe_fresh(sl_run_state *run, sl_error *err) {
  sl_status status = sl_tokenizer_create(&run->tokenizer, run->task.alphabet, err);
  if (!status) status = settle_prompts(run, err);
  if (status) return status;
  const sl_model_shape shape =
      sl_config_model_shape(&run->config, sl_tokenizer_vocab(run->tokenizer));
  return sl_model_layout_create(&run->policy.layout, &shape, err);
}

/* A fresh model's shape is the configuration's, in a checkpoint too. */
static sl_status adopt_shape(sl_run_state *run, const char *checkpoint, sl_error *err) {
  const sl_model_shape shape = sl_config_model_shape(&run->config, run->policy.layout->shape.vocab);
  if (!sl_run_same_shape(&shape, &run->policy.layout->shape))
    return sl_fail(err, SL_ERR_MISMATCH,
                   "%s: the model's shape is not that of the run's configuration", checkpoint);
  sl_model_layout_destroy(run->policy.layout);
  run->policy.layout = NULL;
  return sl_model_layout_create(&run->policy.layout, &shape, err);
}

static sl_status describe_checkpoint(sl_run_state *run, const char *checkpoint, sl_error *err) {
  sl_status status =
      sl_model_folder_describe(&run->policy.layout, &run->tokenizer, checkpoint, err);
  if (!status && !run->tokenizer)
    status = sl_fail(err, SL_ERR_INPUT, "%s: its tokenizer is missing", checkpoint);
  if (!status) status = settle_prompts(run, err);
  if (!status && !*run->config.model.folder) status = adopt_shape(run, checkpoint, err);
  if (!status) choose_tables(run, run->policy.layout);
  return status;
}

/* Tokenizer and layout of the policy; its numbers take memory and come later. */
static sl_status describe_policy(sl_run_state *run, sl_extent extent, const char *checkpoint,
                                 sl_error *err) {
  if (checkpoint) return describe_checkpoint(run, checkpoint, err);
  if (*run->config.model.folder) return describe_folder(run, extent, err);
  return describe_fresh(run, err);
}

static sl_status describe_reference(sl_run_state *run, sl_error *err) {
  const sl_config *c = &run->config;
  if (!(c->rl.beta > 0)) return SL_OK;
  if (!*c->rl.reference)
    return sl_model_layout_create(&run->reference.layout, &run->policy.layout->shape, err);
  const char *folder = sl_config_path(c, SL_KEY_rl_reference);
  sl_tokenizer *tokenizer = NULL;
  sl_status status =
      describe(run, &run->reference.layout, &tokenizer, &run->bare_reference, folder, err);
  if (!status && !tokenizer) status = sl_refuse_foreign_tokenizer(folder, err);
  if (!status && tokenizer && !sl_tokenizer_same(tokenizer, run->tokenizer))
    status = sl_config_fail(c, SL_KEY_rl_reference, err,
                            "its tokenizer is another one than the policy's");
  sl_tokenizer_destroy(tokenizer);
  if (status) return status;
  choose_tables(run, run->reference.layout);
  const sl_model_shape *own = &run->policy.layout->shape, *its = &run->reference.layout->shape;
  if (its->vocab != own->vocab)
    return sl_config_fail(c, SL_KEY_rl_reference, err, "its vocabulary is %zu, the policy's %zu",
                          its->vocab, own->vocab);
  if (sl_model_positions(its) < run->max_length)
    return sl_config_fail(c, SL_KEY_rl_reference, err,
                          "it has %zu positions, but sequences have up to %zu tokens",
                          sl_model_positions(its), run->max_length);
  return SL_OK;
}

/* spec L1.8 */
static sl_status plan_lengths(sl_run_state *run, sl_extent extent, sl_error *err) {
  const sl_config *c = &run->config;
  const size_t wanted = (size_t)c->rl.max_new_tokens,
               completion = run->task.answer_max + 1 > wanted ? run->task.answer_max + 1 : wanted;
  const size_t positions = sl_model_positions(&run->policy.layout->shape),
               rollout = (size_t)(c->rl.prompts * c->rl.group);
  run->max_length = run->task.prompt_max + completion;
  const size_t held_out = run->task.held_out.n * (size_t)c->rl.group;
  run->max_sequences = extent == SL_EXTENT_EVALUATION && held_out < rollout ? held_out : rollout;
  if (run->max_length > positions)
    return sl_config_fail(c, *c->model.folder ? SL_KEY_model_folder : SL_KEY_model_max_positions,
                          err,
                          "%zu positions, but prompts have up to %zu tokens, and answers or "
                          "completions (rl.max_new_tokens) up to %zu",
                          positions, run->task.prompt_max, completion);
  if (extent != SL_EXTENT_EVALUATION && (size_t)c->rl.prompts > run->task.train.n)
    return sl_config_fail(c, SL_KEY_rl_prompts, err, "%lld prompts a rollout, but the task has %zu",
                          (long long)c->rl.prompts, run->task.train.n);
  return SL_OK;
}

/* With the place where the configuration asks for the backend, where it does. */
static sl_status create_context(sl_run_state *run, sl_error *err) {
  const sl_config *c = &run->config;
  static const sl_isa isas[] = {SL_ISA_BEST, SL_ISA_AVX2, SL_ISA_AVX512};
  const sl_context_options options = {
      .backend = c->run.backend, .isa = isas[c->run.isa], .threads = (int)c->run.threads};
  sl_error why;
  const sl_status status = sl_context_create(&run->ctx, &options, &why);
  if (status == SL_ERR_UNAVAILABLE && c->place[SL_KEY_run_backend].from != SL_FROM_DEFAULT) {
    sl_config_fail(c, SL_KEY_run_backend, err, "%s", why.message);
    err->status = status;
  } else if (status) {
    *err = why;
  }
  return status;
}

/* A tag with a character that the alphabet lacks could never be written. */
static sl_status check_tags(const sl_run_state *run, sl_error *err) {
  const sl_config *c = &run->config;
  static const sl_config_key keys[] = {SL_KEY_reward_answer_open, SL_KEY_reward_answer_close,
                                       SL_KEY_reward_think_open, SL_KEY_reward_think_close};
  const int format = sl_config_reward_weights(c).listed[SL_COMPONENT_FORMAT];
  const size_t used = format ? 4 : c->reward.answer_in == SL_CONFIG_ANSWER_IN_TAGS ? 2 : 0;
  const sl_tags t = sl_config_tags(c);
  const char *const tags[] = {t.answer_open, t.answer_close, t.think_open, t.think_close};
  for (size_t i = 0; i < used; i++) {
    size_t n;
    sl_error why;
    const sl_status status =
        sl_tokenizer_encode(run->tokenizer, "tag", tags[i], strlen(tags[i]), NULL, 0, &n, &why);
    if (status == SL_ERR_MEMORY) return sl_fail(err, status, "%s", why.message);
    if (status)
      return sl_config_fail(c, keys[i], err, "%s: no completion could have it (task.characters)",
                            why.message);
  }
  return SL_OK;
}

/* All that can be known and refused before memory is taken. */
static sl_status prepare(sl_run_state *run, sl_extent extent, const char *checkpoint,
                         sl_error *err) {
  const sl_config *c = &run->config;
  sl_status status = create_context(run, err);
  const sl_task_options task = sl_config_task_options(c);
  if (!status) status = sl_task_load(&run->task, &task, err);
  if (!status && extent != SL_EXTENT_EVALUATION && run->task.train.n == 0)
    status = sl_config_fail(c, SL_KEY_task_train, err, "the task needs a file");
  if (!status) status = describe_policy(run, extent, checkpoint, err);
  if (!status) status = check_tags(run, err);
  if (!status && extent != SL_EXTENT_EVALUATION)
    status = sl_reward_source_open(run, !checkpoint, err); /* a resumed run may have all answers */
  if (!status) status = sl_run_gate_load(run, extent, err);
  if (!status) status = plan_lengths(run, extent, err);
  if (!status && extent != SL_EXTENT_EVALUATION) status = describe_reference(run, err);
  return status ? status : sl_run_state_plan(run, err);
}

/* Of a model that a key names, in the memory of ctx. */
static sl_status check_first_pass(const sl_run_state *run, sl_config_key key, sl_context *ctx,
                                  const sl_parameters *model, sl_error *err) {
  const sl_first_pass over = {run->tokenizer, &run->task, run->config.rl.temperature};
  return sl_first_pass_check(ctx, model, &over, sl_config_path(&run->config, key), err);
}

static sl_status fill_policy(sl_run_state *run, const char *checkpoint, sl_error *err) {
  const sl_config *c = &run->config;
  const int from_folder = *c->model.folder && !checkpoint;
  sl_status status =
      from_folder ? sl_model_weights_read(&run->policy, sl_config_path(c, SL_KEY_model_folder), err)
                  : sl_arena_create(&run->policy.data, NULL, run->policy.layout, err);
  if (!status && !from_folder && !checkpoint)
    sl_parameters_init(&run->policy, (uint64_t)c->run.seed, c->model.init_std);
  if (!status) status = sl_parameters_move(&run->policy, run->ctx, err);
  return status || !from_folder
             ? status
             : check_first_pass(run, SL_KEY_model_folder, run->ctx, &run->policy, err);
}

static sl_status fill_reference(sl_run_state *run, sl_error *err) {
  const sl_config *c = &run->config;
  if (!run->reference.layout) return SL_OK;
  const int named = *c->rl.reference != 0;
  sl_status status =
      named ? sl_model_weights_read(&run->reference, sl_config_path(c, SL_KEY_rl_reference), err)
            : sl_arena_create(&run->reference.data, NULL, run->reference.layout, err);
  if (!status) status = sl_parameters_move(&run->reference, run->ctx, err);
  return status || !named
             ? status
             : check_first_pass(run, SL_KEY_rl_reference, run->ctx, &run->reference, err);
}

/* The first model's digest is left out where its numbers are not there: in a plan, and in a
 * restored run, where it is the checkpoint's to say. */
static sl_status identify(sl_run_state *run, int has_first, sl_error *err) {
  char first[SL_DIGEST_TEXT] = "";
  sl_status status = sl_identity_keys(&run->identity, &run->config, err);
  if (!status && *run->config.model.folder && has_first)
    status = sl_parameters_digest(first, run->ctx, run->policy.layout, run->policy.data, err);
  if (status) return status;
  return sl_identity_content(&run->identity, &run->config, &run->task, run->tokenizer,
                             &run->objective.gate, run->gate, run->certificate, first, err);
}

/* 1 if this machine can hold the run; on a device, a model's parameters on both sides. */
static int fits_here(const sl_run_state *run, const sl_model_layout *layout) {
  const size_t bytes = sl_memory_limit_read().bytes;
  return sl_context_on_device(run->ctx) ? sl_arena_bytes(layout) <= bytes / 2
                                        : sl_run_memory(run) <= bytes;
}

/* A model's numbers, by a forward pass in the memory of ctx, which needs the parameters alone. */
static sl_status check_numbers(const sl_run_state *run, sl_config_key key, sl_model_layout *layout,
                               sl_context *ctx, sl_error *err) {
  sl_parameters model = {.layout = layout};
  sl_status status = sl_model_weights_read(&model, sl_config_path(&run->config, key), err);
  if (!status) status = sl_parameters_move(&model, ctx, err);
  if (!status) status = check_first_pass(run, key, ctx, &model, err);
  sl_arena_free(model.ctx, model.data);
  return status;
}

/* The same where the run fits, in seconds whatever its backend; else the weights alone. */
static sl_status check_model(sl_run_state *run, sl_config_key key, sl_model_layout *layout,
                             sl_error *err) {
  if (!fits_here(run, layout))
    return sl_model_weights_check(layout, sl_config_path(&run->config, key), err);
  const char *other = sl_first_pass_other_backend(run->ctx);
  if (!other) return check_numbers(run, key, layout, run->ctx, err);
  const sl_context_options options = {.backend = other, .threads = (int)run->config.run.threads};
  sl_context *ctx;
  sl_status status = sl_context_create(&ctx, &options, err);
  if (status) return status;
  status = check_numbers(run, key, layout, ctx, err);
  sl_context_destroy(ctx);
  run->tried_with = other;
  return status;
}

/* What filling the run would find out, without its memory. */
static sl_status check_plan(sl_run_state *run, sl_error *err) {
  const sl_config *c = &run->config;
  float frequencies[1024];
  const sl_model_shape *s = &run->policy.layout->shape;
  sl_status status = s->head_dim <= 2048 ? sl_rope_scaled_frequencies(frequencies, s->head_dim,
                                                                      s->rope_theta, &s->rope, err)
                                         : SL_OK;
  if (!status && *c->model.folder && !run->bare)
    status = check_model(run, SL_KEY_model_folder, run->policy.layout, err);
  if (!status && run->reference.layout && *c->rl.reference && !run->bare_reference)
    status = check_model(run, SL_KEY_rl_reference, run->reference.layout, err);
  return status ? status : identify(run, 0, err);
}

static sl_status create_order(sl_data_order *out, const sl_task *task, size_t n, const sl_config *c,
                              uint32_t stream, sl_error *err) {
  const uint64_t seed = (uint64_t)c->run.seed;
  return task->n_parts
             ? sl_data_order_create_mixture(out, task->part, task->n_parts, seed, stream, err)
             : sl_data_order_create(out, n, seed, stream, err);
}

static sl_status build(sl_run_state *run, sl_extent extent, const char *checkpoint, sl_error *err) {
  const sl_config *c = &run->config;
  sl_status status = prepare(run, extent, checkpoint, err);
  if (!status && extent == SL_EXTENT_PLAN) return check_plan(run, err);
  if (!status && extent == SL_EXTENT_TRAINING) status = sl_run_check_memory(run, err);
  if (status) return status;
  status = fill_policy(run, checkpoint, err);
  if (!status && extent == SL_EXTENT_TRAINING) status = identify(run, !checkpoint, err);
  if (!status) status = fill_reference(run, err);
  if (!status) status = sl_run_state_allocate(run, err);
  if (status || run->task.train.n == 0) return status; /* held-out problems alone, to evaluate */
  status = create_order(&run->sft_order, &run->task, run->task.warm.n, c, SL_STREAM_SFT, err);
  return status ? status
                : create_order(&run->rl_order, &run->task, run->task.train.n, c, SL_STREAM_RL, err);
}

static sl_status make(sl_run_state **out, sl_config *config, sl_extent extent,
                      const char *checkpoint, sl_error *err) {
  sl_run_state *run = calloc(1, sizeof *run);
  if (!run) {
    sl_config_free(config);
    return sl_fail(err, SL_ERR_MEMORY, "no memory for a run");
  }
  run->config = *config;
  run->extent = extent;
  run->success_before = run->success_after = run->best_success = NAN;
  const sl_status status = build(run, extent, checkpoint, err);
  if (status) {
    sl_run_state_destroy(run);
    return status;
  }
  *out = run;
  return SL_OK;
}

sl_status sl_run_state_create(sl_run_state **out, sl_config *config, sl_extent extent,
                              sl_error *err) {
  return make(out, config, extent, NULL, err);
}

sl_status sl_run_state_restore(sl_run_state **out, sl_config *config, const char *checkpoint,
                               sl_error *err) {
  return make(out, config, SL_EXTENT_TRAINING, checkpoint, err);
}
