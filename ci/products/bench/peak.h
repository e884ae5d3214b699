/* Multiply-adds that stay in registers, and a copy past the caches: the most that a core can do.
 * peak.c is compiled once for each instruction set, which must be there. */
#ifndef SLUICE_PEAK_H
#define SLUICE_PEAK_H

#include <stddef.h>

/* Does rounds * *fmas of them, as chains that do not wait for each other; the sum of their ends, so
 * that they are not left out. */
typedef float sl_peak_chains(size_t rounds, size_t *fmas);
sl_peak_chains sl_avx2_peak_chains, sl_avx512_peak_chains;

/* n floats, a multiple of 16, at multiples of 64 bytes. What is written is not read first, as a
 * plain copy does, which moves three bytes for two. */
typedef void sl_peak_copy(float *to, const float *from, size_t n);
sl_peak_copy sl_avx2_peak_copy, sl_avx512_peak_copy;

#endif
