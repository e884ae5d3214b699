/* The merges of byte-pair encoding and what they make of a word (spec F7.2). */
#ifndef SLUICE_MERGES_H
#define SLUICE_MERGES_H

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

/* Neighbours left and right become merged; a merge's index is its rank, the lowest goes first. */
typedef struct {
  uint32_t left, right, merged;
} sl_merge;

typedef struct sl_merges sl_merges;

/* A pair that occurs twice has the rank of the last one, as theirs has. */
sl_status sl_merges_create(sl_merges **out, const sl_merge *list, size_t n, sl_error *err);
void sl_merges_destroy(sl_merges *merges);

/* Room that is used again from word to word; starts as zeros, freed by sl_merging_free. */
typedef struct {
  void *symbols, *heap;
  size_t n_symbols;
} sl_merging;
void sl_merging_free(sl_merging *room);

/* Merges neighbours among ids[0, *n), the lowest rank first, of equal ranks the leftmost, until no
 * pair has a merge; *n is what is left. O(n log n). */
sl_status sl_merges_apply(const sl_merges *merges, sl_merging *room, uint32_t *ids, size_t *n,
                          sl_error *err);

#endif
