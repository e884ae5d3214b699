/* Pairs of answers whose equality is known because they are made from numbers that are (spec
 * F3.13). */
#ifndef SLUICE_TESTS_ANSWER_PAIRS_H
#define SLUICE_TESTS_ANSWER_PAIRS_H

#include <stdint.h>

#define PAIR_KINDS 21

typedef struct {
  char left[400], right[400];
  int equal;
  const char *kind;
} answer_pair;

/* Pair i of a seed: kind i % PAIR_KINDS; about half are equal. */
void answer_pair_make(answer_pair *out, uint64_t seed, uint32_t i);

#endif
