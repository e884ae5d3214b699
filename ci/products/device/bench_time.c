/* How measurements are timed, and what they share (device_bench.h). */
#include "device_bench.h"

#include "ci/products/bench/bench_machine.h"

#include <stdio.h>
#include <stdlib.h>

#define CHUNK 65536u /* floats that are uploaded at once */

static sl_status repeat(double *seconds, const sl_timed *t, size_t calls) {
  const double begin = sl_bench_now();
  sl_status status = SL_OK;
  for (size_t i = 0; !status && i < calls; i++) status = t->call(t->arg);
  if (!status) status = t->wait(t->arg);
  *seconds = (sl_bench_now() - begin) / (double)calls;
  return status;
}

static size_t calls_for(double seconds) {
  return seconds >= SL_BENCH_SECONDS ? 1 : (size_t)(SL_BENCH_SECONDS / seconds) + 1;
}

sl_status sl_time_pairs(sl_timing *timing, const sl_timed *a, const sl_timed *b) {
  double ta[SL_BENCH_PAIRS], tb[SL_BENCH_PAIRS], ratio[SL_BENCH_PAIRS], once;
  sl_status status = repeat(&once, a, 1);
  if (!status) status = repeat(&once, b, 1);
  if (!status) status = repeat(ta, a, 1);
  if (!status) status = repeat(tb, b, 1);
  if (status) return status;
  const size_t calls_a = calls_for(*ta), calls_b = calls_for(*tb);
  for (size_t i = 0; !status && i < SL_BENCH_PAIRS; i++) {
    status = repeat(&ta[i], a, calls_a);
    if (!status) status = repeat(&tb[i], b, calls_b);
    if (!status) ratio[i] = tb[i] / ta[i];
  }
  if (status) return status;
  *timing = (sl_timing){sl_bench_median(ta, SL_BENCH_PAIRS), sl_bench_median(tb, SL_BENCH_PAIRS),
                        sl_bench_median(ratio, SL_BENCH_PAIRS)};
  return SL_OK;
}

sl_status sl_bench_floats(sl_context *ctx, float **out, size_t n, uint32_t seed) {
  float *chunk = malloc(CHUNK * sizeof *chunk), *memory = NULL;
  sl_status status =
      chunk ? sl_memory_alloc(ctx, (void **)&memory, n * sizeof *memory) : SL_ERR_MEMORY;
  for (size_t i = 0; chunk && i < CHUNK; i++) {
    seed = seed * 1664525u + 1013904223u;
    chunk[i] = (float)(int32_t)seed * 0x1p-31f;
  }
  for (size_t at = 0; !status && at < n; at += CHUNK)
    status =
        sl_memory_write(ctx, memory + at, chunk, (n - at < CHUNK ? n - at : CHUNK) * sizeof *chunk);
  free(chunk);
  if (status)
    sl_memory_free(ctx, memory);
  else
    *out = memory;
  return status;
}

void sl_bench_failed(sl_device_bench_on *on, const char *name, const char *why) {
  printf("%-18s FAILED: %s\n", name, why ? why : sl_context_error(on->ctx)->message);
  fflush(stdout);
  on->failures++;
}
