/* Lanes: threads that each run kernels of one thread on work of their own (spec N1.4). Where
 * kernels are short, threads that share one spend much of it waiting for each other. Internal. */
#ifndef SLUICE_LANES_H
#define SLUICE_LANES_H

#include <sluice/kernels.h>

#define SL_LANES_MAX 64

typedef struct {
  sl_context *ctx; /* whose threads run the lanes */
  size_t n;
  sl_context *
      *lane; /* (n) contexts of one thread, with ctx's kernels and a workspace of their own */
} sl_lanes;

/* 1 if lanes of this context can be had: it is a host's, and its backend is no library of its own.
 */
int sl_lanes_possible(const sl_context *ctx);

/* n lanes, at most SL_LANES_MAX, of a context, which stays the caller's. SL_ERR_MEMORY. */
sl_status sl_lanes_create(sl_lanes **out, sl_context *ctx, size_t n, sl_error *err);
void sl_lanes_destroy(sl_lanes *lanes);

/* The error of a lane becomes its context's; its status. */
sl_status sl_lanes_fail(const sl_lanes *lanes, size_t lane);

/* One unit of work, on one lane's context. */
typedef sl_status sl_lane_body(void *arg, size_t unit, size_t lane);

/* Runs units 0 to units - 1, each on whichever lane comes to it, in ascending order of beginning.
 * The error of the lowest unit that fails, whatever the number of lanes; it is then ctx's too. */
sl_status sl_lanes_run(const sl_lanes *lanes, size_t units, sl_lane_body *body, void *arg);

#endif
