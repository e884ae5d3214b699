/* The equivalence gate's copies to a device and back, tested with a device whose memory is the
 * host's: every kernel passes, and a write outside of an array is found in the guard zones copied
 * with it. */
#include "kernels/core/context.h"

#include <criterion/criterion.h>
#include "ci/products/equiv/equiv.h"
#include <stdio.h>
#include <string.h>

static unsigned released, allocated;

static sl_status count_allocate(sl_context *ctx, void **out, size_t bytes) {
  allocated++;
  return sl_host_memory.allocate(ctx, out, bytes);
}

static void count_release(sl_context *ctx, void *memory) {
  released++;
  sl_host_memory.release(ctx, memory);
}

static sl_status after_the_end(sl_context *ctx, float *y, const float *a, const float *b,
                               size_t n) {
  (void)ctx;
  for (size_t i = 0; i <= n; i++) y[i] = i < n ? a[i] + b[i] : 1.0f;
  return SL_OK;
}

static sl_status before_the_begin(sl_context *ctx, float *y, const float *a, const float *b,
                                  size_t n) {
  (void)ctx;
  for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i];
  y[-1] = 1.0f;
  return SL_OK;
}

static sl_status one_too_few(sl_context *ctx, float *y, const float *a, const float *b, size_t n) {
  (void)ctx;
  for (size_t i = 0; i + 1 < n; i++) y[i] = a[i] + b[i];
  return SL_OK;
}

static sl_status (*planted)(sl_context *, float *, const float *, const float *, size_t);
static sl_memory memory;

static sl_status open_device(sl_context *ctx, const sl_context_options *options, sl_error *err) {
  (void)options;
  static int somewhere;
  (void)err;
  sl_plain_table(&ctx->table);
  if (planted) ctx->table.residual_add = planted;
  memory = sl_host_memory;
  memory.allocate = count_allocate, memory.release = count_release;
  ctx->memory = &memory;
  ctx->device = (sl_device *)(void *)&somewhere;
  return SL_OK;
}

static void close_device(sl_context *ctx) { ctx->device = NULL; }

static const sl_backend pretended = {"pretended", open_device, close_device};

static sl_context *open_context(const char *backend) {
  sl_context *ctx;
  sl_error err;
  sl_backend_add(&pretended);
  cr_assert_eq(
      sl_context_create(&ctx, &(sl_context_options){.backend = backend, .threads = 1}, &err), SL_OK,
      "%s", err.message);
  return ctx;
}

/* Seeds from 1 on for which the kernel passes; stops at the first that fails, with its message. */
static int passing(sl_kernel_id kernel, int seeds, sl_error *err) {
  sl_context *golden = open_context("plain"), *device = open_context("pretended");
  int n = 0;
  for (; n < seeds; n++) {
    sl_equiv_trial *trial;
    cr_assert_eq(sl_equiv_begin(&trial, kernel, (uint64_t)n + 1, golden, err), SL_OK, "%s",
                 err->message);
    const sl_status status = sl_equiv_check(trial, device, err);
    sl_equiv_end(trial);
    if (status) break;
  }
  sl_context_destroy(golden);
  sl_context_destroy(device);
  return n;
}

Test(equivalence_device, every_kernel_passes_where_memory_is_another) {
  for (int k = 0; k < SL_KERNEL_COUNT; k++) {
    sl_error err = {SL_OK, ""};
    cr_expect_eq(passing((sl_kernel_id)k, 6, &err), 6, "%s", err.message);
  }
  cr_expect_gt(allocated, 0);
  cr_expect_eq(allocated, released, "%u pieces of device memory, %u given back", allocated,
               released);
}

static void expect_caught(const char *message) {
  sl_error err = {SL_OK, ""};
  cr_expect_lt(passing(SL_KERNEL_residual_add, 20, &err), 20, "'%s' was not caught", message);
  cr_expect_not_null(strstr(err.message, message), "'%s', not '%s'", err.message, message);
}

Test(equivalence_device, writing_outside_is_caught) {
  planted = after_the_end;
  expect_caught("y was written at byte 0 after its end");
  planted = before_the_begin;
  expect_caught("y was written at byte 1 before its begin");
}

Test(equivalence_device, what_is_not_written_is_caught) {
  planted = one_too_few;
  expect_caught("y[");
}
