/* What memory a run will take (spec L1.8 says for which sizes). A rollout, the reference's
 * log-probs and an update come one after the other, and share a block as large as the largest
 * needs. */
#include "run_plan.h"

#include "workspace_bound.h"

#include <stdint.h>

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }
static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static size_t shards(const sl_run_state *run) { return (size_t)run->config.rl.reduce_shards; }

size_t sl_run_step_sequences(const sl_run_state *run) {
  const size_t update = sl_run_rollout_sequences(run) / (size_t)run->config.rl.updates;
  return run->config.sft.steps ? larger(update, (size_t)run->config.sft.batch) : update;
}
/* Of both models; training has no more than shards. */
static size_t most_lanes(const sl_run_state *run) {
  size_t n = sl_model_lanes(run->ctx, run->policy.layout);
  if (run->reference.layout) n = smaller(n, sl_model_lanes(run->ctx, run->reference.layout));
  if (run->extent != SL_EXTENT_EVALUATION) n = smaller(n, shards(run));
  return n > 1 ? n : 0;
}
size_t sl_run_lanes(const sl_run_state *run) {
  const size_t most = most_lanes(run), n = run->micro_batch && run->extent != SL_EXTENT_EVALUATION
                                               ? smaller(most, run->micro_batch)
                                               : most;
  return n > 1 ? n : 0;
}
/* With lanes several shards for each, so that none waits long for another. */
size_t sl_run_shards_at_once(const sl_run_state *run) {
  const size_t lanes = sl_run_lanes(run);
  size_t n = 1;
  if (!lanes) return sl_shards_at_once(sl_run_step_sequences(run), shards(run), run->micro_batch);
  while (n < shards(run) && n < 4 * lanes) n *= 2;
  return n;
}
size_t sl_run_micro_batch_tokens(const sl_run_state *run) {
  const size_t lanes = sl_run_lanes(run);
  return sl_micro_batch_tokens(sl_run_step_sequences(run), shards(run),
                               sl_lane_micro_batch(run->micro_batch, lanes ? lanes : 1),
                               run->max_length);
}
size_t sl_run_reference_sequences(const sl_run_state *run) {
  const size_t lanes = sl_run_lanes(run);
  return sl_lane_sequences(sl_run_rollout_sequences(run), run->micro_batch, lanes ? lanes : 1);
}
sl_model_kind sl_run_model_kind(const sl_run_state *run) {
  return run->config.run.recompute ? SL_MODEL_RECOMPUTING : SL_MODEL_TRAINING;
}

size_t sl_run_state_digest_arenas(const sl_run_state *run) {
  return SL_DIGESTS_STATE +
         (size_t)(run->config.rl.updates *
                  run->config.rl.epochs); /* at least the one update of the warm start */
}

/* Saturating: what overflows cannot be had. */
static size_t sum_of(const size_t *parts, size_t n) {
  size_t sum = 0;
  for (size_t i = 0; i < n; i++) sum = parts[i] > SIZE_MAX - sum ? SIZE_MAX : sum + parts[i];
  return sum;
}
static void add(size_t *sum, size_t bytes) { *sum = sum_of((const size_t[]){*sum, bytes}, 2); }

size_t sl_part_bytes(const sl_part_memory *p) {
  return sum_of((const size_t[]){p->packs, p->activations, p->cache, p->gradients}, 4);
}

size_t sl_memory_plan_bytes(const sl_memory_plan *p) {
  return sum_of((const size_t[]){p->parameters, p->moments, p->reference, p->buffers, p->shared},
                5);
}

size_t sl_run_memory(const sl_run_state *run) {
  return sum_of((const size_t[]){sl_memory_plan_bytes(&run->plan), run->plan.workspace}, 2);
}

/* A model's packs and activations, of each lane, are a part's, its tables stay. */
static void add_model(sl_memory_plan *p, int part, const sl_model_memory *m, size_t lanes) {
  p->part[part].packs = m->packs;
  for (size_t i = 0; i < (lanes ? lanes : 1); i++) add(&p->part[part].activations, m->activations);
  add(&p->buffers, m->tables);
}

static sl_status plan_rollout(sl_run_state *run, sl_generator_memory *g, sl_error *err) {
  sl_memory_plan *p = &run->plan;
  const sl_generator_lanes lanes = {NULL, sl_run_lanes(run), (size_t)run->config.rl.group};
  const sl_status status = sl_generator_bytes(g, run->ctx, run->policy.layout, run->max_sequences,
                                              run->max_length, &lanes, err);
  if (status) return status;
  p->part[SL_PART_ROLLOUT].cache = g->cache;
  p->part[SL_PART_ROLLOUT].activations = g->work == SIZE_MAX ? SIZE_MAX : g->work - g->cache;
  add_model(p, SL_PART_ROLLOUT, &g->model, 0);
  add(&p->buffers, g->tokens);
  return SL_OK;
}

