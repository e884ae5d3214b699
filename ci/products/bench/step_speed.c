/* One training step against the rate of the matrix product alone (step_speed.h). */
#include "step_speed.h"
#include "bench_machine.h"
#include "on_request.h"

#include "trainer/model/block.h"
#include "kernels/support/cli.h"
#include "kernels/support/progress.h"
#include "trainer/model/optimizer.h"
#include "trainer/model/batch_gradient.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5, PRODUCTS = 10 };
#define LONG_ENOUGH 60.0 /* seconds after which no further round begins */
#define GIB 0x1p30

typedef struct {
  const sl_step_kind *kind;
  size_t tokens, sequences;
  sl_context *ctx;
  sl_model_layout *layout;
  float *parameters;
  sl_optimizer optimizer;
  sl_gradients gradients;
  sl_model *model;
  sl_update_batch step;
  void *x, *w, *y, *packed; /* the product (tokens, hidden) x (hidden, intermediate), packed once,
                               as a step uses it */
  sl_progress progress;
} bench;

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static size_t longest(const bench *b) { return smaller(b->tokens, b->kind->shape.max_positions); }
static size_t length_of(const bench *b, size_t q) {
  return smaller(b->tokens - q * longest(b), longest(b));
}
/* All sequences are one micro-batch, as in PyTorch. */
static size_t micro_tokens(const bench *b) {
  return sl_micro_batch_tokens(b->sequences, b->kind->shards, 0, longest(b));
}
static size_t product_n(const bench *b) { return b->kind->shape.intermediate; }
static size_t product_k(const bench *b) { return b->kind->shape.hidden; }

static sl_status context_error(const bench *b, sl_status status, sl_error *err) {
  return status ? sl_fail(err, status, "%s", sl_context_error(b->ctx)->message) : SL_OK;
}

static size_t product_bytes(const bench *b) {
  return (b->tokens * (product_k(b) + product_n(b)) + product_k(b) * product_n(b)) * sizeof(float) +
         sl_linear_pack_bytes(b->ctx, product_n(b), product_k(b), SL_PACK_FORWARD);
}

/* Says what it takes, which kernels' workspace comes on top of, and whether that is there. */
static sl_status announce(const bench *b, sl_error *err) {
  sl_model_memory m;
  const sl_status status =
      sl_model_bytes(&m, b->ctx, b->layout, micro_tokens(b), SL_MODEL_TRAINING, err);
  if (status) return status;
  const int apart = sl_context_on_device(b->ctx);
  const double arena = (double)sl_arena_bytes(b->layout),
               model = (double)m.tables + (double)m.packs + (double)m.activations;
  const double all = arena + (double)sl_optimizer_bytes(b->ctx, b->layout) +
                     (double)sl_gradients_bytes(b->layout, b->kind->shards, b->kind->shards) +
                     model + (double)sl_update_batch_bytes(b->ctx, b->sequences, b->tokens) +
                     (double)product_bytes(b);
  const double needed = apart ? arena : all, available = sl_bench_memory_available();
  if (all > GIB) {
    fprintf(stderr, "%s, %zu tokens: takes %.1f GiB", b->kind->what, b->tokens, all / GIB);
    if (apart)
      fprintf(stderr, " of the device's memory and, at first, %.1f GiB of this machine's",
              arena / GIB);
    fprintf(stderr, "\n");
  }
  if (available < 0.0 || needed < available) return SL_OK;
  return sl_fail(
      err, SL_ERR_MEMORY,
      "a step of %s with %zu tokens takes %.1f GiB, and this machine has %.1f GiB to give",
      b->kind->what, b->tokens, needed / GIB, available / GIB);
}

/* Every token but the first of a sequence is learnt from. */
static void fill(bench *b) {
  sl_update_batch *s = &b->step;
  uint32_t ids[512];
  sl_update_batch_clear(s);
  for (size_t q = 0; q < b->sequences; q++) {
    const size_t n = length_of(b, q);
    for (size_t i = 0; i < n; i++)
      ids[i] = (uint32_t)((q * 7919 + i * 104729) % b->kind->shape.vocab);
    sl_update_batch_add(s, ids, n, 1, NULL, 0.0f);
    s->coefficient[q] = 1.0 / (double)b->tokens;
  }
}

