/* A text in memory, written by stdio (see text_stream.h). */
#define _GNU_SOURCE /* fopencookie, __fpurge */
#include "text_stream.h"

#include <stdint.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 1024 };

/* Makes room for n more bytes and the NUL behind them. */
static int grow(sl_text_stream *t, size_t n) {
  if (n >= SIZE_MAX / 2 - t->size) return 0;
  size_t room = t->room ? t->room : ROOM_MIN;
  while (room <= t->size + n) room *= 2;
  char *text = room == t->room ? t->text : realloc(t->text, room);
  if (!text) return 0;
  t->text = text, t->room = room;
  return 1;
}

/* 0 tells stdio of an error. What follows a gap is not kept either. */
static ssize_t take(void *cookie, const char *data, size_t n) {
  sl_text_stream *t = cookie;
  if (t->is_cut || !grow(t, n)) {
    t->is_cut = 1;
    return 0;
  }
  memcpy(t->text + t->size, data, n);
  t->size += n, t->text[t->size] = 0;
  return (ssize_t)n;
}

FILE *sl_text_stream_open(sl_text_stream *t) {
  *t = (sl_text_stream){0};
  if (!grow(t, 0)) return NULL;
  *t->text = 0;
  t->stream = fopencookie(t, "w", (cookie_io_functions_t){.write = take});
  if (!t->stream) free(t->text), *t = (sl_text_stream){0};
  return t->stream;
}

const char *sl_text_stream_flush(sl_text_stream *t) {
  return fflush(t->stream) == 0 && !t->is_cut ? t->text : NULL;
}

void sl_text_stream_restart(sl_text_stream *t) {
  __fpurge(t->stream); /* what stdio still holds */
  clearerr(t->stream);
  t->size = 0, t->is_cut = 0, *t->text = 0;
}

char *sl_text_stream_close(sl_text_stream *t) {
  if (!t->stream) return NULL;
  const int is_whole = fclose(t->stream) == 0 && !t->is_cut;
  char *text = t->text;
  t->stream = NULL, t->text = NULL, t->room = 0;
  if (is_whole) return text;
  free(text);
  return NULL;
}
