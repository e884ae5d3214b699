/* The workspace of a context: one block of memory that every kernel call has anew. */
#include "context.h"
#include "pages.h"
#include "verify.h"

#include <stdlib.h>

#define WORKSPACE_ALIGN 64u

/* Grows to the largest need, so that nothing is allocated after the first step. A kernel asks for
 * it once: a second request could move the block that the first one returned. */
void *sl_workspace(sl_context *ctx, size_t bytes) {
  /* Never 0: NULL means an error. */
  const size_t rounded = (bytes / WORKSPACE_ALIGN + 1) * WORKSPACE_ALIGN;
  SL_VERIFY(ctx->workspace_used == 0);
  if (rounded < bytes) {
    sl_fail(&ctx->error, SL_ERR_MEMORY, "workspace size overflows");
    return NULL;
  }
  if (ctx->workspace_bytes < rounded) {
    free(ctx->workspace);
    ctx->workspace = sl_pages_alloc(rounded);
    ctx->workspace_bytes = ctx->workspace ? rounded : 0;
    if (!ctx->workspace) {
      sl_fail(&ctx->error, SL_ERR_MEMORY, "no memory for a workspace of %zu bytes", rounded);
      return NULL;
    }
  }
  ctx->workspace_used = rounded;
  return ctx->workspace;
}
