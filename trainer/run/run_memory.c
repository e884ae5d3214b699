/* The memory of a run. It is planned first, then taken in blocks of exactly the planned sizes. Then
 * a rehearsal runs each kernel once on its largest input, so that no step allocates anything. */
#include "run_rollout.h"
#include "memory_limit.h"
#include "workspace_bound.h"

#include "trainer/model/block.h"

#include <string.h>

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }
static size_t rollout_sequences(const sl_run_state *run) {
  return (size_t)(run->config.rl.prompts * run->config.rl.group);
}
static size_t step_sequences(const sl_run_state *run) {
  return larger(rollout_sequences(run) / (size_t)run->config.rl.updates,
                (size_t)run->config.sft.batch);
}
static size_t shards(const sl_run_state *run) { return (size_t)run->config.rl.reduce_shards; }
/* Tokens whose activations still fit a host's caches: the demo's step, on one thread, takes 12 %
 * longer with all its 2816 tokens at once than with 352. */
#define HOST_TOKENS ((size_t)512)

/* The value of rl.micro_batch. 0 chooses by backend: on a device all sequences, to fill it; on a
 * host about HOST_TOKENS tokens, but at least one shard. */
static size_t micro_batch(const sl_run_state *run) {
  const size_t shard = (step_sequences(run) + shards(run) - 1) / shards(run);
  if (run->config.rl.micro_batch || sl_context_on_device(run->ctx))
    return (size_t)run->config.rl.micro_batch;
  return larger(shard, HOST_TOKENS / run->max_length);
}

static size_t shards_at_once(const sl_run_state *run) {
  return sl_shards_at_once(step_sequences(run), shards(run), run->micro_batch);
}
static size_t step_micro_tokens(const sl_run_state *run) {
  return sl_micro_batch_tokens(step_sequences(run), shards(run), run->micro_batch, run->max_length);
}
/* Sequences of a rollout whose log-probs under the reference are computed at a time. */
static size_t reference_sequences(const sl_run_state *run) {
  const size_t n = rollout_sequences(run);
  return run->micro_batch && run->micro_batch < n ? run->micro_batch : n;
}
static size_t reference_tokens(const sl_run_state *run) {
  return reference_sequences(run) * run->max_length;
}

static void cut_kept(sl_cutter *c, sl_run_state *run) {
  const size_t n = rollout_sequences(run), t = n * run->max_length;
  sl_kept_groups *kept = &run->kept;
  if (!run->config.rl.dynamic_sampling) return;
  kept->reward = sl_cut(c, n, 1, sizeof(double));
  kept->chosen = sl_cut(c, (size_t)run->config.rl.prompts, 1, sizeof(uint32_t));
  kept->rollout.seq = sl_cut(c, n + 1, 1, sizeof(uint32_t));
  kept->rollout.prompt_length = sl_cut(c, n, 1, sizeof(uint32_t));
  kept->rollout.ids = sl_cut(c, t, 1, sizeof(uint32_t));
  kept->rollout.logp = sl_cut(c, t, 1, sizeof(float));
  kept->rollout.ended = sl_cut(c, n, 1, 1);
}

static void cut_tables(sl_cutter *c, sl_run_state *run) {
  const size_t n = run->max_sequences, r = rollout_sequences(run),
               prompts = (size_t)run->config.rl.prompts;
  run->prompts.offset = sl_cut(c, n + 1, 1, sizeof(uint32_t));
  run->prompts.ids = sl_cut(c, n, run->max_length, sizeof(uint32_t));
  run->reward = sl_cut(c, r, 1, sizeof(double));
  run->reward_in_order = sl_cut(c, r, 1, sizeof(double));
  run->sampled_reward = sl_cut(c, sl_run_sampled_sequences(&run->config), 1, sizeof(double));
  run->component = sl_cut(c, r, SL_COMPONENT_COUNT, sizeof(double));
  run->advantage = sl_cut(c, r, 1, sizeof(float));
  run->chosen = sl_cut(c, n, 1, sizeof(uint32_t));
  run->group = sl_cut(c, prompts + 1, 1, sizeof(uint32_t));
  run->update_order = sl_cut(c, prompts, 1, sizeof(uint32_t));
  run->reward_order = sl_cut(c, r, 1, sizeof(uint32_t));
  run->ratios =
      sl_cut(c, (size_t)run->config.rl.updates, (size_t)run->config.rl.epochs, sizeof *run->ratios);
  run->solved = sl_cut(c, run->task.held_out.n, 1, sizeof(double));
  run->text = sl_cut(c, sl_tokenizer_text_bytes(run->tokenizer, run->max_length), 1, 1);
  cut_kept(c, run);
}

