/* No bit of a run depends on threads, micro-batch, backend or instruction set. */
#include "tiny.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* State hash after eight steps of warm start and four of RL; "" if the backend is not there. */
static void run(char out[SL_DIGEST_TEXT], const char *const *extra) {
  sl_trainer *t = tiny_trainer(extra);
  *out = 0;
  if (!t) return;
  tiny_sft(t, 8);
  tiny_begin_rl(t);
  cr_assert_gt(tiny_rl(t, 4), 0, "every group has equal rewards: these steps show nothing of advantages");
  memcpy(out, tiny_hash(t), SL_DIGEST_TEXT);
  sl_trainer_destroy(t);
}

static void expect_hash(const char *wanted, const char *a, const char *b) {
  const char *extra[] = {a, b, NULL};
  char got[SL_DIGEST_TEXT];
  run(got, extra);
  if (*got) cr_expect_str_eq(got, wanted, "%s %s: %s, elsewhere %s", a, b, got, wanted);
}

Test(trainer_bits, one_hash_for_threads_micro_batches_and_backends) {
  char wanted[SL_DIGEST_TEXT], other[SL_DIGEST_TEXT];
  const char *plain[] = {"run.backend=plain", NULL}, *seed[] = {"run.backend=plain", "run.seed=2", NULL};
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
  run(other, seed);
  cr_expect_str_neq(other, wanted, "the hash does not see the seed");
}
