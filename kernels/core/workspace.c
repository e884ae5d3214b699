/* The workspace of a context: one block of memory that every kernel call has anew. */
#include "context.h"

#include <stdlib.h>

#define WORKSPACE_ALIGN 64u

/* One block, grown to the largest need: a kernel asks once, and after the first step nothing is
 * allocated. */
void *sl_workspace(sl_context *ctx, size_t bytes) {
  const size_t rounded =
      (bytes / WORKSPACE_ALIGN + 1) * WORKSPACE_ALIGN; /* never 0: NULL means an error */
  if (rounded < bytes) {
    sl_fail(&ctx->error, SL_ERR_MEMORY, "workspace size overflows");
    return NULL;
  }
  if (ctx->workspace_bytes - ctx->workspace_used < rounded) {
    if (ctx->workspace_used) {
      sl_fail(&ctx->error, SL_ERR_MEMORY, "a kernel must take its workspace in one piece");
      return NULL;
    }
    free(ctx->workspace);
    ctx->workspace = aligned_alloc(WORKSPACE_ALIGN, rounded);
    ctx->workspace_bytes = ctx->workspace ? rounded : 0;
    if (!ctx->workspace) {
      sl_fail(&ctx->error, SL_ERR_MEMORY, "no memory for a workspace of %zu bytes", rounded);
      return NULL;
    }
  }
  void *p = ctx->workspace + ctx->workspace_used;
  ctx->workspace_used += rounded;
  return p;
}
