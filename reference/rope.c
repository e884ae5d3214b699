/* RoPE tables by MPFR (spec T1.9, T1.12 to T1.15). Steps in binary32 are operations of MPFR at 24
 * bits: none of them comes near the ends of the exponent range. */
#include "rope.h"

#include <mpfr.h>

#define RN MPFR_RNDN

/* The values rounded to binary32 are irrational or exact: 300 bits leave a wrong second rounding to
 * a chance of 2^-270. */
#define PRECISION 300

static float inverse_frequency(size_t i, size_t d, double theta) {
  mpfr_t x;
  mpfr_init2(x, PRECISION);
  mpfr_set_d(x, theta, RN);
  mpfr_pow_ui(x, x, 2 * i, RN);
  mpfr_rootn_ui(x, x, d, RN);
  mpfr_ui_div(x, 1, x, RN);
  const float result = mpfr_get_flt(x, RN);
  mpfr_clear(x);
  return result;
}

/* A binary32 operation on two floats. */
static float step(int (*operation)(mpfr_t, const mpfr_t, const mpfr_t, mpfr_rnd_t), float a,
                  float b) {
  mpfr_t x, y;
  mpfr_inits2(24, x, y, (mpfr_ptr)0);
  mpfr_set_flt(x, a, RN);
  mpfr_set_flt(y, b, RN);
  operation(x, x, y, RN);
  const float result = mpfr_get_flt(x, RN);
  mpfr_clears(x, y, (mpfr_ptr)0);
  return result;
}
#define MUL(a, b) step(mpfr_mul, a, b)
#define DIV(a, b) step(mpfr_div, a, b)
#define ADD(a, b) step(mpfr_add, a, b)
#define SUB(a, b) step(mpfr_sub, a, b)

/* theta^(2i/d), both rounded to binary32 before and the power after (spec T1.12). */
static float rounded_power(size_t i, size_t d, double theta) {
  mpfr_t x, e;
  mpfr_init2(x, PRECISION);
  mpfr_init2(e, 24);
  mpfr_set_flt(x, (float)theta, RN);
  mpfr_set_ui(e, 2 * i, RN);
  mpfr_div_ui(e, e, d, RN);
  mpfr_pow(x, x, e, RN);
  const float result = mpfr_get_flt(x, RN);
  mpfr_clears(x, e, (mpfr_ptr)0);
  return result;
}

/* 2 pi to binary32 */
static float turn(void) {
  mpfr_t x;
  mpfr_init2(x, PRECISION);
  mpfr_const_pi(x, RN);
  const float result = 2.0f * mpfr_get_flt(x, RN);
  mpfr_clear(x);
  return result;
}

static float llama3(float f, const sl_ref_rope *r) {
  const float wave = MUL(DIV(1.0f, f), turn());
  if (wave < (float)(r->original / r->high_freq_factor)) return f;
  if (wave > (float)(r->original / r->low_freq_factor)) return DIV(f, (float)r->factor);
  const float smooth = DIV(SUB(MUL(DIV(1.0f, wave), (float)r->original), (float)r->low_freq_factor),
                           (float)(r->high_freq_factor - r->low_freq_factor));
  return ADD(DIV(MUL(SUB(1.0f, smooth), f), (float)r->factor), MUL(smooth, f));
}

/* d ln(original / (turns 2 pi)) / (2 ln theta), the floor or the ceiling of it, within [0, d - 1].
 */
static void ramp_end(mpfr_t out, double turns, int up, size_t d, double theta,
                     const sl_ref_rope *r) {
  mpfr_t x;
  mpfr_init2(x, PRECISION);
  mpfr_const_pi(x, RN);
  mpfr_mul_ui(x, x, 2, RN);
  mpfr_mul_d(x, x, turns, RN);
  mpfr_d_div(x, r->original, x, RN);
  mpfr_log(x, x, RN);
  mpfr_mul_ui(x, x, d, RN);
  mpfr_set_d(out, theta, RN);
  mpfr_log(out, out, RN);
  mpfr_mul_ui(out, out, 2, RN);
  mpfr_div(out, x, out, RN);
  if (!r->untruncated && up) mpfr_ceil(out, out);
  if (!r->untruncated && !up) mpfr_floor(out, out);
  if (up && mpfr_cmp_ui(out, d - 1) > 0) mpfr_set_ui(out, d - 1, RN);
  if (!up && mpfr_sgn(out) < 0) mpfr_set_zero(out, 1);
  mpfr_clear(x);
}

