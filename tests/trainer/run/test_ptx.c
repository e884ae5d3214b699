/* Whole steps of the trainer with the PTX that nvcc made of the kernels, tiny chunks: the hash that
 * the CPU gives after each rollout (spec N1.4), and another one where an instruction of the PTX was
 * edited. SLUICE_ROLLOUTS: how many, up to 20, which takes 80 s; in ci/nightly all. */
#include "kernels/simt/ptx/ptx.h"
#include "kernels/simt/simulation.h"
#include "tests/trainer/tiny.h"

#include <criterion/criterion.h>
#include <sluice/kernels.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROLLOUTS_BY_DAY = 3 };

static void run(tiny_hashes *out, const char *backend, int rollouts) {
  const int taught = tiny_run(out, backend, rollouts);
  cr_assert(rollouts < TINY_ROLLOUTS || taught > 0, "every group has equal rewards");
}

Test(ptx_train, rollouts_have_the_hashes_of_the_cpu) {
  static tiny_hashes cpu, ptx;
  const char *text = getenv("SLUICE_ROLLOUTS");
  const int rollouts = text ? atoi(text) : ROLLOUTS_BY_DAY;
  cr_assert(rollouts > 0 && rollouts <= TINY_ROLLOUTS);
  run(&cpu, "run.backend=cpu", rollouts);
  sl_backend_add(sl_ptx_backend());
  sl_simulation_begin(tiny_seed("ptx_train"));
  run(&ptx, "run.backend=ptx", rollouts);
  tiny_expect_hashes(&ptx, &cpu, rollouts);
  cr_expect_eq(sl_simulation_findings(), 0);
  printf("%d steps of warm start and %d rollouts, %llu instructions, state %s\n", TINY_WARM_STEPS,
         rollouts, (unsigned long long)sl_ptx_instructions(), ptx.after[rollouts - 1]);
}

Test(ptx_train, an_edited_instruction_shows_in_the_hash) {
  static tiny_hashes cpu, ptx;
  run(&cpu, "run.backend=cpu", 0);
  sl_backend_add(sl_ptx_backend());
  sl_simulation_begin(1);
  for (size_t which = 0; sl_ptx_edit("adamw_kernel", "div.rn.f32", "mul.rn.f32", 0); which++)
    cr_assert_lt(which, 100);
  run(&ptx, "run.backend=ptx", 0);
  cr_expect_str_neq(ptx.after_warm_start, cpu.after_warm_start);
}
