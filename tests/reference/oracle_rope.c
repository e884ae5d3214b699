/* RoPE tables of the reference (spec T1.9): known frequencies, and bit equality with the library's
 * correctly rounded sin and cos. */
#include "inputs.h"
#include "reference/rope.h"

#include <sluice/functions.h>
#include <sluice/rope.h>

#include <criterion/criterion.h>

#define POSITIONS 3000

/* theta = 10^4, d = 4: the frequencies are 1 and 10^-2; theta = 10^6, d = 6: 1, 10^-2 and 10^-4. */
static void check(double theta, size_t d, const float *inv_freq) {
  const size_t half = d / 2;
  const sl_ref_rope plain = {.kind = SL_REF_PLAIN};
  float *cosine = take_floats(POSITIONS * half), *sine = take_floats(POSITIONS * half);
  sl_ref_rope_tables(cosine, sine, POSITIONS, d, theta, &plain);
  for (size_t i = 0; i < POSITIONS * half; i++) {
    const size_t position = i / half;
    const float angle = (float)position * inv_freq[i % half];
    cr_assert_eq(cosine[i], sl_fn_cos(angle), "cos of position %zu, component %zu", position,
                 i % half);
    cr_assert_eq(sine[i], sl_fn_sin(angle), "sin of position %zu, component %zu", position,
                 i % half);
  }
  inputs_end();
}

Test(oracle_rope, known_frequencies) {
  const float inv_freq[] = {1.0f, 1e-2f, 1e-4f};
  check(1e4, 4, inv_freq);
  check(1e6, 6, inv_freq);
}

/* The same description for both: zeros where a kind has no such number. */
static sl_rope_scaling ours(const sl_ref_rope *r) {
  const int yarn = r->kind == SL_REF_YARN;
  return (sl_rope_scaling){.kind = (sl_rope_kind)r->kind,
                           .stepwise = r->stepwise,
                           .factor = r->factor,
                           .original = r->original,
                           .low = yarn ? r->beta_slow : r->low_freq_factor,
                           .high = yarn ? r->beta_fast : r->high_freq_factor,
                           .untruncated = r->untruncated,
                           .attention = r->attention_factor,
                           .mscale = r->mscale,
                           .mscale_all_dim = r->mscale_all_dim};
}

/* Qwen2.5's and Qwen3's yarn, Llama 3.1's and 3.2's scaling, DeepSeek's mscales, gpt-oss's range
 * that is not truncated; a range of one place and one that is empty. */
static const sl_ref_rope scalings[] = {
    {.kind = SL_REF_PLAIN},
    {.kind = SL_REF_LINEAR, .factor = 3},
    {.kind = SL_REF_LINEAR, .factor = 8},
    {.kind = SL_REF_LLAMA3,
     .factor = 8,
     .original = 8192,
     .low_freq_factor = 1,
     .high_freq_factor = 4},
    {.kind = SL_REF_LLAMA3,
     .factor = 32,
     .original = 8192,
     .low_freq_factor = 1,
     .high_freq_factor = 4},
    {.kind = SL_REF_LLAMA3,
     .factor = 2.5,
     .original = 33,
     .low_freq_factor = 0.7,
     .high_freq_factor = 3.3},
    {.kind = SL_REF_YARN, .factor = 4, .original = 32768, .beta_fast = 32, .beta_slow = 1},
    {.kind = SL_REF_YARN,
     .factor = 40,
     .original = 4096,
     .beta_fast = 32,
     .beta_slow = 1,
     .mscale = 0.707,
     .mscale_all_dim = 1},
    {.kind = SL_REF_YARN,
     .factor = 32,
     .original = 4096,
     .beta_fast = 32,
     .beta_slow = 1,
     .untruncated = 1},
    {.kind = SL_REF_YARN,
     .factor = 1.7,
     .original = 40,
     .beta_fast = 4,
     .beta_slow = 0.3,
     .attention_factor = 1.3},
    {.kind = SL_REF_YARN, .factor = 2, .original = 6, .beta_fast = 1, .beta_slow = 1},
    {.kind = SL_REF_YARN, .factor = 2, .original = 2, .beta_fast = 40, .beta_slow = 1}};

/* Bit for bit, by both rules for what is scaled. */
Test(oracle_rope, scaled_frequencies_and_tables) {
  enum { ROWS = 20 };
  static const double thetas[] = {10.0, 1e4, 5e5, 123456.789};
  static const size_t sizes[] = {2, 6, 64, 96};
  sl_error err;
  for (size_t k = 0; k < sizeof scalings / sizeof *scalings; k++)
    for (size_t i = 0; i < 2 * 4 * 4; i++) {
      const size_t d = sizes[i % 4], n = d / 2;
      const double theta = thetas[i / 4 % 4];
      sl_ref_rope r = scalings[k];
      r.stepwise = i >= 4 * 4;
      const sl_rope_scaling s = ours(&r);
      float *want = take_floats(n), *got = take_floats(n), *cosine = take_floats(ROWS * n),
            *sine = take_floats(ROWS * n), *cos_want = take_floats(ROWS * n),
            *sin_want = take_floats(ROWS * n);
      sl_ref_rope_frequencies(want, d, theta, &r);
      cr_assert_eq(sl_rope_scaled_frequencies(got, d, theta, &s, &err), SL_OK, "%s", err.message);
      for (size_t j = 0; j < n; j++)
        cr_assert_eq(got[j], want[j], "scaling %zu, theta %g, d %zu, stepwise %d, %zu: %a, not %a",
                     k, theta, d, r.stepwise, j, (double)got[j], (double)want[j]);
      cr_assert_eq(sl_rope_scaled_tables(cosine, sine, ROWS, d, theta, &s, &err), SL_OK);
      sl_ref_rope_tables(cos_want, sin_want, ROWS, d, theta, &r);
      cr_assert_arr_eq(cosine, cos_want, ROWS * n * sizeof *cosine, "scaling %zu", k);
      cr_assert_arr_eq(sine, sin_want, ROWS * n * sizeof *sine, "scaling %zu", k);
      inputs_end();
    }
}
