/* A backend whose memory the host cannot touch. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "apart.h"

#include "kernels/core/context.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define REGION ((size_t)1 << 30) /* reserved; pages come as they are used */

static sl_kernel_table kernels;
static unsigned char *region;
static size_t used, misplaced;

static void open_gate(void) { mprotect(region, used, PROT_READ | PROT_WRITE); }
static void close_gate(void) { mprotect(region, used, PROT_NONE); }

static int inside(const void *p) {
  return (const unsigned char *)p >= region && (const unsigned char *)p < region + REGION;
}

static void expect_side(const char *kernel, const char *name, const void *p, int wanted) {
  if (!p || inside(p) == wanted) return;
  misplaced++;
  printf("%s: %s lies in the memory of the %s\n", kernel, name, wanted ? "host" : "device");
}

/* Arrays lie on the device, offsets on the host. */
static void check_array(const char *kernel, const char *name, const void *p) {
  expect_side(kernel, name, p, strcmp(name, "seq") != 0);
}
static void check_other(const char *kernel, const char *name, ...) { (void)kernel, (void)name; }
static void check_batch(const char *kernel, const char *name, const sl_gated_loss_batch *b) {
  (void)name;
  const void *const arrays[] = {b->logp_new, b->logp_old,  b->logp_ref,   b->entropy,
                                b->mask,     b->advantage, b->coefficient};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
    check_array(kernel, "an array of the batch", arrays[i]);
  check_array(kernel, "seq", b->seq);
}

/* The list is on the host, what the first of it holds is not; how many there are is not told. */
static void check_totals(const char *kernel, const char *name, const sl_shard_total *totals) {
  expect_side(kernel, name, totals, 0);
  check_array(kernel, "the first of totals", totals->dw);
}

/* clang-format off */
#define CHECK(kernel, x) _Generic((x), \
  float *: check_array, const float *: check_array, double *: check_array, \
  sl_loss_sums *: check_array, uint32_t *: check_array, const uint32_t *: check_array, \
  uint8_t *: check_array, const uint8_t *: check_array, void *: check_array, \
  const void *: check_array, const sl_gated_loss_batch *: check_batch, \
  const sl_shard_total *: check_totals, \
  default: check_other)(kernel, #x, x);
#define EACH_1(k, x) CHECK(k, x)
#define EACH_2(k, x, ...) CHECK(k, x) EACH_1(k, __VA_ARGS__)
#define EACH_3(k, x, ...) CHECK(k, x) EACH_2(k, __VA_ARGS__)
#define EACH_4(k, x, ...) CHECK(k, x) EACH_3(k, __VA_ARGS__)
#define EACH_5(k, x, ...) CHECK(k, x) EACH_4(k, __VA_ARGS__)
#define EACH_6(k, x, ...) CHECK(k, x) EACH_5(k, __VA_ARGS__)
#define EACH_7(k, x, ...) CHECK(k, x) EACH_6(k, __VA_ARGS__)
#define EACH_8(k, x, ...) CHECK(k, x) EACH_7(k, __VA_ARGS__)
#define EACH_9(k, x, ...) CHECK(k, x) EACH_8(k, __VA_ARGS__)
#define EACH_10(k, x, ...) CHECK(k, x) EACH_9(k, __VA_ARGS__)
#define EACH_11(k, x, ...) CHECK(k, x) EACH_10(k, __VA_ARGS__)
#define EACH_12(k, x, ...) CHECK(k, x) EACH_11(k, __VA_ARGS__)
#define EACH_13(k, x, ...) CHECK(k, x) EACH_12(k, __VA_ARGS__)
#define EACH_14(k, x, ...) CHECK(k, x) EACH_13(k, __VA_ARGS__)
#define EACH_15(k, x, ...) CHECK(k, x) EACH_14(k, __VA_ARGS__)
#define EACH_16(k, x, ...) CHECK(k, x) EACH_15(k, __VA_ARGS__)
#define EACH_17(k, x, ...) CHECK(k, x) EACH_16(k, __VA_ARGS__)
#define EACH_18(k, x, ...) CHECK(k, x) EACH_17(k, __VA_ARGS__)
#define PICK(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, each, ...) each
#define EACH(k, ...) PICK(__VA_ARGS__, EACH_18, EACH_17, EACH_16, EACH_15, EACH_14, EACH_13, \
  EACH_12, EACH_11, EACH_10, EACH_9, EACH_8, EACH_7, EACH_6, EACH_5, EACH_4, EACH_3, EACH_2, \
  EACH_1, )(k, __VA_ARGS__)
