/* Measurements of `sluice bench`. Claims are ratios taken side by side in one run; each line names backend and threads. */
#ifndef SLUICE_BENCH_H
#define SLUICE_BENCH_H

#include <sluice/kernels.h>

/* Prints its result on standard output, as text or as JSON lines. options->backend is "cpu" unless the user says otherwise. */
#define SL_BENCH(name, summary) sl_status sl_bench_##name(const sl_context_options *options, int json, sl_error *err);
#include "bench.def"
#undef SL_BENCH

#endif
