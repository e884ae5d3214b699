/* Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; spec N5.1,
 * N5.2), for host and device. Internal. */
#ifndef SLUICE_PHILOX_H
#define SLUICE_PHILOX_H

#include <stdint.h>

#ifdef __CUDACC__
#define SL_PHILOX_FN static inline __host__ __device__
#else
#define SL_PHILOX_FN static inline
#endif

#define SL_PHILOX_MULTIPLIER_0 0xD2511F53u
#define SL_PHILOX_MULTIPLIER_1 0xCD9E8D57u
#define SL_PHILOX_WEYL_0 0x9E3779B9u
#define SL_PHILOX_WEYL_1 0xBB67AE85u
#define SL_PHILOX_ROUNDS 10

/* c: the counter (position, sequence, step, purpose), and then the output. */
SL_PHILOX_FN void sl_philox_words(uint32_t c[4], uint64_t seed) {
  uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  for (int round = 0; round < SL_PHILOX_ROUNDS; round++) {
    const uint64_t p0 = (uint64_t)SL_PHILOX_MULTIPLIER_0 * c[0],
                   p1 = (uint64_t)SL_PHILOX_MULTIPLIER_1 * c[2];
    c[0] = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
    c[2] = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
    c[1] = (uint32_t)p1;
    c[3] = (uint32_t)p0;
    k0 += SL_PHILOX_WEYL_0;
    k1 += SL_PHILOX_WEYL_1;
  }
}

/* A 64-bit draw. */
SL_PHILOX_FN uint64_t sl_philox_u64(uint64_t seed, uint32_t position, uint32_t sequence,
                                    uint32_t step, uint32_t purpose) {
  uint32_t c[4] = {position, sequence, step, purpose};
  sl_philox_words(c, seed);
  return c[0] | (uint64_t)c[1] << 32;
}

#endif
