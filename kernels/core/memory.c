/* Memory of a context: the public calls, and host memory, which plain and cpu have. */
#include "context.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY_ALIGN 64u

static sl_status host_allocate(sl_context *ctx, void **out, size_t bytes) {
  const size_t rounded = (bytes / MEMORY_ALIGN + 1) * MEMORY_ALIGN;
  void *p = rounded < bytes ? NULL : aligned_alloc(MEMORY_ALIGN, rounded);
  if (!p) return sl_fail(&ctx->error, SL_ERR_MEMORY, "no memory for %zu bytes", bytes);
  *out = p;
  return SL_OK;
}

static void host_release(sl_context *ctx, void *memory) {
  (void)ctx;
  free(memory);
}

static sl_status host_write(sl_context *ctx, void *to, const void *from, size_t bytes) {
  (void)ctx;
  memcpy(to, from, bytes);
  return SL_OK;
}

static sl_status host_zero(sl_context *ctx, void *to, size_t bytes) {
  (void)ctx;
  memset(to, 0, bytes);
  return SL_OK;
}

static sl_status host_synchronize(sl_context *ctx) {
  (void)ctx;
  return SL_OK;
}

const sl_memory sl_host_memory = {host_allocate, host_release, host_write,      host_write,
                                  host_write,    host_zero,    host_synchronize};

int sl_context_on_device(const sl_context *ctx) { return ctx->device != NULL; }

sl_status sl_memory_alloc(sl_context *ctx, void **out, size_t bytes) {
  return ctx->memory->allocate(ctx, out, bytes ? bytes : 1);
}

void sl_memory_free(sl_context *ctx, void *memory) {
  if (memory) ctx->memory->release(ctx, memory);
}

sl_status sl_memory_write(sl_context *ctx, void *to, const void *from_host, size_t bytes) {
  return bytes ? ctx->memory->write(ctx, to, from_host, bytes) : SL_OK;
}

sl_status sl_memory_read(sl_context *ctx, void *to_host, const void *from, size_t bytes) {
  return bytes ? ctx->memory->read(ctx, to_host, from, bytes) : sl_context_synchronize(ctx);
}

sl_status sl_memory_copy(sl_context *ctx, void *to, const void *from, size_t bytes) {
  return bytes ? ctx->memory->copy(ctx, to, from, bytes) : SL_OK;
}

sl_status sl_memory_zero(sl_context *ctx, void *to, size_t bytes) {
  return bytes ? ctx->memory->zero(ctx, to, bytes) : SL_OK;
}

sl_status sl_context_synchronize(sl_context *ctx) { return ctx->memory->synchronize(ctx); }
