/* Memory of contexts, on the host and on a (simulated) device; and what kernels on a device refuse
 * of contents they alone can read: an error of the next wait, with the place, after which the
 * context goes on (spec N1.5). */
#include "kernels/simt/simulation.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <sluice/kernels.h>
#include <stdint.h>
#include <string.h>

static sl_context *open_seeded(const char *backend, uint64_t seed) {
  sl_context *ctx;
  sl_error err;
  sl_backend_add(sl_simt_backend());
  sl_backend_add(sl_simt_backend());
  sl_simulation_begin(seed);
  cr_assert_eq(
      sl_context_create(&ctx, &(sl_context_options){.backend = backend, .threads = 2}, &err), SL_OK,
      "%s", err.message);
  return ctx;
}

static sl_context *open_context(const char *backend) { return open_seeded(backend, 1); }

Test(memory, copies_keep_their_bytes_and_their_order) {
  static const char *const backends[] = {"plain", "cpu", "simt"};
  for (int b = 0; b < 3; b++) {
    sl_context *ctx = open_context(backends[b]);
    void *a, *c;
    unsigned char wanted[1000], got[1000];
    for (size_t i = 0; i < sizeof wanted; i++) wanted[i] = (unsigned char)(7 * i + 1);
    cr_expect_eq(sl_context_on_device(ctx), b == 2);
    cr_assert_eq(sl_memory_alloc(ctx, &a, sizeof wanted), SL_OK);
    cr_assert_eq(sl_memory_alloc(ctx, &c, sizeof wanted), SL_OK);
    cr_expect_eq((uintptr_t)a % 64 + (uintptr_t)c % 64, 0);
    cr_assert_eq(sl_memory_write(ctx, a, wanted, sizeof wanted), SL_OK);
    cr_assert_eq(sl_memory_copy(ctx, c, a, sizeof wanted), SL_OK);
    cr_assert_eq(sl_memory_zero(ctx, (char *)c + 3, 2), SL_OK);
    cr_assert_eq(sl_memory_zero(ctx, a, 500), SL_OK);
    cr_assert_eq(sl_memory_read(ctx, got, c, sizeof wanted), SL_OK, "%s",
                 sl_context_error(ctx)->message);
    wanted[3] = wanted[4] = 0;
    cr_expect_eq(memcmp(got, wanted, sizeof wanted), 0, "%s: bytes differ", backends[b]);
    cr_assert_eq(sl_memory_read(ctx, got, a, 501), SL_OK);
    cr_expect(got[0] == 0 && got[499] == 0 && got[500] == wanted[500], "%s: zeroed wrongly",
              backends[b]);
    sl_memory_free(ctx, a), sl_memory_free(ctx, c), sl_memory_free(ctx, NULL);
    sl_context_destroy(ctx);
  }
}

/* Small writes wait in memory of the context, which is full again and again; large ones are
 * waited for. */
Test(memory, what_was_written_may_be_overwritten_at_once) {
  for (uint64_t seed = 1; seed <= 50; seed++) {
    sl_context *ctx = open_seeded("simt", seed);
    enum { WRITES = 40, BYTES = 300, LARGE = 5000 };
    unsigned char from[LARGE], got[LARGE];
    void *small[WRITES], *large;
    cr_assert_eq(sl_memory_alloc(ctx, &large, LARGE), SL_OK);
    for (int i = 0; i < WRITES; i++) {
      cr_assert_eq(sl_memory_alloc(ctx, &small[i], BYTES), SL_OK);
      memset(from, i, sizeof from);
      cr_assert_eq(sl_memory_write(ctx, small[i], from, BYTES), SL_OK);
      cr_assert_eq(i % 7 ? SL_OK : sl_memory_write(ctx, large, from, LARGE), SL_OK);
    }
    memset(from, 255, sizeof from);
    for (int i = 0; i < WRITES; i++) {
      cr_assert_eq(sl_memory_read(ctx, got, small[i], BYTES), SL_OK, "%s",
                   sl_context_error(ctx)->message);
      cr_expect(got[0] == i && got[BYTES - 1] == i, "seed %" PRIu64 ": write %d holds %d", seed, i,
                got[0]);
    }
    cr_assert_eq(sl_memory_read(ctx, got, large, LARGE), SL_OK);
    cr_expect(got[0] == 35 && got[LARGE - 1] == 35);
    sl_context_destroy(ctx);
  }
}

