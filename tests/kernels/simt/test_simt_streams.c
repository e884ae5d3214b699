/* Contexts that are lent a stream, on a device that is not the thread's (spec N1.10): the order of
 * calls, what they leave as it was, and captures, which go on. */
#include "kernels/core/repeat.h"
#include "kernels/simt/simulation.h"
#include "kernels/vendor/vendor.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <sluice/kernels.h>
#include <stdio.h>
#include <string.h>

enum { SEEDS = 50, N = 600, DEVICE = 1 }; /* the thread's own device is 0 */

static void *const default_stream = (void *)1; /* cudaStreamLegacy */

static void *new_stream(int device) {
  const int before = sl_simulation_device();
  sl_simulation_set_device(device);
  void *stream = sl_simulation_stream();
  sl_simulation_set_device(before);
  return stream;
}

static sl_status try_open(sl_context **ctx, const char *backend, int device, void *stream,
                          sl_error *err) {
  sl_backend_add(sl_simt_backend());
  sl_backend_add(sl_ptx_backend());
  sl_backend_add(sl_simt_cublas_backend());
  return sl_context_create(
      ctx,
      &(sl_context_options){.backend = backend, .threads = 1, .device = device, .stream = stream},
      err);
}

static sl_context *open_on(int device, void *stream) {
  sl_context *ctx;
  sl_error err;
  cr_assert_eq(try_open(&ctx, "simt", device, stream, &err), SL_OK, "%s", err.message);
  return ctx;
}

static float *allocate(sl_context *ctx, size_t n) {
  void *p;
  cr_assert_eq(sl_memory_alloc(ctx, &p, n * sizeof(float)), SL_OK);
  return p;
}

static void expect_no_findings(uint64_t seed) {
  char text[400] = "";
  if (sl_simulation_findings()) sl_simulation_describe(0, text, sizeof text);
  cr_expect_eq(sl_simulation_findings(), 0, "seed %" PRIu64 ": %s", seed, text);
}

/* The caller writes x in `writes`; the context, lent `lent`, doubles it; the caller clears x in
 * `writes` again: 1 if that was seen as it stands here, with no finding. */
static int keeps_the_order(uint64_t seed, int other_stream) {
  sl_simulation_begin(seed);
  void *lent = new_stream(DEVICE), *writes = other_stream ? new_stream(DEVICE) : lent;
  sl_context *ctx = open_on(DEVICE, lent);
  float *x = allocate(ctx, N), *y = allocate(ctx, N), got[N];
  sl_simulation_set_device(DEVICE); /* the caller's own */
  sl_simulation_fill(writes, x, 0x3f, N * sizeof *x);
  sl_simulation_set_device(0);
  cr_assert_eq(sl_residual_add(ctx, y, x, x, N), SL_OK);
  sl_simulation_set_device(DEVICE);
  sl_simulation_fill(writes, x, 0, N * sizeof *x);
  sl_simulation_set_device(0);
  const sl_status status = sl_memory_read(ctx, got, y, sizeof got);
  int right = status == SL_OK && sl_simulation_findings() == 0;
  uint32_t word = 0x3f3f3f3fu;
  float one;
  memcpy(&one, &word, sizeof one);
  for (int i = 0; i < N; i++) right &= got[i] == one + one;
  sl_memory_free(ctx, x), sl_memory_free(ctx, y);
  sl_context_destroy(ctx);
  return right;
}

Test(streams, hold_calls_in_the_order_in_which_they_are_made) {
  for (uint64_t seed = 1; seed <= SEEDS; seed++)
    cr_expect(keeps_the_order(seed, 0), "seed %" PRIu64, seed);
}

/* Planted: in two streams there is no such order, and that is seen. */
Test(streams, give_no_order_among_one_another) {
  int kept = 0;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) kept += keeps_the_order(seed, 1);
  cr_expect_eq(kept, 0, "in %d of %d seeds nothing was seen", kept, SEEDS);
}

