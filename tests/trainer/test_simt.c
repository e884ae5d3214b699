/* Whole steps of the trainer on the simulated device, with tiny chunks: the hash that the CPU gives after each of 20 rollouts, whatever
 * order the simulator's threads take (spec N1.4); and another one where a kernel adds in another order. */
#include "kernels/simt/simulation.h"
#include "tiny.h"

#include <criterion/criterion.h>
#include <sluice/kernels.h>
#include <stdio.h>
#include <string.h>

enum { WARM_STEPS = 8, ROLLOUTS = 20 };

typedef struct {
  char after_warm_start[SL_DIGEST_TEXT], after[ROLLOUTS][SL_DIGEST_TEXT];
} hashes;

static sl_trainer *begin(const char *backend) {
  const char *const extra[] = {backend, "rl.steps=20", "rl.epochs=1", NULL};
  sl_trainer *t = tiny_trainer(extra);
  cr_assert_not_null(t);
  return t;
}

static void run(hashes *out, const char *backend, int rollouts) {
  sl_trainer *t = begin(backend);
  int taught = 0;
  tiny_sft(t, WARM_STEPS);
  memcpy(out->after_warm_start, tiny_hash(t), SL_DIGEST_TEXT);
  tiny_begin_rl(t);
  for (int i = 0; i < rollouts; i++) {
    taught += tiny_rl(t, 1);
    memcpy(out->after[i], tiny_hash(t), SL_DIGEST_TEXT);
  }
  cr_assert(rollouts == 0 || taught > 0, "every group has equal rewards: these steps show nothing of advantages");
  sl_trainer_destroy(t);
}

static void add_simt(uint64_t seed) {
  sl_backend_add(sl_simt_backend());
  sl_simulation_begin(seed);
}

Test(simt_train, twenty_rollouts_have_the_hashes_of_the_cpu) {
  static hashes cpu, simt;
  run(&cpu, "run.backend=cpu", ROLLOUTS);
  add_simt(tiny_seed("simt_train"));
  run(&simt, "run.backend=simt", ROLLOUTS);
  cr_expect_str_eq(simt.after_warm_start, cpu.after_warm_start);
  for (int i = 0; i < ROLLOUTS; i++)
    cr_assert_str_eq(simt.after[i], cpu.after[i], "rollout %d: %s, on the cpu %s", i + 1, simt.after[i], cpu.after[i]);
  cr_expect_eq(sl_simulation_findings(), 0);
  printf("%d steps of warm start and %d rollouts, %llu accesses, state %s\n", WARM_STEPS, ROLLOUTS,
         (unsigned long long)sl_simulation_accesses(), simt.after[ROLLOUTS - 1]);
}

static int plant(const char *name) {
  const sl_simulation_plant *list;
  const size_t n = sl_simulation_plants(&list);
  for (size_t i = 0; i < n; i++)
    if (strcmp(list[i].name, name) == 0) return (int)i;
  cr_assert(0, "no plant '%s'", name);
  return -1;
}

Test(simt_train, a_kernel_that_adds_in_another_order_shows_in_the_hash) {
  static hashes cpu, simt;
  run(&cpu, "run.backend=cpu", 0);
  add_simt(1);
  sl_simulation_set_plant(plant("gemm_swapped_order"));
  run(&simt, "run.backend=simt", 0);
  cr_expect_str_neq(simt.after_warm_start, cpu.after_warm_start);
}
