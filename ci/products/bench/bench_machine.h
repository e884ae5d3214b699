/* Clock, median, operands and machine of the bench. */
#ifndef SLUICE_BENCH_MACHINE_H
#define SLUICE_BENCH_MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* Seconds on the monotonic clock. */
double sl_bench_now(void);
/* The median of n > 0 values, which it sorts. */
double sl_bench_median(double *x, size_t n);
/* n numbers in [-2^31, 2^31) * scale, as good as random, on pages like a model's; for free(). NULL
 * without memory. */
float *sl_bench_numbers(size_t n, uint32_t seed, float scale);
/* "model name" of this machine, or "unknown CPU". */
const char *sl_bench_cpu(void);
/* Runnable tasks in the last minute, or -1: what else the machine was doing. */
double sl_bench_load(void);
/* Bytes of memory that this machine can give, or -1 where that is not known. */
double sl_bench_memory_available(void);

#endif
