/* sluice bench rollout: completions of arbitrary prompts by a model with arbitrary weights, beside
 * a floor: the larger of its fmas at the rate of a product whose weights are packed, and, for each
 * round of tokens, of all weights at the rate of a copy. */
#include "bench.h"
#include "bench_machine.h"
#include "on_request.h"
#include "step_model.h"

#include "kernels/support/progress.h"
#include "trainer/model/block.h"
#include "trainer/model/generate.h"
#include "trainer/model/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5, SLOTS = 32, PROMPT = 32, NEW = 32, SQUARE = 1024 };

typedef struct {
  const sl_step_kind *kind;
  size_t slots, group, prompt, new_tokens;
  sl_context *ctx;
  sl_model_layout *layout;
  float *parameters;
  sl_generator *generator;
  sl_prompts prompts;
  sl_sampling sampling;
  float *x, *y; /* of the product and the copy, (SQUARE, SQUARE) */
  void *packed;
  sl_progress progress;
} bench;

static sl_status make_prompts(bench *b, sl_error *err) {
  const size_t n = b->slots / b->group;
  sl_prompts *p = &b->prompts;
  p->n = n;
  p->offset = malloc((n + 1) * sizeof *p->offset);
  p->ids = malloc(n * b->prompt * sizeof *p->ids);
  if (!p->offset || !p->ids) return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu prompts", n);
  const size_t words = b->kind->shape.vocab - SL_TOKEN_FIRST_CHARACTER;
  for (size_t i = 0; i <= n; i++) p->offset[i] = (uint32_t)(i * b->prompt);
  for (size_t i = 0; i < n * b->prompt; i++)
    p->ids[i] = (uint32_t)(SL_TOKEN_FIRST_CHARACTER + i * 7919 % words);
  return SL_OK;
}

static sl_status make_product(bench *b, sl_error *err) {
  const size_t n = SQUARE * SQUARE;
  b->x = sl_bench_numbers(n, 1, 0x1p-33f), b->y = sl_bench_numbers(n, 2, 0x1p-33f);
  b->packed = malloc(sl_linear_pack_bytes(b->ctx, SQUARE, SQUARE, SL_PACK_FORWARD));
  if (b->x && b->y && b->packed &&
      !sl_linear_pack(b->ctx, b->packed, b->x, SQUARE, SQUARE, SL_PACK_FORWARD))
    return SL_OK;
  return sl_fail(err, SL_ERR_MEMORY, "no memory for a product");
}

static sl_status build(bench *b, const sl_context_options *options, sl_error *err) {
  sl_status status = sl_context_create(&b->ctx, options, err);
  if (!status) status = sl_model_layout_create(&b->layout, &b->kind->shape, err);
  sl_progress_line(&b->progress, "%s: making the model", b->kind->what);
  if (!status) status = sl_step_parameters(&b->parameters, b->ctx, b->layout, err);
  if (!status)
    status = sl_generator_create(&b->generator, b->ctx, b->layout, b->parameters, b->slots,
                                 b->prompt + b->new_tokens, b->group, err);
  if (!status) status = make_prompts(b, err);
  if (!status) status = make_product(b, err);
  if (!status) sl_generator_set_ends(b->generator, NULL, 0); /* none ends early */
  return status;
}

static void release(bench *b) {
  free(b->prompts.offset), free(b->prompts.ids);
  free(b->x), free(b->y), free(b->packed);
  sl_generator_destroy(b->generator);
  if (b->parameters) sl_arena_free(b->ctx, b->parameters);
  sl_model_layout_destroy(b->layout);
  sl_context_destroy(b->ctx);
}

static sl_status roll(bench *b, double *seconds, sl_error *err) {
  sl_rollout rollout;
  b->sampling.step++;
  const double begin = sl_bench_now();
  const sl_status status = sl_generate(b->generator, &b->prompts, b->group, b->new_tokens, 0,
                                       &b->sampling, &rollout, err);
  *seconds = sl_bench_now() - begin;
  return status;
}

static sl_status answer(void *user, char *text, size_t room, sl_error *err) {
  double seconds;
  const sl_status status = roll(user, &seconds, err);
  if (!status) snprintf(text, room, "{\"seconds\":%.9f}", seconds);
  return status;
}