/* All that a context does, by itself and for its caller. */
static void use(sl_context *ctx) {
  enum { ROWS = 3, TOKENS = 5 };
  static const uint32_t seq[] = {0, 2, TOKENS};
  float host[N], got[N];
  for (int i = 0; i < N; i++) host[i] = (float)i;
  float *x = allocate(ctx, N), *y = allocate(ctx, N), *w = allocate(ctx, N);
  double *sum = (double *)(void *)allocate(ctx, 2);
  cr_assert_eq(sl_memory_write(ctx, x, host, sizeof host), SL_OK);
  cr_assert_eq(sl_memory_copy(ctx, w, x, sizeof host), SL_OK);
  cr_assert_eq(sl_memory_zero(ctx, y, sizeof host), SL_OK);
  cr_assert_eq(sl_residual_add(ctx, y, x, w, N), SL_OK);
  cr_assert_eq(sl_grad_square_sum(ctx, sum, x, N), SL_OK); /* with workspace */
  cr_assert_eq(sl_linear_weight_grad(ctx, w, NULL, x, y, seq, 2, ROWS, 4), SL_OK); /* offsets */
  cr_assert_eq(sl_memory_read(ctx, got, y, sizeof got), SL_OK, "%s",
               sl_context_error(ctx)->message);
  for (int i = 0; i < N; i++) cr_assert_eq(got[i], 2.0f * host[i]);
  cr_assert_eq(sl_context_synchronize(ctx), SL_OK);
  sl_memory_free(ctx, x), sl_memory_free(ctx, y), sl_memory_free(ctx, w), sl_memory_free(ctx, sum);
}

/* Launches into a stream of another device than the thread's are refused, memory would lie on it:
 * the context changes the thread's device, and changes it back. */
Test(streams, of_another_device_leave_the_threads_own) {
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    sl_simulation_begin(seed);
    sl_simulation_set_device(0);
    void *stream = new_stream(DEVICE);
    sl_context *both[2] = {open_on(DEVICE, stream), open_on(DEVICE, NULL)};
    for (int i = 0; i < 2; i++) {
      cr_expect_eq(sl_simulation_device(), 0);
      use(both[i]);
      cr_expect_eq(sl_simulation_device(), 0);
    }
    cr_expect_eq(sl_simulation_device_bytes(0), 0);
    cr_expect_gt(sl_simulation_device_bytes(DEVICE), 0);
    sl_context_destroy(both[0]), sl_context_destroy(both[1]);
    cr_expect_eq(sl_simulation_device_bytes(DEVICE), 0);
    cr_expect_eq(sl_simulation_device(), 0);
    sl_simulation_stream_destroy(stream); /* it is the caller's still */
    expect_no_findings(seed);
  }
}

/* Contexts on two streams of each device, by turns. */
Test(streams, serve_several_contexts) {
  enum { CONTEXTS = 4 };
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    sl_context *ctx[CONTEXTS];
    float *x[CONTEXTS], got[N];
    sl_simulation_begin(seed);
    for (int c = 0; c < CONTEXTS; c++) {
      ctx[c] = open_on(c % 2, c == 0 ? default_stream : new_stream(c % 2));
      x[c] = allocate(ctx[c], N);
      for (int i = 0; i < N; i++) got[i] = (float)(c + 1);
      cr_assert_eq(sl_memory_write(ctx[c], x[c], got, sizeof got), SL_OK);
    }
    for (int round = 0; round < 3; round++)
      for (int c = 0; c < CONTEXTS; c++)
        cr_assert_eq(sl_residual_add(ctx[c], x[c], x[c], x[c], N), SL_OK);
    for (int c = 0; c < CONTEXTS; c++) {
      cr_assert_eq(sl_memory_read(ctx[c], got, x[c], sizeof got), SL_OK, "%s",
                   sl_context_error(ctx[c])->message);
      cr_expect(got[0] == 8.0f * (float)(c + 1) && got[N - 1] == got[0]);
      sl_memory_free(ctx[c], x[c]);
      sl_context_destroy(ctx[c]);
    }
    expect_no_findings(seed);
  }
}

static sl_status add_one(void *arg) {
  float **x = (float **)arg;
  return sl_residual_add((sl_context *)(void *)x[0], x[1], x[1], x[2], N);
}

static sl_status repeat(sl_context *ctx, float *x, float *one) {
  float *arg[] = {(float *)(void *)ctx, x, one};
  const sl_repeat_key key = {{(uintptr_t)x}};
  return sl_context_repeat(ctx, &key, add_one, arg);
}

