/* sluice-device decode: rollouts with recorded launches and without (spec N1.9), in turns: their
 * bits, which must be the same, and their time. */
#include "device_parts.h"

#include "ci/products/bench/bench_machine.h"
#include "ci/products/bench/step_model.h"
#include "kernels/core/repeat.h"
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "trainer/model/block.h"
#include "trainer/model/generate.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  ROUNDS = 5,
  PROMPT = 8,
  NEW = 48,
  SLOTS_MOST = 64,
  TOKENS_MOST = SLOTS_MOST * (PROMPT + NEW)
};

typedef struct {
  const char *backend;
  const sl_step_kind *kind;
  size_t slots;
} options;

typedef struct {
  sl_context *ctx;
  sl_model_layout *layout;
  float *parameters;
  sl_generator *generator;
} decoder;

typedef struct {
  uint32_t ids[TOKENS_MOST];
  float logp[TOKENS_MOST], entropy[TOKENS_MOST];
  double seconds;
} rolled;

static sl_status begin(decoder *d, const options *o, sl_error *err) {
  sl_status status = sl_context_create(&d->ctx, &(sl_context_options){.backend = o->backend}, err);
  if (!status) status = sl_model_layout_create(&d->layout, &o->kind->shape, err);
  if (!status) status = sl_step_parameters(&d->parameters, d->ctx, d->layout, err);
  if (!status)
    status = sl_generator_create(&d->generator, d->ctx, d->layout, d->parameters, o->slots,
                                 PROMPT + NEW, o->slots, err);
  if (!status) sl_generator_set_ends(d->generator, NULL, 0); /* none ends early */
  return status;
}

static void end(decoder *d) {
  sl_generator_destroy(d->generator);
  if (d->parameters) sl_arena_free(d->ctx, d->parameters);
  sl_model_layout_destroy(d->layout);
  sl_context_destroy(d->ctx);
}

static sl_status roll(decoder *d, const options *o, int recorded, uint32_t step, rolled *out,
                      sl_error *err) {
  uint32_t ids[PROMPT], offset[] = {0, PROMPT};
  const sl_prompts prompts = {1, offset, ids};
  const sl_sampling sampling = {1.0f, 0, 1.0, 1, step};
  sl_rollout got;
  for (uint32_t i = 0; i < PROMPT; i++) ids[i] = (step + 5 * i) % (uint32_t)o->kind->shape.vocab;
  sl_context_set_repeat(d->ctx, recorded);
  const double start = sl_bench_now();
  SL_TRY(sl_generate(d->generator, &prompts, o->slots, NEW, 0, &sampling, &got, err));
  out->seconds = sl_bench_now() - start;
  const size_t bytes = got.seq[got.n] * sizeof *got.ids;
  memcpy(out->ids, got.ids, bytes);
  memcpy(out->logp, got.logp, bytes), memcpy(out->entropy, got.entropy, bytes);
  return SL_OK;
}

/* The first round is not timed: it takes memory. */
static sl_status compare(decoder *d, const options *o, rolled r[2], int *same, sl_error *err) {
  double seconds[2][ROUNDS];
  const size_t bytes = o->slots * (PROMPT + NEW) * sizeof(float);
  *same = 1;
  for (uint32_t i = 0; i <= ROUNDS; i++) {
    for (uint32_t k = 0; k < 2; k++) {
      const int recorded = (i + k) % 2 == 0;
      SL_TRY(roll(d, o, recorded, i, &r[recorded], err));
      if (i) seconds[recorded][i - 1] = r[recorded].seconds;
    }
    *same &= memcmp(r[0].ids, r[1].ids, bytes) == 0 && memcmp(r[0].logp, r[1].logp, bytes) == 0 &&
             memcmp(r[0].entropy, r[1].entropy, bytes) == 0;
  }
  const double tokens = (double)(o->slots * NEW), called = sl_bench_median(seconds[0], ROUNDS),
               recorded = sl_bench_median(seconds[1], ROUNDS);
  printf(
      "decoding, %s, %zu sequences of %d new tokens, %s: %.0f tokens/s recorded, %.0f called, "
      "ratio %.2f (medians of %d); the bits %s\n",
      o->kind->what, o->slots, NEW, sl_context_backend(d->ctx), tokens / recorded, tokens / called,
      called / recorded, ROUNDS, *same ? "are the same" : "DIFFER");
  return SL_OK;
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  const sl_option_value values[] = {{'b', "backend", .text = &o->backend},
                                    {'n', "slots", .number = &o->slots, .most = SLOTS_MOST}};
  if (key != 's') return sl_argp_take(values, sizeof values / sizeof *values, key, arg, state);
  o->kind = sl_step_kind_named(arg);
  if (!o->kind) argp_error(state, "no shape '%s': see --help", arg);
  return 0;
}

static const struct argp_option rows[] = {
    {"backend", 'b', "NAME", 0, "the backend that decodes (default cuda)", 0},
    {"shape", 's', "NAME", 0,
     "small (default: hidden 512, 8 layers), tiny (128, 4), demo, smollm2-135m or qwen2.5-0.5b", 0},
    {"slots", 'n', "N", 0, "sequences (default 8, at most 64)", 0},
    {0}};
static const struct argp parser = {
    rows, parse, NULL, "Decodes with recorded launches and without: the same bits, and the time.",
    NULL, NULL,  NULL};

int sl_device_decode(int argc, char **argv) {
  options o = {.backend = "cuda", .slots = 8};
  const sl_step_kind *kinds;
  sl_step_kinds(&kinds);
  sl_argp_parse(&parser, argc, argv, &o);
  if (!o.kind) o.kind = kinds;
  decoder d = {0};
  sl_error err;
  int same = 0;
  rolled *r = malloc(2 * sizeof *r);
  sl_status status = r ? begin(&d, &o, &err) : sl_fail(&err, SL_ERR_MEMORY, "no memory");
  if (!status) status = compare(&d, &o, r, &same, &err);
  end(&d);
  free(r);
  if (status) return sl_cli_fail("sluice-device decode", &err);
  return same ? SL_EXIT_OK : SL_EXIT_FAILED;
}
