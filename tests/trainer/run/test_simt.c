/* Complete steps of a run on the simulated device, with tiny chunks: the hash that the CPU gives
 * after each of 20 rollouts, whatever order the simulator's threads take (spec N1.4); another one
 * where a kernel adds in another order; and what a step brings to the host. */
#include "kernels/simt/simulation.h"
#include "tests/trainer/tiny.h"

#include <criterion/criterion.h>
#include <sluice/kernels.h>
#include <stdio.h>
#include <string.h>

static sl_run_state *begin(const char *backend) {
  const char *const extra[] = {backend, "rl.steps=20", "rl.epochs=1", NULL};
  sl_run_state *run = tiny_trainer(extra);
  cr_assert_not_null(run);
  return run;
}

static void run(tiny_hashes *out, const char *backend, int rollouts) {
  const int taught = tiny_run(out, backend, rollouts);
  cr_assert(rollouts == 0 || taught > 0,
            "every group has equal rewards: these steps show nothing of advantages");
}

static void add_simt(uint64_t seed) {
  sl_backend_add(sl_simt_backend());
  sl_simulation_begin(seed);
}

Test(simt_train, twenty_rollouts_have_the_hashes_of_the_cpu) {
  static tiny_hashes cpu, simt;
  run(&cpu, "run.backend=cpu", TINY_ROLLOUTS);
  add_simt(tiny_seed("simt_train"));
  run(&simt, "run.backend=simt", TINY_ROLLOUTS);
  tiny_expect_hashes(&simt, &cpu, TINY_ROLLOUTS);
  cr_expect_eq(sl_simulation_findings(), 0);
  printf("%d steps of warm start and %d rollouts, %llu accesses, state %s\n", TINY_WARM_STEPS,
         TINY_ROLLOUTS, (unsigned long long)sl_simulation_accesses(),
         simt.after[TINY_ROLLOUTS - 1]);
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
  static tiny_hashes cpu, simt;
  run(&cpu, "run.backend=cpu", 0);
  add_simt(1);
  sl_simulation_set_plant(plant("gemm_swapped_order"));
  run(&simt, "run.backend=simt", 0);
  cr_expect_str_neq(simt.after_warm_start, cpu.after_warm_start);
}

/* What metrics.jsonl says of a step (spec F4.3) does not depend on where it ran. */
static sl_step_report report_of(const char *backend) {
  sl_run_state *run = begin(backend);
  sl_step_report report;
  sl_step_digests digests;
  sl_error err;
  tiny_sft(run, 2);
  tiny_begin_rl(run);
  cr_assert_eq(sl_policy_step(run, &report, &digests, &err), SL_OK, "%s", err.message);
  sl_run_state_destroy(run);
  return report;
}

Test(simt_train, the_report_of_a_step_is_that_of_the_cpu) {
  const sl_step_report cpu = report_of("run.backend=cpu");
  add_simt(1);
  const sl_step_report simt = report_of("run.backend=simt");
  cr_expect_gt(cpu.entropy, 0.0);
  cr_expect_eq(simt.entropy, cpu.entropy, "entropy %g, on the cpu %g", simt.entropy, cpu.entropy);
  cr_expect_eq(memcmp(&simt, &cpu, sizeof cpu), 0);
}

/* State after some steps of a model with norms by head and the other rule's frequencies. */
static void hash_of_qwen3(char out[SL_DIGEST_TEXT], const char *backend) {
  const char *const extra[] = {backend,
                               "model.architecture=qwen3",
                               "model.rope_tables=stepwise",
                               "rl.steps=20",
                               "rl.epochs=1",
                               NULL};
  sl_run_state *run = tiny_trainer(extra);
  cr_assert_not_null(run);
  tiny_sft(run, TINY_WARM_STEPS);
  tiny_begin_rl(run);
  cr_expect_gt(tiny_rl(run, 3), 0, "these steps show nothing of advantages");
  memcpy(out, tiny_hash(run), SL_DIGEST_TEXT);
  sl_run_state_destroy(run);
}

Test(simt_train, norms_by_head_have_the_hash_of_the_cpu) {
  char cpu[SL_DIGEST_TEXT], simt[SL_DIGEST_TEXT];
  hash_of_qwen3(cpu, "run.backend=cpu");
  add_simt(tiny_seed("simt_train"));
  hash_of_qwen3(simt, "run.backend=simt");
  cr_expect_str_eq(simt, cpu);
  cr_expect_eq(sl_simulation_findings(), 0);
}

typedef struct {
  uint64_t sft, rl; /* bytes to the host of a step, its state hash included */
  size_t tensors, floats;
} traffic;

/* One token a completion, so that what is sampled does not change how much is copied. */
static traffic traffic_of(const char *const *model) {
  const char *extra[12] = {"run.backend=simt", "rl.max_new_tokens=1", "rl.epochs=1",
                           "rl.prompts=2",     "rl.group=2",          "sft.batch=4"};
  for (size_t i = 0; model[i]; i++) extra[6 + i] = model[i];
  add_simt(1);
  sl_run_state *run = tiny_trainer(extra);
  cr_assert_not_null(run);
  traffic out = {.tensors = run->policy.layout->n_tensors, .floats = run->policy.layout->n_floats};
  for (int rl = 0; rl < 2; rl++) {
    sl_step_report report;
    sl_step_digests digests;
    char state[SL_DIGEST_TEXT];
    sl_error err;
    const uint64_t before = sl_simulation_bytes_to_host();
    cr_assert_eq((rl ? sl_policy_step : sl_warm_start_step)(run, &report, &digests, &err), SL_OK,
                 "%s", err.message);
    cr_assert_eq(sl_run_state_hash(run, digests.updates, state, &err), SL_OK, "%s", err.message);
    *(rl ? &out.rl : &out.sft) = sl_simulation_bytes_to_host() - before;
    if (!rl) tiny_begin_rl(run);
  }
  sl_run_state_destroy(run);
  return out;
}

/* Nothing of the size of the parameters is read back: 16 bytes for each tensor of an arena (spec
 * F5.3), and the 8 of a gradient's squares. */
Test(simt_train, a_step_brings_digests_to_the_host_not_tensors) {
  const traffic base = traffic_of((const char *[]){NULL});
  const traffic wide = traffic_of((const char *[]){"model.ff=96", "model.hidden=32", NULL});
  const traffic deep = traffic_of((const char *[]){"model.layers=3", NULL});
  const uint64_t updates = 2, more = deep.tensors - base.tensors;
  printf("%zu floats: %llu and %llu bytes per step; %zu floats: %llu and %llu\n", base.floats,
         (unsigned long long)base.sft, (unsigned long long)base.rl, wide.floats,
         (unsigned long long)wide.sft, (unsigned long long)wide.rl);
  cr_assert(base.sft > 0 && wide.floats > 2 * base.floats && more > 0);
  cr_expect_eq(wide.sft, base.sft);
  cr_expect_eq(wide.rl, base.rl);
  cr_expect_eq(deep.sft - base.sft, more * (16 * (SL_DIGESTS_STATE + 1) + 8));
  cr_expect_eq(deep.rl - base.rl, more * (16 * (SL_DIGESTS_STATE + updates) + 8 * updates));
}