static sl_status make_product(bench *b, sl_error *err) {
  const size_t k = product_k(b), n = product_n(b),
               bytes = sl_linear_pack_bytes(b->ctx, n, k, SL_PACK_FORWARD);
  sl_status status =
      sl_block_create(&b->x, b->ctx, b->tokens * k * sizeof(float), "the bench", err);
  if (!status) status = sl_block_create(&b->w, b->ctx, n * k * sizeof(float), "the bench", err);
  if (!status)
    status = sl_block_create(&b->y, b->ctx, b->tokens * n * sizeof(float), "the bench", err);
  if (status || !bytes) return status;
  status = sl_block_create(&b->packed, b->ctx, bytes, "the bench", err);
  return status ? status
                : context_error(b, sl_linear_pack(b->ctx, b->packed, b->w, n, k, SL_PACK_FORWARD),
                                err);
}

static sl_status build(bench *b, const sl_context_options *options, sl_error *err) {
  sl_status status = sl_context_create(&b->ctx, options, err);
  if (!status) status = sl_model_layout_create(&b->layout, &b->kind->shape, err);
  if (!status) status = announce(b, err);
  if (status) return status;
  sl_progress_line(&b->progress, "%s: making the model", b->kind->what);
  status = sl_step_parameters(&b->parameters, b->ctx, b->layout, err);
  if (!status) status = sl_optimizer_create(&b->optimizer, b->ctx, b->layout, err);
  if (!status)
    status = sl_gradients_create(&b->gradients, b->ctx, b->layout, b->kind->shards, b->kind->shards,
                                 err);
  if (!status)
    status = sl_model_create(&b->model, b->ctx, b->layout, b->parameters, micro_tokens(b),
                             SL_MODEL_TRAINING, err);
  if (!status) status = sl_update_batch_create(&b->step, b->ctx, b->sequences, b->tokens, err);
  if (!status) fill(b);
  return status ? status : make_product(b, err);
}

static void release(bench *b) {
  void *const blocks[] = {b->x, b->w, b->y, b->packed};
  for (size_t i = 0; b->ctx && i < sizeof blocks / sizeof *blocks; i++)
    sl_block_free(b->ctx, blocks[i]);
  sl_update_batch_free(&b->step);
  sl_model_destroy(b->model);
  sl_gradients_free(&b->gradients);
  sl_optimizer_free(&b->optimizer);
  if (b->parameters) sl_arena_free(sl_context_on_device(b->ctx) ? b->ctx : NULL, b->parameters);
  sl_model_layout_destroy(b->layout);
  sl_context_destroy(b->ctx);
}

static sl_status one_step(bench *b, sl_error *err) {
  const sl_gradient_options options = {.inv_temperature = 1.0f};
  const sl_optimizer_options adamw = {0.9f, 0.95f, 1e-8f, 0.0, 1.0};
  double norm;
  sl_status status =
      context_error(b, sl_update_batch_gradient(&b->step, b->model, &b->gradients, &options), err);
  if (!status) status = sl_gradient_norm(&b->optimizer, b->gradients.total, &norm, err);
  if (!status)
    status = sl_optimizer_step(&b->optimizer, &adamw, b->parameters, b->gradients.total, norm,
                               1e-4f, err);
  return status ? status : context_error(b, sl_context_synchronize(b->ctx), err);
}

static sl_status product_seconds(bench *b, double *seconds, sl_error *err) {
  const double begin = sl_bench_now();
  sl_status status = SL_OK;
  for (int i = 0; !status && i < PRODUCTS; i++)
    status = sl_linear_forward(b->ctx, b->y, b->x, b->w, b->packed, NULL, b->tokens, product_n(b),
                               product_k(b));
  if (!status) status = sl_context_synchronize(b->ctx);
  *seconds = (sl_bench_now() - begin) / PRODUCTS;
  return context_error(b, status, err);
}

/* Multiply-adds of the step's matrix products, times 2: forward, input and weight gradients of
 * every weight, and attention. */
static double operations(const bench *b) {
  const sl_model_shape *s = &b->kind->shape;
  const double products =
      (double)b->layout->n_parameters; /* the tied embedding counts as the head; norms are noise */
  double pairs = 0.0;
  for (size_t q = 0; q < b->sequences; q++)
    pairs += (double)length_of(b, q) * (double)(length_of(b, q) + 1) / 2;
  const double attention =
      (2 + 5) * (double)s->head_dim * pairs * (double)s->heads * (double)s->layers;
  return 2.0 * (3.0 * products * (double)b->tokens + attention);
}