Test(memory, nothing_and_too_much) {
  static const char *const backends[] = {"plain", "cpu", "simt"};
  for (int b = 0; b < 3; b++) {
    sl_context *ctx = open_context(backends[b]);
    void *p = NULL, *untouched = &p;
    cr_expect_eq(sl_memory_alloc(ctx, &untouched, SIZE_MAX), SL_ERR_MEMORY);
    cr_expect_eq(untouched, (void *)&p);
    cr_assert_eq(sl_memory_alloc(ctx, &p, 0), SL_OK);
    cr_expect_not_null(p);
    cr_expect_eq(sl_memory_write(ctx, p, NULL, 0), SL_OK);
    cr_expect_eq(sl_memory_copy(ctx, p, NULL, 0), SL_OK);
    cr_expect_eq(sl_memory_zero(ctx, p, 0), SL_OK);
    cr_expect_eq(sl_memory_read(ctx, NULL, p, 0), SL_OK);
    sl_memory_free(ctx, p);
    sl_context_destroy(ctx);
  }
}

Test(memory, a_backend_that_is_not_there) {
  sl_context *ctx = NULL;
  sl_error err;
  sl_backend_add(sl_simt_backend());
  cr_expect_eq(sl_context_create(&ctx, &(sl_context_options){.backend = "tpu", .threads = 1}, &err),
               SL_ERR_UNAVAILABLE);
  cr_expect_str_eq(err.message,
                   "backend 'tpu' is not in this build; there are: plain, cpu, simt; "
                   "did you mean cpu?");
  cr_expect_null(ctx);
}

/* Device copies of small arrays, freed with the context's memory when the next
 * simulation begins. */
static void *on_device(sl_context *ctx, const void *from, size_t bytes) {
  void *p;
  cr_assert_eq(sl_memory_alloc(ctx, &p, bytes), SL_OK);
  cr_assert_eq(sl_memory_write(ctx, p, from, bytes), SL_OK);
  return p;
}
#define ON_DEVICE(ctx, array) on_device(ctx, array, sizeof(array))

static void expect_fault(sl_context *ctx, sl_status call, sl_status want, const char *message) {
  cr_assert_eq(call, SL_OK, "%s: %s", message, sl_context_error(ctx)->message);
  cr_expect_eq(sl_context_synchronize(ctx), want, "%s", message);
  cr_expect_str_eq(sl_context_error(ctx)->message, message);
  cr_expect_eq(sl_context_synchronize(ctx), SL_OK, "%s: told twice", message);
}

