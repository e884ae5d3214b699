/* Advantages and coefficients of the reference against exact rationals, and those of the library
 * against the reference (spec O3, O4.1). */
#include "reference/advantages.h"

#include "inputs.h"

#include <sluice/objective.h>

#include <criterion/criterion.h>
#include <gmp.h>
#include <math.h>
#include <stdio.h>

#define PRECISION 500
/* Results of a few MPFR operations at 500 bits on exact intermediates. */
#define EXACT_LIMIT 0x1p-480

static const uint32_t group[] = {0, 4, 9, 10, 13, 13, 16};
#define N_GROUPS 6
#define N_REWARDS 16
/* a group of 0 and 1, one of odd fractions, one alone, one flat, an empty one, one of magnitudes
 * far apart */
static const double rewards[N_REWARDS] = {1,   0,   0,   0,   0.1, 0.7,  -0.3, 2.5,
                                          0.1, 5.0, 0.2, 0.2, 0.2, 1e-8, 1.0,  1e8};

/* sum, n R_i - sum and the sum of their squares over one group, as rationals */
static void group_sums(mpq_t sum, mpq_t squares, size_t first, size_t end) {
  mpq_t x, n;
  mpq_inits(x, n, NULL);
  mpq_set_ui(sum, 0, 1);
  mpq_set_ui(squares, 0, 1);
  mpq_set_ui(n, end - first, 1);
  for (size_t i = first; i < end; i++) {
    mpq_set_d(x, rewards[i]);
    mpq_add(sum, sum, x);
  }
  for (size_t i = first; i < end; i++) {
    mpq_set_d(x, rewards[i]);
    mpq_mul(x, x, n);
    mpq_sub(x, x, sum);
    mpq_mul(x, x, x);
    mpq_add(squares, squares, x);
  }
  mpq_clears(x, n, NULL);
}

/* |a / q - 1| */
static double relative_to(mpfr_t a, const mpq_t q) {
  if (mpq_sgn(q) == 0) return fabs(mpfr_get_d(a, MPFR_RNDA));
  mpfr_div_q(a, a, q, MPFR_RNDN);
  mpfr_sub_ui(a, a, 1, MPFR_RNDN);
  return fabs(mpfr_get_d(a, MPFR_RNDA));
}

/* Checks one advantage. c = R - mean = x/n. none: x/n; leave-one-out: x/(n-1); with deviation s:
 * (c/A - eps)^2 = s^2, which is squares / (n^2 divisor). */
static void check_one(mpfr_srcptr advantage, size_t i, size_t first, size_t end,
                      sl_advantage_kind kind, double eps) {
  const size_t n = end - first;
  mpq_t sum, squares, x, divisor;
  mpfr_t a;
  mpq_inits(sum, squares, x, divisor, NULL);
  mpfr_init2(a, PRECISION);
  group_sums(sum, squares, first, end);
  mpq_set_ui(divisor, n, 1);
  mpq_set_d(x, rewards[i]);
  mpq_mul(x, x, divisor);
  mpq_sub(x, x, sum);
  mpfr_set(a, advantage, MPFR_RNDN);
  cr_expect_eq(mpfr_sgn(a), mpq_sgn(x));
  if (kind == SL_ADV_NO_STD || kind == SL_ADV_LEAVE_ONE_OUT) {
    mpq_set_ui(divisor, kind == SL_ADV_NO_STD ? n : n - 1, 1);
    mpq_div(x, x, divisor);
    cr_expect_leq(relative_to(a, x), EXACT_LIMIT, "advantage %zu, kind %d", i, (int)kind);
  } else if (mpq_sgn(x) != 0) {
    mpq_div(x, x, divisor);
    mpfr_ui_div(a, 1, a, MPFR_RNDN);
    mpfr_mul_q(a, a, x, MPFR_RNDN);
    mpfr_sub_d(a, a, eps, MPFR_RNDN);
    mpfr_sqr(a, a, MPFR_RNDN);
    mpq_div(squares, squares, divisor);
    mpq_div(squares, squares, divisor);
    mpq_set_ui(divisor, kind == SL_ADV_STD_SAMPLE ? n - 1 : n, 1);
    mpq_div(squares, squares, divisor);
    cr_expect_leq(relative_to(a, squares), EXACT_LIMIT, "advantage %zu, kind %d", i, (int)kind);
  }
  mpfr_clear(a);
  mpq_clears(sum, squares, x, divisor, NULL);
}

static int is_flat(size_t g) { return group[g + 1] - group[g] <= 1 || g == 3; }

Test(oracle_advantages, exact_rationals) {
  sl_reals a = sl_reals_create(N_REWARDS, PRECISION);
  for (sl_advantage_kind kind = 0; kind < SL_ADV_LEAVE_ONE_OUT; kind++)
    for (int with_eps = 0; with_eps < 2; with_eps++) {
      const double eps = with_eps ? 1e-4 : 0.0;
      cr_assert_eq(sl_ref_advantages(&a, rewards, group, N_GROUPS, kind, eps), SL_OK);
      for (size_t g = 0; g < N_GROUPS; g++)
        for (size_t i = group[g]; i < group[g + 1]; i++)
          if (is_flat(g))
            cr_expect(mpfr_zero_p(a.x[i]));
          else
            check_one(a.x[i], i, group[g], group[g + 1], kind, eps);
    }
  cr_expect_eq(sl_ref_advantages(&a, rewards, group, N_GROUPS, SL_ADV_LEAVE_ONE_OUT, 0.0),
               SL_ERR_INPUT);
  cr_assert_eq(sl_ref_advantages(&a, rewards, group, 2, SL_ADV_LEAVE_ONE_OUT, 0.0), SL_OK);
  for (size_t i = 0; i < group[2]; i++)
    check_one(a.x[i], i, i < 4 ? 0 : 4, i < 4 ? 4 : 9, SL_ADV_LEAVE_ONE_OUT, 0.0);
  sl_reals_destroy(&a);
}

