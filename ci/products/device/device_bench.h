/* Measurements of `sluice-device bench`: each is a ratio of two rates that were taken in turns, so
 * that what else the machine does meets both. */
#ifndef SLUICE_DEVICE_BENCH_H
#define SLUICE_DEVICE_BENCH_H

#include <sluice/kernels.h>

#define SL_BENCH_PAIRS 9
#define SL_BENCH_SECONDS 0.01 /* a timing lasts at least this long, or one call */

typedef struct {
  sl_context *ctx;
  size_t floats; /* elements of a memory-bound kernel's arrays */
  size_t shrink; /* 1, or what sizes of products are divided by */
  int failures;  /* measurements that could not be taken; their lines say why */
} sl_device_bench_on;

/* Something to time: enqueues one call on the context, or elsewhere if `wait` is its own. */
typedef struct {
  sl_status (*call)(void *arg);
  sl_status (*wait)(void *arg);
  void *arg;
} sl_timed;

/* Median seconds of a call of either, and the median over pairs of (seconds of b) / (seconds of a).
 */
typedef struct {
  double a, b, ratio;
} sl_timing;

/* Calls each once to warm up, then times them in turns. */
sl_status sl_time_pairs(sl_timing *timing, const sl_timed *a, const sl_timed *b);

/* Device memory of n floats: random in [-1, 1), the same for the same seed. The error is the
 * context's. */
sl_status sl_bench_floats(sl_context *ctx, float **out, size_t n, uint32_t seed);

/* Counts and prints a measurement that could not be taken, for the context's error unless `why` is
 * one. */
void sl_bench_failed(sl_device_bench_on *on, const char *name, const char *why);

/* They print a line for each measurement. */
void sl_bench_memory_bound(sl_device_bench_on *on);
void sl_bench_products(sl_device_bench_on *on);
void sl_bench_model(sl_device_bench_on *on);

#endif
