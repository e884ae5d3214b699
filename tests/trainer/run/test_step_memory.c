/* No step takes memory, not even the first: allocations of the run and the library are counted
 * by the linker's --wrap. */
#include "kernels/core/context.h"
#include "tests/trainer/tiny.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static size_t allocations;
/* The largest workspace that a kernel asked for: the block starts at a megabyte, which a tiny model
 * does not fill. */
static size_t workspace;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **out, size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **out, size_t alignment, size_t size);

void *__real_sl_workspace(sl_context *ctx, size_t bytes);
void *__wrap_sl_workspace(sl_context *ctx, size_t bytes);

void *__wrap_sl_workspace(sl_context *ctx, size_t bytes) {
  if (bytes > workspace) workspace = bytes;
  return __real_sl_workspace(ctx, bytes);
}
void *__wrap_malloc(size_t size) {
  allocations++;
  return __real_malloc(size);
}
void *__wrap_calloc(size_t n, size_t size) {
  allocations++;
  return __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t size) {
  allocations++;
  return __real_realloc(p, size);
}
void *__wrap_aligned_alloc(size_t alignment, size_t size) {
  allocations++;
  return __real_aligned_alloc(alignment, size);
}
int __wrap_posix_memalign(void **out, size_t alignment, size_t size) {
  allocations++;
  return __real_posix_memalign(out, alignment, size);
}

/* Allocations of each of the first four steps of a phase, its state hash and an evaluation
 * included. */
static void count(sl_run_state *run,
                  sl_status (*step)(sl_run_state *, sl_step_report *, sl_step_digests *,
                                    sl_error *),
                  size_t out[4]) {
  sl_step_digests digests;
  sl_step_report report;
  sl_error err;
  char hash[SL_DIGEST_TEXT];
  double success;
  for (int i = 0; i < 4; i++) {
    const size_t before = allocations;
    cr_assert_eq(step(run, &report, &digests, &err), SL_OK, "%s", err.message);
    cr_assert_eq(sl_run_state_hash(run, digests.updates, hash, &err), SL_OK, "%s", err.message);
    cr_assert_eq(sl_evaluate(run, 0, &success, NULL, NULL, &err), SL_OK, "%s", err.message);
    out[i] = allocations - before;
  }
}

static void expect_none(const char *what, const char *phase, const size_t n[4]) {
  for (int i = 0; i < 4; i++)
    cr_expect_eq(n[i], 0, "%s, %s, step %d: %zu allocations", what, phase, i + 1, n[i]);
}

static void check(const char *const *extra) {
  const size_t before = allocations;
  workspace = 0;
  sl_run_state *run = tiny_trainer(extra);
  const size_t claimed = workspace;
  size_t n[4];
  workspace = 0;
  cr_assert_gt(allocations, before + 20,
               "the count does not see the run"); /* else it proves nothing */
  count(run, sl_warm_start_step, n);
  expect_none(extra[0], "warm start", n);
  run->phase = SL_PHASE_RL;
  count(run, sl_policy_step, n);
  expect_none(extra[0], "RL", n);
  cr_assert_gt(workspace, 0, "no kernel asked for workspace: nothing is shown of it");
  cr_expect_leq(workspace, claimed, "%s: kernels ask for %zu bytes of workspace, claimed are %zu",
                extra[0], workspace, claimed);
  sl_run_state_destroy(run);
}

Test(trainer_memory, no_step_takes_any) {
  check((const char *[]){"run.backend=plain", NULL});
  check((const char *[]){"run.backend=cpu", NULL});
  check((const char *[]){"run.threads=2", NULL});
  check((const char *[]){"model.architecture=qwen3", NULL});
  check((const char *[]){"model.architecture=qwen3", "run.backend=plain", NULL});
  check((const char *[]){"rl.micro_batch=1", NULL});
  check((const char *[]){"rl.micro_batch=5", NULL});
  check((const char *[]){"rl.dynamic_sampling=3", NULL});
  check((const char *[]){"rl.micro_batch=1000", "rl.reduce_shards=2", NULL});
}
