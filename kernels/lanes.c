/* Threads that each run kernels of one thread; see lanes.h (spec N1.4). */
#include "lanes.h"

#include "kernels/core/context.h"
#include "kernels/core/verify.h"

#include <stdatomic.h>
#include <stdlib.h>

int sl_lanes_possible(const sl_context *ctx) { return !ctx->own && !ctx->device; }

/* ctx's kernels and memory on one thread. */
static sl_status create_lane(sl_context **out, const sl_context *ctx, sl_error *err) {
  sl_context *lane = calloc(1, sizeof *lane);
  if (!lane) return sl_fail(err, SL_ERR_MEMORY, "no memory for a context");
  lane->table = ctx->table, lane->backend = ctx->backend, lane->memory = ctx->memory;
  lane->l2_bytes = ctx->l2_bytes, lane->threads = 1;
  const sl_status status = sl_team_create(&lane->team, 1, NULL, err);
  if (status) {
    free(lane);
    return status;
  }
  *out = lane;
  return SL_OK;
}

sl_status sl_lanes_create(sl_lanes **out, sl_context *ctx, size_t n, sl_error *err) {
  SL_VERIFY(n > 0 && n <= SL_LANES_MAX && sl_lanes_possible(ctx));
  sl_lanes *lanes = calloc(1, sizeof *lanes);
  if (lanes) lanes->ctx = ctx, lanes->lane = calloc(n, sizeof(sl_context *));
  if (!lanes || !lanes->lane) {
    free(lanes);
    return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu lanes", n);
  }
  sl_status status = SL_OK;
  while (!status && lanes->n < n) {
    status = create_lane(&lanes->lane[lanes->n], ctx, err);
    lanes->n += !status;
  }
  if (status) {
    sl_lanes_destroy(lanes);
    return status;
  }
  *out = lanes;
  return SL_OK;
}

void sl_lanes_destroy(sl_lanes *lanes) {
  if (!lanes) return;
  for (size_t i = 0; i < lanes->n; i++) sl_context_destroy(lanes->lane[i]);
  free(lanes->lane);
  free(lanes);
}

sl_status sl_lanes_fail(const sl_lanes *lanes, size_t lane) {
  lanes->ctx->error = lanes->lane[lane]->error;
  return lanes->ctx->error.status;
}

typedef struct {
  size_t units;
  sl_lane_body *body;
  void *arg;
  atomic_size_t next;          /* unit */
  size_t failed[SL_LANES_MAX]; /* by lane the unit that failed there; `units` if none has */
} lane_job;

/* A lane ends with its first failure, whose message its context keeps. */
static void run_lane(lane_job *j, size_t lane) {
  for (size_t unit; (unit = atomic_fetch_add(&j->next, 1)) < j->units;)
    if (j->body(j->arg, unit, lane)) {
      j->failed[lane] = unit;
      return;
    }
}

/* A lane whose thread wakes late finds no unit left. */
static void run_lanes(void *arg, size_t begin, size_t end, int thread) {
  (void)thread;
  for (size_t lane = begin; lane < end; lane++) run_lane(arg, lane);
}

/* Units begin in order: all below the lowest that failed were run, and none of them failed. */
sl_status sl_lanes_run(const sl_lanes *lanes, size_t units, sl_lane_body *body, void *arg) {
  lane_job j = {.units = units, .body = body, .arg = arg};
  for (size_t i = 0; i < lanes->n; i++) j.failed[i] = units;
  SL_TRY(sl_parallel_for(lanes->ctx, lanes->n, 1, run_lanes, &j));
  size_t first = 0;
  for (size_t i = 1; i < lanes->n; i++)
    if (j.failed[i] < j.failed[first]) first = i;
  return j.failed[first] == units ? SL_OK : sl_lanes_fail(lanes, first);
}
