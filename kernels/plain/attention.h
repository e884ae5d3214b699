/* What attention forward and backward share (spec T3.1). Internal. */
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

#endif
