/* A run: configuration, task, policy, optimiser, and where training stands (spec L1.2).
 * run_phases.c walks its phases; nothing here depends on time. */
#ifndef SLUICE_RUN_STATE_H
#define SLUICE_RUN_STATE_H

#include "trainer/config/config.h"
#include "data_order.h"
#include "state_digest.h"
#include "run_identity.h"
#include "trainer/model/generate.h"
#include "trainer/files/model_folder.h"
#include "trainer/model/batch_gradient.h"

#include <sluice/gate.h>

typedef enum { SL_PHASE_SFT, SL_PHASE_RL, SL_PHASE_DONE } sl_phase;

/* What a run is made for: to show its plan (no memory is taken), to evaluate a policy, to train
 * it. */
typedef enum { SL_EXTENT_PLAN, SL_EXTENT_EVALUATION, SL_EXTENT_TRAINING } sl_extent;

/* What a run does one after the other, and the bytes that each needs only meanwhile. */
enum { SL_PART_ROLLOUT, SL_PART_REFERENCE, SL_PART_UPDATE, SL_PART_COUNT };
typedef struct {
  size_t packs;       /* weights, rearranged */
  size_t activations; /* of a micro-batch; of a rollout also hidden rows and a piece of logits */
  size_t cache;       /* keys and values of all sequences */
  size_t gradients;
} sl_part_memory;

/* Bytes of the blocks that a run takes, by use. shared is the most that a part needs. workspace,
 * the most that kernels want on top, is no part of the sum. */
typedef struct {
  size_t parameters, moments;
  size_t reference; /* its parameters */
  size_t buffers;   /* tokens and log-probs, tables */
  size_t shared;
  size_t workspace; /* 0 on a device, where it is not known before */
  sl_part_memory part[SL_PART_COUNT];
} sl_memory_plan;
size_t sl_memory_plan_bytes(const sl_memory_plan *plan); /* SIZE_MAX if they overflow */
size_t sl_part_bytes(const sl_part_memory *part);        /* likewise */

/* The groups that the rounds of dynamic sampling have kept (spec L3.12): rl.prompts at most. */
typedef struct {
  sl_rollout rollout; /* without position and entropy */
  double *reward;
  uint32_t *chosen;
} sl_kept_groups;

typedef struct {
  sl_config config;
  sl_task task;
  sl_tokenizer *tokenizer;
  sl_context *ctx;
  sl_extent extent;
  sl_parameters policy, reference; /* reference.data NULL unless rl.beta > 0 */
  sl_optimizer optimizer;
  sl_gradients gradients;
  sl_model *model, *reference_model;
  sl_generator *generator;
  sl_update_batch step, rollout_step; /* of one update; of a whole rollout (reference log-probs) */
  sl_objective objective;
  sl_gate_definition *gate;
  float first_tau[2];               /* of the gate, where a schedule moves it (spec L3.11) */
  double tau_scale;                 /* that holds the EUR; NaN: no such schedule */
  char certificate[SL_DIGEST_TEXT]; /* digest of gate.certificate; "": none */
  sl_prompts prompts;               /* buffers for the largest batch of prompts */
  uint8_t *counted;                 /* (longest sequence) which of its ids the warm start counts */
  size_t max_length;                /* tokens of a sequence */
  size_t max_sequences;             /* that are generated at a time: a rollout */
  size_t micro_batch;               /* that are computed at a time in training; 0: all */
  sl_lanes *lanes;                  /* that share out the sequences of a step; NULL: none */

  int bare, bare_reference; /* of a plan: models without weights, of config.json alone */
  const char *tried_with;   /* of a plan: another backend that tried its models, or NULL */

  sl_phase phase;
  uint64_t sft_step, rl_step;           /* finished */
  double success_before, success_after; /* held-out, around RL; NaN if not reached */
  double best_success;                  /* of checkpoint.best; NaN while there is none */
  uint64_t best_step;                   /* finished rollouts when it was measured */
  uint64_t update;                      /* of the current step, from 1; 0 outside of updates */
  float rate;                           /* of the last update that began */
  sl_data_order sft_order, rl_order;
  double *reward, *reward_in_order; /* (prompts x group) */
  double *sampled_reward;           /* of all sequences of a rollout, in order */
  sl_kept_groups kept;              /* of rl.dynamic_sampling */
  double *component;                /* (prompts x group, SL_COMPONENT_COUNT) values of the sum */
  float *advantage;                 /* likewise */
  uint32_t *chosen, *group, *update_order, *reward_order;
  sl_update_ratios *ratios; /* (updates of a rollout) of the last one */
  double *solved;           /* (held-out problems) of an evaluation */
  char *text;               /* of one completion */
  sl_rollout rollout; /* of the last sl_policy_step; the generator's, until it generates again */
  void *tables;       /* the block that holds prompts, and all from `reward` to here */
  void *shared;       /* the block that a rollout, the reference and updates have in turn */
  sl_memory_plan plan;
  sl_digests digests;                /* of the state, then of the gradients of a step's updates */
  sl_run_identity identity;          /* of a run that trains */
  struct sl_reward_program *program; /* of reward.command, once it was asked */
  struct sl_reward_answers *answers; /* recorded ones, NULL: none are kept */
  struct sl_reward_answers *replay;  /* those of reward.replay */
} sl_run_state;

