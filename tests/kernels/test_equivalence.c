/* Every kernel, in every backend and instruction set that is here, with 1, 2 and 5 threads, gives
 * the bits of plain (spec N1.4, N1.6). */
#include <criterion/criterion.h>
#include "ci/products/equiv/equiv.h"
#include "tests/kernels/setting.h"
#include <stdio.h>
#include <stdlib.h>

#define CASES 24
#define SEED 1
#define CONTEXTS_MAX 32

static sl_context *open_context(const sl_equiv_backend *backend, int threads) {
  sl_context *ctx = NULL;
  sl_error err;
  sl_context_options options = backend->options;
  options.threads = threads;
  const sl_status status = sl_context_create(&ctx, &options, &err);
  if (status == SL_ERR_UNAVAILABLE)
    printf("%s is absent, not tested: %s\n", backend->name, err.message);
  else
    cr_assert_eq(status, SL_OK, "%s", err.message);
  return ctx;
}

static size_t open_contexts(sl_context *list[CONTEXTS_MAX]) {
  const sl_equiv_backend *backends;
  const int *threads;
  const size_t n_backends = sl_equiv_backends(&backends),
               n_threads = sl_equiv_thread_counts(&threads);
  size_t n = 0;
  for (size_t b = 0; b < n_backends; b++)
    for (size_t i = 0; i < n_threads; i++) {
      cr_assert_lt(n, CONTEXTS_MAX);
      list[n] = open_context(&backends[b], threads[i]);
      if (!list[n]) break;
      n++;
    }
  return n;
}

static void check_kernel(sl_kernel_id kernel) {
  const uint64_t seed = setting("SLUICE_SEED", SEED), cases = setting("SLUICE_CASES", CASES);
  sl_context *list[CONTEXTS_MAX],
      *golden = open_context(&(sl_equiv_backend){"plain", {.backend = "plain"}}, 1);
  const size_t n = open_contexts(list);
  const char *tiny = SL_DOT_CHUNK == 256 ? "" : "-tiny";
  uint64_t said = 0;
  for (uint64_t s = seed; s < seed + cases; s++) {
    sl_equiv_trial *trial;
    sl_error err;
    cr_assert_eq(sl_equiv_begin(&trial, kernel, s, golden, &err), SL_OK, "%s", err.message);
    for (size_t i = 0; i < n; i++)
      cr_assert_eq(sl_equiv_check(trial, list[i], &err), SL_OK,
                   "%s\nreplay: SLUICE_SEED=%llu SLUICE_CASES=1 test-equivalence%s --filter "
                   "'equivalence/%s'",
                   err.message, (unsigned long long)s, tiny, sl_equiv_kernel_name(kernel));
    said += (uint64_t)sl_equiv_says_something(trial);
    sl_equiv_end(trial);
  }
  cr_expect(cases < CASES || said > cases / 2,
            "only %llu of %llu problems have an output that is not 0", (unsigned long long)said,
            (unsigned long long)cases);
  printf("%s: seeds %llu to %llu (%llu with an output that is not 0), %zu contexts\n",
         sl_equiv_kernel_name(kernel), (unsigned long long)seed,
         (unsigned long long)(seed + cases - 1), (unsigned long long)said, n);
  for (size_t i = 0; i < n; i++) sl_context_destroy(list[i]);
  sl_context_destroy(golden);
}

#define SL_KERNEL(name, params, args, storage, clause, bound) \
  Test(equivalence, name) { check_kernel(SL_KERNEL_##name); }
#include <sluice/kernels.def>
#undef SL_KERNEL
