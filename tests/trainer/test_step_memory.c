/* No step after the first takes memory: allocations of the trainer and the library are counted by the linker's --wrap. */
#include "tiny.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static size_t allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

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

/* Allocations of each of the first four steps of a phase, its state hash and an evaluation included. */
static void count(sl_trainer *t, sl_status (*step)(sl_trainer *, sl_step_report *, sl_step_digests *, sl_error *), size_t out[4]) {
  sl_step_digests digests = tiny_digests(t);
  sl_step_report report;
  sl_error err;
  char hash[SL_DIGEST_TEXT];
  double success;
  for (int i = 0; i < 4; i++) {
    const size_t before = allocations;
    cr_assert_eq(step(t, &report, &digests, &err), SL_OK, "%s", err.message);
    sl_trainer_hash(t, hash);
    cr_assert_eq(sl_evaluate(t, 0, &success, NULL, NULL, &err), SL_OK, "%s", err.message);
    out[i] = allocations - before;
  }
  tiny_digests_free(&digests);
}

static void check(const char *backend, const char *threads) {
  const char *extra[] = {backend, threads, NULL};
  const size_t before = allocations;
  sl_trainer *t = tiny_trainer(extra);
  size_t n[4];
  cr_assert_gt(allocations, before + 20, "the count does not see the trainer"); /* else it proves nothing */
  count(t, sl_sft_step, n);
  for (int i = 1; i < 4; i++) cr_expect_eq(n[i], 0, "%s %s, warm start, step %d: %zu allocations", backend, threads, i + 1, n[i]);
  t->phase = SL_PHASE_RL;
  count(t, sl_rl_step, n);
  for (int i = 1; i < 4; i++) cr_expect_eq(n[i], 0, "%s %s, RL, step %d: %zu allocations", backend, threads, i + 1, n[i]);
  sl_trainer_destroy(t);
}

Test(trainer_memory, steps_after_the_first_take_none) {
  check("run.backend=plain", "run.threads=1");
  check("run.backend=cpu", "run.threads=1");
  check("run.backend=cpu", "run.threads=2");
}