Test(oracle_advantages, refuses_what_is_not_finite) {
  sl_reals a = sl_reals_create(2, PRECISION);
  const double bad[] = {1.0, (double)NAN};
  const uint32_t two[] = {0, 2};
  cr_expect_eq(sl_ref_advantages(&a, bad, two, 1, SL_ADV_NO_STD, 0.0), SL_ERR_NONFINITE);
  sl_reals_destroy(&a);
}

/* Error of sl_advantages (spec O3.1): with v = 2^-53 and R the largest |reward|, a group of n has
 *   [mean] <= (n + 1) v R,  [c] <= (n + 3) v R =: e,  [std] <= 1.5 e + (n + 4) v std (sqrt(n/(n-1))
 * < 1.5), [c / (std + eps)] <= (e + |A| [std]) / (std + eps - [std]) + 3 v |A|, and one rounding to
 * binary32. Leave-one-out and none: 2 e. */
static double advantage_bound(double exact, double largest, size_t n, sl_advantage_kind kind,
                              double spread) {
  const double v = 0x1p-53, e = (double)(n + 3) * v * largest,
               rounding = 0x1p-24 * fabs(exact) + 0x1p-150;
  if (kind == SL_ADV_NO_STD || kind == SL_ADV_LEAVE_ONE_OUT)
    return (2.0 * e + rounding) * (1.0 + 0x1p-10);
  const double std_error = 1.5 * e + (double)(n + 4) * v * spread;
  return ((e + fabs(exact) * std_error) / (spread - std_error) + 3.0 * v * fabs(exact) + rounding) *
         (1.0 + 0x1p-10);
}

/* std + eps = c / A of the member farthest from the mean */
static double spread_of(const double *reward, const double *exact, size_t n) {
  double mean = 0.0;
  size_t far = 0;
  for (size_t i = 0; i < n; i++) mean += reward[i] / (double)n;
  for (size_t i = 0; i < n; i++) far = fabs(exact[i]) > fabs(exact[far]) ? i : far;
  return (reward[far] - mean) / exact[far];
}

Test(oracle_advantages, library_within_bound) {
  inputs_begin("sl_advantages");
  enum { G = 8, N = 40 };
  sl_reals a = sl_reals_create(G * N, PRECISION);
  double reward[G * N], exact[G * N], worst = 0.0;
  float got[G * N];
  uint32_t groups[G + 1];
  for (uint32_t g = 0; g <= G; g++) groups[g] = g * (N - 3) + (g > 3 ? 5 : 0);
  for (int round = 0; round < 20; round++) {
    for (size_t i = 0; i < groups[G]; i++)
      reward[i] = round % 2 ? (double)(next_u64() % 2) : ldexp(next_uniform() - 0.5, round);
    for (sl_advantage_kind kind = 0; kind <= SL_ADV_LEAVE_ONE_OUT; kind++) {
      sl_error error;
      a.n = groups[G];
      cr_assert_eq(sl_advantages(got, NULL, reward, groups, G, kind, 1e-4, &error), SL_OK);
      cr_assert_eq(sl_ref_advantages(&a, reward, groups, G, kind, 1e-4), SL_OK);
      sl_reals_get_doubles(exact, &a);
      a.n = G * N;
      for (size_t g = 0; g < G; g++) {
        const size_t first = groups[g], n = groups[g + 1] - first;
        double largest = 0.0;
        for (size_t i = first; i < groups[g + 1]; i++) largest = fmax(largest, fabs(reward[i]));
        const double spread = spread_of(reward + first, exact + first, n);
        for (size_t i = first; i < groups[g + 1]; i++)
          worst = fmax(worst, fabs((double)got[i] - exact[i]) /
                                  advantage_bound(exact[i], largest, n, kind, spread));
      }
    }
  }
  fprintf(stderr,
          "sl_advantages                      error/bound max %.3f | binary64 sums over n rewards, "
          "one rounding\n",
          worst);
  cr_expect_leq(worst, 1.0);
  sl_reals_destroy(&a);
}

/* Coefficients: at most two binary64 roundings (spec O4.1). */
Test(oracle_advantages, coefficients) {
  const uint32_t tokens[] = {3, 0, 17, 1};
  const double exact[3][4] = {{1.0 / 9, 0, 1.0 / 51, 1.0 / 3},
                              {1.0 / 21, 0, 1.0 / 21, 1.0 / 21},
                              {1.0 / 300, 0, 1.0 / 300, 1.0 / 300}};
  sl_reals c = sl_reals_create(4, PRECISION);
  double got[4], reference[4];
  sl_error error;
  for (sl_aggregation aggregation = 0; aggregation <= SL_AGG_CONSTANT; aggregation++) {
    cr_assert_eq(sl_ref_coefficients(&c, tokens, 4, aggregation, 100.0), SL_OK);
    cr_assert_eq(sl_objective_coefficients(got, tokens, 4, aggregation, 100.0, &error), SL_OK);
    sl_reals_get_doubles(reference, &c);
    for (size_t i = 0; i < 4; i++) {
      cr_expect_eq(reference[i], exact[aggregation][i]);
      cr_expect_leq(fabs(got[i] - reference[i]), 0x1p-52 * reference[i]);
    }
  }
  const uint32_t none[] = {0, 0};
  cr_expect_eq(sl_ref_coefficients(&c, none, 2, SL_AGG_TOKEN_MEAN, 1.0), SL_ERR_INPUT);
  sl_reals_destroy(&c);
}