/* Seconds of a fma and of a byte. */
static sl_status rates(bench *b, double *fma, double *byte, sl_error *err) {
  const double bytes = SQUARE * SQUARE * sizeof(float), begin = sl_bench_now();
  sl_status status =
      sl_linear_forward(b->ctx, b->y, b->x, b->x, b->packed, NULL, SQUARE, SQUARE, SQUARE);
  const double middle = sl_bench_now();
  if (!status) status = sl_memory_copy(b->ctx, b->y, b->x, (size_t)bytes);
  *fma = (middle - begin) / ((double)SQUARE * SQUARE * SQUARE);
  *byte = (sl_bench_now() - middle) / (2.0 * bytes);
  return status ? sl_fail(err, status, "%s", sl_context_error(b->ctx)->message) : SL_OK;
}

static double floor_seconds(const bench *b, double fma, double byte) {
  const double weights = (double)b->layout->n_parameters, rounds = (double)b->new_tokens,
               tokens = (double)b->prompts.n * (double)b->prompt + (double)b->slots * rounds;
  const double work = weights * tokens * fma, moved = 4.0 * weights * rounds * byte;
  return work > moved ? work : moved;
}

static sl_status measure(bench *b, int json, sl_error *err) {
  double seconds[ROUNDS], share[ROUNDS], fma, byte;
  for (int i = 0; i < ROUNDS; i++) {
    sl_progress_line(&b->progress, "%s: rollout %d of %d", b->kind->what, i + 1, ROUNDS);
    sl_status status = roll(b, &seconds[i], err);
    if (!status) status = rates(b, &fma, &byte, err);
    if (status) return status;
    share[i] = floor_seconds(b, fma, byte) / seconds[i];
  }
  sl_progress_end(&b->progress);
  const double time = sl_bench_median(seconds, ROUNDS), part = sl_bench_median(share, ROUNDS),
               speed = (double)(b->slots * b->new_tokens) / time;
  const char *backend = sl_context_backend(b->ctx);
  const int threads = sl_context_threads(b->ctx);
  if (json)
    printf(
        "{\"shape\":\"%s\",\"slots\":%zu,\"group\":%zu,\"prompt\":%zu,\"new\":%zu,\"backend\":"
        "\"%s\",\"threads\":%d,\"seconds\":%.6f,\"tokens_per_second\":%.1f,\"share\":%.3f}\n",
        b->kind->name, b->slots, b->group, b->prompt, b->new_tokens, backend, threads, time, speed,
        part);
  else
    printf(
        "rollout, %s, %zu completions of %zu tokens, %s, threads: %d: %.0f tokens/s (%.3f s, "
        "median of %d); share of the floor %.2f\n",
        b->kind->what, b->slots, b->new_tokens, backend, threads, speed, time, ROUNDS, part);
  return SL_OK;
}

static sl_status check(const bench *b, sl_error *err) {
  if (b->slots % b->group)
    return sl_fail(err, SL_ERR_USAGE, "%zu slots are not groups of %zu", b->slots, b->group);
  if (b->prompt + b->new_tokens > b->kind->shape.max_positions)
    return sl_fail(err, SL_ERR_USAGE, "%zu tokens: %s is made for %zu", b->prompt + b->new_tokens,
                   b->kind->what, b->kind->shape.max_positions);
  return SL_OK;
}

sl_status sl_bench_rollout(const sl_context_options *context, const sl_bench_options *options,
                           sl_error *err) {
  const sl_step_kind *kinds;
  sl_step_kinds(&kinds);
  bench b = {.kind = options->shape ? options->shape : kinds,
             .slots = options->slots ? options->slots : SLOTS,
             .group = options->group ? options->group : 1,
             .prompt = options->prompt ? options->prompt : PROMPT,
             .new_tokens = options->new_tokens ? options->new_tokens : NEW,
             .sampling = {.temperature = 1.0f, .top_p = 1.0, .seed = 1}};
  double first;
  sl_status status = check(&b, err);
  if (status) return status;
  sl_progress_start(&b.progress);
  status = build(&b, context, err);
  if (!status) status = roll(&b, &first, err); /* not timed: it claims memory */
  if (!status && options->on_request) {
    sl_progress_end(&b.progress);
    printf("{\"shape\":");
    sl_step_kind_print(b.kind);
    printf(
        ",\"slots\":%zu,\"group\":%zu,\"prompt\":%zu,\"new\":%zu,\"backend\":\"%s\",\"threads\":%d}"
        "\n",
        b.slots, b.group, b.prompt, b.new_tokens, sl_context_backend(b.ctx),
        sl_context_threads(b.ctx));
    status = sl_on_request(answer, &b, err);
  } else if (!status) {
    status = measure(&b, options->json, err);
  }
  sl_progress_end(&b.progress);
  release(&b);
  return status;
}
