/* RoPE tables by MPFR (spec T1.9, T1.12 to T1.15). */
#ifndef SLUICE_REFERENCE_ROPE_H
#define SLUICE_REFERENCE_ROPE_H

#include <stddef.h>

/* How frequencies are made; zeros: those of T1.9. The names are those of config.json (spec F1.2);
 * a number that is absent is 0. */
typedef struct {
  enum { SL_REF_PLAIN, SL_REF_LINEAR, SL_REF_LLAMA3, SL_REF_YARN } kind;
  int stepwise; /* T1.12 */
  double factor, original;
  double low_freq_factor, high_freq_factor;
  double beta_fast, beta_slow;
  int untruncated;
  double attention_factor, mscale, mscale_all_dim;
} sl_ref_rope;

/* inv_freq (d/2); theta > 0, d even. */
void sl_ref_rope_frequencies(float *inv_freq, size_t d, double theta, const sl_ref_rope *rope);

/* d/2 is at most this where tables are made. */
#define SL_REF_ROPE_PAIRS 1024

/* cos and sin tables of shape (positions, d/2): angle = RN32(pos * inv_freq), then cos and sin of
 * that float, correctly rounded, and times the attention factor. positions <= 2^17. */
void sl_ref_rope_tables(float *cos_table, float *sin_table, size_t positions, size_t d,
                        double theta, const sl_ref_rope *rope);

#endif