/* Loads the task, makes or reads the model, plans all memory and takes what the extent needs. Takes
 * over config, on error too. */
sl_status sl_run_state_create(sl_run_state **out, sl_config *config, sl_extent extent,
                              sl_error *err);
/* The same for a run that is resumed: shape and tokenizer are the checkpoint's, and the first model
 * is no longer needed; sl_checkpoint_read fills the parameters. */
sl_status sl_run_state_restore(sl_run_state **out, sl_config *config, const char *checkpoint,
                               sl_error *err);
void sl_run_state_destroy(sl_run_state *run);

/* Bytes of a run, its workspace included; SIZE_MAX if they overflow. */
size_t sl_run_memory(const sl_run_state *run);

/* Parts of sl_run_state_create: fills run->plan and run->micro_batch; takes the memory, layouts,
 * parameters and reference being there. */
sl_status sl_run_state_plan(sl_run_state *run, sl_error *err);
sl_status sl_run_state_allocate(sl_run_state *run, sl_error *err);

/* The policy becomes the frozen reference, where rl.beta > 0 and no folder was given. */
sl_status sl_run_state_take_reference(sl_run_state *run, sl_error *err);

/* 1 if two shapes differ at most in max_positions, a limit that cannot affect the result. */
int sl_run_same_shape(const sl_model_shape *a, const sl_model_shape *b);

sl_counters sl_run_state_counters(const sl_run_state *run);
/* The state hash (spec F4.2). Digests parameters and moments where they lie, and copies these
 * digests and those of the step's first `gradients` updates to the host. */
sl_status sl_run_state_hash(const sl_run_state *run, size_t gradients, char out[SL_DIGEST_TEXT],
                            sl_error *err);

/* What an update of RL differentiates. */
sl_gradient_options sl_run_gradient_options(const sl_run_state *run);

/* A kernel's failure as an error of the run. */
sl_status sl_run_kernel_error(const sl_run_state *run, sl_status status, sl_error *err);

/* Encodes problems `chosen[0..n)` of a list into run->prompts. */
sl_status sl_run_state_encode(sl_run_state *run, const sl_problems *problems,
                              const uint32_t *chosen, size_t n, sl_error *err);

/* What a step did; run_lines.c writes it (spec F4.3). */
typedef struct {
  double loss, reward_mean, reward_std, success, zero_variance;
  double objective, centred, kl, entropy;
  double ratio_mean, ratio_variance, weight_mean, below_half, effective;
  float ratio_max;
  double gradient_norm, gradient_norm_max, lr;
  double kl_old_k1, kl_old_k3;
  float tau[2];      /* of the rollout, by sign; where there is a schedule */
  double tau_scale;  /* of the rollout; NaN: the schedule has none */
  int tau_saturated; /* the move after the rollout was cut at a bound */
  double eur_later;  /* mean EUR of the updates but the first; NaN if there is one */
  double length_mean, truncated;
  double component_mean[SL_COMPONENT_COUNT]; /* of those that are listed */
  uint64_t timed_out;                        /* completions that reward.command took too long for */
  uint64_t length_max, tokens, clamped, sampled_tokens, trained_tokens;
  size_t sampled;                            /* sequences, in all rounds */
  uint64_t rounds, flat_groups, kept_groups; /* flat: without variance */
  size_t updates;
} sl_step_report;

/* Digests of one step (spec F4.4): of host data as text; of tensors in run->digests, read by
 * sl_run_state_hash. */
typedef struct {
  char tokens[SL_DIGEST_TEXT], rewards[SL_DIGEST_TEXT], logprobs[SL_DIGEST_TEXT];
  size_t updates; /* of this step, so far: gradient u is arena SL_DIGESTS_STATE + u */
} sl_step_digests;
/* How many arenas run->digests has room for: the state's, and one for each update of a step. */
size_t sl_run_state_digest_arenas(const sl_run_state *run);

/* Rewards of a rollout over the problems `chosen`, into run->reward and run->component; *timed_out:
 * completions that reward.command took too long for. SL_ERR_INPUT, with problem and completion, for
 * a reward that is not finite or an answer that is none. */
sl_status sl_rewards(sl_run_state *run, const sl_rollout *rollout, uint64_t *timed_out,
                     sl_error *err);
/* The component of the answer (spec F3.6) of sequence q, 0 or 1, against the gold answer; *by is
 * what decided, and is untouched where there is no text to compare. */
double sl_answer_reward(const sl_run_state *run, const sl_rollout *rollout, size_t q,
                        sl_reward_kind kind, const char *gold, sl_grade_by *by);

/* Norm, clipping and AdamW with the current gradient; adds to the report and to the digests. */
sl_status sl_run_state_update(sl_run_state *run, float lr, sl_step_report *report,
                              sl_step_digests *digests, sl_error *err);

sl_status sl_warm_start_step(sl_run_state *run, sl_step_report *report, sl_step_digests *digests,
                             sl_error *err);
sl_status sl_policy_step(sl_run_state *run, sl_step_report *report, sl_step_digests *digests,
                         sl_error *err);

/* Greedy success on the first `limit` (0: all) held-out problems; by_category, if not NULL, is
 * called for each category. */
typedef void (*sl_category_visitor)(void *user, const char *category, size_t solved, size_t n);
sl_status sl_evaluate(sl_run_state *run, size_t limit, double *success,
                      sl_category_visitor by_category, void *user, sl_error *err);

#endif
