/* A text that is made in memory by the calls of stdio. Where memory is short the program ends, as
 * everywhere in the checker: open_memstream of glibc drops what has no room and says nothing, and a
 * certificate would be accepted with less said of it than was checked. */
#ifndef SLUICE_CHECK_MEMORY_TEXT_H
#define SLUICE_CHECK_MEMORY_TEXT_H

#include <stdio.h>

typedef struct {
  FILE *out; /* to be written */
  char *text;
  size_t size, room;
} memory_text_t;

/* t stays where it is until it is closed. */
void slc_memory_text_open(memory_text_t *t);
/* What was written, NUL-terminated, to be freed. */
char *slc_memory_text_close(memory_text_t *t);

#endif
