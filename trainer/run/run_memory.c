/* The memory of a run: planned, taken in blocks that are as planned, and claimed by a rehearsal, so
 * that no step allocates anything. */
#include "run_state.h"

#include "trainer/model/block.h"

#include <string.h>

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }
static size_t rollout_sequences(const sl_trainer *t) {
  return (size_t)(t->config.rl.prompts * t->config.rl.group);
}
static size_t step_sequences(const sl_trainer *t) {
  return larger(rollout_sequences(t) / (size_t)t->config.rl.updates, (size_t)t->config.sft.batch);
}
static size_t shards(const sl_trainer *t) { return (size_t)t->config.rl.reduce_shards; }
/* On a host the activations of more tokens than these leave its caches: the demo's step, of one
 * thread, is 12 % slower with all 2816 of them at once than with 352. */
#define HOST_TOKENS ((size_t)512)

/* rl.micro_batch, or for its 0 what suits the backend: on a device all, so that it is filled; on a
 * host HOST_TOKENS, but a whole shard. */
static size_t micro_batch(const sl_trainer *t) {
  const size_t shard = (step_sequences(t) + shards(t) - 1) / shards(t);
  if (t->config.rl.micro_batch || sl_context_on_device(t->ctx))
    return (size_t)t->config.rl.micro_batch;
  return larger(shard, HOST_TOKENS / t->max_length);
}

static size_t shards_at_once(const sl_trainer *t) {
  return sl_shards_at_once(step_sequences(t), shards(t), t->micro_batch);
}
static size_t step_micro_tokens(const sl_trainer *t) {
  return sl_micro_batch_tokens(step_sequences(t), shards(t), t->micro_batch, t->max_length);
}
/* Sequences of a rollout whose log-probs under the reference are computed at a time. */
static size_t reference_sequences(const sl_trainer *t) {
  const size_t n = rollout_sequences(t);
  return t->micro_batch && t->micro_batch < n ? t->micro_batch : n;
}
static size_t reference_tokens(const sl_trainer *t) {
  return reference_sequences(t) * t->max_length;
}

static void cut_tables(sl_cutter *c, sl_trainer *t) {
  const size_t n = t->max_sequences, r = rollout_sequences(t),
               prompts = (size_t)t->config.rl.prompts;
  t->prompts.offset = sl_cut(c, n + 1, 1, sizeof(uint32_t));
  t->prompts.ids = sl_cut(c, n, t->max_length, sizeof(uint32_t));
  t->reward = sl_cut(c, r, 1, sizeof(double));
  t->reward_in_order = sl_cut(c, r, 1, sizeof(double));
  t->advantage = sl_cut(c, r, 1, sizeof(float));
  t->chosen = sl_cut(c, n, 1, sizeof(uint32_t));
  t->group = sl_cut(c, prompts + 1, 1, sizeof(uint32_t));
  t->update_order = sl_cut(c, prompts, 1, sizeof(uint32_t));
  t->reward_order = sl_cut(c, r, 1, sizeof(uint32_t));
  t->solved = sl_cut(c, t->task.held_out.n, 1, sizeof(double));
  t->text = sl_cut(c, SL_TEXT_BYTES(t->max_length), 1, 1);
}

static size_t table_bytes(sl_trainer *t) {
  sl_cutter c = {0};
  cut_tables(&c, t);
  return sl_cutter_bytes(&c);
}

static sl_status plan_training(sl_trainer *t, sl_error *err) {
  const sl_model_layout *layout = t->policy.layout;
  sl_memory_plan *p = &t->plan;
  p->moments = sl_optimizer_bytes(t->ctx, layout);
  p->gradients = sl_gradients_bytes(layout, shards(t), shards_at_once(t));
  p->buffers += sl_step_bytes(t->ctx, step_sequences(t), step_sequences(t) * t->max_length);
  p->buffers += sl_digests_bytes(t->ctx, layout, sl_trainer_digest_arenas(t));
  sl_status status = sl_model_bytes(&p->activations, t->ctx, layout, step_micro_tokens(t), 1, err);
  if (status || !t->reference.layout) return status;
  p->buffers += sl_step_bytes(t->ctx, rollout_sequences(t), rollout_sequences(t) * t->max_length);
  status = sl_model_bytes(&p->reference, t->ctx, t->reference.layout, reference_tokens(t), 0, err);
  p->reference += sl_arena_bytes(t->reference.layout);
  return status;
}

