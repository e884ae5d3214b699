/* Intervals of an accuracy, and pass@k (spec L4.5). */
#include "pass_rate.h"

#include <sluice/random.h>

#include <math.h>
#include <stdlib.h>

#define NORMAL_975 1.959963984540054 /* the normal distribution's quantile of 0.975 */
enum { STEP_BOOTSTRAP = 2 };

sl_interval sl_wilson(double share, size_t n) {
  const double z = NORMAL_975, count = (double)n, zz = z * z / count;
  const double middle = share + zz / 2.0,
               half = z * sqrt(share * (1.0 - share) / count + zz / (4.0 * count));
  const double low = (middle - half) / (1.0 + zz), high = (middle + half) / (1.0 + zz);
  return (sl_interval){low > 0.0 ? low : 0.0, high < 1.0 ? high : 1.0};
}

static int compare(const void *left, const void *right) {
  const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

/* Sums are of integers, so that their order does not matter. */
sl_status sl_bootstrap(sl_interval *out, const uint32_t *correct, size_t n, size_t samples,
                       uint64_t seed, sl_error *err) {
  uint64_t *sum = calloc(SL_BOOTSTRAP_DRAWS, sizeof *sum);
  if (!sum) return sl_fail(err, SL_ERR_MEMORY, "no memory for a bootstrap");
  for (uint32_t b = 0; b < SL_BOOTSTRAP_DRAWS; b++)
    for (uint32_t i = 0; i < n; i++)
      sum[b] +=
          correct[sl_multiply_high(sl_random_u64(seed, i, b, STEP_BOOTSTRAP, SL_RANDOM_DATA), n)];
  qsort(sum, SL_BOOTSTRAP_DRAWS, sizeof *sum, compare);
  const size_t outside = SL_BOOTSTRAP_DRAWS / 40; /* on each side */
  const double all = (double)n * (double)samples;
  out->low = (double)sum[outside - 1] / all;
  out->high = (double)sum[SL_BOOTSTRAP_DRAWS - outside] / all;
  free(sum);
  return SL_OK;
}

/* The quotient of binomials as a product: (s - c - i) / (s - i) for i < k. */
double sl_pass_at(size_t k, const uint32_t *correct, size_t n, size_t samples) {
  double sum = 0.0;
  for (size_t p = 0; p < n; p++) {
    double none = 1.0;
    for (size_t i = 0; i < k; i++)
      none *= i < samples - correct[p] ? (double)(samples - correct[p] - i) / (double)(samples - i)
                                       : 0.0;
    sum += 1.0 - none;
  }
  return sum / (double)n;
}
