/* A text that is made in memory by the calls of stdio. Unlike open_memstream of glibc it tells when
 * memory was short: that one drops what has no room, and then neither ferror nor fclose says so. */
#ifndef SLUICE_TEXT_STREAM_H
#define SLUICE_TEXT_STREAM_H

#include <stddef.h>
#include <stdio.h>

typedef struct {
  FILE *stream; /* to be written; NULL: not open */
  char *text;
  size_t size, room; /* bytes */
  int is_cut;        /* something had no room */
} sl_text_stream;

/* Opens it, empty; t stays where it is until it is closed. Returns t->stream, NULL without memory.
 */
FILE *sl_text_stream_open(sl_text_stream *t);
/* What was written so far, t->size bytes and a NUL, which stays t's; NULL: memory was short. */
const char *sl_text_stream_flush(sl_text_stream *t);
/* Forgets what was written, and keeps the memory. */
void sl_text_stream_restart(sl_text_stream *t);
/* Closes it, and gives what was written, t->size bytes and a NUL, to the caller, who frees it.
 * NULL: it was not open, or memory was short. */
char *sl_text_stream_close(sl_text_stream *t);

#endif