static void print(const bench *b, int json, double step, double alone, int rounds) {
  const double rate = operations(b) / step * 1e-9;
  const double gemm =
                   2e-9 * (double)b->tokens * (double)product_n(b) * (double)product_k(b) / alone,
               speed = (double)b->tokens / step;
  const char *backend = sl_context_backend(b->ctx);
  const int threads = sl_context_threads(b->ctx);
  if (json)
    printf(
        "{\"shape\":\"%s\",\"tokens\":%zu,\"backend\":\"%s\",\"threads\":%d,\"rounds\":%d,"
        "\"seconds\":%.6f,"
        "\"tokens_per_second\":%.1f,\"gflops\":%.1f,\"gemm_gflops\":%.1f,\"share\":%.3f}\n",
        b->kind->name, b->tokens, backend, threads, rounds, step, speed, rate, gemm, rate / gemm);
  else
    printf(
        "training step, %s, %zu tokens, %s, %d thread%s: %.0f tokens/s (%.3f s, median of %d), "
        "%.1f GFLOP/s; product alone %.1f "
        "GFLOP/s; share %.2f\n",
        b->kind->what, b->tokens, backend, threads, threads == 1 ? "" : "s", speed, step, rounds,
        rate, gemm, rate / gemm);
}

static sl_status measure(bench *b, int json, sl_error *err) {
  double step[ROUNDS], alone[ROUNDS];
  int n = 0;
  sl_progress_line(&b->progress, "%s: a first step, not timed", b->kind->what);
  sl_status status = one_step(b, err);
  const double first = sl_bench_now();
  while (!status && n < ROUNDS && (n == 0 || sl_bench_now() - first < LONG_ENOUGH)) {
    sl_progress_line(&b->progress, "%s: step %d of %d", b->kind->what, n + 1, ROUNDS);
    const double begin = sl_bench_now();
    status = one_step(b, err);
    step[n] = sl_bench_now() - begin;
    if (!status) status = product_seconds(b, &alone[n], err);
    n++;
  }
  sl_progress_end(&b->progress);
  if (!status)
    print(b, json, sl_bench_median(step, (size_t)n), sl_bench_median(alone, (size_t)n), n);
  return status;
}

static sl_status timed_step(void *user, char *answer, size_t room, sl_error *err) {
  const double begin = sl_bench_now();
  const sl_status status = one_step(user, err);
  snprintf(answer, room, "{\"seconds\":%.9f}", sl_bench_now() - begin);
  return status;
}

/* The first step is not timed: it claims memory. */
static sl_status answer_requests(bench *b, sl_error *err) {
  sl_status status = one_step(b, err);
  sl_progress_end(&b->progress);
  if (status) return status;
  printf("{\"shape\":");
  sl_step_kind_print(b->kind);
  printf(",\"tokens\":%zu,\"length\":%zu,\"backend\":\"%s\",\"threads\":%d}\n", b->tokens,
         smaller(b->tokens, longest(b)), sl_context_backend(b->ctx), sl_context_threads(b->ctx));
  return sl_on_request(timed_step, b, err);
}

sl_status sl_step_speed(const sl_context_options *options, const sl_step_kind *kind, size_t tokens,
                        sl_step_output output, sl_error *err) {
  bench b = {.kind = kind, .tokens = tokens ? tokens : kind->tokens};
  if (b.tokens < 2 || b.tokens > SL_STEP_TOKENS_MAX)
    return sl_fail(err, SL_ERR_USAGE, "a step of %zu tokens; from 2 to %zu can be timed", b.tokens,
                   SL_STEP_TOKENS_MAX);
  b.sequences = (b.tokens + longest(&b) - 1) / longest(&b);
  sl_progress_start(&b.progress);
  sl_status status = build(&b, options, err);
  if (!status)
    status = output == SL_STEP_ON_REQUEST ? answer_requests(&b, err)
                                          : measure(&b, output == SL_STEP_JSON, err);
  sl_progress_end(&b.progress);
  release(&b);
  return status;
}
