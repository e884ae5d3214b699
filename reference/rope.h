/* RoPE tables by MPFR (spec T1.9). */
#ifndef SLUICE_REFERENCE_ROPE_H
#define SLUICE_REFERENCE_ROPE_H

#include <stddef.h>

/* cos and sin tables of shape (positions, d/2): inv_freq = RN32(theta^(-2i/d)), angle = RN32(pos *
 * inv_freq), then cos and sin of that float, correctly rounded. theta > 0, positions <= 2^17, d
 * even. */
void sl_ref_rope_tables(float *cos_table, float *sin_table, size_t positions, size_t d,
                        double theta);

#endif