static sl_status plan_reference(sl_run_state *run, sl_error *err) {
  sl_memory_plan *p = &run->plan;
  const size_t n = sl_run_rollout_sequences(run);
  sl_model_memory m;
  const sl_status status =
      sl_model_bytes(&m, run->ctx, run->reference.layout,
                     sl_run_reference_sequences(run) * run->max_length, SL_MODEL_FORWARD, err);
  if (status) return status;
  p->reference = sl_arena_bytes(run->reference.layout);
  add_model(p, SL_PART_REFERENCE, &m, sl_run_lanes(run));
  add(&p->buffers, sl_update_batch_bytes(run->ctx, n, n * run->max_length));
  return SL_OK;
}

static sl_status plan_update(sl_run_state *run, sl_error *err) {
  const sl_model_layout *layout = run->policy.layout;
  const size_t n = sl_run_step_sequences(run);
  sl_memory_plan *p = &run->plan;
  sl_model_memory m;
  const sl_status status = sl_model_bytes(&m, run->ctx, layout, sl_run_micro_batch_tokens(run),
                                          sl_run_model_kind(run), err);
  if (status) return status;
  p->moments = sl_optimizer_bytes(run->ctx, layout);
  p->part[SL_PART_UPDATE].gradients =
      sl_gradients_bytes(layout, shards(run), sl_run_shards_at_once(run));
  add_model(p, SL_PART_UPDATE, &m, sl_run_lanes(run));
  add(&p->buffers, sl_update_batch_bytes(run->ctx, n, n * run->max_length));
  add(&p->buffers, sl_digests_bytes(run->ctx, layout, sl_run_state_digest_arenas(run)));
  return run->reference.layout ? plan_reference(run, err) : SL_OK;
}

/* The largest need of the policy's kernels and the reference's. */
static size_t workspace_of(const sl_run_state *run, const sl_workspace_calls *calls) {
  size_t most = sl_workspace_bound(run->ctx, run->policy.layout, calls);
  if (calls->shard_tokens && run->reference.layout)
    most = larger(most, sl_workspace_bound(run->ctx, run->reference.layout, calls));
  return most;
}

/* What training adds to the calls of a rollout: `update` tokens at a time. */
static void add_training(const sl_run_state *run, sl_workspace_calls *calls) {
  const size_t update = sl_run_micro_batch_tokens(run), n = sl_run_step_sequences(run),
               shard = (n + shards(run) - 1) / shards(run) * run->max_length;
  const size_t reference =
      run->reference.layout ? sl_run_reference_sequences(run) * run->max_length : 0;
  calls->tokens = larger(calls->tokens, larger(update, reference));
  calls->sequences = larger(calls->sequences, n);
  calls->update_tokens = update, calls->shard_tokens = smaller(shard, update);
}

/* As generate.c takes tokens; then of the passes of training. On lanes, each has its own, and the
 * optimiser's kernels all threads. */
static size_t workspace_bytes(const sl_run_state *run, const sl_generator_memory *g) {
  const size_t rows = larger(g->lane_sequences, run->max_length), lanes = sl_run_lanes(run);
  sl_workspace_calls calls = {.tokens = rows, .sequences = rows, .rows = g->lane_sequences};
  if (run->extent != SL_EXTENT_EVALUATION) add_training(run, &calls);
  if (!lanes) return workspace_of(run, &calls);
  sl_workspace_calls rest = {.shard_tokens = 1};
  if (g->lanes == 1) rest.tokens = rest.sequences = rows, rest.rows = g->lane_sequences;
  calls.threads = 1;
  const size_t each = workspace_of(run, &calls);
  size_t sum = workspace_of(run, &rest);
  for (size_t i = 0; i < lanes; i++) add(&sum, each);
  return sum;
}

/* Tokens are counted in 32 bits (spec N4.1). */
static sl_status check_tokens(const sl_run_state *run, sl_error *err) {
  const size_t most = larger(sl_run_step_sequences(run), sl_run_rollout_sequences(run));
  if (most <= UINT32_MAX / run->max_length) return SL_OK;
  return sl_fail(err, SL_ERR_USAGE,
                 "a step of %zu sequences of up to %zu tokens: more than 2^32 tokens", most,
                 run->max_length);
}