size_t sl_memory_plan_bytes(const sl_memory_plan *p) {
  const size_t parts[] = {p->parameters, p->moments, p->gradients, p->activations,
                          p->rollout,    p->cache,   p->reference, p->buffers};
  size_t sum = 0;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    sum = parts[i] > SIZE_MAX - sum ? SIZE_MAX : sum + parts[i];
  return sum;
}

sl_status sl_trainer_plan(sl_trainer *t, sl_extent extent, sl_error *err) {
  const sl_model_layout *layout = t->policy.layout;
  sl_memory_plan *p = &t->plan;
  sl_generator_memory g;
  t->micro_batch = micro_batch(t);
  sl_status status = sl_generator_bytes(&g, t->ctx, layout, t->max_sequences, t->max_length, err);
  if (status) return status;
  *p = (sl_memory_plan){.parameters = sl_arena_bytes(layout),
                        .rollout = g.activations + g.work - g.cache + g.tokens,
                        .cache = g.cache,
                        .buffers = table_bytes(t)};
  if (extent != SL_EXTENT_EVALUATION) status = plan_training(t, err);
  if (!status && sl_memory_plan_bytes(p) == SIZE_MAX)
    status = sl_fail(err, SL_ERR_MEMORY, "the memory that the run needs overflows");
  return status;
}

static sl_status allocate_training(sl_trainer *t, sl_error *err) {
  const sl_model_layout *layout = t->policy.layout;
  const size_t most = step_sequences(t), rollout = rollout_sequences(t);
  sl_status status = sl_optimizer_create(&t->optimizer, t->ctx, layout, err);
  if (!status)
    status = sl_gradients_create(&t->gradients, t->ctx, layout, shards(t), shards_at_once(t), err);
  if (!status)
    status =
        sl_model_create(&t->model, t->ctx, layout, t->policy.data, step_micro_tokens(t), 1, err);
  if (!status) status = sl_step_create(&t->step, t->ctx, most, most * t->max_length, err);
  if (!status)
    status = sl_digests_create(&t->digests, t->ctx, layout, sl_trainer_digest_arenas(t), err);
  if (status || !t->reference.layout) return status;
  status = sl_step_create(&t->rollout_step, t->ctx, rollout, rollout * t->max_length, err);
  return status ? status
                : sl_model_create(&t->reference_model, t->ctx, t->reference.layout,
                                  t->reference.data, reference_tokens(t), 0, err);
}

/* Fills a step with n sequences of the longest kind, learnt from throughout. */
static void fill_longest(const sl_trainer *t, sl_step *s, size_t n) {
  memset(t->prompts.ids, 0, t->max_length * sizeof *t->prompts.ids);
  sl_step_clear(s);
  for (size_t i = 0; i < n; i++) sl_step_add(s, t->prompts.ids, t->max_length, 1, NULL, 0.0f);
}

/* Kernels take their workspace from the context, which keeps the largest. Here each runs once on
 * the largest input that it can get. */
static sl_status rehearse_training(sl_trainer *t, sl_error *err) {
  const sl_step_options options = {&t->objective, 1.0f / t->config.rl.temperature, t->micro_batch};
  double norm;
  fill_longest(t, &t->step, t->step.max_sequences);
  sl_status status = sl_trainer_kernel_error(
      t, sl_step_rehearse(&t->step, t->model, &t->gradients, &options), err);
  if (!status) status = sl_gradient_norm(&t->optimizer, t->gradients.total, &norm, err);
  if (status || !t->reference_model) return status;
  sl_step *s = &t->rollout_step;
  fill_longest(t, s, reference_sequences(t));
  return sl_trainer_kernel_error(
      t, sl_step_logprobs(s, t->reference_model, &options, s->logp_ref, s->entropy), err);
}

sl_status sl_trainer_allocate(sl_trainer *t, sl_extent extent, sl_error *err) {
  const size_t group = (size_t)t->config.rl.group;
  sl_status status =
      sl_block_create(&t->tables, NULL, table_bytes(t), "the tables of a rollout", err);
  if (status) return status;
  cut_tables(&(sl_cutter){.base = t->tables}, t);
  for (size_t p = 0; p <= (size_t)t->config.rl.prompts; p++) t->group[p] = (uint32_t)(p * group);
  status = sl_generator_create(&t->generator, t->ctx, t->policy.layout, t->policy.data,
                               t->max_sequences, t->max_length, err);
  if (!status && extent == SL_EXTENT_TRAINING) status = allocate_training(t, err);
  if (!status && extent == SL_EXTENT_TRAINING) status = rehearse_training(t, err);
  return status ? status : sl_generator_rehearse(t->generator, err);
}
