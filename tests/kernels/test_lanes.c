/* Lanes run each unit once, a lane one at a time, and report the lowest unit that
 * fails, whichever lane came to it (spec N1.4). */
#include "kernels/lanes.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <string.h>

enum { MOST = 200 };

typedef struct {
  const sl_lanes *lanes;
  atomic_int calls[MOST];
  atomic_int busy[SL_LANES_MAX];
  atomic_int shared;       /* two units had a lane at once */
  size_t fails, fails_too; /* units that do; MOST: none */
} job;

static sl_status unit_body(void *arg, size_t unit, size_t lane) {
  job *j = arg;
  if (atomic_exchange(&j->busy[lane], 1)) atomic_store(&j->shared, 1);
  atomic_fetch_add(&j->calls[unit], 1);
  sl_context *ctx = j->lanes->lane[lane];
  const float x[4] = {1, 2, 3, 4};
  const int fails = unit == j->fails || unit == j->fails_too;
  const uint32_t id = fails ? 100 + (uint32_t)unit : 0;
  float y[4];
  const sl_status status = sl_embedding_forward(ctx, y, x, &id, 1, 4, 1);
  atomic_store(&j->busy[lane], 0);
  return status;
}

static void with_lanes(int threads, size_t n, void (*check)(const sl_lanes *lanes)) {
  const sl_context_options options = {.backend = "cpu", .threads = threads};
  sl_context *ctx;
  sl_lanes *lanes;
  sl_error err;
  cr_assert_eq(sl_context_create(&ctx, &options, &err), SL_OK, "%s", err.message);
  cr_assert(sl_lanes_possible(ctx));
  cr_assert_eq(sl_lanes_create(&lanes, ctx, n, &err), SL_OK, "%s", err.message);
  check(lanes);
  sl_lanes_destroy(lanes);
  sl_context_destroy(ctx);
}

static void check_counts(const sl_lanes *lanes) {
  for (size_t units = 0; units < 40; units++) {
    job j = {.lanes = lanes, .fails = MOST, .fails_too = MOST};
    cr_assert_eq(sl_lanes_run(lanes, units, unit_body, &j), SL_OK);
    for (size_t i = 0; i < MOST; i++) cr_assert_eq(j.calls[i], i < units, "unit %zu", i);
    cr_assert(!j.shared);
  }
}

static void check_failures(const sl_lanes *lanes) {
  for (int i = 0; i < 50; i++) {
    job j = {.lanes = lanes, .fails = 17, .fails_too = 5};
    cr_assert_eq(sl_lanes_run(lanes, 60, unit_body, &j), SL_ERR_INPUT);
    for (size_t u = 0; u <= 5; u++) cr_expect_eq(j.calls[u], 1, "unit %zu", u);
    const sl_error *e = sl_context_error(lanes->ctx);
    cr_expect_eq(e->status, SL_ERR_INPUT);
    cr_expect_not_null(strstr(e->message, "105"), "not the lowest unit's: %s", e->message);
  }
}

Test(lanes, each_unit_once) {
  with_lanes(1, 1, check_counts);
  with_lanes(4, 4, check_counts);
  with_lanes(2, 5, check_counts); /* more lanes than threads */
}

Test(lanes, the_lowest_unit_that_fails) {
  with_lanes(1, 1, check_failures);
  with_lanes(4, 4, check_failures);
  with_lanes(2, 5, check_failures);
}
