/* Advantages and aggregation coefficients over the real numbers (spec O3, O4.1). */
#include "advantages.h"

#include <math.h>

#define RN MPFR_RNDN

/* Sum of rewards, exact: 53-bit numbers whose exponents span 2^11 and n < 2^64 fit in 2,400 bits.
 */
#define EXACT_SUM_BITS 2400

static int flat(const double *reward, size_t n) {
  for (size_t i = 1; i < n; i++)
    if (reward[i] != reward[0]) return 0;
  return 1;
}

/* Centred rewards times n, exactly: n R_i - sum R. */
static void centred_times_n(mpfr_t c, const double *reward, size_t n, size_t i, mpfr_srcptr sum) {
  mpfr_set_d(c, reward[i], RN);
  mpfr_mul_ui(c, c, n, RN);
  mpfr_sub(c, c, sum, RN);
}

/* sqrt(sum of c_i^2 / divisor) + eps, from the exact n c_i */
static void deviation(mpfr_t std, const double *reward, size_t n, mpfr_srcptr sum, size_t divisor,
                      double eps) {
  mpfr_t c, squares;
  mpfr_inits2(2 * EXACT_SUM_BITS, c, squares, (mpfr_ptr)0);
  mpfr_set_zero(squares, 1);
  for (size_t i = 0; i < n; i++) {
    centred_times_n(c, reward, n, i, sum);
    mpfr_fma(squares, c, c, squares, RN);
  }
  mpfr_div_ui(squares, squares, divisor, RN);
  mpfr_sqrt(std, squares, RN);
  mpfr_div_ui(std, std, n, RN);
  mpfr_add_d(std, std, eps, RN);
  mpfr_clears(c, squares, (mpfr_ptr)0);
}

/* One group, rewards not all equal. Leave-one-out: R_i - (sum - R_i)/(n-1) = (n R_i - sum)/(n-1).
 */
static void group_advantages(mpfr_t *advantage, const double *reward, size_t n,
                             sl_advantage_kind kind, double eps) {
  mpfr_t sum, c, std;
  mpfr_inits2(EXACT_SUM_BITS, sum, c, std, (mpfr_ptr)0);
  mpfr_set_zero(sum, 1);
  for (size_t i = 0; i < n; i++) mpfr_add_d(sum, sum, reward[i], RN);
  if (kind == SL_ADV_STD_POPULATION || kind == SL_ADV_STD_SAMPLE)
    deviation(std, reward, n, sum, kind == SL_ADV_STD_SAMPLE ? n - 1 : n, eps);
  for (size_t i = 0; i < n; i++) {
    centred_times_n(c, reward, n, i, sum);
    mpfr_div_ui(c, c, kind == SL_ADV_LEAVE_ONE_OUT ? n - 1 : n, RN);
    if (kind == SL_ADV_NO_STD || kind == SL_ADV_LEAVE_ONE_OUT)
      mpfr_set(advantage[i], c, RN);
    else
      mpfr_div(advantage[i], c, std, RN);
  }
  mpfr_clears(sum, c, std, (mpfr_ptr)0);
}

sl_status sl_ref_advantages(sl_reals *advantage, const double *reward, const uint32_t *group,
                            size_t n_groups, sl_advantage_kind kind, double eps) {
  for (size_t g = 0; g < n_groups; g++) {
    if (kind == SL_ADV_LEAVE_ONE_OUT && group[g + 1] - group[g] == 1) return SL_ERR_INPUT;
    for (size_t i = group[g]; i < group[g + 1]; i++)
      if (!isfinite(reward[i])) return SL_ERR_NONFINITE;
  }
  for (size_t g = 0; g < n_groups; g++) {
    const size_t first = group[g], n = group[g + 1] - first;
    if (n && !flat(reward + first, n))
      group_advantages(advantage->x + first, reward + first, n, kind, eps);
    else
      for (size_t i = 0; i < n; i++) mpfr_set_zero(advantage->x[first + i], 1);
  }
  return SL_OK;
}

sl_status sl_ref_coefficients(sl_reals *coefficient, const uint32_t *tokens, size_t n_seq,
                              sl_aggregation aggregation, double constant_length) {
  unsigned long sequences = 0, total = 0;
  for (size_t i = 0; i < n_seq; i++) sequences += tokens[i] > 0, total += tokens[i];
  if (total == 0) return SL_ERR_INPUT;
  for (size_t i = 0; i < n_seq; i++) {
    mpfr_ptr c = coefficient->x[i];
    mpfr_set_zero(c, 1);
    if (tokens[i] == 0) continue;
    mpfr_set_ui(c, 1, RN);
    mpfr_div_ui(c, c, aggregation == SL_AGG_TOKEN_MEAN ? total : sequences, RN);
    if (aggregation == SL_AGG_SEQUENCE_MEAN) mpfr_div_ui(c, c, tokens[i], RN);
    if (aggregation == SL_AGG_CONSTANT) mpfr_div_d(c, c, constant_length, RN);
  }
  return SL_OK;
}
