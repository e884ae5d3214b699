/* Counter-based random numbers (spec N5): no state, the same on every backend. */
#ifndef SLUICE_RANDOM_H
#define SLUICE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#pragma GCC visibility push(default) /* what libsluice.so exports */
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* Purposes of spec N5.2. */
enum {
  SL_RANDOM_PARAMETERS = 1,
  SL_RANDOM_SHUFFLE = 2,
  SL_RANDOM_SAMPLING = 3,
  SL_RANDOM_DATA = 4,
  SL_RANDOM_REWARD_SHUFFLE = 5,
  SL_RANDOM_TEST = 6
};

/* Philox4x32-10 (spec N5.1): four words for (seed, position, sequence, step, purpose). */
void sl_philox(uint32_t out[4], uint64_t seed, uint32_t position, uint32_t sequence, uint32_t step,
               uint32_t purpose);

/* A 64-bit draw (spec N5.2). */
uint64_t sl_random_u64(uint64_t seed, uint32_t position, uint32_t sequence, uint32_t step,
                       uint32_t purpose);

/* The high 64 bits of a * b: maps a draw a to [0, b). */
uint64_t sl_multiply_high(uint64_t a, uint64_t b);

/* x[0..n): normals of standard deviation std for the tensor of that registry index (spec N5.3). */
void sl_random_normals(float *x, size_t n, float std, uint64_t seed, uint32_t tensor);

/* Fisher-Yates shuffle (spec N5.4). n < 2^32. */
void sl_random_shuffle(uint32_t *items, size_t n, uint64_t seed, uint32_t sequence, uint32_t step,
                       uint32_t purpose);

#ifdef __cplusplus
}
#endif
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
