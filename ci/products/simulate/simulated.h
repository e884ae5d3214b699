/* One simulated run of a kernel, compared with plain bit for bit: what `sluice simulate` and the
 * tests do for each seed. */
#ifndef SLUICE_SIMT_SIMULATED_H
#define SLUICE_SIMT_SIMULATED_H

#include "ci/products/equiv/equiv.h"

/* Divides the sizes of the equivalence gate's problems, so that 200 seeds of every kernel take a
 * minute. */
#define SL_SIMULATED_SHRINK 32

typedef struct {
  sl_kernel_id kernel;
  uint64_t problem; /* seed of shapes and values */
  uint64_t seed;    /* of the schedule */
  size_t shrink;
  int smallest_tiles;
  int ptx; /* 0: the sources; 80 or 90: what nvcc made of them for that compute capability */
} sl_simulated_problem;

typedef struct {
  uint64_t accesses, instructions; /* instructions: of PTX */
  size_t findings;
  char shape[240], replay[240];
} sl_simulated;

/* SL_ERR_MISMATCH for a finding or for bits that differ from plain: the message has both where both
 * are. SL_ERR_INPUT, with file and line, for PTX that cannot be run: what is found after it is not
 * said. */
sl_status sl_simulated_run(sl_simulated *run, const sl_simulated_problem *problem, sl_error *err);

#endif
