/* sluice-device train: a warm start and 20 steps of RL on sums of digits, on two backends side by
 * side, which must end each step in the same bits of parameters and moments (spec N1.4). It uses
 * the model alone, no configuration and no files, so that it also builds on a machine without the
 * trainer's libraries. */
#include "device_parts.h"

#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "trainer/model/batch_gradient.h"
#include "trainer/model/block.h"
#include "trainer/model/generate.h"
#include "trainer/model/optimizer.h"
#include "trainer/model/tokens.h"

#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
  LARGEST = 4,
  SUMS = LARGEST * LARGEST,
  PROMPT = 4,
  ANSWER = 2,
  LENGTH = PROMPT + ANSWER,
  WARM_STEPS = 40,
  WARM_BATCH = 16
};
enum {
  PROMPTS = 8,
  GROUP = 4,
  ROLLOUT = PROMPTS * GROUP,
  UPDATES = 2,
  UPDATE = ROLLOUT / UPDATES,
  SHARDS = 8,
  SEED = 1
};
enum { ARENAS = 3, STATE_BYTES = ARENAS * 2 * sizeof(uint64_t) };
enum { DIGIT = SL_TOKEN_FIRST_CHARACTER, PLUS = DIGIT + 10, EQUALS, VOCAB };

static const sl_model_shape shape = {.hidden = 32,
                                     .intermediate = 48,
                                     .layers = 2,
                                     .heads = 4,
                                     .kv_heads = 2,
                                     .head_dim = 8,
                                     .vocab = VOCAB,
                                     .max_positions = 16,
                                     .rope_theta = 1e4,
                                     .rms_eps = 1e-6f,
                                     .tied = 1};
static const sl_objective objective = {
    .gate = {.family = {SL_GATE_SIGMOID, SL_GATE_SIGMOID}, .tau = {1.05f, 1.0f}},
    .aggregation = SL_AGG_TOKEN_MEAN,
    .kl = SL_KL_K3,
    .gamma = 0.001};
static const sl_optimizer_options adamw = {0.9f, 0.95f, 1e-8f, 0.01, 1.0};

typedef struct {
  sl_context *ctx;
  sl_parameters policy;
  sl_optimizer optimizer;
  sl_gradients gradients;
  sl_model *model;
  sl_generator *generator;
  sl_update_batch step;
  sl_mirror state; /* (ARENAS, 2) 64-bit words: digests of parameters, first and second moments */
  double reward;   /* mean of the last rollout */
} run;

static sl_status kernel_error(const run *r, sl_status status, sl_error *err) {
  return status ? sl_fail(err, status, "%s: %s", sl_context_backend(r->ctx),
                          sl_context_error(r->ctx)->message)
                : SL_OK;
}

static sl_status begin(run *r, const char *backend, sl_error *err) {
  sl_status status = sl_context_create(&r->ctx, &(sl_context_options){.backend = backend}, err);
  if (!status) status = sl_parameters_create(&r->policy, &shape, err);
  if (status) return status;
  sl_parameters_init(&r->policy, SEED, 0.0);
  const sl_model_layout *layout = r->policy.layout;
  status = sl_parameters_move(&r->policy, r->ctx, err);
  if (!status) status = sl_optimizer_create(&r->optimizer, r->ctx, layout, err);
  if (!status) status = sl_gradients_create(&r->gradients, r->ctx, layout, SHARDS, SHARDS, err);
  if (!status)
    status = sl_model_create(&r->model, r->ctx, layout, r->policy.data,
                             sl_micro_batch_tokens(WARM_BATCH, SHARDS, 0, LENGTH),
                             SL_MODEL_TRAINING, err);
  if (!status)
    status = sl_update_batch_create(&r->step, r->ctx, WARM_BATCH, (size_t)WARM_BATCH * LENGTH, err);
  if (!status)
    status = sl_mirror_create(&r->state, r->ctx, STATE_BYTES, "the digests of a state", err);
  if (!status)
    status =
        sl_generator_create(&r->generator, r->ctx, layout, r->policy.data, ROLLOUT, LENGTH, 1, err);
  return status;
}

