/* Intervals and pass@k (spec L4.5). */
#include "trainer/run/pass_rate.h"

#include <criterion/criterion.h>
#include <math.h>

/* Brown, Cai and DasGupta's form of the interval: the roots of (p - share)^2 = z^2 p (1 - p) / n.
 * Each of its terms is at most 1, and the roots are found with a few roundings: 2^-48 is 16 of
 * them.
 */
Test(pass_rate, wilson_solves_its_equation) {
  const double zz = 1.959963984540054 * 1.959963984540054;
  for (size_t n = 1; n < 2000; n = 3 * n + 1)
    for (size_t hits = 0; hits <= n; hits += 1 + n / 5) {
      const double share = (double)hits / (double)n;
      const sl_interval w = sl_wilson(share, n);
      const double ends[2] = {w.low, w.high};
      for (int i = 0; i < 2; i++)
        cr_expect_lt(
            fabs((ends[i] - share) * (ends[i] - share) - zz * ends[i] * (1 - ends[i]) / (double)n),
            0x1p-48, "n %zu, share %g", n, share);
      cr_expect(w.low <= share && share <= w.high && w.low >= 0 && w.high <= 1);
    }
}

static int count_ones(unsigned set) {
  int n = 0;
  for (; set; set &= set - 1) n++;
  return n;
}

/* Of all subsets of k of 6 completions, those with a right one. Counts are exact, and the product
 * has at most 2 k roundings, each of 2^-53. */
Test(pass_rate, pass_at_k_is_the_share_of_subsets) {
  for (uint32_t correct = 0; correct <= 6; correct++)
    for (int k = 1; k <= 6; k++) {
      int hits = 0, all = 0;
      for (unsigned set = 0; set < 64; set++) {
        if (count_ones(set) != k) continue;
        all++, hits += (set & ((1u << correct) - 1)) != 0;
      }
      cr_expect_lt(fabs(sl_pass_at((size_t)k, &correct, 1, 6) - (double)hits / all), 12 * 0x1p-53,
                   "%u right, k %d", correct, k);
    }
}

/* Of two problems the mean is 0, 1/2 or 1, with probabilities 1/4, 1/2 and 1/4: of 10,000 draws
 * fewer than 250 are 0 with a probability below 10^-500. */
Test(pass_rate, bootstrap_draws_problems_not_completions) {
  static const uint32_t half[2] = {0, 4}, same[3] = {2, 2, 2};
  sl_interval a, b;
  sl_error err;
  cr_assert_eq(sl_bootstrap(&a, half, 2, 4, 1, &err), SL_OK);
  cr_expect(a.low == 0.0 && a.high == 1.0);
  cr_assert_eq(sl_bootstrap(&a, same, 3, 4, 1, &err), SL_OK);
  cr_expect(a.low == 0.5 && a.high == 0.5);
  uint32_t many[50];
  for (uint32_t p = 0; p < 50; p++) many[p] = p % 3;
  cr_assert_eq(sl_bootstrap(&a, many, 50, 4, 7, &err), SL_OK);
  cr_assert_eq(sl_bootstrap(&b, many, 50, 4, 7, &err), SL_OK);
  cr_expect(a.low == b.low && a.high == b.high, "one seed, one interval");
  cr_expect(a.low < 49.0 / 200 && a.high > 49.0 / 200);
}
