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

/* How frequencies are scaled for longer sequences, and by which rule the unscaled ones are rounded
 * (spec T1.9, T1.12). Zeros: none, by the rule above. */
typedef enum { SL_ROPE_PLAIN, SL_ROPE_LINEAR, SL_ROPE_LLAMA3, SL_ROPE_YARN } sl_rope_kind;
typedef struct {
  sl_rope_kind kind;
  int stepwise;     /* inv_freq by T1.12, a rounding a step, as transformers has it */
  double factor;    /* in [1, 2^20]; not for plain */
  double original;  /* positions before; in [1, 2^31); llama3 and yarn */
  double low, high; /* llama3: low_freq_factor < high_freq_factor; yarn: beta_slow, beta_fast */
  int untruncated;  /* yarn: truncate is false */
  double attention; /* yarn: attention_factor; 0: that of factor and the two mscales */
  double mscale, mscale_all_dim; /* yarn: 0 where absent */
} sl_rope_scaling;

/* SL_ERR_USAGE, naming the number as config.json does, for one outside of its range. */
sl_status sl_rope_scaling_check(const sl_rope_scaling *scaling, double theta, sl_error *err);

/* As sl_rope_frequencies and sl_rope_tables, scaled; a NULL scaling is plain. SL_ERR_USAGE for a
 * number outside of its range, SL_ERR_INPUT where a rounding cannot be decided. */
sl_status sl_rope_scaled_frequencies(float *inv_freq, size_t d, double theta,
                                     const sl_rope_scaling *scaling, sl_error *err);
sl_status sl_rope_scaled_tables(float *cos_table, float *sin_table, size_t positions, size_t d,
                                double theta, const sl_rope_scaling *scaling, sl_error *err);
/* What cos and sin are multiplied by; 1 for all kinds but yarn. Errors as above. */
sl_status sl_rope_attention_factor(float *out, const sl_rope_scaling *scaling, sl_error *err);

#ifdef __cplusplus
}
#endif
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
