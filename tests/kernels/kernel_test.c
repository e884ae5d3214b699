/* What the kernel tests share. */
#include "kernel_test.h"

#include <criterion/criterion.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sl_context *open_context(const char *backend, sl_isa isa, int threads) {
  sl_context *ctx = NULL;
  sl_error err;
  const sl_context_options options = {.backend = backend, .isa = isa, .threads = threads};
  const sl_status status = sl_context_create(&ctx, &options, &err);
  if (status == SL_ERR_UNAVAILABLE) {
    printf("absent, not tested: %s\n", err.message);
    return NULL;
  }
  cr_assert_eq(status, SL_OK, "%s", err.message);
  return ctx;
}

sl_context *plain_context(void) {
  static sl_context *ctx;
  if (!ctx) ctx = open_context("plain", SL_ISA_BEST, 1);
  return ctx;
}

size_t cpu_contexts(sl_context *const **list) {
  static sl_context *contexts[6];
  static size_t n;
  static const int threads[] = {1, 2, 5};
  const int first = n ? SL_ISA_AVX512 + 1 : SL_ISA_AVX2; /* only once */
  for (int isa = first; isa <= SL_ISA_AVX512; isa++)
    for (int i = 0; i < 3; i++) {
      contexts[n] = open_context("cpu", (sl_isa)isa, threads[i]);
      if (!contexts[n]) break;
      n++;
    }
  *list = contexts;
  return n;
}

source seeded(uint64_t seed) { return (source){seed, seed}; }

uint64_t next_u64(source *s) {
  uint64_t z = s->state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

uint32_t next_below(source *s, uint32_t n) { return (uint32_t)((next_u64(s) >> 32) * n >> 32); }

static float usual(source *s) { return (float)((double)(int64_t)next_u64(s) * 0x1p-62); }

static float mixed(source *s) {
  const uint32_t what = next_below(s, 16);
  if (what == 0) return 0.0f;
  if (what == 1) return -0.0f;
  if (what == 2) return ldexpf(usual(s), -140);
  if (what == 3) return ldexpf(usual(s), -75);
  if (what == 4) return ldexpf(usual(s), 6);
  return ldexpf(usual(s), (int)next_below(s, 24) - 20);
}

static float *place(size_t n) {
  float *x = malloc((n + 1) * sizeof *x);
  cr_assert_not_null(x);
  return x + 1;
}

float *new_floats(source *s, kind k, size_t n) {
  float *x = place(n);
  const float same = usual(s);
  for (size_t i = 0; i < n; i++) x[i] = k == USUAL ? usual(s) : k == MIXED ? mixed(s) : same;
  return x;
}

float *zero_floats(size_t n) {
  float *x = place(n);
  memset(x, 0, n * sizeof *x);
  return x;
}

void free_floats(float *x) {
  if (x) free(x - 1);
}

uint32_t *new_seq(const uint32_t *length, size_t n_seq) {
  uint32_t *seq = malloc((n_seq + 1) * sizeof *seq);
  cr_assert_not_null(seq);
  seq[0] = 0;
  for (size_t i = 0; i < n_seq; i++) seq[i + 1] = seq[i] + length[i];
  return seq;
}

uint32_t *random_seq(source *s, size_t n_seq, uint32_t longest) {
  uint32_t *length = malloc((n_seq + 1) * sizeof *length);
  cr_assert_not_null(length);
  for (size_t i = 0; i < n_seq; i++)
    length[i] = next_below(s, 4) == 0 ? next_below(s, 2) : next_below(s, longest + 1);
  uint32_t *seq = new_seq(length, n_seq);
  free(length);
  return seq;
}

int same_bits(const char *what, const void *got, const void *want, size_t n) {
  const unsigned char *a = got, *b = want;
  for (size_t i = 0; i < n; i++) {
    if (a[i] == b[i]) continue;
    float x = 0.0f, y = 0.0f;
    if (n % sizeof x == 0) memcpy(&x, a + i / 4 * 4, sizeof x), memcpy(&y, b + i / 4 * 4, sizeof y);
    printf("%s: element %zu of %zu is %a, not %a\n", what, i / 4, n / 4, (double)x, (double)y);
    return 0;
  }
  return 1;
}

static void restart(float *out, const float *initial, size_t floats) {
  memset(out, 0, floats * sizeof *out);
  if (initial) memcpy(out, initial, floats * sizeof *out);
}

#define GUARD 64
static float *start(const float *initial, size_t floats) {
  float *out = place(floats + GUARD);
  restart(out, initial, floats);
  memset(out + floats, 0x7b, GUARD * sizeof *out);
  return out;
}

/* Bytes that this thread's heap has given out. */
static size_t heap_bytes(void) {
  const struct mallinfo2 m = mallinfo2();
  return m.uordblks + m.hblkhd;
}

static int run_once(const char *name, kernel_run run, sl_context *ctx, void *arg,
                    const float *initial, const float *want, float *got, size_t floats,
                    size_t *taken) {
  restart(got, initial, floats);
  const size_t before = heap_bytes();
  const sl_status status = run(ctx, arg, got);
  *taken = heap_bytes() - before;
  if (status) printf("%s: %s\n", name, sl_context_error(ctx)->message);
  return status == SL_OK && same_bits(name, got, want, (floats + GUARD) * sizeof *got);
}

/* Runs twice: the same bits each time, and the second run must take no memory. */
static int run_and_compare(const char *what, kernel_run run, sl_context *ctx, void *arg,
                           const float *initial, const float *want, size_t floats) {
  char name[256];
  float *got = start(initial, floats);
  size_t taken = 0;
  snprintf(name, sizeof name, "%s, %s with %d threads", what, sl_context_backend(ctx),
           sl_context_threads(ctx));
  int same = run_once(name, run, ctx, arg, initial, want, got, floats, &taken);
  if (same)
    same = run_once(name, run, ctx, arg, initial, want, got, floats,
                    &taken); /* the first one may take its workspace */
  if (same && taken) printf("%s: %zu bytes taken by the second run\n", name, taken);
  free_floats(got);
  return same && !taken;
}

int all_contexts_agree(const char *what, kernel_run run, void *arg, const float *initial,
                       size_t floats) {
  sl_context *const *list;
  const size_t n = cpu_contexts(&list);
  float *want = start(initial, floats);
  const sl_status status = run(plain_context(), arg, want);
  cr_assert_eq(status, SL_OK, "%s: %s", what, sl_context_error(plain_context())->message);
  int same = 1;
  for (size_t i = 0; i < n; i++)
    same &= run_and_compare(what, run, list[i], arg, initial, want, floats);
  free_floats(want);
  return same;
}

int runs_agree(const char *what, kernel_run a, kernel_run b, void *arg, const float *initial,
               size_t floats) {
  float *want = start(initial, floats);
  cr_assert_eq(b(plain_context(), arg, want), SL_OK);
  const int same = run_and_compare(what, a, plain_context(), arg, initial, want, floats);
  free_floats(want);
  return same;
}
