/* Charts of any numbers: ticks, running means, labels, long curves. */
#include "trainer/report/report.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Test(plots, ticks_are_round) {
  cr_expect_eq(sl_plot_step(10, 5), 2.0);
  cr_expect_eq(sl_plot_step(1, 4), 0.2);
  cr_expect_eq(sl_plot_step(300, 6), 50.0);
  static const struct {
    double value, step;
    const char *label;
  } cases[] = {{0.4, 0.2, "0.4"},    {1, 0.2, "1.0"},         {-1e-18, 0.2, "0"},
               {150, 50, "150"},     {40000, 1e4, "40k"},     {2500, 500, "2500"},
               {3e6, 1e6, "3M"},     {0.015, 0.005, "0.015"}, {2.5e-6, 5e-7, "2.5e-06"},
               {200000, 1e5, "0.2M"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char label[32];
    sl_plot_label(label, sizeof label, cases[i].value, cases[i].step);
    cr_expect_str_eq(label, cases[i].label);
  }
}

Test(plots, running_mean_keeps_to_the_window_and_to_what_is_finite) {
  const double y[] = {1, 2, 6, (double)NAN, 10};
  cr_expect_eq(sl_plot_running_mean(y, 5, 0, 3), 1.5);
  cr_expect_eq(sl_plot_running_mean(y, 5, 1, 3), 3.0);
  cr_expect_eq(sl_plot_running_mean(y, 5, 3, 3), 8.0);
  cr_expect_eq(sl_plot_running_mean(y, 5, 4, 1), 10.0);
  cr_expect(isnan(sl_plot_running_mean(y, 5, 3, 1)));
}

Test(plots, a_chart_of_anything_is_finite) {
  const double x[] = {0, 1, 2}, flat[] = {0, 0, 0}, gap[] = {1, (double)NAN, 1e-30},
               far[] = {-1e300, 0, 1e300};
  const sl_plot_curve curves[] = {{"flat", x, flat, 3, 0},
                                  {"gap", x, gap, 3, 1},
                                  {"far", x, far, 3, 0},
                                  {"one", x, gap, 1, 0},
                                  {"none", x, x, 0, 0}};
  for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
    const sl_plot_panel panel = {.title = "<&\">",
                                 .x_label = "x",
                                 .curve = &curves[i],
                                 .curves = 1,
                                 .low = (double)NAN,
                                 .high = (double)NAN};
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    sl_plot_panel_write(memory, &panel);
    fclose(memory);
    cr_expect_null(strstr(text, "nan"), "%s: %s", curves[i].label, text);
    cr_expect_null(strstr(text, "inf"), "%s: %s", curves[i].label, text);
    cr_expect_not_null(strstr(text, "&lt;&amp;&quot;&gt;"), "%s", text);
    free(text);
  }
}

Test(plots, long_curves_keep_their_peaks_and_little_else) {
  enum { N = 100000 };
  static double y[N];
  size_t pick[SL_PLOT_POINTS], peak = 0;
  y[77777] = 1;
  const size_t n = sl_plot_thin(pick, y, N);
  cr_assert_leq(n, SL_PLOT_POINTS);
  for (size_t i = 0; i < n; i++) {
    cr_expect(i == 0 || pick[i] > pick[i - 1]);
    peak += pick[i] == 77777;
  }
  cr_expect_eq(peak, 1);
  cr_expect_eq(sl_plot_thin(pick, y, SL_PLOT_POINTS), SL_PLOT_POINTS);
  cr_expect_eq(sl_plot_pick(pick, 1000, 10), 10);
  cr_expect_eq(pick[9], 999);
  cr_expect_eq(sl_plot_pick(pick, 0, 10), 0);
}

Test(plots, labels_do_not_collide) {
  double places[] = {100, 101, 99, 180, 182};
  sl_plot_spread(places, 5, 12, 10, 182);
  for (size_t i = 0; i < 5; i++) {
    cr_expect(places[i] >= 10 && places[i] <= 182);
    for (size_t j = 0; j < i; j++) cr_expect_geq(fabs(places[i] - places[j]), 12);
  }
  cr_expect(places[2] < places[0] && places[0] < places[1] && places[3] < places[4]);
  static const struct {
    double value;
    const char *label;
  } cases[] = {{0.5, "0.5"},     {1000, "1000"},     {1234.5, "1234"},    {9999, "9999"},
               {12345, "12.3k"}, {2.5e6, "2.5M"},    {0.00123, "0.0012"}, {-4321, "-4321"},
               {999.7, "1000"},  {1.5e12, "1.5e+12"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char label[32];
    sl_plot_value(label, sizeof label, cases[i].value);
    cr_expect_str_eq(label, cases[i].label);
  }
}

/* A point without neighbours would be a line of no length. */
Test(plots, single_points_have_a_marker) {
  const double x[] = {0, 1, 2, 3}, alone[] = {1, (double)NAN, 2, 3};
  for (size_t n = 1; n <= 4; n += 3) {
    const sl_plot_curve curve = {"c", x, alone, n, 0};
    const sl_plot_panel panel = {.title = "t",
                                 .x_label = "x",
                                 .curve = &curve,
                                 .curves = 1,
                                 .low = (double)NAN,
                                 .high = (double)NAN};
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    sl_plot_panel_write(memory, &panel);
    fclose(memory);
    const char *marker = strstr(text, "<circle");
    cr_expect(marker && !strstr(marker + 1, "<circle"), "%zu points: %s", n, text);
    free(text);
  }
}