/* Work that is pending when a context is destroyed is done first. */
Test(streams, are_waited_for_when_a_context_ends) {
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    sl_simulation_begin(seed);
    void *stream = new_stream(DEVICE);
    sl_context *ctx = open_on(DEVICE, stream), *other = open_on(DEVICE, stream);
    float *x = allocate(other, N), got[4];
    double *sum = (double *)(void *)allocate(other, 2);
    cr_assert_eq(sl_memory_zero(other, x, N * sizeof *x), SL_OK);
    cr_assert_eq(sl_grad_square_sum(ctx, sum, x, N), SL_OK);
    sl_context_destroy(ctx);
    cr_expect_eq(sl_memory_read(other, got, sum, sizeof *sum), SL_OK, "%s",
                 sl_context_error(other)->message);
    expect_no_findings(seed);
    sl_memory_free(other, x), sl_memory_free(other, sum);
    sl_context_destroy(other);
  }
}

/* What CUDA holds of a call that failed before is not the error of a kernel here, and of what fails
 * here without harm nothing is left. */
Test(streams, have_errors_of_their_own_calls_alone) {
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    sl_simulation_begin(seed);
    sl_simulation_set_device(9);
    sl_context *ctx = open_on(DEVICE, default_stream);
    float *x = allocate(ctx, N);
    sl_simulation_set_device(9);
    cr_expect_eq(sl_memory_zero(ctx, x, N * sizeof *x), SL_OK);
    sl_simulation_set_device(9);
    for (int i = 0; i < 3; i++) /* the default stream cannot be recorded */
      cr_expect_eq(repeat(ctx, x, x), SL_OK, "%s", sl_context_error(ctx)->message);
    sl_memory_free(ctx, (char *)x + 1);
    cr_expect_eq(sl_simulation_last_error(), 0);
    cr_expect_eq(sl_context_synchronize(ctx), SL_OK);
    sl_memory_free(ctx, x);
    sl_context_destroy(ctx);
    cr_expect_eq(sl_simulation_last_error(), 0);
    expect_no_findings(seed);
  }
}

/* Memory is freed, by the caller and by the context, while kernels use it that have yet to run. */
Test(streams, are_waited_for_when_memory_is_freed) {
  enum { ROWS = 40, MORE = 30000 };
  for (uint64_t seed = 1; seed <= SEEDS; seed++)
    for (int lent = 0; lent < 2; lent++) {
      sl_simulation_begin(seed);
      sl_context *ctx = open_on(DEVICE, lent ? new_stream(DEVICE) : NULL);
      float *x = allocate(ctx, MORE), *y = allocate(ctx, N);
      double *sum = (double *)(void *)allocate(ctx, 4);
      const uint32_t seq[] = {0, 4}, longer[ROWS * 4 + 1] = {[ROWS * 4] = N / 4};
      cr_assert_eq(sl_memory_zero(ctx, x, MORE * sizeof *x), SL_OK);
      cr_assert_eq(sl_memory_zero(ctx, y, N * sizeof *y), SL_OK);
      cr_assert_eq(sl_grad_square_sum(ctx, sum, x, N), SL_OK);
      cr_assert_eq(sl_linear_weight_grad(ctx, y, NULL, x, x, seq, 1, 4, 4), SL_OK);
      cr_assert_eq(sl_linear_weight_grad(ctx, y, NULL, x, x, longer, ROWS * 4, 4, 4), SL_OK);
      cr_assert_eq(sl_grad_square_sum(ctx, sum, x, MORE), SL_OK);
      sl_memory_free(ctx, y);
      sl_memory_free(ctx, x);
      cr_assert_eq(sl_memory_write(ctx, sum, seq, sizeof seq), SL_OK);
      sl_context_destroy(ctx);
      expect_no_findings(seed);
    }
}

/* A context of which nothing is pending does not touch its stream, which may be gone. */
Test(streams, may_end_before_an_idle_context) {
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    sl_simulation_begin(seed);
    void *stream = new_stream(DEVICE);
    sl_context *ctx = open_on(DEVICE, stream);
    use(ctx);
    float *x = allocate(ctx, N);
    cr_assert_eq(sl_memory_zero(ctx, x, N * sizeof *x), SL_OK);
    cr_assert_eq(sl_context_synchronize(ctx), SL_OK);
    sl_simulation_stream_destroy(stream);
    sl_memory_free(ctx, x);
    sl_context_destroy(ctx);
    expect_no_findings(seed);
    cr_expect_eq(sl_simulation_device_bytes(DEVICE), 0);
  }
}