/* The plan with the present micro-batch. */
static sl_status plan(sl_run_state *run, sl_error *err) {
  sl_memory_plan *p = &run->plan;
  *p = (sl_memory_plan){.parameters = sl_arena_bytes(run->policy.layout),
                        .buffers = sl_run_table_bytes(run)};
  sl_generator_memory g;
  sl_status status = plan_rollout(run, &g, err);
  if (!status) p->workspace = workspace_bytes(run, &g);
  if (!status && run->extent != SL_EXTENT_EVALUATION) status = plan_update(run, err);
  for (int i = 0; i < SL_PART_COUNT; i++) p->shared = larger(p->shared, sl_part_bytes(&p->part[i]));
  if (!status && sl_memory_plan_bytes(p) == SIZE_MAX)
    status = sl_fail(err, SL_ERR_MEMORY, "the memory that the run needs overflows");
  return status;
}

/* Tokens whose activations still fit a host's caches: the demo's step, on one thread, takes 12 %
 * longer with all its 2816 tokens at once than with 352. */
#define HOST_TOKENS ((size_t)512)

/* The value of rl.micro_batch; where it is 0, what is fastest where memory is plenty: on a device
 * all sequences, to fill it; on a host about HOST_TOKENS tokens, but at least one shard, and that
 * for each lane. */
static size_t fastest_micro_batch(const sl_run_state *run) {
  const size_t shard = (sl_run_step_sequences(run) + shards(run) - 1) / shards(run);
  if (run->config.rl.micro_batch || sl_context_on_device(run->ctx))
    return (size_t)run->config.rl.micro_batch;
  const size_t lanes = most_lanes(run), each = larger(shard, HOST_TOKENS / run->max_length);
  return lanes ? lanes * each : each;
}

/* The largest micro-batch with which the run fits, found by halving; 1 if none does. No plan grows
 * with a smaller one. */
static sl_status shrink_micro_batch(sl_run_state *run, sl_error *err) {
  const size_t limit = sl_run_limit(run).bytes;
  size_t low = 1, high = run->micro_batch ? run->micro_batch : sl_run_rollout_sequences(run);
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    run->micro_batch = middle;
    const sl_status status = plan(run, err);
    if (status) return status;
    if (sl_run_memory(run) <= limit)
      low = middle;
    else
      high = middle;
  }
  run->micro_batch = low;
  return plan(run, err);
}

sl_status sl_run_state_plan(sl_run_state *run, sl_error *err) {
  sl_status status = run->extent == SL_EXTENT_EVALUATION ? SL_OK : check_tokens(run, err);
  run->micro_batch = fastest_micro_batch(run);
  if (!status) status = plan(run, err);
  if (status || run->extent == SL_EXTENT_EVALUATION || run->config.rl.micro_batch) return status;
  return sl_run_memory(run) <= sl_run_limit(run).bytes ? SL_OK : shrink_micro_batch(run, err);
}

size_t sl_run_memory_with(const sl_run_state *run, size_t reduce_shards) {
  sl_run_state other = *run; /* a plan writes into the struct alone */
  other.config.rl.reduce_shards = (int64_t)reduce_shards;
  return sl_run_state_plan(&other, NULL) ? SIZE_MAX : sl_run_memory(&other);
}

/* A plan may be for another machine than this one. */
sl_memory_limit sl_run_limit(const sl_run_state *run) {
  sl_memory_limit limit = {SIZE_MAX, SIZE_MAX, "the device"};
  size_t named = 0;
  if (!sl_context_on_device(run->ctx)) limit = sl_memory_limit_read();
  sl_config_bytes(&named, run->config.run.memory);
  if (named && (run->extent == SL_EXTENT_PLAN || named < limit.bytes))
    limit.bytes = named, limit.by = "run.memory";
  return limit;
}

sl_status sl_run_check_memory(const sl_run_state *run, sl_error *err) {
  const sl_memory_limit limit = sl_run_limit(run);
  const size_t wanted = sl_run_memory(run);
  if (wanted <= limit.bytes) return SL_OK;
  return sl_fail(err, SL_ERR_MEMORY,
                 "the run takes %.1f MiB, but %s has %.1f MiB: a smaller model, rl.micro_batch, "
                 "rl.prompts or rl.group takes less, and so does run.recompute ('--dry-run' says "
                 "what for)",
                 (double)wanted / 1048576.0, limit.by, (double)limit.bytes / 1048576.0);
}
