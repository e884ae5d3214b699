/* Memory-bound kernels against a copy: bytes a second, counting each input read once and each
 * output written once. */
#include "device_bench.h"

#include <sluice/rope.h>

#include <stdio.h>
#include <stdlib.h>

enum {
  ARRAYS = 5,
  WIDTH = 896,
  HEAD = 64,
  POSITIONS = 1024,
  VOCAB = 32768
}; /* widths of Qwen2.5-0.5B */

/* Arrays of n floats, and the small ones; one set for all kernels. */
typedef struct {
  sl_context *ctx;
  size_t n; /* a multiple of WIDTH */
  float *a[ARRAYS], *rstd, *w, *tables;
  uint32_t *ids;
  double *sum;
  uint64_t *digest;
} arrays;

static sl_status run_copy(void *arg) {
  const arrays *s = arg;
  return sl_memory_copy(s->ctx, s->a[0], s->a[1], s->n * sizeof(float));
}

static sl_status wait_for_context(void *arg) {
  return sl_context_synchronize(((const arrays *)arg)->ctx);
}

static sl_status run_residual_add(void *arg) {
  const arrays *s = arg;
  return sl_residual_add(s->ctx, s->a[0], s->a[1], s->a[2], s->n);
}

static sl_status run_swiglu_forward(void *arg) {
  const arrays *s = arg;
  return sl_swiglu_forward(s->ctx, s->a[0], s->a[1], s->a[2], s->n);
}

static sl_status run_swiglu_backward(void *arg) {
  const arrays *s = arg;
  return sl_swiglu_backward(s->ctx, s->a[0], s->a[1], s->a[2], s->a[3], s->a[4], s->n);
}

static sl_status run_rmsnorm_forward(void *arg) {
  const arrays *s = arg;
  return sl_rmsnorm_forward(s->ctx, s->a[0], s->rstd, s->a[1], s->w, s->n / WIDTH, WIDTH, 1e-6f);
}

static sl_status run_rmsnorm_backward(void *arg) {
  const arrays *s = arg;
  return sl_rmsnorm_backward(s->ctx, s->a[0], s->a[1], s->a[2], s->w, s->rstd, s->a[3],
                             s->n / WIDTH, WIDTH);
}

static sl_status run_rope_forward(void *arg) {
  const arrays *s = arg;
  return sl_rope_forward(s->ctx, s->a[0], s->ids, s->tables, s->tables + POSITIONS * HEAD / 2,
                         s->n / WIDTH, WIDTH / HEAD, HEAD, POSITIONS);
}

static sl_status run_embedding_forward(void *arg) {
  const arrays *s = arg;
  return sl_embedding_forward(s->ctx, s->a[0], s->a[1], s->ids, s->n / WIDTH, WIDTH,
                              s->n / WIDTH < VOCAB ? s->n / WIDTH : VOCAB);
}

static sl_status run_grad_square_sum(void *arg) {
  const arrays *s = arg;
  return sl_grad_square_sum(s->ctx, s->sum, s->a[1], s->n);
}

static sl_status run_tensor_digest(void *arg) {
  const arrays *s = arg;
  return sl_tensor_digest(s->ctx, s->digest, s->a[1], s->n);
}

/* Moments and parameters stay bounded over any number of steps. */
static sl_status run_adamw_step(void *arg) {
  const arrays *s = arg;
  const sl_adamw scalars = {1.0f, 0.9f, 0.95f, 0.1f, 0.05f, 1.0f, 1.0f, 1e-4f, 1e-8f, 0.999f, 0};
  return sl_adamw_step(s->ctx, s->a[0], s->a[1], s->a[2], s->a[3], &scalars, s->n);
}

/* AdamW comes last: its second moments, which must not be negative, then begin at 0. */
static const struct {
  const char *name;
  double bytes; /* an element */
  sl_status (*run)(void *arg);
} kernels[] = {
    {"residual_add", 12, run_residual_add},          {"swiglu_forward", 12, run_swiglu_forward},
    {"swiglu_backward", 20, run_swiglu_backward},    {"rmsnorm_forward", 8, run_rmsnorm_forward},
    {"rmsnorm_backward", 16, run_rmsnorm_backward},  {"rope_forward", 8, run_rope_forward},
    {"embedding_forward", 8, run_embedding_forward}, {"grad_square_sum", 4, run_grad_square_sum},
    {"tensor_digest", 4, run_tensor_digest},         {"adamw_step", 28, run_adamw_step}};
