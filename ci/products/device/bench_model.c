/* Kernels that mostly compute products: log-probs of the head and attention, in the shapes of
 * Qwen2.5-0.5B. A fused multiply-add counts as two operations, and what a clause computes twice
 * counts twice; the ceiling is our square product, and for decoding, which reads the cache and does
 * little else, a copy of as many bytes. */
#include "device_bench.h"

#include <stdio.h>
#include <string.h>

enum {
  SEQUENCES = 8,
  LENGTH = 1024,
  HEADS = 14,
  KV_HEADS = 2,
  HEAD = 64,
  HIDDEN = 896,
  VOCAB = 151936,
  ROWS = 1024,
  SQUARE = 4096,
  SLOTS = 256
};

enum {
  Q,
  K,
  V,
  O,
  D_O,
  DQ,
  DK,
  DV,
  MAX,
  SCALE,
  H,
  W,
  DH,
  DW,
  LOGP,
  ENTROPY,
  ROW_MAX,
  ROW_SUM,
  DLOGP,
  K_CACHE,
  V_CACHE,
  A,
  B,
  C,
  ARRAYS
};

typedef struct {
  sl_context *ctx;
  size_t rows, length, vocab, square; /* as the bench shrinks them */
  float *a[ARRAYS];
  uint32_t seq[SEQUENCES + 1], head_seq[2];
  uint32_t *target, *slot, *position; /* the context's */
  uint8_t *mask;
} model;

static sl_status run_logprob_forward(void *arg) {
  const model *m = arg;
  float *const *a = m->a;
  return sl_logprob_forward(m->ctx, a[LOGP], a[ENTROPY], a[ROW_MAX], a[ROW_SUM], a[H], a[W], NULL,
                            m->target, m->mask, 1.0f, m->rows, HIDDEN, m->vocab);
}

static sl_status run_logprob_backward(void *arg) {
  const model *m = arg;
  float *const *a = m->a;
  const sl_shard_total total = {a[DW], m->rows};
  return sl_logprob_backward(m->ctx, a[DH], &total, 1, a[DLOGP], NULL, a[ENTROPY], a[ROW_MAX],
                             a[ROW_SUM], a[H], a[W], NULL, m->target, m->mask, 1.0f, m->head_seq, 1,
                             HIDDEN, m->vocab);
}

static sl_status run_attention_forward(void *arg) {
  const model *m = arg;
  float *const *a = m->a;
  return sl_attention_forward(m->ctx, a[O], a[MAX], a[SCALE], a[Q], a[K], a[V], m->seq, SEQUENCES,
                              HEADS, KV_HEADS, HEAD);
}

static sl_status run_attention_backward(void *arg) {
  const model *m = arg;
  float *const *a = m->a;
  return sl_attention_backward(m->ctx, a[DQ], a[DK], a[DV], a[D_O], a[O], a[Q], a[K], a[V], a[MAX],
                               a[SCALE], m->seq, SEQUENCES, HEADS, KV_HEADS, HEAD);
}

static sl_status run_attention_decode(void *arg) {
  const model *m = arg;
  float *const *a = m->a;
  return sl_attention_decode(m->ctx, a[O], a[Q], a[K_CACHE], a[V_CACHE], m->slot, m->position,
                             SLOTS, HEADS, KV_HEADS, HEAD, m->length, SLOTS);
}

static sl_status run_square(void *arg) {
  const model *m = arg;
  return sl_linear_forward(m->ctx, m->a[C], m->a[A], m->a[B], NULL, NULL, m->square, m->square,
                           m->square);
}

static size_t cache_floats(const model *m) { return (size_t)SLOTS * KV_HEADS * HEAD * m->length; }

/* Reads one cache and writes the other: as many bytes as decoding reads of both. */
static sl_status run_cache_copy(void *arg) {
  const model *m = arg;
  return sl_memory_copy(m->ctx, m->a[K_CACHE], m->a[V_CACHE], cache_floats(m) * sizeof(float));
}

static sl_status wait_for_context(void *arg) {
  return sl_context_synchronize(((const model *)arg)->ctx);
}

static void sizes(const model *m, size_t n[ARRAYS]) {
  const size_t t = SEQUENCES * m->length > SLOTS ? SEQUENCES * m->length : SLOTS;
  for (int i = Q; i <= DV; i++) n[i] = t * HEADS * HEAD;
  n[MAX] = n[SCALE] = t * HEADS;
  n[H] = n[DH] = (size_t)ROWS * HIDDEN, n[W] = n[DW] = m->vocab * HIDDEN;
  for (int i = LOGP; i <= DLOGP; i++) n[i] = ROWS;
  n[K_CACHE] = n[V_CACHE] = cache_floats(m);
  n[A] = n[B] = n[C] = m->square * m->square;
}

