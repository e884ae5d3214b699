/* No bit of a run depends on threads, micro-batch, backend or instruction set. */
#include "tests/trainer/tiny.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* State hash after eight steps of warm start and four of RL; "" if this build lacks the backend. */
static void run(char out[SL_DIGEST_TEXT], const char *const *extra) {
  sl_run_state *run = tiny_trainer(extra);
  *out = 0;
  if (!run) return;
  tiny_sft(run, 8);
  tiny_begin_rl(run);
  cr_assert_gt(tiny_rl(run, 4), 0,
               "every group has equal rewards: these steps show nothing of advantages");
  memcpy(out, tiny_hash(run), SL_DIGEST_TEXT);
  sl_run_state_destroy(run);
}

static void expect_hash(const char *wanted, const char *a, const char *b) {
  const char *extra[] = {a, b, NULL};
  char got[SL_DIGEST_TEXT];
  run(got, extra);
  if (*got) cr_expect_str_eq(got, wanted, "%s %s: %s, elsewhere %s", a, b, got, wanted);
}

Test(trainer_bits, one_hash_for_threads_micro_batches_and_backends) {
  char wanted[SL_DIGEST_TEXT], other[SL_DIGEST_TEXT];
  const char *plain[] = {"run.backend=plain", NULL},
             *seed[] = {"run.backend=plain", "run.seed=2", NULL};
  run(wanted, plain);
  expect_hash(wanted, "run.threads=1", "run.isa=avx2");
  expect_hash(wanted, "run.threads=2", "run.isa=avx2");
  expect_hash(wanted, "run.threads=5", "run.isa=avx2");
  expect_hash(wanted, "run.threads=1", "run.isa=avx512");
  expect_hash(wanted, "run.threads=2", "run.isa=avx512");
  expect_hash(wanted, "rl.micro_batch=1", "run.isa=avx2");
  expect_hash(wanted, "rl.micro_batch=3", "run.isa=avx2");
  expect_hash(wanted, "rl.micro_batch=3", "run.backend=plain");
  expect_hash(wanted, "rl.micro_batch=1", "run.threads=2");
  expect_hash(wanted, "rl.micro_batch=4", "run.threads=2");
  expect_hash(wanted, "rl.micro_batch=8", "run.backend=plain");
  expect_hash(wanted, "rl.micro_batch=1000", "run.threads=2");
  expect_hash(wanted, "run.recompute=true", "run.threads=1");
  expect_hash(wanted, "run.recompute=true", "rl.micro_batch=3");
  expect_hash(wanted, "run.recompute=true", "run.backend=plain");
  expect_hash(wanted, "run.memory=1000000", "run.threads=1");
  run(other, seed);
  cr_expect_str_neq(other, wanted, "the hash does not see the seed");
}

/* The same of the other architectures: without biases, and with norms of q and k by head, whose
 * weights' gradients are sums over tokens and heads. */
Test(trainer_bits, one_hash_for_each_architecture) {
  static const char *const architectures[] = {"model.architecture=llama",
                                              "model.architecture=qwen3"};
  char wanted[2][SL_DIGEST_TEXT], got[SL_DIGEST_TEXT];
  for (size_t i = 0; i < 2; i++) {
    const char *const others[][2] = {
        {"run.threads=1", "run.isa=avx2"},         {"run.threads=5", "run.isa=avx2"},
        {"run.threads=2", "run.isa=avx512"},       {"rl.micro_batch=3", "run.backend=plain"},
        {"rl.micro_batch=1", "run.threads=2"},     {"rl.micro_batch=1000", "run.threads=2"},
        {"run.recompute=true", "rl.micro_batch=3"}};
    run(wanted[i], (const char *[]){architectures[i], "run.backend=plain", NULL});
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
      run(got, (const char *[]){architectures[i], others[k][0], others[k][1], NULL});
      if (*got)
        cr_expect_str_eq(got, wanted[i], "%s %s %s", architectures[i], others[k][0], others[k][1]);
    }
  }
  cr_expect_str_neq(wanted[0], wanted[1]);
}

/* Updates have 9 sequences, the warm start 10: of 16 shards some are empty. */
Test(trainer_bits, the_hash_is_that_of_the_shards_not_of_how_many_at_once) {
  static const char *const shards[] = {"rl.reduce_shards=1", "rl.reduce_shards=2",
                                       "rl.reduce_shards=8", "rl.reduce_shards=16"};
  static const char *const micro_batches[] = {"rl.micro_batch=2", "rl.micro_batch=4",
                                              "rl.micro_batch=8", "rl.micro_batch=1000"};
  char hash[4][SL_DIGEST_TEXT];
  for (size_t i = 0; i < 4; i++) {
    run(hash[i], (const char *[]){shards[i], "rl.micro_batch=1", NULL});
    for (size_t m = 0; m < 4; m++) expect_hash(hash[i], shards[i], micro_batches[m]);
    for (size_t k = 0; k < i; k++)
      cr_expect_str_neq(hash[i], hash[k], "%s has the hash of %s", shards[i], shards[k]);
  }
}
