/* Defects of advantages and rewards that reached users of other trainers (class C), each as a test
 * (spec O3). */
#include <criterion/criterion.h>
#include <math.h>
#include <sluice/objective.h>
#include <string.h>

static void advantages_of(float *a, const double *reward, uint32_t n, sl_advantage_kind kind,
                          double eps) {
  const uint32_t group[] = {0, n};
  sl_error err;
  cr_assert_eq(sl_advantages(a, NULL, reward, group, 1, kind, eps, &err), SL_OK, "%s", err.message);
}

/* C1: leave-one-out with division by the others' deviation: +-1e6. */
Test(field, c1_leave_one_out) {
  const double reward[] = {1, 0, 0, 0};
  float a[4];
  advantages_of(a, reward, 4, SL_ADV_LEAVE_ONE_OUT, 0.0);
  cr_expect(a[0] == 1.0f && a[1] == (float)(-1.0 / 3.0) && a[2] == a[1] && a[3] == a[1]);
}

/* C2: the residue of a rounded mean of equal rewards divided by eps: 7428. */
Test(field, c2_equal_rewards_have_no_residue) {
  static const double values[] = {0.1, 1.0 / 3.0, 1e-30, 12345.678, 1e300};
  for (size_t v = 0; v < 5; v++)
    for (uint32_t n = 1; n <= 24; n++)
      for (int kind = 0; kind < 4; kind++) {
        double reward[24];
        float a[24];
        for (uint32_t i = 0; i < n; i++) reward[i] = values[v], a[i] = 7.0f;
        if (kind == SL_ADV_LEAVE_ONE_OUT && n == 1) continue;
        advantages_of(a, reward, n, (sl_advantage_kind)kind, 1e-9);
        for (uint32_t i = 0; i < n; i++)
          cr_expect(a[i] == 0.0f && !signbit(a[i]), "%u rewards of %g: %g", n, values[v],
                    (double)a[i]);
      }
}

/* C3, C4: groups of uneven size, or partial ones, run into each other. */
Test(field, c3_c4_uneven_groups) {
  const double reward[] = {1, 0, 0.5, 0.5, 0.5, 1, 0, 0, 1, 1};
  const uint32_t group[] = {0, 2, 5, 5, 6, 10};
  float a[10], alone[4];
  size_t flat = 0;
  sl_error err;
  cr_assert_eq(sl_advantages(a, &flat, reward, group, 5, SL_ADV_STD_SAMPLE, 1e-6, &err), SL_OK,
               "%s", err.message);
  cr_expect_eq(flat, 2); /* the equal ones and the single one; the empty group is nothing */
  for (int i = 2; i < 6; i++) cr_expect_eq(a[i], 0.0f);
  advantages_of(alone, reward, 2, SL_ADV_STD_SAMPLE, 1e-6);
  cr_expect_eq(memcmp(a, alone, 2 * sizeof *a), 0);
  advantages_of(alone, reward + 6, 4, SL_ADV_STD_SAMPLE, 1e-6);
  cr_expect_eq(memcmp(a + 6, alone, 4 * sizeof *a), 0);
}

/* C5: one invalid reward poisons the batch. It is named, with its group, and nothing is written:
 * the caller can drop it. */
Test(field, c5_an_invalid_reward_is_named) {
  static const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
  static const char *const named[] = {"is nan", "is inf", "is -inf"};
  const uint32_t group[] = {0, 2, 4};
  for (int i = 0; i < 3; i++) {
    const double reward[] = {1, 0, 1, bad[i]};
    float a[] = {7, 7, 7, 7};
    size_t flat = 9;
    sl_error err;
    cr_expect_eq(sl_advantages(a, &flat, reward, group, 2, SL_ADV_NO_STD, 0.0, &err),
                 SL_ERR_NONFINITE);
    cr_expect_not_null(strstr(err.message, "reward[3] (group 1) is"), "%s", err.message);
    cr_expect_not_null(strstr(err.message, named[i]), "%s", err.message);
    cr_expect(a[0] == 7.0f && a[3] == 7.0f && flat == 9);
  }
}

/* Finite rewards whose sums, squares or advantages are not: 1e200 squared would make the deviation
 * infinite and every advantage 0. */
