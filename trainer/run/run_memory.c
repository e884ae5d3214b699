/* The memory of a run: blocks of exactly the planned sizes, then a rehearsal that runs each kernel
 * once on its largest input, so that no step allocates anything. */
#include "run_plan.h"
#include "run_rollout.h"

#include "trainer/model/block.h"

#include <string.h>

/* A model for training in the shared block, which begins with its packs and activations, those of
 * lanes behind one another. */
static sl_status place_model(sl_run_state *run, sl_model **out, const sl_parameters *of,
                             size_t tokens, sl_model_kind kind, sl_error *err) {
  sl_model_memory bytes;
  sl_status status = sl_model_bytes(&bytes, run->ctx, of->layout, tokens, kind, err);
  if (!status)
    status =
        sl_model_create_in(out, run->ctx, of->layout, of->data, tokens, kind, run->shared, err);
  if (status || !run->lanes) return status;
  unsigned char *others = (unsigned char *)run->shared + bytes.packs + bytes.activations;
  return sl_model_set_lanes(*out, run->lanes, others, err);
}

/* Packs, activations and gradients of an update. */
static sl_status place_update(sl_run_state *run, sl_error *err) {
  const sl_part_memory *p = &run->plan.part[SL_PART_UPDATE];
  sl_gradients_place(&run->gradients, run->ctx, run->policy.layout,
                     (size_t)run->config.rl.reduce_shards, sl_run_shards_at_once(run),
                     (unsigned char *)run->shared + p->packs + p->activations);
  return place_model(run, &run->model, &run->policy, sl_run_micro_batch_tokens(run),
                     sl_run_model_kind(run), err);
}

static sl_status allocate_training(sl_run_state *run, sl_error *err) {
  const sl_model_layout *layout = run->policy.layout;
  const size_t most = sl_run_step_sequences(run), rollout = sl_run_rollout_sequences(run);
  sl_status status = sl_optimizer_create(&run->optimizer, run->ctx, layout, err);
  if (!status) status = place_update(run, err);
  if (!status)
    status = sl_update_batch_create(&run->step, run->ctx, most, most * run->max_length, err);
  if (!status)
    status =
        sl_digests_create(&run->digests, run->ctx, layout, sl_run_state_digest_arenas(run), err);
  if (status || !run->reference.layout) return status;
  status =
      sl_update_batch_create(&run->rollout_step, run->ctx, rollout, rollout * run->max_length, err);
  return status ? status
                : place_model(run, &run->reference_model, &run->reference,
                              sl_run_reference_sequences(run) * run->max_length, SL_MODEL_FORWARD,
                              err);
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
  char hash[SL_DIGEST_TEXT];
  if (!status) status = sl_gradient_norm(&run->optimizer, run->gradients.total, &norm, err);
  if (!status) status = sl_run_state_hash(run, 0, hash, err);
  if (status || !run->reference_model) return status;
  sl_update_batch *s = &run->rollout_step;
  fill_longest(run, s, run->lanes ? s->max_sequences : sl_run_reference_sequences(run));
  return sl_run_kernel_error(
      run, sl_update_batch_rehearse_logprobs(s, run->reference_model, &options), err);
}

/* The longest sequences of padding alone have numbers that the first problem does not have. */
static void explain_rehearsal(sl_error *err) {
  const sl_error inner = *err;
  sl_fail(err, inner.status,
          "before the first step, in a rehearsal on padding: %s: the model's numbers "
          "are too large",
          inner.message);
}

static sl_status allocate_tables(sl_run_state *run, sl_error *err) {
  const size_t group = (size_t)run->config.rl.group, bytes = sl_run_table_bytes(run);
  const sl_status status =
      sl_block_create(&run->tables, NULL, bytes, "the tables of a rollout", err);
  if (status) return status;
  sl_run_cut_tables(&(sl_cutter){.base = run->tables, .bytes = bytes}, run);
  for (size_t p = 0; p <= (size_t)run->config.rl.prompts; p++)
    run->group[p] = (uint32_t)(p * group);
  return SL_OK;
}

sl_status sl_run_state_allocate(sl_run_state *run, sl_error *err) {
  const int trains = run->extent == SL_EXTENT_TRAINING;
  sl_status status = allocate_tables(run, err);
  if (!status)
    status = sl_block_create(&run->shared, run->ctx, run->plan.shared,
                             "what a rollout and an update have in turn", err);
  const size_t n = sl_run_lanes(run);
  if (!status && n) status = sl_lanes_create(&run->lanes, run->ctx, n, err);
  const sl_generator_lanes lanes = {run->lanes, n, (size_t)run->config.rl.group};
  if (!status)
    status = sl_generator_create_in(&run->generator, run->ctx, run->policy.layout, run->policy.data,
                                    run->max_sequences, run->max_length, &lanes, run->shared, err);
  const sl_end_tokens *ends = sl_tokenizer_ends(run->tokenizer);
  if (!status) sl_generator_set_ends(run->generator, ends->ids, ends->n);
  if (!status && trains) status = allocate_training(run, err);
  if (!status && trains) status = rehearse_training(run, err);
  if (status == SL_ERR_NONFINITE) explain_rehearsal(err);
  return status ? status : sl_generator_rehearse(run->generator, err);
}
