/* Clock, median and machine of the bench. */
#ifndef SLUICE_BENCH_MACHINE_H
#define SLUICE_BENCH_MACHINE_H

#include <stddef.h>

/* Seconds on the monotonic clock. */
double sl_bench_now(void);
/* The median of n > 0 values, which it sorts. */
double sl_bench_median(double *x, size_t n);
/* "model name" of this machine, or "unknown CPU". */
const char *sl_bench_cpu(void);
/* Runnable tasks in the last minute, or -1: what else the machine was doing. */
double sl_bench_load(void);
/* Bytes of memory that this machine can give, or -1 where that is not known. */
double sl_bench_memory_available(void);

#endif
