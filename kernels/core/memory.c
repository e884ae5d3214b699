/* Memory of a context: the public calls, and host memory, which plain and cpu have. */
#include "context.h"
#include "pages.h"

#include <stdlib.h>
#include <string.h>

static sl_status host_allocate(sl_context *ctx, void **out, size_t bytes) {
  void *p = sl_pages_alloc(bytes);
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

/* One core writes zeros at some 8 GB/s, less than the memory takes. */
#define ZERO_RANGE ((size_t)1 << 20)

typedef struct {
  unsigned char *to;
  size_t bytes;
} zero_job;

static void zero_range(void *arg, size_t begin, size_t end, int thread) {
  const zero_job *j = arg;
  (void)thread;
  const size_t first = begin * ZERO_RANGE, stop = end * ZERO_RANGE;
  memset(j->to + first, 0, (stop < j->bytes ? stop : j->bytes) - first);
}

static sl_status host_zero(sl_context *ctx, void *to, size_t bytes) {
  zero_job j = {to, bytes};
  return sl_parallel_for(ctx, bytes / ZERO_RANGE + (bytes % ZERO_RANGE != 0), 1, zero_range, &j);
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
