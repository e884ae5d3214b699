/* sluice bench kernels: each kernel beside its floor, which is the larger of its fmas at the rate
 * of the packed product and its bytes at the rate of a copy, both measured in the same rounds. A
 * kernel whose time goes into functions (exp in attention, head, SwiGLU and the loss) lies above
 * it. */
#include "bench.h"
#include "bench_machine.h"
#include "kernel_rows.h"

#include "kernels/support/progress.h"

#include <stdio.h>
#include <string.h>

enum { ROUNDS = SL_BENCH_ROUNDS_MAX, ROUNDS_USUAL = 7, ROWS_MAX = 32 };
#define SECONDS 0.02 /* a timing lasts at least this long, or one call */

static sl_status time_of(const sl_kernel_row *row, sl_context *ctx, const sl_kernel_arrays *a,
                         size_t repeats, double *seconds) {
  const double begin = sl_bench_now();
  for (size_t i = 0; i < repeats; i++) SL_TRY(row->run(ctx, a));
  *seconds = (sl_bench_now() - begin) / (double)repeats;
  return SL_OK;
}

typedef struct {
  double seconds[ROWS_MAX][ROUNDS]; /* of a row, in a round */
  size_t rounds;
} times;

/* The rows in turn, so that what else the machine does meets all of them. */
static sl_status measure(times *t, sl_context *ctx, const sl_kernel_arrays *a,
                         sl_progress *progress) {
  const sl_kernel_row *rows;
  const size_t n = sl_kernel_rows(&rows);
  size_t repeats[ROWS_MAX];
  for (size_t i = 0; i < n; i++) {
    double once;
    SL_TRY(time_of(&rows[i], ctx, a, 1, &once)); /* the first call is not timed: it takes memory */
    SL_TRY(time_of(&rows[i], ctx, a, 1, &once));
    repeats[i] = 1 + (size_t)(SECONDS / once);
  }
  for (size_t round = 0; round < t->rounds; round++) {
    sl_progress_line(progress, "round %zu of %zu", round + 1, t->rounds);
    for (size_t i = 0; i < n; i++)
      SL_TRY(time_of(&rows[i], ctx, a, repeats[i], &t->seconds[i][round]));
  }
  return SL_OK;
}

/* Seconds that a row's fmas and bytes take at least, by what a round measured. */
static double floor_of(const sl_kernel_row *rows, size_t i, const times *t, size_t round,
                       int *memory) {
  const double fma = t->seconds[SL_KERNEL_PRODUCT][round] / rows[SL_KERNEL_PRODUCT].fmas,
               byte = t->seconds[SL_KERNEL_COPY][round] / rows[SL_KERNEL_COPY].bytes;
  *memory = rows[i].bytes * byte > rows[i].fmas * fma;
  return *memory ? rows[i].bytes * byte : rows[i].fmas * fma;
}

static double median_seconds(const times *t, size_t i) {
  double sorted[ROUNDS];
  memcpy(sorted, t->seconds[i], t->rounds * sizeof *sorted);
  return sl_bench_median(sorted, t->rounds);
}

static void print_row(const sl_kernel_row *rows, size_t i, const times *t, int threads, int json) {
  const sl_kernel_row *row = &rows[i];
  double share[ROUNDS];
  int memory = 0;
  for (size_t r = 0; r < t->rounds; r++)
    share[r] = floor_of(rows, i, t, r, &memory) / t->seconds[i][r];
  const double part = sl_bench_median(share, t->rounds), time = median_seconds(t, i);
  const char *bound = memory ? "memory" : "fmas";
  if (json)
    printf(
        "{\"kernel\": \"%s\", \"shape\": \"%s\", \"threads\": %d, \"seconds\": %.4g, "
        "\"floor\": \"%s\", \"share\": %.3f}\n",
        row->name, row->shape, threads, time, bound, part);
  else
    printf("%-18s %-28s %9.3f ms  %8.4f ns a %-8s floor: %-6s share %.2f\n", row->name, row->shape,
           1e3 * time, 1e9 * time / row->items, row->item, bound, part);
}

static void print(const times *t, sl_context *ctx, int json) {
  const sl_kernel_row *rows;
  const size_t n = sl_kernel_rows(&rows);
  const int threads = sl_context_threads(ctx);
  if (!json)
    printf("%s, %s, %d thread%s: product %.1f GFLOP/s, copy %.1f GB/s\n", sl_bench_cpu(),
           sl_context_backend(ctx), threads, threads == 1 ? "" : "s",
           2e-9 * rows[SL_KERNEL_PRODUCT].fmas / median_seconds(t, SL_KERNEL_PRODUCT),
           1e-9 * rows[SL_KERNEL_COPY].bytes / median_seconds(t, SL_KERNEL_COPY));
  for (size_t i = SL_KERNEL_PRODUCT + 1; i < n; i++) print_row(rows, i, t, threads, json);
}

sl_status sl_bench_kernels(const sl_context_options *context, const sl_bench_options *options,
                           sl_error *err) {
  times t = {.rounds = options->rounds ? options->rounds : ROUNDS_USUAL};
  sl_kernel_arrays arrays;
  sl_progress progress;
  sl_context *ctx;
  if (strcmp(context->backend, "cpu") != 0)
    return sl_fail(err, SL_ERR_USAGE, "bench kernels is of the cpu backend");
  SL_TRY(sl_context_create(&ctx, context, err));
  sl_progress_start(&progress);
  const double load = sl_bench_load();
  sl_status status = sl_kernel_arrays_new(&arrays, ctx, err);
  if (!status) {
    status = measure(&t, ctx, &arrays, &progress);
    if (status) sl_fail(err, status, "%s", sl_context_error(ctx)->message);
    sl_kernel_arrays_free(&arrays);
  }
  sl_progress_end(&progress);
  if (!status) print(&t, ctx, options->json);
  if (!status && !options->json)
    printf("load of the machine: %.2f before, %.2f after\n", load, sl_bench_load());
  sl_context_destroy(ctx);
  return status;
}