static void end(run *r) {
  sl_generator_destroy(r->generator);
  sl_mirror_free(&r->state);
  sl_update_batch_free(&r->step);
  sl_model_destroy(r->model);
  sl_gradients_free(&r->gradients);
  sl_optimizer_free(&r->optimizer);
  if (r->policy.layout) sl_parameters_free(&r->policy);
  sl_context_destroy(r->ctx);
}

/* "a+b=" and its answer, one digit and the end. */
static uint32_t write_sum(uint32_t ids[LENGTH], size_t number) {
  const uint32_t a = 1 + (uint32_t)(number % LARGEST),
                 b = 1 + (uint32_t)(number / LARGEST % LARGEST);
  const uint32_t text[LENGTH] = {DIGIT + a, PLUS, DIGIT + b, EQUALS, DIGIT + a + b, SL_TOKEN_EOS};
  memcpy(ids, text, sizeof text);
  return text[PROMPT];
}

static sl_status update(run *r, const sl_objective *what, float lr, sl_error *err) {
  const sl_gradient_options options = {.objective = what, .inv_temperature = 1.0f};
  sl_update_batch *s = &r->step;
  double norm;
  sl_status status =
      sl_objective_coefficients(s->coefficient, s->tokens, s->n_seq, SL_AGG_TOKEN_MEAN, 0.0, err);
  if (!status)
    status = kernel_error(r, sl_update_batch_gradient(s, r->model, &r->gradients, &options), err);
  if (!status) status = sl_gradient_norm(&r->optimizer, r->gradients.total, &norm, err);
  return status ? status
                : sl_optimizer_step(&r->optimizer, &adamw, r->policy.data, r->gradients.total, norm,
                                    lr, err);
}

static sl_status warm_step(run *r, sl_error *err) {
  uint32_t ids[LENGTH];
  sl_update_batch_clear(&r->step);
  for (size_t i = 0; i < WARM_BATCH; i++) {
    write_sum(ids, i);
    sl_update_batch_add(&r->step, ids, LENGTH, PROMPT, NULL, 0.0f);
  }
  return update(r, NULL, 0.01f, err);
}

/* 1 for the right digit, 1/4 for any one digit and the end, so that a group seldom agrees. */
static void judge(const sl_rollout *rollout, const uint32_t right[PROMPTS],
                  double reward[ROLLOUT]) {
  for (size_t q = 0; q < ROLLOUT; q++) {
    const uint32_t *completion = rollout->ids + rollout->seq[q] + PROMPT;
    const int ended = rollout->ended[q] && rollout->seq[q + 1] - rollout->seq[q] == LENGTH;
    reward[q] = ended && completion[0] == right[q / GROUP] ? 1.0
                : ended && completion[0] < PLUS            ? 0.25
                                                           : 0.0;
  }
}

static sl_status roll_out(run *r, uint32_t number, sl_rollout *rollout, double reward[ROLLOUT],
                          sl_error *err) {
  uint32_t ids[PROMPTS * PROMPT], offset[PROMPTS + 1], right[PROMPTS], text[LENGTH];
  for (uint32_t p = 0; p <= PROMPTS; p++) offset[p] = p * PROMPT;
  for (size_t p = 0; p < PROMPTS; p++) {
    right[p] = write_sum(text, (size_t)number * 5 + p * 3);
    memcpy(ids + p * PROMPT, text, PROMPT * sizeof *ids);
  }
  const sl_sampling sampling = {1.0f, 0, 1.0f, SEED, number};
  const sl_prompts prompts = {PROMPTS, offset, ids};
  const sl_status status =
      sl_generate(r->generator, &prompts, GROUP, ANSWER, 0, &sampling, rollout, err);
  if (!status) judge(rollout, right, reward);
  return status;
}

static sl_status rl_step(run *r, uint32_t number, sl_error *err) {
  sl_rollout rollout;
  double reward[ROLLOUT];
  float advantage[ROLLOUT];
  uint32_t group[PROMPTS + 1];
  size_t flat;
  for (uint32_t p = 0; p <= PROMPTS; p++) group[p] = p * GROUP;
  sl_status status = roll_out(r, number, &rollout, reward, err);
  if (!status)
    status =
        sl_advantages(advantage, &flat, reward, group, PROMPTS, SL_ADV_STD_POPULATION, 1e-4, err);
  r->reward = 0.0;
  for (size_t q = 0; !status && q < ROLLOUT; q++) r->reward += reward[q] / ROLLOUT;
  for (size_t u = 0; !status && u < UPDATES; u++) {
    sl_update_batch_clear(&r->step);
    for (size_t q = u * UPDATE; q < (u + 1) * UPDATE; q++) {
      const size_t at = rollout.seq[q];
      sl_update_batch_add(&r->step, rollout.ids + at, rollout.seq[q + 1] - at, PROMPT,
                          rollout.logp + at, advantage[q]);
    }
    status = update(r, &objective, 0.005f, err);
  }
  return status;
}

