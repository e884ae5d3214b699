/* RoPE tables of the reference (spec T1.9): known frequencies, and bit equality with the library's
 * correctly rounded sin and cos. */
#include "inputs.h"
#include "reference/rope.h"

#include <sluice/functions.h>

#include <criterion/criterion.h>

#define POSITIONS 3000

/* theta = 10^4, d = 4: the frequencies are 1 and 10^-2; theta = 10^6, d = 6: 1, 10^-2 and 10^-4. */
static void check(double theta, size_t d, const float *inv_freq) {
  const size_t half = d / 2;
  float *cosine = take_floats(POSITIONS * half), *sine = take_floats(POSITIONS * half);
  sl_ref_rope_tables(cosine, sine, POSITIONS, d, theta);
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
