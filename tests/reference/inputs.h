/* Inputs of the plain-against-reference tests: random, and adversarial for rounding. The seed is
 * SLUICE_SEED or a constant, printed. */
#ifndef SLUICE_TEST_INPUTS_H
#define SLUICE_TEST_INPUTS_H

#include "reference/ball.h"

#include <stddef.h>
#include <stdint.h>

typedef enum {
  RANDOM,     /* uniform in (-1, 1) */
  SPREAD,     /* random signs, magnitudes from 2^-12 to 2^12 */
  CANCELLING, /* x[2i+1] = -x[2i] (1 + up to 2^-20): what is paired with the same x cancels */
  SUBNORMAL,  /* magnitudes around and below 2^-126 */
  ONE_SIDED,  /* 1, then 2^-24: every addition to the 1 loses all it can, and all the same way */
  KINDS
} input_kind;

/* Prints the seed and starts the stream. */
void inputs_begin(const char *test);
uint64_t next_u64(void);
double next_uniform(void); /* [0, 1) */

/* Memory that inputs_end gives back. */
void *take_bytes(size_t bytes);
float *take_floats(size_t n);
double *take_doubles(size_t n);
sl_ball *take_balls(size_t n);
uint32_t *take_words(size_t n);
void inputs_end(void);

/* n new numbers, times scale. */
float *fill(size_t n, input_kind kind, float scale);
/* n random numbers in which x[2i+1] = x[2i]: the partner of CANCELLING. */
float *fill_paired(size_t n, float scale);
float *copy_floats(const float *x, size_t n);

#endif
