/* Trainers so small that a whole run takes a fraction of a second. */
#include "tiny.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The task is one that so small a model half learns in eight steps: rewards differ within groups,
 * and prompts in length. */
static const char *const base[] = {"run.threads=1",
                                   "model.hidden=16",
                                   "model.layers=2",
                                   "model.heads=2",
                                   "model.kv_heads=1",
                                   "model.head_dim=8",
                                   "model.ff=24",
                                   "model.max_positions=16",
                                   "task.name=jsonl",
                                   ("task.train=" SLUICE_TINY_TASK),
                                   "task.held_out_fraction=0.25",
                                   "sft.steps=8",
                                   "sft.batch=10",
                                   "sft.lr=0.02",
                                   "sft.warmup=2",
                                   "sft.eval_every=2",
                                   "sft.stop_success=1",
                                   "rl.steps=4",
                                   "rl.prompts=6",
                                   "rl.group=3",
                                   "rl.updates=2",
                                   "rl.epochs=2",
                                   "rl.lr=0.005",
                                   "rl.beta=0.01",
                                   "rl.entropy_bonus=0.001",
                                   "rl.warmup=1",
                                   "eval.every=2",
                                   "optimizer.weight_decay=0.1",
                                   "checkpoint.every=2",
                                   "checkpoint.keep=100"};

size_t tiny_sets(const char *out[TINY_SETS_MAX], const char *const *extra) {
  size_t n = 0;
  for (; n < sizeof base / sizeof *base; n++) out[n] = base[n];
  for (; extra && *extra; extra++) {
    cr_assert_lt(n, TINY_SETS_MAX);
    out[n++] = *extra;
  }
  return n;
}

sl_run_state *tiny_trainer(const char *const *extra) {
  const char *sets[TINY_SETS_MAX];
  const size_t n = tiny_sets(sets, extra);
  sl_config config;
  sl_error err;
  sl_run_state *run;
  cr_assert_eq(sl_config_load(&config, NULL, sets, n, &err), SL_OK, "%s", err.message);
  const sl_status status = sl_run_state_create(&run, &config, SL_EXTENT_TRAINING, &err);
  if (status == SL_ERR_UNAVAILABLE) {
    printf("absent, not tested: %s\n", err.message);
    return NULL;
  }
  cr_assert_eq(status, SL_OK, "%s", err.message);
  return run;
}

void tiny_sft(sl_run_state *run, int steps) {
  sl_step_digests digests;
  sl_step_report report;
  sl_error err;
  for (int i = 0; i < steps; i++)
    cr_assert_eq(sl_warm_start_step(run, &report, &digests, &err), SL_OK, "%s", err.message);
}

void tiny_begin_rl(sl_run_state *run) {
  run->phase = SL_PHASE_RL;
  sl_optimizer_reset(&run->optimizer);
  cr_assert_eq(sl_run_state_take_reference(run, NULL), SL_OK);
}

int tiny_rl(sl_run_state *run, int steps) {
  sl_step_digests digests;
  sl_step_report report;
  sl_error err;
  int taught = 0;
  for (int i = 0; i < steps; i++) {
    cr_assert_eq(sl_policy_step(run, &report, &digests, &err), SL_OK, "%s", err.message);
    taught += report.zero_variance < 1.0 && report.ratio_variance > 0.0;
  }
  return taught;
}

const char *tiny_hash(const sl_run_state *run) {
  static char text[SL_DIGEST_TEXT];
  sl_error err;
  cr_assert_eq(sl_run_state_hash(run, 0, text, &err), SL_OK, "%s", err.message);
  return text;
}

int tiny_run(tiny_hashes *out, const char *backend, int rollouts) {
  const char *const extra[] = {backend, "rl.steps=20", "rl.epochs=1", NULL};
  sl_run_state *run = tiny_trainer(extra);
  cr_assert_not_null(run);
  int taught = 0;
  tiny_sft(run, TINY_WARM_STEPS);
  memcpy(out->after_warm_start, tiny_hash(run), SL_DIGEST_TEXT);
  tiny_begin_rl(run);
  for (int i = 0; i < rollouts; i++) {
    taught += tiny_rl(run, 1);
    memcpy(out->after[i], tiny_hash(run), SL_DIGEST_TEXT);
  }
  sl_run_state_destroy(run);
  return taught;
}

void tiny_expect_hashes(const tiny_hashes *got, const tiny_hashes *cpu, int rollouts) {
  cr_expect_str_eq(got->after_warm_start, cpu->after_warm_start);
  for (int i = 0; i < rollouts; i++)
    cr_assert_str_eq(got->after[i], cpu->after[i], "rollout %d: %s, on the cpu %s", i + 1,
                     got->after[i], cpu->after[i]);
}

uint64_t tiny_seed(const char *test) {
  const char *given = getenv("SLUICE_TEST_SEED");
  const uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
  printf("%s: SLUICE_TEST_SEED=%llu\n", test, (unsigned long long)seed);
  return seed;
}
