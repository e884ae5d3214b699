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
