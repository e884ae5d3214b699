/* The kernels of kernels/cuda, under the simulator: the bits of plain and no finding, under 200
 * seeds, each with another schedule and another problem (spec N1.4). A seed replays exactly. */
#include "ci/products/simulate/simulated.h"
#include "tests/kernels/setting.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SEEDS 200
#define ACCESSES_MAX 200000

static void check_kernel(sl_kernel_id kernel) {
  const uint64_t first = setting("SLUICE_SEED", 1), seeds = setting("SLUICE_SEEDS", SEEDS);
  uint64_t most = 0, total = 0;
  for (uint64_t seed = first; seed < first + seeds; seed++) {
    sl_simulated run;
    sl_error err;
    const sl_simulated_problem problem = {kernel, seed, seed, SL_SIMULATED_SHRINK, 1, 0};
    cr_assert_eq(sl_simulated_run(&run, &problem, &err), SL_OK, "%s\nreplay: %s", err.message,
                 run.replay);
    cr_assert_leq(run.accesses, ACCESSES_MAX, "%s: %" PRIu64 " accesses\nreplay: %s", run.shape,
                  run.accesses, run.replay);
    total += run.accesses;
    if (run.accesses > most) most = run.accesses;
  }
  printf("%s: seeds %" PRIu64 " to %" PRIu64 ", %" PRIu64 " accesses, at most %" PRIu64 " a seed\n",
         sl_equiv_kernel_name(kernel), first, first + seeds - 1, total, most);
}

#define SL_CUDA_KERNEL(name) \
  Test(simt_kernels, name) { check_kernel(SL_KERNEL_##name); }
#include "kernels/cuda/cuda.def"
#undef SL_CUDA_KERNEL
