/* Rope's tables against MPFR (spec T1.9). */
#include <criterion/criterion.h>
#include <math.h>
#include <mpfr.h>
#include <sluice/rope.h>
#include <stdlib.h>
#include <string.h>

static const double thetas[] = {10000.0, 1000000.0, 500000.0, 100000.0,   5000000.0, 10.0,
                                2.0,     1.5,       1.0,      123456.789, 1024.0,    0x1p100};
static const size_t head_sizes[] = {2, 4, 6, 8, 16, 32, 48, 64, 80, 96, 112, 128, 192, 256, 512};
#define COUNT(x) (sizeof(x) / sizeof *(x))

/* theta^(-2i/d) rounded once: 300 bits, then to 24 with MPFR's own ternary value, so no double
 * rounding is left to chance. */
static float exact_frequency(double theta, size_t i, size_t d) {
  mpfr_t t, e;
  mpfr_init2(t, 300), mpfr_init2(e, 300);
  mpfr_set_d(t, theta, MPFR_RNDN);
  mpfr_set_si(e, -2 * (long)i, MPFR_RNDN);
  mpfr_div_ui(e, e, (unsigned long)d, MPFR_RNDN);
  mpfr_pow(t, t, e, MPFR_RNDN);
  const float f = mpfr_get_flt(t, MPFR_RNDN);
  mpfr_clear(t), mpfr_clear(e);
  return f;
}

Test(rope, frequencies_are_correctly_rounded) {
  float got[256];
  sl_error err;
  for (size_t a = 0; a < COUNT(thetas); a++)
    for (size_t b = 0; b < COUNT(head_sizes); b++) {
      cr_assert_eq(sl_rope_frequencies(got, head_sizes[b], thetas[a], &err), SL_OK, "%s",
                   err.message);
      for (size_t i = 0; i < head_sizes[b] / 2; i++)
        cr_assert_eq(got[i], exact_frequency(thetas[a], i, head_sizes[b]),
                     "theta %g, d %zu, i %zu: %a", thetas[a], head_sizes[b], i, (double)got[i]);
    }
}

Test(rope, tables_hold_rounded_cosines_of_the_rounded_angle) {
  enum { POSITIONS = SL_ROPE_POSITIONS, D = 8 };
  float *cosine = malloc(POSITIONS * D / 2 * sizeof *cosine),
        *sine = malloc(POSITIONS * D / 2 * sizeof *sine), frequency[D / 2];
  sl_error err;
  cr_assert_eq(sl_rope_tables(cosine, sine, POSITIONS, D, 10000.0, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_rope_frequencies(frequency, D, 10000.0, &err), SL_OK);
  mpfr_t x, y;
  mpfr_init2(x, 24), mpfr_init2(y, 24);
  for (size_t p = 0; p < POSITIONS; p += p < 50 ? 1 : 997)
    for (size_t i = 0; i < D / 2; i++) {
      mpfr_set_flt(x, (float)p * frequency[i], MPFR_RNDN);
      mpfr_cos(y, x, MPFR_RNDN);
      cr_assert_eq(mpfr_get_flt(y, MPFR_RNDN), cosine[p * D / 2 + i],
                   "cos, position %zu, component %zu", p, i);
      mpfr_sin(y, x, MPFR_RNDN);
      cr_assert_eq(mpfr_get_flt(y, MPFR_RNDN), sine[p * D / 2 + i],
                   "sin, position %zu, component %zu", p, i);
    }
  mpfr_clear(x), mpfr_clear(y);
  free(cosine), free(sine);
}

Test(rope, what_has_no_table_is_refused) {
  float c[4] = {7, 7, 7, 7}, s[4] = {7, 7, 7, 7};
  const double bad[] = {0.5, 0.0, -1.0, NAN, INFINITY, 0x1p101};
  sl_error err;
  for (size_t i = 0; i < COUNT(bad); i++)
    cr_expect_eq(sl_rope_tables(c, s, 1, 4, bad[i], &err), SL_ERR_USAGE);
  cr_expect_eq(sl_rope_tables(c, s, 1, 3, 10.0, &err), SL_ERR_USAGE);
  cr_expect_not_null(strstr(err.message, "head size 3"));
  cr_expect_eq(sl_rope_tables(c, s, 1, 0, 10.0, &err), SL_ERR_USAGE);
  cr_expect_eq(sl_rope_tables(c, s, SL_ROPE_POSITIONS + 1, 4, 10.0, &err), SL_ERR_USAGE);
  cr_expect_eq(sl_rope_tables(c, s, 0, 4, 10.0, &err), SL_OK);
  for (int i = 0; i < 4; i++) cr_expect(c[i] == 7.0f && s[i] == 7.0f);
}

/* Thetas whose inverse square root lies within 2^-52 of the middle of two floats: binary64 alone
 * could not tell on which side. (On the middle itself it never lies: (k / 2^25)^-2 with k odd is no
 * double.) Then a power of two, which is exact. */
Test(rope, near_the_middle_of_two_floats) {
  float got[2];
  sl_error err;
  for (int k = 1; k < 2000; k++) {
    const double middle = 0.5 + (2 * k + 1) * 0x1p-25, theta = 1.0 / (middle * middle);
    cr_assert_eq(sl_rope_frequencies(got, 4, theta, &err), SL_OK, "%s", err.message);
    cr_assert_eq(got[1], exact_frequency(theta, 1, 4), "theta %a", theta);
  }
  cr_assert_eq(sl_rope_frequencies(got, 4, 0x1p50, &err), SL_OK);
  cr_assert_eq(got[1], 0x1p-25f);
}

/* Each number just outside of its range, and the inside beside it. */
Test(rope, scalings_outside_of_their_ranges_are_refused) {
  static const sl_rope_scaling llama = {SL_ROPE_LLAMA3, 0, 8, 8192, 1, 4, 0, 0, 0, 0},
                               yarn = {SL_ROPE_YARN, 0, 4, 8192, 1, 32, 0, 0, 0, 0};
  float f[2] = {7, 7};
  sl_error err;
  struct {
    sl_rope_scaling s;
    const char *part;
  } cases[] = {{llama, "factor must lie"},
               {llama, "factor must lie"},
               {llama, "original_max_position_embeddings must lie"},
               {llama, "low_freq_factor, 0, must be above 0"},
               {llama, "below high_freq_factor, 1"},
               {yarn, "at most beta_fast, 0.5"},
               {yarn, "attention_factor, mscale and mscale_all_dim"},
               {yarn, "attention_factor, mscale and mscale_all_dim"}};
  cases[0].s.factor = 0.999, cases[1].s.factor = 0x1.1p20, cases[2].s.original = 0;
  cases[3].s.low = 0, cases[4].s.high = 1, cases[5].s.high = 0.5, cases[6].s.attention = -1;
  cases[7].s.mscale = NAN;
  for (size_t i = 0; i < COUNT(cases); i++) {
    cr_expect_eq(sl_rope_scaled_frequencies(f, 4, 1e4, &cases[i].s, &err), SL_ERR_USAGE);
    cr_expect_not_null(strstr(err.message, cases[i].part), "%s", err.message);
    cr_expect(f[0] == 7.0f && f[1] == 7.0f);
  }
  cr_expect_eq(sl_rope_scaled_frequencies(f, 4, 1.0, &yarn, &err), SL_ERR_USAGE);
  cr_expect_eq(sl_rope_scaled_frequencies(f, 4, 1e4, &llama, &err), SL_OK);
  cr_expect_eq(sl_rope_scaled_frequencies(f, 4, 1e4, &yarn, &err), SL_OK);
}