#define KERNELS (sizeof kernels / sizeof *kernels)

static void release(arrays *s) {
  for (size_t i = 0; i < ARRAYS; i++) sl_memory_free(s->ctx, s->a[i]);
  sl_memory_free(s->ctx, s->rstd), sl_memory_free(s->ctx, s->w), sl_memory_free(s->ctx, s->tables);
  sl_memory_free(s->ctx, s->ids), sl_memory_free(s->ctx, s->sum), sl_memory_free(s->ctx, s->digest);
}

/* Ids below both the positions of the rotary tables and the rows of the embedding. */
static sl_status make_ids(arrays *s) {
  const size_t t = s->n / WIDTH, most = t < POSITIONS ? t : POSITIONS;
  uint32_t *ids = malloc(t * sizeof *ids);
  if (!ids) return SL_ERR_MEMORY;
  for (size_t i = 0; i < t; i++) ids[i] = (uint32_t)(i * 7919 % most);
  sl_status status = sl_memory_alloc(s->ctx, (void **)&s->ids, t * sizeof *ids);
  if (!status) status = sl_memory_write(s->ctx, s->ids, ids, t * sizeof *ids);
  free(ids);
  return status;
}

/* Rotations proper: any number of them keeps the magnitudes. */
static sl_status make_tables(arrays *s) {
  const size_t half = (size_t)POSITIONS * HEAD / 2, bytes = 2 * half * sizeof(float);
  float *tables = malloc(bytes);
  sl_status status =
      tables ? sl_rope_tables(tables, tables + half, POSITIONS, HEAD, 1e6, NULL) : SL_ERR_MEMORY;
  if (!status) status = sl_memory_alloc(s->ctx, (void **)&s->tables, bytes);
  if (!status) status = sl_memory_write(s->ctx, s->tables, tables, bytes);
  free(tables);
  return status;
}

static sl_status make(arrays *s) {
  sl_status status = SL_OK;
  for (uint32_t i = 0; !status && i < ARRAYS; i++)
    status = sl_bench_floats(s->ctx, &s->a[i], s->n, i + 1);
  if (!status) status = sl_bench_floats(s->ctx, &s->rstd, s->n / WIDTH, 11);
  if (!status) status = sl_bench_floats(s->ctx, &s->w, WIDTH, 12);
  if (!status) status = make_tables(s);
  if (!status) status = sl_memory_alloc(s->ctx, (void **)&s->sum, sizeof *s->sum);
  if (!status) status = sl_memory_alloc(s->ctx, (void **)&s->digest, 2 * sizeof *s->digest);
  return status ? status : make_ids(s);
}

static sl_status measure_kernel(arrays *s, size_t k) {
  const sl_timed ours = {kernels[k].run, wait_for_context, s},
                 copy = {run_copy, wait_for_context, s};
  sl_timing t;
  sl_status status = SL_OK;
  if (kernels[k].run == run_adamw_step)
    status = sl_memory_zero(s->ctx, s->a[2], s->n * sizeof(float));
  if (!status) status = sl_time_pairs(&t, &ours, &copy);
  if (status) return status;
  const double rate = kernels[k].bytes * (double)s->n / t.a, ceiling = 8.0 * (double)s->n / t.b;
  printf("%-18s %8.1f GB/s, copy %8.1f GB/s, ratio %.3f (%g bytes per element)\n", kernels[k].name,
         1e-9 * rate, 1e-9 * ceiling, t.ratio * kernels[k].bytes / 8.0, kernels[k].bytes);
  fflush(stdout);
  return SL_OK;
}

void sl_bench_memory_bound(sl_device_bench_on *on) {
  arrays s = {.ctx = on->ctx, .n = (on->floats / WIDTH + 1) * WIDTH};
  printf("memory-bound kernels, arrays of %.1f MiB\n", (double)s.n * 4 / 1048576.0);
  if (make(&s))
    sl_bench_failed(on, "arrays", NULL);
  else
    for (size_t k = 0; k < KERNELS; k++)
      if (measure_kernel(&s, k)) sl_bench_failed(on, kernels[k].name, NULL);
  release(&s);
}