/* The digests (spec F5.3) of parameters and moments, padding and all, into the host's side of
 * r->state. */
static sl_status take_state(run *r, sl_error *err) {
  const float *const arenas[ARENAS] = {r->policy.data, r->optimizer.m, r->optimizer.v};
  uint64_t *const digest = sl_mirror_device(&r->state, r->state.host);
  sl_status status = SL_OK;
  for (size_t i = 0; !status && i < ARENAS; i++)
    status = sl_tensor_digest(r->ctx, digest + 2 * i, arenas[i], r->policy.layout->n_floats);
  if (!status) status = sl_mirror_pull(&r->state, r->state.host, STATE_BYTES);
  return kernel_error(r, status, err);
}

static void print_state(const run *r, size_t warm, size_t rl) {
  printf("%s after a warm start of %zu steps and %zu of RL, mean reward %.3f:",
         sl_context_backend(r->ctx), warm, rl, r->reward);
  const uint64_t *digest = (const void *)r->state.host;
  for (size_t i = 0; i < ARENAS; i++)
    printf(" %016" PRIx64 "%016" PRIx64, digest[2 * i + 1], digest[2 * i]);
  printf("\n");
}

/* Steps side by side until the first that differs; *same: all are the same. */
static sl_status compare(run r[2], size_t steps, int *same, sl_error *err) {
  sl_status status = SL_OK;
  *same = 1;
  for (size_t i = 0; !status && *same && i < WARM_STEPS + steps; i++) {
    for (int k = 0; !status && k < 2; k++) {
      status =
          i < WARM_STEPS ? warm_step(&r[k], err) : rl_step(&r[k], (uint32_t)(i - WARM_STEPS), err);
      if (!status) status = take_state(&r[k], err);
    }
    *same = !status && memcmp(r[0].state.host, r[1].state.host, STATE_BYTES) == 0;
    if (!status && (!*same || i + 1 == WARM_STEPS + steps))
      for (int k = 0; k < 2; k++)
        print_state(&r[k], i < WARM_STEPS ? i + 1 : WARM_STEPS,
                    i < WARM_STEPS ? 0 : i + 1 - WARM_STEPS);
  }
  return status;
}

typedef struct {
  const char *backend, *other;
  size_t steps;
} options;

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  const sl_option_value values[] = {{'b', "backend", .text = &o->backend},
                                    {'o', "other", .text = &o->other},
                                    {'s', "steps", .number = &o->steps, .most = 100000}};
  return sl_argp_take(values, sizeof values / sizeof *values, key, arg, state);
}

static const struct argp_option rows[] = {
    {"backend", 'b', "NAME", 0, "the backend that must equal the other (default cuda)", 0},
    {"other", 'o', "NAME", 0, "the other (default cpu)", 0},
    {"steps", 's', "N", 0, "steps of RL (default 20)", 0},
    {0}};
static const struct argp parser = {
    rows, parse, NULL, "Trains on two backends and compares their bits after each step.",
    NULL, NULL,  NULL};

int sl_device_train(int argc, char **argv) {
  options o = {"cuda", "cpu", 20};
  sl_argp_parse(&parser, argc, argv, &o);
  run r[2] = {0};
  sl_error err;
  int same = 0;
  sl_status status = begin(&r[0], o.backend, &err);
  if (!status) status = begin(&r[1], o.other, &err);
  if (!status) status = compare(r, o.steps, &same, &err);
  end(&r[0]), end(&r[1]);
  if (status) return sl_cli_fail("sluice-device train", &err);
  printf(same ? "the states are the same\n" : "the states DIFFER\n");
  return same ? SL_EXIT_OK : SL_EXIT_FAILED;
}
