/* mix64 of spec F5.1, for the host and for a device. Internal. */
#ifndef SLUICE_MIX64_H
#define SLUICE_MIX64_H

#include <stdint.h>

#ifdef __CUDACC__
#define SL_MIX64_FN static inline __host__ __device__
#else
#define SL_MIX64_FN static inline
#endif

SL_MIX64_FN uint64_t sl_mix64(uint32_t x, uint32_t y) {
  uint64_t z = ((uint64_t)x << 32 | y) + 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* The digest of spec F5.3, low word first, from two sums over the mix64 of fewer than 2^32
 * elements: modulo 2^64, and of the high halves. The low halves sum to all - 2^32 high modulo 2^64,
 * exactly, for they are fewer than 2^32: that gives the carry. */
SL_MIX64_FN void sl_mix64_digest(uint64_t *digest, uint64_t all, uint64_t high) {
  digest[0] = all;
  digest[1] = (high >> 32) + (all < high << 32);
}

#undef SL_MIX64_FN

#endif
