/* Hands ranges to the context's threads and checks the floating-point environment of each (spec
 * N1.2, N1.4). */
#include "context.h"

sl_status sl_parallel_for(sl_context *ctx, size_t n, size_t grain, sl_parallel_body body,
                          void *arg) {
  SL_TRY(sl_team_renew(ctx->team, &ctx->error));
  if (!sl_environment_ok() || !sl_team_run(ctx->team, n, grain ? grain : 1, body, arg))
    return sl_fail(&ctx->error, SL_ERR_ENVIRONMENT,
                   "a thread does not round to nearest or flushes subnormals (spec N1.2)");
  return SL_OK;
}
