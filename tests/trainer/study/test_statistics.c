/* Statistics of a study against scipy 1.17.1 and statsmodels on numpy 2.4.6: scipy.stats.t.sf and
 * isf, ttest_1samp(...).confidence_interval, linregress; multipletests(method="holm"). */
#include "trainer/study/statistics.h"

#include <criterion/criterion.h>
#include <math.h>

/* Of p: each of freedom/2 terms is made by three operations from the one before and added once, and
 * all are positive, so A = 1 - p, at most 1, is off by (2 freedom + 8) units; arctangent, sine and
 * cosine add 8 more at most, and scipy's own number 16. */
static double p_limit(size_t freedom) { return (2.0 * (double)freedom + 32.0) * 0x1p-53; }

Test(study_statistics, probabilities_are_those_of_student) {
  static const struct {
    double t;
    size_t freedom;
    double p;
  } known[] = {{0.5, 1, 0.70483276469913347},
               {1.0, 1, 0.50000000000000011},
               {12.706204736432095, 1, 0.049999999998991303},
               {2.0, 2, 0.18350341907227397},
               {4.302652729911275, 2, 0.049999999996516629},
               {3.0, 3, 0.057668885622437299},
               {2.7764451051977987, 4, 0.049999999999999767},
               {5.6, 4, 0.0049921431792102006},
               {8.0, 4, 0.0013238969092171672},
               {1.5, 7, 0.17729848698997},
               {2.262157, 9, 0.050000013304431629},
               {4.0, 30, 0.00038184563608375637},
               {2.0, 99, 0.048239693372632959}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    const double p = sl_t_two_sided(known[i].t, known[i].freedom);
    cr_expect(fabs(p - known[i].p) <= p_limit(known[i].freedom), "t %g, %zu: %.17g", known[i].t,
              known[i].freedom, p);
    cr_expect_eq(p, sl_t_two_sided(-known[i].t, known[i].freedom));
  }
  cr_expect_eq(sl_t_two_sided(0, 4), 1.0);
  cr_expect_eq(sl_t_two_sided(INFINITY, 4), 0.0);
}

/* A quantile is off by the error of p over the slope of p. */
Test(study_statistics, quantiles_are_those_of_tables) {
  static const struct {
    double p;
    size_t freedom;
    double t;
  } known[] = {{0.05, 1, 12.706204736174705},  {0.05, 2, 4.3026527297494637},
               {0.05, 3, 3.1824463052837086},  {0.05, 4, 2.7764451051977943},
               {0.05, 9, 2.2621571627982053},  {0.05, 30, 2.0422724563012382},
               {0.05, 99, 1.9842169515864176}, {0.01, 4, 4.604094871349993},
               {0.001, 4, 8.6103015813792751}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    const double t = sl_t_quantile(known[i].p, known[i].freedom), step = 0x1p-10 * t;
    const double slope =
        (sl_t_two_sided(t - step, known[i].freedom) - sl_t_two_sided(t + step, known[i].freedom)) /
        (2 * step);
    cr_expect(fabs(t - known[i].t) <= 2 * p_limit(known[i].freedom) / slope, "%g, %zu: %.17g",
              known[i].p, known[i].freedom, t);
  }
}

/* Five differences of about 0.03: sums of five terms and a root lose no more than 16 units of the
 * largest, and the quantile's error is below that. */
#define FEW (16 * 0x1p-53)

Test(study_statistics, an_interval_is_a_paired_t_test) {
  static const double d[] = {0.031, 0.012, 0.045, (double)NAN, -0.004, 0.027};
  const sl_estimate e = sl_estimate_make(d, 6);
  cr_expect_eq(e.n, 5);
  cr_expect(fabs(e.mean - 0.022199999999999998) <= FEW);
  cr_expect(fabs(e.low - -0.0011188333576178412) <= FEW, "%.17g", e.low);
  cr_expect(fabs(e.high - 0.045518833357617833) <= FEW, "%.17g", e.high);
  cr_expect(fabs(e.p - 0.057386137602252238) <= p_limit(4) + FEW, "%.17g", e.p);
}

Test(study_statistics, two_values_give_a_range_and_no_interval) {
  static const double d[] = {0.5, 0.25};
  sl_estimate e = sl_estimate_make(d, 2);
  cr_expect(e.n == 2 && e.mean == 0.375 && e.low == 0.25 && e.high == 0.5 && isnan(e.p));
  e = sl_estimate_make(d, 1);
  cr_expect(e.n == 1 && e.mean == 0.5 && e.low == 0.5 && e.high == 0.5 && isnan(e.p));
  e = sl_estimate_make(d, 0);
  cr_expect(e.n == 0 && isnan(e.mean) && isnan(e.p));
}

Test(study_statistics, equal_values_are_certain) {
  static const double d[] = {0.5, 0.5, 0.5}, zero[] = {0, 0, 0};
  cr_expect_eq(sl_estimate_make(d, 3).p, 0.0);
  cr_expect_eq(sl_estimate_make(zero, 3).p, 1.0);
}

/* A product and a maximum: one rounding, of the number itself. */
Test(study_statistics, holm_multiplies_by_those_that_are_left) {
  static const double p[] = {0.01, 0.04, 0.03, 0.005, 0.6, 0.01},
                      known[] = {0.05, 0.09, 0.09, 0.03, 0.6, 0.05};
  double adjusted[6];
  sl_holm(adjusted, p, 6);
  for (size_t i = 0; i < 6; i++)
    cr_expect(fabs(adjusted[i] - known[i]) <= 2 * 0x1p-53 * known[i], "%zu: %.17g", i, adjusted[i]);
  sl_holm(adjusted, p, 0);
}

/* Four points near 1: products and sums lose no more than 64 units of y over the spread of x. */
Test(study_statistics, slopes_are_those_of_least_squares) {
  double x[] = {0, log(5), log(10), log(13), (double)NAN};
  static const double y[] = {0.99, 0.95, 0.91, 0.88, 7};
  cr_expect(fabs(sl_slope(x, y, 5) - -0.039741023684859975) <= 64 * 0x1p-53);
  cr_expect(isnan(sl_slope(x, y, 1)));
  x[1] = x[0];
  cr_expect(isnan(sl_slope(x, y, 2)));
}

Test(study_statistics, a_time_lies_between_two_points) {
  static const double x[] = {0, 10, 20}, y[] = {0.25, 0.5, 1};
  cr_expect_eq(sl_time_to(x, y, 3, 0.75), 15.0);
  cr_expect_eq(sl_time_to(x, y, 3, 0.5), 10.0);
  cr_expect_eq(sl_time_to(x, y, 3, 0.125), 0.0);
  cr_expect_eq(sl_time_to(x, y, 3, 1.5), (double)INFINITY);
}
