/* The reduction orders of spec N3 and N4 as error bounds see them: through how many roundings a
 * term goes (its depth). Chunk sizes are the named constants of spec N1.8; a build that sets others
 * sets them here too. */
#ifndef SLUICE_REFERENCE_ORDER_H
#define SLUICE_REFERENCE_ORDER_H

#include <stddef.h>

#ifndef SL_DOT_CHUNK
#define SL_DOT_CHUNK 256
#endif
#ifndef SL_SUM_CHUNK
#define SL_SUM_CHUNK 1024
#endif
#ifndef SL_KEY_CHUNK
#define SL_KEY_CHUNK 64
#endif
#ifndef SL_SUM_LANES
#define SL_SUM_LANES 32
#endif

static inline size_t sl_least(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t sl_chunks(size_t n, size_t chunk) { return (n + chunk - 1) / chunk; }

/* Chunks touched by the anchored range [lo, hi) (spec N3.5). */
static inline size_t sl_anchored_chunks(size_t lo, size_t hi) {
  return lo < hi ? (hi - 1) / SL_DOT_CHUNK - lo / SL_DOT_CHUNK + 1 : 0;
}

/* spec N3.2, N3.5: a chain of fmas, each a rounding; then the chunk results, of which the first
 * meets +0 exactly. */
static inline size_t sl_anchored_depth(size_t lo, size_t hi) {
  return lo < hi ? sl_least(hi - lo, SL_DOT_CHUNK) + sl_anchored_chunks(lo, hi) - 1 : 0;
}
static inline size_t sl_dot_depth(size_t n) { return sl_anchored_depth(0, n); }

/* Roundings of the butterfly: with m lanes in use, the steps h >= m add +0. */
static inline size_t sl_butterfly_depth(size_t n) {
  size_t steps = 0;
  while (((size_t)1 << steps) < sl_least(n, SL_SUM_LANES)) steps++;
  return steps;
}

/* spec N3.6, sum of products: fmas of a lane, butterfly, chunk results (the first exact). */
static inline size_t sl_product_sum_depth(size_t n) {
  if (n == 0) return 0;
  return sl_chunks(sl_least(n, SL_SUM_CHUNK), SL_SUM_LANES) + sl_butterfly_depth(n) +
         sl_chunks(n, SL_SUM_CHUNK) - 1;
}

/* spec N3.6, sum: as before, but a lane's first addition is exact. */
static inline size_t sl_sum_depth(size_t n) { return n ? sl_product_sum_depth(n) - 1 : 0; }

/* spec N3.8, sum64 and sum64 of products of binary32, which binary64 holds exactly: at each level a
 * lane's first addition is exact. */
static inline size_t sl_sum64_depth(size_t n) {
  size_t depth = 0;
  for (; n > 0; n = n > 1 ? sl_chunks(n, SL_SUM_CHUNK) : 0)
    depth += sl_chunks(sl_least(n, SL_SUM_CHUNK), SL_SUM_LANES) - 1 + sl_butterfly_depth(n);
  return depth;
}

#endif
