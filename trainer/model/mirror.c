/* Blocks that host and kernels share. */
#include "block.h"

size_t sl_mirror_bytes(const sl_context *ctx, size_t bytes) {
  if (!sl_context_on_device(ctx)) return bytes;
  return bytes > (size_t)-1 / 2 ? (size_t)-1 : 2 * bytes;
}

sl_status sl_mirror_create(sl_mirror *out, sl_context *ctx, size_t bytes, const char *what,
                           sl_error *err) {
  void *host = NULL, *device = NULL;
  sl_status status = sl_block_create(&host, NULL, bytes, what, err);
  if (!status && sl_context_on_device(ctx))
    status = sl_block_create(&device, ctx, bytes, what, err);
  if (status) {
    sl_block_free(NULL, host);
    return status;
  }
  *out = (sl_mirror){ctx, host, device ? device : host};
  return SL_OK;
}

void sl_mirror_free(sl_mirror *m) {
  if (m->device != m->host) sl_block_free(m->ctx, m->device);
  sl_block_free(NULL, m->host);
  *m = (sl_mirror){NULL, NULL, NULL};
}

void *sl_mirror_device(const sl_mirror *m, const void *host) {
  return host ? m->device + ((const unsigned char *)host - m->host) : NULL;
}

sl_status sl_mirror_push(const sl_mirror *m, const void *host, size_t bytes) {
  return m->device == m->host ? SL_OK
                              : sl_memory_write(m->ctx, sl_mirror_device(m, host), host, bytes);
}

sl_status sl_mirror_pull(const sl_mirror *m, void *host, size_t bytes) {
  return m->device == m->host ? SL_OK
                              : sl_memory_read(m->ctx, host, sl_mirror_device(m, host), bytes);
}
