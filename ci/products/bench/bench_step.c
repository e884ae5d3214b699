/* sluice bench step: one training step, against the rate of the matrix product alone. */
#include "bench.h"
#include "step_speed.h"

sl_status sl_bench_step(const sl_context_options *context, const sl_bench_options *options,
                        sl_error *err) {
  const sl_step_kind *kinds;
  sl_step_kinds(&kinds);
  return sl_step_speed(context, options->shape ? options->shape : kinds, options->tokens,
                       options->on_request ? SL_STEP_ON_REQUEST
                       : options->json     ? SL_STEP_JSON
                                           : SL_STEP_TEXT,
                       err);
}