static void yarn(float *inv_freq, size_t d, double theta, const sl_ref_rope *r) {
  mpfr_t low, high;
  mpfr_inits2(PRECISION, low, high, (mpfr_ptr)0);
  ramp_end(low, r->beta_fast, 0, d, theta, r);
  ramp_end(high, r->beta_slow, 1, d, theta, r);
  mpfr_sub(high, high, low, RN);
  const float first = mpfr_get_flt(low, RN),
              length = mpfr_zero_p(high) ? 0.001f : mpfr_get_flt(high, RN);
  mpfr_clears(low, high, (mpfr_ptr)0);
  for (size_t i = 0; i < d / 2; i++) {
    const float scaled = r->stepwise ? DIV(1.0f, MUL((float)r->factor, rounded_power(i, d, theta)))
                                     : DIV(inv_freq[i], (float)r->factor);
    float share = DIV(SUB((float)i, first), length);
    if (share < 0.0f) share = 0.0f;
    if (share > 1.0f) share = 1.0f;
    const float kept = SUB(1.0f, share);
    inv_freq[i] = ADD(MUL(scaled, SUB(1.0f, kept)), MUL(inv_freq[i], kept));
  }
}

void sl_ref_rope_frequencies(float *inv_freq, size_t d, double theta, const sl_ref_rope *r) {
  for (size_t i = 0; i < d / 2; i++) {
    inv_freq[i] =
        r->stepwise ? DIV(1.0f, rounded_power(i, d, theta)) : inverse_frequency(i, d, theta);
    if (r->kind == SL_REF_LINEAR) /* spec T1.13 */
      inv_freq[i] = DIV(inv_freq[i], (float)r->factor);
    if (r->kind == SL_REF_LLAMA3) inv_freq[i] = llama3(inv_freq[i], r);
  }
  if (r->kind == SL_REF_YARN) yarn(inv_freq, d, theta, r);
}

/* 0.1 by ln(factor) + 1 */
static void magnitude(mpfr_t out, double factor, double by) {
  mpfr_set_d(out, factor, RN);
  mpfr_log(out, out, RN);
  mpfr_mul_d(out, out, by, RN);
  mpfr_div_ui(out, out, 10, RN);
  mpfr_add_ui(out, out, 1, RN);
}

static float attention_factor(const sl_ref_rope *r) {
  mpfr_t x, y;
  if (r->kind != SL_REF_YARN) return 1.0f;
  if (r->attention_factor > 0.0) return (float)r->attention_factor;
  const int both = r->mscale > 0.0 && r->mscale_all_dim > 0.0;
  mpfr_inits2(PRECISION, x, y, (mpfr_ptr)0);
  magnitude(x, r->factor, both ? r->mscale : 1.0);
  magnitude(y, r->factor, both ? r->mscale_all_dim : 0.0);
  mpfr_div(x, x, y, RN);
  const float result = mpfr_get_flt(x, RN);
  mpfr_clears(x, y, (mpfr_ptr)0);
  return result;
}

void sl_ref_rope_tables(float *cos_table, float *sin_table, size_t positions, size_t d,
                        double theta, const sl_ref_rope *rope) {
  const size_t half = d / 2;
  const float m = attention_factor(rope);
  float frequencies[SL_REF_ROPE_PAIRS];
  mpfr_t angle, c, s;
  sl_ref_rope_frequencies(frequencies, d, theta, rope);
  mpfr_init2(angle, 24);
  mpfr_inits2(PRECISION, c, s, (mpfr_ptr)0);
  for (size_t i = 0; i < half; i++)
    for (size_t p = 0; p < positions; p++) {
      mpfr_set_flt(c, frequencies[i], RN);
      mpfr_mul_ui(c, c, p, RN);
      mpfr_set_flt(angle, mpfr_get_flt(c, RN), RN);
      mpfr_sin_cos(s, c, angle, RN);
      cos_table[p * half + i] = MUL(mpfr_get_flt(c, RN), m);
      sin_table[p * half + i] = MUL(mpfr_get_flt(s, RN), m);
    }
  mpfr_clears(angle, c, s, (mpfr_ptr)0);
}
