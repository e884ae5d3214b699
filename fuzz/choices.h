/* The choices of a differential fuzzer, taken from the bytes of an input so that libFuzzer steers
 * them; zeros once these are used up. */
#ifndef SLUICE_FUZZ_CHOICES_H
#define SLUICE_FUZZ_CHOICES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
  const uint8_t *data;
  size_t size;
} choices;

static inline uint32_t choose_bits(choices *c, int bytes) {
  uint32_t out = 0;
  for (; bytes > 0 && c->size > 0; bytes--, c->size--) out = out << 8 | *c->data++;
  return out;
}

/* 0 ... n - 1; not above 255 */
static inline uint32_t choose(choices *c, uint32_t n) {
  if (n == 0) abort();
  return choose_bits(c, 1) % n;
}

/* In [-1, 1), of 16 bits. */
static inline double choose_unit(choices *c) {
  return (double)(int16_t)(uint16_t)choose_bits(c, 2) * 0x1p-15;
}

/* From 2^low to 2^high, the exponent uniform. */
static inline double choose_scale(choices *c, double low, double high) {
  return exp2(low + (high - low) * (choose_unit(c) + 1.0) / 2.0);
}

#endif
