/* Bytes that grow at their end. Internal to trainer/text. */
#ifndef SLUICE_GROWING_H
#define SLUICE_GROWING_H

#include <sluice/status.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  char *bytes;
  size_t used, room;
} sl_growing;

/* Room for n more bytes: where they begin, or NULL if memory is short. */
static inline char *sl_growing_reserve(sl_growing *g, size_t n) {
  if (n > g->room - g->used) {
    const size_t most = (size_t)-1 / 4;
    if (n > most || g->used > most) return NULL;
    const size_t room = 2 * (g->used + n) + 64;
    char *bytes = realloc(g->bytes, room);
    if (!bytes) return NULL;
    g->bytes = bytes, g->room = room;
  }
  return g->bytes + g->used;
}

static inline sl_status sl_growing_put(sl_growing *g, const void *bytes, size_t n, sl_error *err) {
  if (n == 0) return SL_OK;
  char *at = sl_growing_reserve(g, n);
  if (!at) return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu more bytes of a text", n);
  memcpy(at, bytes, n);
  g->used += n;
  return SL_OK;
}

#endif