Test(field, c5_rewards_that_overflow) {
  static const double pairs[][2] = {
      {1e308, 1.7e308}, {1e200, -1e200}, {1e39, 0}, {1e308, -1.5e308}};
  const uint32_t group[] = {0, 2};
  for (int i = 0; i < 4; i++)
    for (int kind = 0; kind < 4; kind++) {
      float a[] = {7, 7};
      sl_error err;
      const sl_status status =
          sl_advantages(a, NULL, pairs[i], group, 1, (sl_advantage_kind)kind, 0.0, &err);
      if (i == 2 && kind < SL_ADV_NO_STD) { /* 1e39 over its deviation is 1 */
        cr_expect(status == SL_OK && a[0] > 0.5f && a[1] == -a[0]);
        continue;
      }
      cr_expect_eq(status, SL_ERR_NONFINITE, "pair %d, kind %d", i, kind);
      cr_expect(a[0] == 7.0f && a[1] == 7.0f);
      cr_expect_not_null(strstr(err.message, "(group 0)"), "%s", err.message);
    }
}

/* C6: no group has variance: the loss is 0 without a warning. Here *zero_variance counts such
 * groups. */
Test(field, c6_no_variance_is_counted) {
  const double reward[] = {1, 1, 0, 0, 0};
  const uint32_t group[] = {0, 2, 5};
  float a[5];
  size_t flat = 0;
  cr_assert_eq(sl_advantages(a, &flat, reward, group, 2, SL_ADV_STD_POPULATION, 1e-6, NULL), SL_OK);
  cr_expect_eq(flat, 2);
}

/* C7: ddof, eps and groups of one: the spec states them, and the code follows it. */
Test(field, c7_conventions) {
  const double reward[] = {0, 1};
  float a[2];
  advantages_of(a, reward, 2, SL_ADV_STD_POPULATION, 0.0);
  cr_expect(a[0] == -1.0f && a[1] == 1.0f);
  advantages_of(a, reward, 2, SL_ADV_STD_SAMPLE, 0.0);
  cr_expect(a[1] == (float)(0.5 / sqrt(0.5)) && a[0] == -a[1]);
  advantages_of(a, reward, 2, SL_ADV_STD_POPULATION, 0.5);
  cr_expect(a[0] == -0.5f && a[1] == 0.5f);
  advantages_of(a, reward, 2, SL_ADV_NO_STD, 0.5);
  cr_expect(a[0] == -0.5f && a[1] == 0.5f);
  const uint32_t single[] = {0, 1};
  sl_error err;
  for (int kind = 0; kind < 3; kind++) {
    advantages_of(a, reward + 1, 1, (sl_advantage_kind)kind, 0.0);
    cr_expect_eq(a[0], 0.0f);
  }
  cr_expect_eq(sl_advantages(a, NULL, reward, single, 1, SL_ADV_LEAVE_ONE_OUT, 0.0, &err),
               SL_ERR_INPUT);
  cr_expect_not_null(strstr(err.message, "group[0] has one sequence"));
  cr_expect_eq(sl_advantages(a, NULL, reward, single, 1, SL_ADV_NO_STD, -1.0, &err), SL_ERR_USAGE);
  const uint32_t late[] = {7, 8}, falling[] = {0, 2, 1};
  cr_expect_eq(sl_advantages(a, NULL, reward, late, 1, SL_ADV_NO_STD, 0.0, &err), SL_ERR_INPUT);
  cr_expect_str_eq(err.message, "group[0] is 7, not 0");
  cr_expect_eq(sl_advantages(a, NULL, reward, falling, 2, SL_ADV_NO_STD, 0.0, &err), SL_ERR_INPUT);
  cr_expect_str_eq(err.message, "group[2] is 1, below group[1] = 2");
}

/* Rewards beyond a group's end neither move its advantages nor have it refused; those of another
 * group may be as large as they like, and what follows the last is not read. */
Test(field, rewards_of_others_are_not_read) {
  const double reward[] = {0,   1,   0,   1,   2,   1e38, -1e38, 0,   1,
                           NAN, NAN, NAN, NAN, NAN, NAN,  NAN,   NAN, NAN};
  const uint32_t group[] = {0, 2, 5, 7, 9};
  for (int kind = SL_ADV_STD_POPULATION; kind <= SL_ADV_LEAVE_ONE_OUT; kind++) {
    float a[9], alone[3];
    sl_error err;
    cr_assert_eq(sl_advantages(a, NULL, reward, group, 4, (sl_advantage_kind)kind, 0.0, &err),
                 SL_OK, "%s", err.message);
    for (size_t g = 0; g < 4; g++) {
      advantages_of(alone, reward + group[g], group[g + 1] - group[g], (sl_advantage_kind)kind,
                    0.0);
      cr_expect_arr_eq(a + group[g], alone, (group[g + 1] - group[g]) * sizeof *a);
    }
  }
}
