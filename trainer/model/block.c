/* Blocks of memory: all pages are touched at once, so that a run without enough memory fails at its
 * start. */
#include "block.h"

#include "kernels/core/pages.h"
#include "kernels/core/verify.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* *out = a * b; 0 if that overflows. */
static int product(size_t a, size_t b, size_t *out) {
  if (b && a > SIZE_MAX / b) return 0;
  *out = a * b;
  return 1;
}

void *sl_cut(sl_cutter *c, size_t rows, size_t columns, size_t size) {
  size_t bytes;
  if (c->overflow || !product(rows, columns, &bytes) || !product(bytes, size, &bytes) ||
      bytes > SIZE_MAX / 2 - c->used) {
    c->overflow = 1;
    return NULL;
  }
  void *p = c->base ? c->base + c->used : NULL;
  c->used += (bytes + SL_BLOCK_ALIGN - 1) / SL_BLOCK_ALIGN * SL_BLOCK_ALIGN;
  SL_VERIFY(!c->base || c->used <= c->bytes); /* the walk that counted is the walk that cuts */
  return p;
}

size_t sl_cutter_bytes(const sl_cutter *c) { return c->overflow ? SIZE_MAX : c->used; }

static sl_status host_block(void **out, size_t bytes) {
  const size_t rounded =
      (bytes / SL_BLOCK_ALIGN + (bytes % SL_BLOCK_ALIGN || !bytes)) * SL_BLOCK_ALIGN;
  void *block = sl_pages_alloc(rounded);
  if (!block) return SL_ERR_MEMORY;
  memset(block, 0, rounded);
  *out = block;
  return SL_OK;
}

static sl_status context_block(void **out, sl_context *ctx, size_t bytes) {
  void *block;
  sl_status status = sl_memory_alloc(ctx, &block, bytes);
  if (status) return status;
  status = sl_memory_zero(ctx, block, bytes);
  if (status)
    sl_memory_free(ctx, block);
  else
    *out = block;
  return status;
}

sl_status sl_block_create(void **out, sl_context *ctx, size_t bytes, const char *what,
                          sl_error *err) {
  if (bytes > SIZE_MAX - 2 * SL_BLOCK_ALIGN)
    return sl_fail(err, SL_ERR_MEMORY, "the size of %s overflows", what);
  const sl_status status = ctx ? context_block(out, ctx, bytes) : host_block(out, bytes);
  return status
             ? sl_fail(err, status, "no memory for %s: %.1f MiB", what, (double)bytes / 1048576.0)
             : SL_OK;
}

void sl_block_free(sl_context *ctx, void *block) {
  if (ctx)
    sl_memory_free(ctx, block);
  else
    free(block);
}
