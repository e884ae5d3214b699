/* The PTX that nvcc made of kernels/cuda, on the executor: the bits of plain and no finding, with
 * the tiles of a device and with the smallest, each seed another schedule and another problem (spec
 * N1.4). A seed replays exactly. */
#include "ci/products/simulate/simulated.h"
#include "kernels/simt/ptx/ptx.h"
#include "tests/kernels/setting.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SEEDS 200

static void check_kernel(sl_kernel_id kernel) {
  const uint64_t first = setting("SLUICE_SEED", 1), seeds = setting("SLUICE_SEEDS", SEEDS);
  for (int smallest = 0; smallest < 2; smallest++) {
    uint64_t total = 0;
    for (uint64_t seed = first; seed < first + seeds; seed++) {
      sl_simulated run;
      sl_error err;
      const sl_simulated_problem problem = {kernel, seed, seed, SL_SIMULATED_SHRINK, smallest, 90};
      cr_assert_eq(sl_simulated_run(&run, &problem, &err), SL_OK, "%s\nreplay: %s", err.message,
                   run.replay);
      total += run.instructions;
    }
    cr_expect_gt(total, 0);
    printf("%s, %s tiles: seeds %" PRIu64 " to %" PRIu64 ", %" PRIu64 " instructions\n",
           sl_equiv_kernel_name(kernel), smallest ? "smallest" : "production", first,
           first + seeds - 1, total);
  }
}

#define SL_CUDA_KERNEL(name) \
  Test(ptx_kernels, name) { check_kernel(SL_KERNEL_##name); }
#include "kernels/cuda/cuda.def"
#undef SL_CUDA_KERNEL
