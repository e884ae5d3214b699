/* The order in which problems are taken (spec F3.5). */
#include "tests/trainer/scratch.h"
#include "trainer/run/data_order.h"

#include <sluice/random.h>

#include <criterion/criterion.h>

Test(data_order, takes_each_item_once_an_epoch_and_resumes) {
  sl_data_order a, b;
  sl_error err;
  const uint64_t seed = 9;
  cr_assert_eq(sl_data_order_create(&a, 101, seed, SL_STREAM_RL, &err), SL_OK);
  cr_assert_eq(sl_data_order_create(&b, 101, seed, SL_STREAM_RL, &err), SL_OK);
  uint32_t taken[303], expected[101];
  for (uint32_t i = 0; i < 303; i++) taken[i] = sl_data_order_next(&a);
  cr_assert(a.position.epoch == 3 && a.position.offset == 0);
  for (uint32_t epoch = 0; epoch < 3; epoch++) {
    for (uint32_t i = 0; i < 101; i++) expected[i] = i;
    sl_random_shuffle(expected, 101, seed, 1, epoch, 2);
    cr_assert_arr_eq(taken + epoch * 101, expected, sizeof expected);
  }
  cr_assert_eq(sl_data_order_seek(&b, (sl_data_position){1, 50}, &err), SL_OK);
  for (uint32_t i = 151; i < 303; i++) cr_assert_eq(sl_data_order_next(&b), taken[i]);
  cr_assert_eq(sl_data_order_seek(&b, (sl_data_position){0, 3}, &err), SL_OK);
  cr_assert_eq(sl_data_order_next(&b), taken[3]);
  expect_error(sl_data_order_seek(&b, (sl_data_position){0, 101}, &err), SL_ERR_INPUT, &err,
               "offset 101, the data has 101 items");
  expect_error(sl_data_order_create(&a, 0, seed, 0, &err), SL_ERR_USAGE, &err,
               "a data order of 0 items");
  sl_data_order_free(&a);
  sl_data_order_free(&b);
}

/* The parts of the test below, in the order of the training list. */
static const sl_task_part parts[] = {{"a", 0, 7, 2}, {"b", 7, 3, 1}, {"c", 10, 40, 5}};
enum { SHARES = 8 };

/* Draw j by the clause's own words (spec F3.14): nothing is kept from one draw to the next. */
static uint32_t draw_by_clause(uint64_t seed, uint32_t stream, uint32_t j) {
  uint32_t slots[SHARES], problems[40], block = j / SHARES, before = 0, first = 0, k = 0;
  for (uint32_t s = 0; s < SHARES; s++) slots[s] = s;
  sl_random_shuffle(slots, SHARES, seed, 65536 + stream, block, 2);
  const uint32_t slot = slots[j % SHARES];
  while (slot - first >= parts[k].share) first += parts[k++].share;
  for (uint32_t o = 0; o < j % SHARES; o++) before += slots[o] - first < parts[k].share;
  const uint32_t n = (uint32_t)parts[k].n, i = block * parts[k].share + before;
  for (uint32_t p = 0; p < n; p++) problems[p] = p;
  sl_random_shuffle(problems, n, seed, 65538 + 2 * k + stream, i / n, 2);
  return (uint32_t)parts[k].first + problems[i % n];
}

Test(data_order, a_mixture_is_a_function_of_seed_and_draw) {
  sl_data_order a, b;
  sl_error err;
  const uint64_t seed = 9;
  uint32_t taken[400], of_part[3] = {0};
  cr_assert_eq(sl_data_order_create_mixture(&a, parts, 3, seed, SL_STREAM_RL, &err), SL_OK);
  for (uint32_t j = 0; j < 400; j++) {
    taken[j] = sl_data_order_next(&a);
    cr_assert_eq(taken[j], draw_by_clause(seed, SL_STREAM_RL, j), "draw %u", j);
    of_part[(taken[j] >= 7) + (taken[j] >= 10)]++;
  }
  cr_assert(of_part[0] == 100 && of_part[1] == 50 && of_part[2] == 250, "the shares are exact");
  cr_assert(a.position.epoch == 50 && a.position.offset == 0);
  cr_assert_eq(sl_data_order_create_mixture(&b, parts, 3, seed, SL_STREAM_RL, &err), SL_OK);
  static const uint32_t places[] = {399, 0, 17, 203, 8};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    const sl_data_position at = {places[i] / SHARES, places[i] % SHARES};
    cr_assert_eq(sl_data_order_seek(&b, at, &err), SL_OK);
    for (uint32_t j = places[i]; j < 400; j++) cr_assert_eq(sl_data_order_next(&b), taken[j]);
  }
  expect_error(sl_data_order_seek(&b, (sl_data_position){0, SHARES}, &err), SL_ERR_INPUT, &err,
               "offset 8, the data has 8 items");
  const sl_task_part empty = {"a", 0, 0, 1};
  sl_data_order none;
  expect_error(sl_data_order_create_mixture(&none, &empty, 1, seed, 0, &err), SL_ERR_USAGE, &err,
               "a mixture's part of 0 items");
  sl_data_order_free(&a);
  sl_data_order_free(&b);
}
