/* RoPE tables by MPFR (spec T1.9). */
#include "rope.h"

#include <mpfr.h>

/* The values rounded to binary32 are irrational or exact: 300 bits leave a wrong second rounding to
 * a chance of 2^-270. */
#define PRECISION 300

static float inverse_frequency(size_t i, size_t d, double theta) {
  mpfr_t x;
  mpfr_init2(x, PRECISION);
  mpfr_set_d(x, theta, MPFR_RNDN);
  mpfr_pow_ui(x, x, 2 * i, MPFR_RNDN);
  mpfr_rootn_ui(x, x, d, MPFR_RNDN);
  mpfr_ui_div(x, 1, x, MPFR_RNDN);
  const float result = mpfr_get_flt(x, MPFR_RNDN);
  mpfr_clear(x);
  return result;
}

void sl_ref_rope_tables(float *cos_table, float *sin_table, size_t positions, size_t d,
                        double theta) {
  const size_t half = d / 2;
  mpfr_t angle, c, s;
  mpfr_init2(angle, 24);
  mpfr_inits2(PRECISION, c, s, (mpfr_ptr)0);
  for (size_t i = 0; i < half; i++) {
    const float inv_freq = inverse_frequency(i, d, theta);
    for (size_t p = 0; p < positions; p++) {
      mpfr_set_flt(c, inv_freq, MPFR_RNDN);
      mpfr_mul_ui(c, c, p, MPFR_RNDN);
      mpfr_set_flt(angle, mpfr_get_flt(c, MPFR_RNDN), MPFR_RNDN);
      mpfr_sin_cos(s, c, angle, MPFR_RNDN);
      cos_table[p * half + i] = mpfr_get_flt(c, MPFR_RNDN);
      sin_table[p * half + i] = mpfr_get_flt(s, MPFR_RNDN);
    }
  }
  mpfr_clears(angle, c, s, (mpfr_ptr)0);
}
