/* Differential fuzzer of the kernels: every row of spec/kernels.def on the equivalence gate's
 * problems (ci/products/equiv), whose shapes, values and choices come from the input: cpu, with
 * every instruction set that is here and one or two threads, against plain, bit for bit, at
 * alignments that differ. */
#include "choices.h"

#include "ci/products/equiv/equiv.h"
#include "ci/products/equiv/problem.h"
#include "kernels/core/context.h"

#include <stdio.h>
#include <stdlib.h>

static choices input;

/* In place of ci/products/equiv/source.c: the input's bytes, and splitmix64 behind them. */
uint64_t sl_source_u64(sl_source *s) {
  uint64_t z = s->state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

uint32_t sl_source_below(sl_source *s, uint32_t n) {
  if (input.size == 0) return (uint32_t)((sl_source_u64(s) >> 32) * n >> 32);
  return choose_bits(&input, n <= 256 ? 1 : n <= 65536 ? 2 : 4) % n;
}

double sl_source_unit(sl_source *s) {
  return input.size ? choose_unit(&input) : (double)(int64_t)sl_source_u64(s) * 0x1p-63;
}

static sl_context *context(const char *backend, sl_isa isa, int threads) {
  const sl_context_options options = {.backend = backend, .isa = isa, .threads = threads};
  sl_context *ctx = NULL;
  sl_error err;
  const sl_status status = sl_context_create(&ctx, &options, &err);
  if (status != SL_OK && status != SL_ERR_UNAVAILABLE) abort();
  return ctx;
}

#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find: one bit, in some tails */
static sl_status wrong_norm(sl_context *ctx, float *y, float *rstd, const float *x, const float *w,
                            size_t t, size_t d, float eps) {
  static sl_kernel_table plain;
  sl_plain_table(&plain);
  const sl_status status = plain.rmsnorm_forward(ctx, y, rstd, x, w, t, d, eps);
  if (t > 1 && d % 2 == 1) y[d - 1] = nextafterf(y[d - 1], INFINITY);
  return status;
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static sl_context *plain, *fast[4];
  if (!plain) {
    plain = context("plain", SL_ISA_BEST, 1);
    for (int i = 0; i < 4; i++)
      fast[i] = context("cpu", i & 1 ? SL_ISA_AVX512 : SL_ISA_AVX2, 1 + i / 2);
#ifdef SLUICE_CANARY
    for (int i = 0; i < 4; i++)
      if (fast[i]) fast[i]->table.rmsnorm_forward = wrong_norm;
#endif
  }
  input = (choices){data, size};
  const sl_kernel_id kernel = (sl_kernel_id)choose(&input, SL_KERNEL_COUNT);
  sl_context *const ctx = fast[choose(&input, 4)];
  const uint64_t seed = choose_bits(&input, 2);
  const size_t shrink = choose(&input, 16) ? 64 : 1;
  sl_equiv_trial *trial;
  sl_error err;
  if (!ctx) return 0; /* an instruction set that this CPU lacks */
  if (sl_equiv_begin_small(&trial, kernel, seed, shrink, plain, &err) != SL_OK ||
      sl_equiv_check(trial, ctx, &err) != SL_OK) {
    fprintf(stderr, "%s\n", err.message);
    abort();
  }
  sl_equiv_end(trial);
  return 0;
}