static void expect_refused(const sl_context *ctx, sl_status status) {
  cr_expect_eq(status, SL_ERR_USAGE);
  cr_expect(strstr(sl_context_error(ctx)->message, "is being captured into a graph"), "%s",
            sl_context_error(ctx)->message);
}

/* Of `captured` in a context on `lent`: every call is refused, and the capture holds nothing. */
static void refuse_all(void *captured, void *lent) {
  sl_context *ctx = open_on(DEVICE, lent), *never = NULL;
  sl_error err;
  float *x = allocate(ctx, N), *one = allocate(ctx, N), host[N];
  void *p = &p;
  for (int i = 0; i < N; i++) host[i] = 1.0f;
  cr_assert_eq(sl_memory_write(ctx, one, host, sizeof host), SL_OK);
  cr_assert_eq(sl_memory_zero(ctx, x, sizeof host), SL_OK);
  for (int i = 0; i < 3; i++)
    cr_assert_eq(repeat(ctx, x, one), SL_OK); /* the context has a graph */

  sl_simulation_capture(captured);
  expect_refused(ctx, sl_residual_add(ctx, x, x, one, N));
  expect_refused(ctx, repeat(ctx, x, one));
  expect_refused(ctx, sl_memory_alloc(ctx, &p, 4));
  expect_refused(ctx, sl_memory_write(ctx, x, host, 4));
  expect_refused(ctx, sl_memory_read(ctx, host, x, 4));
  expect_refused(ctx, sl_memory_copy(ctx, x, one, 4));
  expect_refused(ctx, sl_memory_zero(ctx, x, 4));
  expect_refused(ctx, sl_context_synchronize(ctx));
  cr_expect_eq(try_open(&never, "simt", DEVICE, lent, &err), SL_ERR_USAGE, "%s", err.message);
  cr_expect(strstr(err.message, "is being captured into a graph"), "%s", err.message);
  cr_expect_null(never);
  cr_expect_eq(try_open(&never, "cublas", DEVICE, lent, &err), SL_ERR_USAGE, "%s", err.message);
  cr_expect_eq(sl_simulation_end_capture(captured), 0);

  cr_expect_eq(p, (void *)&p);
  cr_assert_eq(repeat(ctx, x, one), SL_OK);
  cr_assert_eq(sl_memory_read(ctx, host, x, sizeof host), SL_OK, "%s",
               sl_context_error(ctx)->message);
  cr_expect(host[0] == 4.0f && host[N - 1] == 4.0f);
  sl_memory_free(ctx, x), sl_memory_free(ctx, one);
  sl_context_destroy(ctx);
}

Test(streams, that_are_captured_are_left_alone) {
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    sl_simulation_begin(seed);
    void *stream = new_stream(DEVICE);
    refuse_all(stream, stream);
    refuse_all(stream, default_stream); /* which may do nothing while another captures */
    expect_no_findings(seed);
  }
}

/* A stream that is captured does not hinder contexts on others, from their beginning to their end,
 * nor they it; nor does it hinder a context's end that it is captured. */
Test(streams, that_are_captured_hinder_no_other) {
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    sl_simulation_begin(seed);
    void *captured = new_stream(DEVICE);
    sl_context *on_captured = open_on(DEVICE, captured);
    float *x = allocate(on_captured, N);
    cr_assert_eq(sl_memory_zero(on_captured, x, N * sizeof *x), SL_OK);
    for (int i = 0; i < 3; i++) cr_assert_eq(repeat(on_captured, x, x), SL_OK); /* with a graph */
    cr_assert_eq(sl_context_synchronize(on_captured), SL_OK);
    sl_simulation_capture(captured);
    sl_context *lent = open_on(DEVICE, new_stream(DEVICE)), *own = open_on(DEVICE, NULL);
    use(lent), use(own);
    sl_context_destroy(lent), sl_context_destroy(own);
    sl_memory_free(on_captured, x);
    sl_context_destroy(on_captured);
    cr_expect_eq(sl_simulation_end_capture(captured), 0);
    cr_expect_eq(sl_simulation_device_bytes(DEVICE), 0);
    expect_no_findings(seed);
  }
}

