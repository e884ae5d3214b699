/* "Did you mean": the word of a list that is nearest to what the user typed. Part of the library
 * because its own errors, on gates and backends, say it too. */
#ifndef SLUICE_NEAREST_H
#define SLUICE_NEAREST_H

#include <stddef.h>

/* {.word = ..., .length = ...}, then an offer for each word of the list; best is NULL while none is
 * near: at most a third of the letters (one of a short word) may be wrong, missing, extra or
 * swapped with a neighbour, or else it begins with the word's letters, three at least. The first of
 * equally near words wins, the shorter of two that begin so. `-` and `_` are the same, as are upper
 * and lower case. */
typedef struct {
  const char *word;
  size_t length;
  const char *best;
  size_t distance;
} sl_nearest;

void sl_nearest_offer(sl_nearest *nearest, const char *candidate);

/* The end of a message: "; did you mean WORD?", or "" where none is near. Returns out. */
enum { SL_MEANT = 96 };
const char *sl_nearest_meant(char out[SL_MEANT], const sl_nearest *nearest);
/* The same of a list. */
const char *sl_meant_of(char out[SL_MEANT], const char *word, const char *const *words, size_t n);

#endif