/* clang-format on */

#define SL_KERNEL(name, params, args, storage, clause, bound)         \
  static sl_status apart_##name(sl_context *ctx, SL_UNPAREN params) { \
    EACH(#name, SL_UNPAREN args)                                      \
    open_gate();                                                      \
    const sl_status status = kernels.name(ctx, SL_UNPAREN args);      \
    close_gate();                                                     \
    return status;                                                    \
  }
#include <sluice/kernels.def>
#undef SL_KERNEL

/* What the arguments' types do not say. */
static sl_status apart_input_grad(sl_context *ctx, float *dx, const sl_linear_part *parts,
                                  size_t n_parts, size_t t, size_t k) {
  for (size_t i = 0; i < n_parts; i++) {
    const void *const arrays[] = {parts[i].dy, parts[i].w, parts[i].packed};
    for (size_t a = 0; a < 3; a++)
      check_array("linear_input_grad", "an array of a part", arrays[a]);
  }
  return apart_linear_input_grad(ctx, dx, parts, n_parts, t, k);
}

static sl_status allocate(sl_context *ctx, void **out, size_t bytes) {
  const size_t rounded = (bytes + 63) / 64 * 64;
  if (rounded > REGION - used) return sl_fail(&ctx->error, SL_ERR_MEMORY, "the region is full");
  *out = region + used;
  used += rounded;
  close_gate();
  return SL_OK;
}

static void release(sl_context *ctx, void *memory) {
  (void)ctx, (void)memory;
} /* all at once, when the context is closed */

static sl_status copy_between(void *to, const void *from, size_t bytes) {
  open_gate();
  memcpy(to, from, bytes);
  close_gate();
  return SL_OK;
}

static sl_status write_to(sl_context *ctx, void *to, const void *from, size_t bytes) {
  (void)ctx;
  expect_side("write", "to", to, 1), expect_side("write", "from", from, 0);
  return copy_between(to, from, bytes);
}

static sl_status read_from(sl_context *ctx, void *to, const void *from, size_t bytes) {
  (void)ctx;
  expect_side("read", "to", to, 0), expect_side("read", "from", from, 1);
  return copy_between(to, from, bytes);
}

static sl_status copy(sl_context *ctx, void *to, const void *from, size_t bytes) {
  (void)ctx;
  expect_side("copy", "to", to, 1), expect_side("copy", "from", from, 1);
  return copy_between(to, from, bytes);
}

static sl_status zero(sl_context *ctx, void *to, size_t bytes) {
  (void)ctx;
  expect_side("zero", "to", to, 1);
  open_gate();
  memset(to, 0, bytes);
  close_gate();
  return SL_OK;
}

static sl_status synchronize(sl_context *ctx) {
  (void)ctx;
  return SL_OK;
}

static const sl_memory memory = {allocate, release, write_to, read_from, copy, zero, synchronize};

static sl_status open_context(sl_context *ctx, const sl_context_options *options, sl_error *err) {
  (void)options;
  static int device;
  sl_plain_table(&kernels);
  sl_avx2_table(&kernels);
  if (region) return sl_fail(err, SL_ERR_USAGE, "one context of this backend at a time");
  region = mmap(NULL, REGION, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED) return sl_fail(err, SL_ERR_MEMORY, "no region");
  used = 0;
#define SL_KERNEL(name, params, args, storage, clause, bound) ctx->table.name = apart_##name;
#include <sluice/kernels.def>
#undef SL_KERNEL
  ctx->table.linear_input_grad = apart_input_grad;
  ctx->table.linear_pack_bytes = kernels.linear_pack_bytes;
  ctx->memory = &memory;
  ctx->device = (sl_device *)(void *)&device; /* not NULL, and never read */
  return SL_OK;
}

static void close_context(sl_context *ctx) {
  (void)ctx;
  munmap(region, REGION);
  region = NULL;
}

void apart_add(void) {
  static const sl_backend backend = {"apart", open_context, close_context};
  sl_backend_add(&backend);
}

size_t apart_misplaced(void) { return misplaced; }
