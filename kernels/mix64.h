/* mix64 of spec F5.1, for the host and for a device. Not public. */
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

#undef SL_MIX64_FN

#endif