Test(faults, of_contents_are_errors_of_the_next_wait) {
  sl_context *ctx = open_context("simt");
  static const float f[16], good[4], bad[4] = {1.0f, 2.0f, -INFINITY, NAN};
  static const uint32_t ids[3] = {1, 7, 9}, seq[] = {0, 1, 3}, zero[2], length[2] = {2, 3};
  float *x = ON_DEVICE(ctx, f), *y = ON_DEVICE(ctx, f), *g = ON_DEVICE(ctx, bad),
        *m = ON_DEVICE(ctx, good), *v = ON_DEVICE(ctx, good);
  /* Four positions of one pair: number 3 is read, and number 4 would lie out of bounds. */
  static const uint32_t far[2] = {3, 4};
  float *tables = on_device(ctx, f, 4 * sizeof *f);
  uint32_t *u = ON_DEVICE(ctx, ids), *z = ON_DEVICE(ctx, zero), *n = ON_DEVICE(ctx, length),
           *p = ON_DEVICE(ctx, far);
  double *sum;
  cr_assert_eq(sl_memory_alloc(ctx, (void **)&sum, sizeof *sum), SL_OK);
  expect_fault(ctx, sl_embedding_forward(ctx, y, x, u, 3, 2, 3), SL_ERR_INPUT,
               "embedding_forward: token[1] is not below the vocabulary");
  expect_fault(ctx, sl_embedding_grad(ctx, y, x, u, seq, 2, 2, 3), SL_ERR_INPUT,
               "embedding_grad: token[1] is not below the vocabulary");
  expect_fault(ctx, sl_rope_forward(ctx, y, p, tables, tables, 2, 1, 2, 4), SL_ERR_INPUT,
               "rope_forward: position[1] lies beyond the cache or the tables");
  expect_fault(ctx, sl_rope_backward(ctx, y, p, tables, tables, 2, 1, 2, 4), SL_ERR_INPUT,
               "rope_backward: position[1] lies beyond the cache or the tables");
  expect_fault(ctx, sl_kv_store(ctx, y, v, x, x, z, n, 2, 1, 1, 3, 1), SL_ERR_INPUT,
               "kv_store: position[1] lies beyond the cache or the tables");
  expect_fault(ctx, sl_kv_store(ctx, y, v, x, x, n, z, 2, 1, 1, 1, 3), SL_ERR_INPUT,
               "kv_store: slot[1] lies beyond the caches");
  expect_fault(ctx, sl_kv_fork(ctx, y, v, z, z, n, 2, 1, 1, 2, 1), SL_ERR_INPUT,
               "kv_fork: length[1] is more than the cache holds");
  expect_fault(ctx, sl_kv_fork(ctx, y, v, n, z, z, 2, 1, 1, 1, 3), SL_ERR_INPUT,
               "kv_fork: to[1] or from lies beyond the caches");
  expect_fault(ctx, sl_kv_fork(ctx, y, v, z, n, z, 2, 1, 1, 1, 3), SL_ERR_INPUT,
               "kv_fork: to[1] or from lies beyond the caches");
  expect_fault(ctx, sl_grad_square_sum(ctx, sum, g, 4), SL_ERR_NONFINITE,
               "grad_square_sum: element [2] is not finite");
  const sl_adamw step = {1, 0, 0, 1, 1, 1, 1, 0.5f, 1, 1, 0};
  expect_fault(ctx, sl_adamw_step(ctx, y, m, v, g, &step, 4), SL_ERR_NONFINITE,
               "adamw_step: element [2] is not finite");

  float got[4];
  cr_assert_eq(sl_memory_read(ctx, got, y, sizeof got), SL_OK, "%s",
               sl_context_error(ctx)->message);
  cr_expect(got[0] < 0.0f && got[1] < 0.0f && got[2] == 0.0f && got[3] == 0.0f,
            "a parameter met a gradient that is not finite");
  sl_context_destroy(ctx);
}

/* Two faults at one wait: the one of the kernel that comes first in the registry, at its lowest
 * index; the other is forgotten. */
Test(faults, the_lowest_index_is_told) {
  sl_context *ctx = open_context("simt");
  static const float f[16];
  static const uint32_t ids[5] = {0, 9, 0, 8, 7}, position[2] = {5, 5}, slot[2];
  float *x = ON_DEVICE(ctx, f), *y = ON_DEVICE(ctx, f);
  uint32_t *u = ON_DEVICE(ctx, ids), *p = ON_DEVICE(ctx, position), *s = ON_DEVICE(ctx, slot);
  cr_assert_eq(sl_kv_store(ctx, y, y, x, x, s, p, 2, 1, 1, 3, 1), SL_OK);
  expect_fault(ctx, sl_embedding_forward(ctx, y, x, u, 5, 1, 3), SL_ERR_INPUT,
               "embedding_forward: token[1] is not below the vocabulary");
  sl_context_destroy(ctx);
}
