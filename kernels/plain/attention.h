/* What attention forward and backward share (spec T3.1). Not public. */
#ifndef SLUICE_PLAIN_ATTENTION_H
#define SLUICE_PLAIN_ATTENTION_H

#include "reduce.h"

#include <sluice/functions.h>

/* Rows of keys or values: `at` is component 0 of key 0, steps in elements. */
typedef struct {
  const float *at;
  size_t key, component;
} strided;

static inline float attention_scale(size_t d) { return (float)(1.0 / sqrt((double)d)); }

static inline size_t longest(const uint32_t *seq, size_t n_seq) {
  size_t n = 0;
  for (size_t r = 0; r < n_seq; r++)
    if (seq[r + 1] - seq[r] > n) n = seq[r + 1] - seq[r];
  return n;
}

#endif
