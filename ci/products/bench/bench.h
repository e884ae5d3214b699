/* Measurements of `sluice bench`. Claims are ratios taken side by side in one run; each line names
 * backend and threads. */
#ifndef SLUICE_BENCH_H
#define SLUICE_BENCH_H

#include <sluice/kernels.h>

/* NULL and 0 unless given. */
typedef struct {
  int json;
  int on_request;                          /* of `peak`, `rollout` and `step` (on_request.h) */
  const struct sl_step_kind *shape;        /* of `rollout` and `step` */
  size_t tokens;                           /* of `step` */
  size_t rounds;                           /* of `kernels` */
  size_t slots, group, prompt, new_tokens; /* of `rollout`: completions, those of a prompt, tokens
                                              of each */
} sl_bench_options;

enum { SL_BENCH_ROUNDS_MAX = 101, SL_BENCH_SLOTS_MAX = 65536 };

/* Prints its result on standard output, as text or as JSON lines. context->backend is "cpu" unless
 * the user says otherwise. */
#define SL_BENCH(name, summary)                                                                 \
  sl_status sl_bench_##name(const sl_context_options *context, const sl_bench_options *options, \
                            sl_error *err);
#include "bench.def"
#undef SL_BENCH

#endif
