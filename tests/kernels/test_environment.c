/* Kernels refuse a thread that flushes subnormals or rounds otherwise, the caller's or a worker's,
 * before they write (spec N1.2). */
#include "kernel_test.h"

#include "kernels/core/context.h"

#include <criterion/criterion.h>
#include <fenv.h>
#include <immintrin.h>
#include <sched.h>
#include <stdatomic.h>

enum { N = 200000 };
static float a[N], y[N];

static sl_context *with_threads(int threads) {
  sl_context *ctx = NULL;
  const sl_context_options options = {.backend = "cpu", .threads = threads};
  cr_assert_eq(sl_context_create(&ctx, &options, NULL), SL_OK);
  return ctx;
}

static void expect_refused(sl_context *ctx) {
  for (size_t i = 0; i < N; i++) a[i] = 1.0f, y[i] = 3.0f;
  cr_expect_eq(sl_residual_add(ctx, y, a, a, N), SL_ERR_ENVIRONMENT);
  for (size_t i = 0; i < N; i++) cr_assert_eq(y[i], 3.0f, "y[%zu] was written", i);
}

Test(environment, the_callers_units_flush_or_round_otherwise) {
  sl_context *ctx = with_threads(1);
  const unsigned flags[] = {0x8000u, 0x0040u, 0x8040u, 0x2000u,
                            0x6000u}; /* the last two round otherwise */
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | flags[i]);
    const sl_status status = sl_residual_add(ctx, y, a, a, N);
    _mm_setcsr(before);
    cr_expect_eq(status, SL_ERR_ENVIRONMENT);
  }
  cr_expect_eq(sl_residual_add(ctx, y, a, a, N), SL_OK);
  sl_context_destroy(ctx);
}

Test(environment, the_caller_rounds_upward) {
  sl_context *ctx = with_threads(1);
  fesetround(FE_UPWARD);
  const sl_status status = sl_residual_add(ctx, y, a, a, N);
  fesetround(FE_TONEAREST);
  cr_expect_eq(status, SL_ERR_ENVIRONMENT);
  sl_context_destroy(ctx);
}

/* Spoils the worker that comes to it; the caller waits for that. */
typedef struct {
  atomic_int reached;
  unsigned control;
} spoiler;

static void spoil_worker(void *arg, size_t begin, size_t end, int thread) {
  spoiler *s = arg;
  (void)begin, (void)end;
  if (thread > 0) {
    _mm_setcsr(_mm_getcsr() | s->control);
    atomic_store(&s->reached, 1);
  }
  while (!atomic_load(&s->reached)) sched_yield();
}

Test(environment, a_worker_is_spoiled) {
  const unsigned controls[] = {0x8000u, 0x0040u, 0x2000u /* rounds downward */};
  for (int i = 0; i < 3; i++) {
    sl_context *ctx = with_threads(2);
    spoiler s = {.control = controls[i]};
    cr_expect_eq(sl_parallel_for(ctx, 2, 1, spoil_worker, &s), SL_ERR_ENVIRONMENT);
    expect_refused(ctx);
    sl_context_destroy(ctx);
  }
}

Test(environment, an_instruction_set_or_backend_that_is_not_there_is_an_error) {
  sl_context *ctx = NULL;
  sl_error err;
  const sl_context_options options = {.backend = "cuda", .threads = 1};
  cr_expect_eq(sl_context_create(&ctx, &options, &err), SL_ERR_UNAVAILABLE);
  const sl_context_options avx512 = {.backend = "cpu", .isa = SL_ISA_AVX512, .threads = 1};
  cr_expect_eq(sl_context_create(&ctx, &avx512, &err),
               __builtin_cpu_supports("avx512dq") ? SL_OK : SL_ERR_UNAVAILABLE);
  sl_context_destroy(ctx);
}

Test(environment, options_that_are_none_are_refused) {
  sl_context *ctx = NULL;
  sl_error err;
  for (int isa = -1; isa < 12; isa += 4) { /* -1, 3, 7, 11 */
    const sl_context_options options = {.backend = "cpu", .isa = (sl_isa)isa, .threads = 1};
    cr_expect_eq(sl_context_create(&ctx, &options, &err), SL_ERR_USAGE, "isa %d", isa);
  }
  cr_expect_eq(sl_context_create(&ctx, &(sl_context_options){.backend = NULL, .threads = 1}, &err),
               SL_ERR_USAGE);
  cr_expect_eq(sl_context_create(&ctx, NULL, &err), SL_ERR_USAGE);
  cr_expect_null(ctx);
}

/* The compiler, with the project's flags, rounds where the source does (spec N1.3). */
__attribute__((noipa)) static void round_neighbours(double *x) {
  x[0] = (double)(float)x[0];
  x[1] = (double)(float)x[1];
}

Test(environment, the_compiler_drops_no_rounding) {
  double x[] = {1.0 + 0x1p-30, 3.0 - 0x1p-40};
  round_neighbours(x);
  cr_expect_eq(x[0], 1.0);
  cr_expect_eq(x[1], 3.0);
}
