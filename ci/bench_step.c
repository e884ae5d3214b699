/* sluice bench step: one training step of a model of hidden size 512 and 8 layers, against the rate of the matrix product alone. */
#include "bench.h"
#include "bench_machine.h"

#include "trainer/optimizer.h"
#include "trainer/step.h"

#include <stdio.h>
#include <stdlib.h>

enum { SEQUENCES = 8, LENGTH = 256, TOKENS = SEQUENCES * LENGTH, ROUNDS = 5 };

static const sl_model_shape shape = {.hidden = 512,
                                     .intermediate = 1408,
                                     .layers = 8,
                                     .heads = 8,
                                     .kv_heads = 2,
                                     .head_dim = 64,
                                     .vocab = 1024,
                                     .max_positions = LENGTH,
                                     .rope_theta = 1e4,
                                     .rms_eps = 1e-6f,
                                     .tied = 1};

typedef struct {
  sl_context *ctx;
  sl_parameters policy;
  sl_optimizer optimizer;
  sl_gradients gradients;
  sl_model *model;
  sl_step step;
} bench;

static void fill(sl_step *s) {
  uint32_t ids[LENGTH];
  sl_step_clear(s);
  for (uint32_t q = 0; q < SEQUENCES; q++) {
    for (uint32_t i = 0; i < LENGTH; i++) ids[i] = (q * 7919 + i * 104729) % (uint32_t)shape.vocab;
    sl_step_add(s, ids, LENGTH, 1, NULL, 0.0f);
  }
  for (size_t q = 0; q < SEQUENCES; q++) s->coefficient[q] = 1.0 / TOKENS;
}

/* Multiply-adds of the step's matrix products, times 2: forward, input and weight gradients of every weight, and attention. */
static double operations(const sl_model_layout *layout) {
  const double products = (double)layout->n_parameters; /* the tied embedding counts as the head; norms are noise */
  const double pairs = (double)SEQUENCES * LENGTH * (LENGTH + 1) / 2, d = (double)shape.head_dim;
  const double attention = (2 + 5) * d * pairs * (double)shape.heads * (double)shape.layers;
  return 2.0 * (3.0 * products * TOKENS + attention);
}

static sl_status context_error(const bench *b, sl_status status, sl_error *err) {
  return status ? sl_fail(err, status, "%s", sl_context_error(b->ctx)->message) : SL_OK;
}

static sl_status one_step(bench *b, sl_error *err) {
  const sl_step_options options = {NULL, 1.0f, 0};
  const sl_optimizer_options adamw = {0.9f, 0.95f, 1e-8f, 0.0, 1.0};
  double norm;
  sl_status status = context_error(b, sl_step_gradient(&b->step, b->model, &b->gradients, &options), err);
  if (!status) status = sl_gradient_norm(&b->optimizer, b->gradients.total, &norm, err);
  if (!status) status = sl_optimizer_step(&b->optimizer, &adamw, b->policy.data, b->gradients.total, norm, 1e-4f, err);
  return status ? status : context_error(b, sl_context_synchronize(b->ctx), err);
}

/* The product (TOKENS, 512) x (512, 1408), packed once, as a step uses it. */
typedef struct {
  void *x, *w, *y, *packed;
} product;

static sl_status make_product(bench *b, product *p, sl_error *err) {
  const size_t k = shape.hidden, n = shape.intermediate, bytes = sl_linear_pack_bytes(b->ctx, n, k, SL_PACK_FORWARD);
  sl_status status = sl_block_create(&p->x, b->ctx, TOKENS * k * sizeof(float), "the bench", err);
  if (!status) status = sl_block_create(&p->w, b->ctx, n * k * sizeof(float), "the bench", err);
  if (!status) status = sl_block_create(&p->y, b->ctx, TOKENS * n * sizeof(float), "the bench", err);
  if (status || !bytes) return status;
  status = sl_block_create(&p->packed, b->ctx, bytes, "the bench", err);
  return status ? status : context_error(b, sl_linear_pack(b->ctx, p->packed, p->w, n, k, SL_PACK_FORWARD), err);
}

static void free_product(bench *b, product *p) {
  void *const blocks[] = {p->x, p->w, p->y, p->packed};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sl_block_free(b->ctx, blocks[i]);
}

/* Its seconds. */
static double product_seconds(bench *b, const product *p) {
  const double begin = sl_bench_now();
  for (int i = 0; i < 10; i++) sl_linear_forward(b->ctx, p->y, p->x, p->w, p->packed, NULL, TOKENS, shape.intermediate, shape.hidden);
  sl_context_synchronize(b->ctx);
  return (sl_bench_now() - begin) / 10;
}

static sl_status build(bench *b, const sl_context_options *options, sl_error *err) {
  sl_status status = sl_context_create(&b->ctx, options, err);
  if (!status) status = sl_parameters_create(&b->policy, &shape, err);
  if (status) return status;
  sl_parameters_init(&b->policy, 1, 0.0);
  status = sl_parameters_move(&b->policy, b->ctx, err);
  if (!status) status = sl_optimizer_create(&b->optimizer, b->ctx, b->policy.layout, err);
  if (!status) status = sl_gradients_create(&b->gradients, b->ctx, b->policy.layout, 8, err);
  if (!status) status = sl_model_create(&b->model, b->ctx, b->policy.layout, b->policy.data, TOKENS / 8, 1, err);
  if (!status) status = sl_step_create(&b->step, b->ctx, SEQUENCES, TOKENS, err);
  if (!status) fill(&b->step);
  return status;
}

static sl_status measure(bench *b, int json, sl_error *err) {
  product p = {NULL, NULL, NULL, NULL};
  double step[ROUNDS], alone[ROUNDS];
  sl_status status = make_product(b, &p, err);
  if (!status) status = one_step(b, err);
  for (int i = 0; !status && i < ROUNDS; i++) {
    const double begin = sl_bench_now();
    status = one_step(b, err);
    step[i] = sl_bench_now() - begin;
    alone[i] = product_seconds(b, &p);
  }
  free_product(b, &p);
  if (!status) {
    const double seconds = sl_bench_median(step, ROUNDS), rate = operations(b->policy.layout) / seconds * 1e-9;
    const double gemm = 2.0 * TOKENS * (double)shape.intermediate * (double)shape.hidden / sl_bench_median(alone, ROUNDS) * 1e-9;
    const char *format =
        json ? "{\"backend\":\"%s\",\"threads\":%d,\"tokens_per_second\":%.1f,\"gflops\":%.1f,\"gemm_gflops\":%.1f,\"share\":%.3f}\n"
             : "training step, hidden 512, 8 layers, 2048 tokens, %s, %d threads: %.0f tokens/s, %.1f GFLOP/s; product alone %.1f "
               "GFLOP/s; share %.2f\n";
    printf(format, sl_context_backend(b->ctx), sl_context_threads(b->ctx), TOKENS / seconds, rate, gemm, rate / gemm);
  }
  return status;
}

sl_status sl_bench_step(const sl_context_options *options, int json, sl_error *err) {
  bench b = {0};
  sl_status status = build(&b, options, err);
  if (!status) status = measure(&b, json, err);
  sl_step_free(&b.step);
  sl_model_destroy(b.model);
  sl_gradients_free(&b.gradients);
  sl_optimizer_free(&b.optimizer);
  if (b.policy.layout) sl_parameters_free(&b.policy);
  sl_context_destroy(b.ctx);
  return status;
}
