/* Inputs of the plain-against-reference tests. */
#include "inputs.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;
static void *pool[4096];
static size_t pool_used;

void inputs_begin(const char *test) {
  const char *given = getenv("SLUICE_SEED");
  state = given ? strtoull(given, NULL, 0) : 20250901;
  fprintf(stderr, "%s: SLUICE_SEED=%llu\n", test, (unsigned long long)state);
}

/* splitmix64 (Steele, Lea, Flood, 2014) */
uint64_t next_u64(void) {
  uint64_t z = (state += 0x9E3779B97F4A7C15u);
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

double next_uniform(void) { return (double)(next_u64() >> 11) * 0x1p-53; }

void *take_bytes(size_t bytes) {
  cr_assert(pool_used < sizeof pool / sizeof *pool, "the pool is full");
  void *p = calloc(bytes + 1, 1);
  cr_assert_not_null(p);
  pool[pool_used++] = p;
  return p;
}

float *take_floats(size_t n) { return take_bytes(n * sizeof(float)); }
double *take_doubles(size_t n) { return take_bytes(n * sizeof(double)); }
sl_ball *take_balls(size_t n) { return take_bytes(n * sizeof(sl_ball)); }
uint32_t *take_words(size_t n) { return take_bytes(n * sizeof(uint32_t)); }

void inputs_end(void) {
  while (pool_used) free(pool[--pool_used]);
}

static double one(input_kind kind) {
  const double x = 2.0 * next_uniform() - 1.0;
  if (kind == SPREAD) return copysign(exp2(24.0 * next_uniform() - 12.0), x);
  if (kind == SUBNORMAL) return x * exp2(-120.0 - 30.0 * next_uniform());
  return x;
}

float *fill(size_t n, input_kind kind, float scale) {
  float *x = take_floats(n);
  for (size_t i = 0; i < n; i++) {
    x[i] = (float)one(kind) * scale;
    if (kind == ONE_SIDED) x[i] = (i ? 0x1p-24f : 1.0f) * scale;
    if (kind == CANCELLING && i % 2)
      x[i] = (float)(-(double)x[i - 1] * (1.0 + 0x1p-20 * next_uniform()));
  }
  return x;
}

float *fill_paired(size_t n, float scale) {
  float *x = fill(n, RANDOM, scale);
  for (size_t i = 1; i < n; i += 2) x[i] = x[i - 1];
  return x;
}

float *copy_floats(const float *x, size_t n) {
  float *y = take_floats(n);
  if (n) memcpy(y, x, n * sizeof *y);
  return y;
}
