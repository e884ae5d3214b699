/* Failures planted in the sources of kernels/cuda: each is found by the check that plants.def
 * names, within a few seeds. */
#include "ci/products/simulate/simulated.h"
#include "kernels/simt/simulation.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define SEEDS 40
#define SEEDS_MOST 200 /* a plant that shows only in rare shapes gets up to this many seeds */

static sl_kernel_id kernel_named(const char *name) {
  sl_kernel_id k = 0;
  while (k < SL_KERNEL_COUNT && strcmp(sl_equiv_kernel_name(k), name) != 0) k++;
  cr_assert_lt(k, SL_KERNEL_COUNT, "plants.def: no kernel %s", name);
  return k;
}

/* 1 if what the plant promises was found in that run. */
static int found(const sl_simulation_plant *plant, sl_status status, const sl_simulated *run) {
  if (strcmp(plant->found, "bits") == 0) return status == SL_ERR_MISMATCH && run->findings == 0;
  for (size_t i = 0; i < run->findings; i++) {
    char text[400];
    sl_simulation_describe(i, text, sizeof text);
    if (strncmp(text, plant->found, strlen(plant->found)) == 0) return 1;
  }
  return 0;
}

Test(simt_plants, each_is_found_as_promised) {
  const sl_simulation_plant *plants;
  const size_t n = sl_simulation_plants(&plants);
  cr_assert_geq(n, 1);
  for (size_t i = 0; i < n; i++) {
    const sl_kernel_id kernel = kernel_named(plants[i].kernel);
    int seeds_that_find = 0;
    uint64_t seed = 1;
    for (; seed <= SEEDS || (!seeds_that_find && seed <= SEEDS_MOST); seed++) {
      sl_simulated run;
      sl_error err;
      const sl_simulated_problem problem = {kernel, seed, seed, SL_SIMULATED_SHRINK, 1, 0};
      sl_simulation_set_plant((int)i);
      const sl_status status = sl_simulated_run(&run, &problem, &err);
      if (found(&plants[i], status, &run) && seeds_that_find++ == 0)
        printf("%s: %s\nreplay: %s\n", plants[i].name, err.message, run.replay);
    }
    sl_simulation_set_plant(-1);
    printf("%s: found under %d of %d seeds\n", plants[i].name, seeds_that_find, (int)seed - 1);
    cr_expect_gt(seeds_that_find, 0, "%s (%s) was not found in %s as '%s'", plants[i].name,
                 plants[i].what, plants[i].kernel, plants[i].found);
  }
}
