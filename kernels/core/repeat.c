/* Repeated calls: made by their backend where it records launches, else as they stand (spec N1.9).
 */
#include "repeat.h"

#include "context.h"

sl_status sl_context_repeat(sl_context *ctx, const sl_repeat_key *key, sl_repeated_calls *calls,
                            void *arg) {
  if (!ctx->repeat || ctx->repeat_off) return calls(arg);
  return ctx->repeat(ctx, key, calls, arg);
}

void sl_context_set_repeat(sl_context *ctx, int on) { ctx->repeat_off = !on; }