/* Uploads n numbers i * step % below. */
static sl_status make_numbers(model *m, uint32_t **out, size_t n, uint32_t step, uint32_t below) {
  uint32_t numbers[ROWS];
  for (uint32_t i = 0; i < n; i++) numbers[i] = (uint32_t)((uint64_t)i * step % below);
  const sl_status status = sl_memory_alloc(m->ctx, (void **)out, n * sizeof **out);
  return status ? status : sl_memory_write(m->ctx, *out, numbers, n * sizeof **out);
}

static sl_status make(model *m) {
  size_t n[ARRAYS];
  uint8_t mask[ROWS];
  sl_status status = SL_OK;
  sizes(m, n);
  memset(mask, 1, sizeof mask);
  for (uint32_t i = 0; !status && i < ARRAYS; i++)
    status = sl_bench_floats(m->ctx, &m->a[i], n[i], i + 1);
  for (uint32_t i = 0; i <= SEQUENCES; i++) m->seq[i] = i * (uint32_t)m->length;
  m->head_seq[0] = 0, m->head_seq[1] = (uint32_t)m->rows;
  if (!status) status = make_numbers(m, &m->target, ROWS, 7919, (uint32_t)m->vocab);
  if (!status) status = make_numbers(m, &m->slot, SLOTS, 1, SLOTS);
  if (!status) status = make_numbers(m, &m->position, SLOTS, 0, 1);
  uint32_t last[SLOTS];
  for (size_t i = 0; i < SLOTS; i++) last[i] = (uint32_t)m->length - 1;
  if (!status) status = sl_memory_write(m->ctx, m->position, last, sizeof last);
  if (!status) status = sl_memory_alloc(m->ctx, (void **)&m->mask, sizeof mask);
  return status ? status : sl_memory_write(m->ctx, m->mask, mask, sizeof mask);
}

static void release(model *m) {
  for (int i = 0; i < ARRAYS; i++) sl_memory_free(m->ctx, m->a[i]);
  sl_memory_free(m->ctx, m->target), sl_memory_free(m->ctx, m->slot),
      sl_memory_free(m->ctx, m->position), sl_memory_free(m->ctx, m->mask);
}

static sl_status measure_operations(model *m, const char *name, sl_status (*run)(void *arg),
                                    double operations) {
  const sl_timed ours = {run, wait_for_context, m}, square = {run_square, wait_for_context, m};
  const double n = (double)m->square, square_operations = 2.0 * n * n * n;
  sl_timing t;
  const sl_status status = sl_time_pairs(&t, &ours, &square);
  if (status) return status;
  printf("%-18s %8.3f TFLOP/s, our square product %8.3f TFLOP/s, ratio %.3f (%.3f ms)\n", name,
         1e-12 * operations / t.a, 1e-12 * square_operations / t.b,
         t.ratio * operations / square_operations, 1e3 * t.a);
  fflush(stdout);
  return SL_OK;
}

static sl_status measure_decode(model *m) {
  const sl_timed ours = {run_attention_decode, wait_for_context, m},
                 copy = {run_cache_copy, wait_for_context, m};
  const double bytes = 8.0 * (double)cache_floats(m);
  sl_timing t;
  const sl_status status = sl_time_pairs(&t, &ours, &copy);
  if (status) return status;
  printf("%-18s %8.1f GB/s, copy %8.1f GB/s, ratio %.3f (%.3f ms)\n", "attention_decode",
         1e-9 * bytes / t.a, 1e-9 * bytes / t.b, t.ratio, 1e3 * t.a);
  return SL_OK;
}

void sl_bench_model(sl_device_bench_on *on) {
  model m = {.ctx = on->ctx,
             .rows = ROWS / on->shrink,
             .length = LENGTH / on->shrink,
             .vocab = VOCAB / on->shrink,
             .square = SQUARE / on->shrink};
  const double head = (double)m.rows * HIDDEN * (double)m.vocab, length = (double)m.length;
  const double pairs = SEQUENCES * length * (length + 1) / 2 * HEADS;
  const struct {
    const char *name;
    sl_status (*run)(void *arg);
    double operations;
  } kernels[] = {{"logprob_forward", run_logprob_forward, 2.0 * head},
                 {"logprob_backward", run_logprob_backward, 6.0 * head},
                 {"attention_forward", run_attention_forward, 4.0 * HEAD * pairs},
                 {"attention_backward", run_attention_backward, 10.0 * HEAD * pairs}};
  printf("head of %zu rows, attention of %d sequences of %zu\n", m.rows, SEQUENCES, m.length);
  if (make(&m)) {
    sl_bench_failed(on, "arrays", NULL);
  } else {
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
      if (measure_operations(&m, kernels[i].name, kernels[i].run, kernels[i].operations))
        sl_bench_failed(on, kernels[i].name, NULL);
    if (measure_decode(&m)) sl_bench_failed(on, "attention_decode", NULL);
  }
  release(&m);
}