Test(streams, serve_the_vendors_layers_too) {
  sl_context *ctx;
  sl_error err;
  float x[6] = {1, 2, 3, 4, 5, 6}, y[4];
  sl_simulation_begin(1);
  cr_assert_eq(try_open(&ctx, "cublas", DEVICE, new_stream(DEVICE), &err), SL_OK, "%s",
               err.message);
  float *a = allocate(ctx, 6), *b = allocate(ctx, 4);
  cr_assert_eq(sl_memory_write(ctx, a, x, sizeof x), SL_OK);
  cr_assert_eq(sl_linear_forward(ctx, b, a, a, NULL, NULL, 2, 2, 3), SL_OK, "%s",
               sl_context_error(ctx)->message);
  cr_assert_eq(sl_memory_read(ctx, y, b, sizeof y), SL_OK);
  cr_expect(y[0] == 14.0f && y[1] == 32.0f && y[2] == 32.0f && y[3] == 77.0f);
  cr_expect_eq(sl_simulation_device_bytes(0), 0);
  cr_expect_eq(sl_simulation_device(), 0);
  sl_memory_free(ctx, a), sl_memory_free(ctx, b);
  sl_context_destroy(ctx);
  cr_expect_eq(sl_simulation_device_bytes(DEVICE), 0);
}

static void expect_no_context(const char *backend, int device, void *stream, sl_status want,
                              const char *message) {
  sl_context *ctx = NULL;
  sl_error err;
  cr_expect_eq(try_open(&ctx, backend, device, stream, &err), want);
  cr_expect_str_eq(err.message, message);
  cr_expect_null(ctx);
}

static void no_pool(void (*body)(void *data), void *data, unsigned threads, unsigned flags) {
  (void)body, (void)data, (void)threads, (void)flags;
}

Test(streams, and_devices_that_are_none_are_refused) {
  sl_simulation_begin(1);
  static const char of_host[] = "computes on the host: it takes no device and no stream";
  char text[120];
  for (int i = 0; i < 2; i++) {
    const char *backend = i ? "cpu" : "plain";
    snprintf(text, sizeof text, "the backend '%s' %s", backend, of_host);
    expect_no_context(backend, 1, NULL, SL_ERR_USAGE, text);
    expect_no_context(backend, 0, default_stream, SL_ERR_USAGE, text);
  }
  expect_no_context("simt", 2, NULL, SL_ERR_UNAVAILABLE, "no CUDA device 2: the driver lists 2");
  expect_no_context("simt", -1, NULL, SL_ERR_UNAVAILABLE, "no CUDA device -1: the driver lists 2");
  for (int device = 0; device < 2; device++) {
    snprintf(text, sizeof text, "the stream is none of CUDA device %d", device);
    expect_no_context("simt", device, new_stream(1 - device), SL_ERR_USAGE, text);
    expect_no_context("cublas", device, new_stream(1 - device), SL_ERR_USAGE, text);
    cr_expect_eq(sl_simulation_device_bytes(device), 0);
  }
  expect_no_findings(1);
  cr_expect_eq(sl_simulation_devices(), 2);
  sl_context *ctx = NULL;
  sl_error err;
  cr_expect_eq(
      sl_context_create(&ctx, &(sl_context_options){.backend = "simt", .parallel = no_pool}, &err),
      SL_ERR_USAGE);
  cr_expect(strstr(err.message, "takes no threads of the host"), "%s", err.message);
  cr_expect_eq(sl_simulation_device(), 0);
}

/* What the executor of PTX runs is a matter of its stream, so that a stream of somebody else's
 * would run the sources in its place. */
Test(streams, are_not_lent_to_ptx) {
  sl_context *ctx = NULL;
  sl_error err;
  sl_simulation_begin(1);
  cr_expect_eq(try_open(&ctx, "ptx", 0, new_stream(0), &err), SL_ERR_USAGE, "%s", err.message);
  cr_expect_null(ctx);
}
