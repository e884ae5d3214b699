/* "Did you mean": the word of a list that is nearest to what the user typed. */
#ifndef SLUICE_NEAREST_H
#define SLUICE_NEAREST_H

#include <stddef.h>

/* {.word = ..., .length = ...}, then an offer for each word of the list; best is NULL while none is
 * near: at most a third of the letters may be wrong, missing, extra or swapped with a neighbour.
 * The first of equally near words wins. `-` and `_` are the same, as are upper and lower case. */
typedef struct {
  const char *word;
  size_t length;
  const char *best;
  size_t distance;
} sl_nearest;

void sl_nearest_offer(sl_nearest *nearest, const char *candidate);

#endif
