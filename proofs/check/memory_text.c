/* A text in memory, written by stdio (see memory_text.h). */
#define _GNU_SOURCE /* fopencookie */
#include "memory_text.h"

#include <stdlib.h>
#include <string.h>

static ssize_t take(void *cookie, const char *data, size_t n) {
  memory_text_t *t = cookie;
  if (t->room <= t->size + n) {
    t->room = 2 * (t->size + n) + 1;
    t->text = realloc(t->text, t->room);
    if (!t->text) abort();
  }
  memcpy(t->text + t->size, data, n);
  t->size += n, t->text[t->size] = 0;
  return (ssize_t)n;
}

void slc_memory_text_open(memory_text_t *t) {
  *t = (memory_text_t){0};
  take(t, "", 0);
  t->out = fopencookie(t, "w", (cookie_io_functions_t){.write = take});
  if (!t->out) abort();
}

char *slc_memory_text_close(memory_text_t *t) {
  if (fclose(t->out) != 0) abort();
  return t->text;
}
