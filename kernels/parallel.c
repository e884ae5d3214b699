/* Ranges handed to the context's threads, none of which may have a wrong environment (spec N1.2,
 * N1.4). */
#include "context.h"

#include <fenv.h>

#if defined(__x86_64__)
#include <immintrin.h>
/* FTZ, rounding control, DAZ: fegetround alone would miss a rounding mode that was set here and not
 * in the x87 control word. */
#define MXCSR_WRONG 0xe040u
static int units_right(void) { return (_mm_getcsr() & MXCSR_WRONG) == 0; }
#else
static int units_right(void) {
  volatile float tiny = 0x1p-126f;
  return tiny * 0.5f != 0.0f;
}
#endif

int sl_environment_ok(void) { return fegetround() == FE_TONEAREST && units_right(); }

sl_status sl_parallel_for(sl_context *ctx, size_t n, size_t grain, sl_parallel_body body,
                          void *arg) {
  if (!sl_environment_ok() || !sl_team_run(ctx->team, n, grain ? grain : 1, body, arg))
    return sl_fail(&ctx->error, SL_ERR_ENVIRONMENT,
                   "a thread does not round to nearest or flushes subnormals (spec N1.2)");
  return SL_OK;
}
