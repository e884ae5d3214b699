/* Recognises what users often have instead of a text or weights: a Git LFS pointer, an archive. */
#ifndef SLUICE_RECOGNISE_H
#define SLUICE_RECOGNISE_H

#include <stddef.h>

/* A sentence that says what the first bytes of a file are and what to do; NULL if they are not
 * known. Only for files that were refused: a good file may begin with the same bytes. */
const char *sl_recognise(const void *data, size_t size);

#endif
