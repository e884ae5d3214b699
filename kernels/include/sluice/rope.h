/* The tables of rotary position embedding, built once on the host (spec T1.9). */
#ifndef SLUICE_ROPE_H
#define SLUICE_ROPE_H

#include <sluice/status.h>

#include <stddef.h>

#if defined(__GNUC__)
#pragma GCC visibility push(default) /* what libsluice.so exports */
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* Positions that the tables can have: sin and cos are correctly rounded up to this angle (spec
 * N2.1), and no frequency is above 1. */
#define SL_ROPE_POSITIONS 131072

/* inv_freq[i], i in [0, d/2): theta^(-2i/d), the real number rounded to binary32. d even, at most
 * 65536; theta in [1, 2^100]. SL_ERR_USAGE for other d or theta, and SL_ERR_INPUT, with the index,
 * for a theta whose power lies so close to the middle of two floats that the rounding cannot be
 * decided in 90 bits (none is known). */
sl_status sl_rope_frequencies(float *inv_freq, size_t d, double theta, sl_error *err);

/* cos_table and sin_table (positions, d/2) of the angles RN(position * inv_freq[i]). positions at
 * most SL_ROPE_POSITIONS; errors as above. Kernels take the same `positions`, and refuse a
 * position beyond. */
sl_status sl_rope_tables(float *cos_table, float *sin_table, size_t positions, size_t d,
                         double theta, sl_error *err);

#ifdef __cplusplus
}
#endif
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
