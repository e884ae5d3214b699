/* What often stands in the place of a text or of weights: a pointer to them, or their archive. */
#ifndef SLUICE_RECOGNISE_H
#define SLUICE_RECOGNISE_H

#include <stddef.h>

/* A sentence on what the first bytes of a file give away, with the way out; NULL if they are not
 * known. Only for files that were refused: the bytes alone do not make one wrong. */
const char *sl_recognise(const void *data, size_t size);

#endif