static size_t table_bytes(sl_run_state *run) {
  sl_cutter c = {0};
  cut_tables(&c, run);
  return sl_cutter_bytes(&c);
}

size_t sl_run_state_digest_arenas(const sl_run_state *run) {
  return SL_DIGESTS_STATE +
         (size_t)(run->config.rl.updates *
                  run->config.rl.epochs); /* at least the one update of the warm start */
}

static sl_status plan_training(sl_run_state *run, sl_error *err) {
  const sl_model_layout *layout = run->policy.layout;
  sl_memory_plan *p = &run->plan;
  p->moments = sl_optimizer_bytes(run->ctx, layout);
  p->gradients = sl_gradients_bytes(layout, shards(run), shards_at_once(run));
  p->buffers +=
      sl_update_batch_bytes(run->ctx, step_sequences(run), step_sequences(run) * run->max_length);
  p->buffers += sl_digests_bytes(run->ctx, layout, sl_run_state_digest_arenas(run));
  sl_status status =
      sl_model_bytes(&p->activations, run->ctx, layout, step_micro_tokens(run), 1, err);
  if (status || !run->reference.layout) return status;
  p->buffers += sl_update_batch_bytes(run->ctx, rollout_sequences(run),
                                      rollout_sequences(run) * run->max_length);
  status =
      sl_model_bytes(&p->reference, run->ctx, run->reference.layout, reference_tokens(run), 0, err);
  p->reference += sl_arena_bytes(run->reference.layout);
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

static size_t workspace_bytes(const sl_run_state *run, sl_extent extent) {
  const size_t rows = larger(run->max_sequences, run->max_length); /* as generate.c takes tokens */
  sl_workspace_calls calls = {.tokens = rows, .sequences = rows, .rows = run->max_sequences};
  if (extent != SL_EXTENT_EVALUATION) {
    const size_t reference = run->reference.layout ? reference_tokens(run) : 0;
    calls.tokens = larger(rows, larger(step_micro_tokens(run), reference));
    calls.sequences = larger(rows, step_sequences(run));
    calls.shard_tokens = (step_sequences(run) + shards(run) - 1) / shards(run) * run->max_length;
  }
  size_t most = sl_workspace_bound(run->ctx, run->policy.layout, &calls);
  if (extent != SL_EXTENT_EVALUATION && run->reference.layout)
    most = larger(most, sl_workspace_bound(run->ctx, run->reference.layout, &calls));
  return most;
}

/* Tokens are counted in 32 bits (spec N4.1). */
static sl_status check_tokens(const sl_run_state *run, sl_error *err) {
  const size_t most = larger(step_sequences(run), rollout_sequences(run));
  if (most <= UINT32_MAX / run->max_length) return SL_OK;
  return sl_fail(err, SL_ERR_USAGE,
                 "a step of %zu sequences of up to %zu tokens: more than 2^32 tokens", most,
                 run->max_length);
}

sl_status sl_run_state_plan(sl_run_state *run, sl_extent extent, sl_error *err) {
  const sl_model_layout *layout = run->policy.layout;
  sl_memory_plan *p = &run->plan;
  sl_generator_memory g;
  run->micro_batch = micro_batch(run);
  sl_status status = extent == SL_EXTENT_EVALUATION ? SL_OK : check_tokens(run, err);
  if (!status)
    status = sl_generator_bytes(&g, run->ctx, layout, run->max_sequences, run->max_length, err);
  if (status) return status;
  *p = (sl_memory_plan){.parameters = sl_arena_bytes(layout),
                        .rollout = g.activations + g.work - g.cache + g.tokens,
                        .cache = g.cache,
                        .buffers = table_bytes(run)};
  p->workspace = workspace_bytes(run, extent);
  if (extent != SL_EXTENT_EVALUATION) status = plan_training(run, err);
  if (!status && sl_memory_plan_bytes(p) == SIZE_MAX)
    status = sl_fail(err, SL_ERR_MEMORY, "the memory that the run needs overflows");
  return status;
}

static sl_status allocate_training(sl_run_state *run, sl_error *err) {
  const sl_model_layout *layout = run->policy.layout;
  const size_t most = step_sequences(run), rollout = rollout_sequences(run);
  sl_status status = sl_optimizer_create(&run->optimizer, run->ctx, layout, err);
  if (!status)
    status = sl_gradients_create(&run->gradients, run->ctx, layout, shards(run),
                                 shards_at_once(run), err);
  if (!status)
    status = sl_model_create(&run->model, run->ctx, layout, run->policy.data,
                             step_micro_tokens(run), 1, err);
  if (!status)
    status = sl_update_batch_create(&run->step, run->ctx, most, most * run->max_length, err);
  if (!status)
    status =
        sl_digests_create(&run->digests, run->ctx, layout, sl_run_state_digest_arenas(run), err);
  if (status || !run->reference.layout) return status;
  status =
      sl_update_batch_create(&run->rollout_step, run->ctx, rollout, rollout * run->max_length, err);
  return status ? status
                : sl_model_create(&run->reference_model, run->ctx, run->reference.layout,
                                  run->reference.data, reference_tokens(run), 0, err);
}

/* Fills a step with n sequences of the greatest length, all of whose tokens but the first are
 * learnt from. */
static void fill_longest(const sl_run_state *run, sl_update_batch *s, size_t n) {
  memset(run->prompts.ids, 0, run->max_length * sizeof *run->prompts.ids);
  sl_update_batch_clear(s);
  for (size_t i = 0; i < n; i++)
    sl_update_batch_add(s, run->prompts.ids, run->max_length, 1, NULL, 0.0f);
}

/* The context keeps the largest workspace that a kernel has asked for. Each kernel runs here once
 * on the largest input that it can get, and so asks for no more later. */
static sl_status rehearse_training(sl_run_state *run, sl_error *err) {
  const sl_gradient_options options = sl_run_gradient_options(run);
  double norm;
  fill_longest(run, &run->step, run->step.max_sequences);
  sl_status status = sl_run_kernel_error(
      run, sl_update_batch_rehearse(&run->step, run->model, &run->gradients, &options), err);
  if (!status) status = sl_gradient_norm(&run->optimizer, run->gradients.total, &norm, err);
  if (status || !run->reference_model) return status;
  sl_update_batch *s = &run->rollout_step;
  fill_longest(run, s, reference_sequences(run));
  return sl_run_kernel_error(
      run, sl_update_batch_logprobs(s, run->reference_model, &options, s->logp_ref, s->entropy),
      err);
}

/* The longest sequences of padding alone have numbers that the first problem does not have. */
static void explain_rehearsal(sl_error *err) {
  const sl_error inner = *err;
  sl_fail(err, inner.status,
          "before the first step, in a rehearsal on padding: %s: the model's numbers "
          "are too large",
          inner.message);
}

sl_status sl_run_state_allocate(sl_run_state *run, sl_extent extent, sl_error *err) {
  const size_t group = (size_t)run->config.rl.group;
  const size_t bytes = table_bytes(run);
  sl_status status = sl_block_create(&run->tables, NULL, bytes, "the tables of a rollout", err);
  if (status) return status;
  cut_tables(&(sl_cutter){.base = run->tables, .bytes = bytes}, run);
  for (size_t p = 0; p <= (size_t)run->config.rl.prompts; p++)
    run->group[p] = (uint32_t)(p * group);
  status = sl_generator_create(&run->generator, run->ctx, run->policy.layout, run->policy.data,
                               run->max_sequences, run->max_length, err);
  const sl_end_tokens *ends = sl_tokenizer_ends(run->tokenizer);
  if (!status) sl_generator_set_ends(run->generator, ends->ids, ends->n);
  if (!status && extent == SL_EXTENT_TRAINING) status = allocate_training(run, err);
  if (!status && extent == SL_EXTENT_TRAINING) status = rehearse_training(run, err);
  if (status == SL_ERR_NONFINITE) explain_rehearsal(err);
  return status ? status : sl_generator_rehearse(run->generator, err);
}

size_t sl_run_memory(const sl_run_state *run) {
  const size_t blocks = sl_memory_plan_bytes(&run->plan), workspace = run->plan.workspace;
  return workspace > SIZE_MAX - blocks ? SIZE_MAX : blocks + workspace;
}

sl_status sl_run_check_memory(const sl_run_state *run, sl_error *err) {
  if (sl_context_on_device(run->ctx)) return SL_OK;
  const sl_memory_limit limit = sl_memory_limit_read();
  const size_t wanted = sl_run_memory(run);
  if (wanted <= limit.bytes) return SL_OK;
  return sl_fail(err, SL_ERR_MEMORY,
                 "the run takes %.1f MiB, but %s has %.1f MiB: a smaller model, rl.micro_batch, "
                 "rl.prompts or rl.group takes less ('--dry-run' says what for)",
                 (double)wanted / 1048576.0, limit.by, (double)limit.bytes / 1048576.0);
}
