/* Trials: problems, and their runs on guarded copies of their arrays. */
#include "trial.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)24 << 20)
#define MEMORY_ALIGN 64u /* of sl_memory_alloc */

static const sl_case cases[SL_KERNEL_COUNT] = {
#define SL_KERNEL(name, params, args, storage, clause, bound) \
  {#name, sl_make_##name, sl_run_##name},
#include <sluice/kernels.def>
#undef SL_KERNEL
};

const char *sl_equiv_kernel_name(sl_kernel_id kernel) { return cases[kernel].name; }
const char *sl_equiv_shape(const sl_equiv_trial *trial) { return trial->problem.shape; }

/* The byte of an array's guard zones. Around inputs the bytes form a NaN, so that a read there
 * spoils the result; around outputs they form another pattern, so that writing such a NaN there is
 * seen too. */
unsigned char sl_guard_byte(const sl_array *a) { return a->role == SL_IN ? 0xff : 0xa5; }

size_t sl_array_bytes(const sl_array *a) { return a->count * sl_element_bytes(a->type); }

/* What an output holds before the call: a quiet NaN of a payload that differs from run to run, so
 * that an element that is not written, or is read, shows. */
static void poison(unsigned char *data, size_t bytes, unsigned run) {
  const uint32_t pattern = 0x7fc0a000u + run;
  for (size_t i = 0; i < bytes; i++)
    data[i] = (unsigned char)(pattern >> (8 * (i % sizeof pattern)));
}

/* In a quarter of the runs every array is a multiple of 16, so that kernels take their vectors. */
static void lay_out(sl_copies *c, const sl_problem *p, unsigned run) {
  unsigned char *free_byte = c->memory;
  for (size_t i = 0; i < p->arrays; i++) {
    const sl_array *a = &p->array[i];
    const size_t bytes = sl_array_bytes(a), unit = a->type == SL_U8                         ? 1
                                                   : a->type == SL_F32 || a->type == SL_U32 ? 4
                                                                                            : 8;
    c->at[i] = NULL;
    if (!a->data) continue;
    memset(free_byte, sl_guard_byte(a), bytes + 3 * SL_GUARD_BYTES);
    c->at[i] =
        free_byte + SL_GUARD_BYTES + (run % 4 ? unit * ((run * 7 + i * 3) % SL_TRIAL_SHIFTS) : 0);
    memcpy(c->at[i], a->data, bytes);
    if (a->role == SL_OUT) poison(c->at[i], bytes, run);
    free_byte += (bytes / SL_GUARD_BYTES + 4) * SL_GUARD_BYTES;
  }
}

/* The zones of one array that go to a device with it. The simulator checks bounds and
 * initialisation itself: there an array stands alone behind the bytes that shift its alignment, and
 * outputs hold nothing. */
typedef struct {
  size_t before, after;
  int fill;
} zones;

static int on_simulator(const sl_context *ctx) {
  const char *name = sl_context_backend(ctx), *last = strrchr(name, '+');
  const char *device = last ? last + 1 : name;
  return strcmp(device, "simt") == 0 || strcmp(device, "ptx") == 0;
}

static zones zones_of(sl_context *ctx, const sl_array *a, const unsigned char *at) {
  if (on_simulator(ctx)) return (zones){(uintptr_t)at % MEMORY_ALIGN, 0, a->role != SL_OUT};
  const size_t shift = (uintptr_t)at % MEMORY_ALIGN;
  return (zones){shift + (SL_GUARD_BYTES / MEMORY_ALIGN) * MEMORY_ALIGN, SL_GUARD_BYTES, 1};
}

static sl_status to_device(void **out, sl_context *ctx, const sl_array *a,
                           const unsigned char *at) {
  const zones z = zones_of(ctx, a, at);
  const size_t bytes = sl_array_bytes(a);
  unsigned char *memory;
  *out = NULL;
  sl_status status = sl_memory_alloc(ctx, (void **)&memory, z.before + bytes + z.after);
  if (status) return status;
  *out = memory + z.before;
  if (z.after) return sl_memory_write(ctx, memory, at - z.before, z.before + bytes + z.after);
  return z.fill ? sl_memory_write(ctx, *out, at, bytes) : SL_OK;
}

/* Copies an array back, with its guard zones where it has them, unless something has failed, whose
 * message would be lost; and frees its memory. */
static sl_status from_device(sl_context *ctx, const sl_array *a, unsigned char *at, void *device,
                             sl_status status) {
  if (!device) return status; /* it could not be allocated */
  const zones z = zones_of(ctx, a, at);
  unsigned char *memory = (unsigned char *)device - z.before;
  if (status == SL_OK && z.after)
    status = sl_memory_read(ctx, at - z.before, memory, z.before + sl_array_bytes(a) + z.after);
  else if (status == SL_OK)
    status = sl_memory_read(ctx, at, device, sl_array_bytes(a));
  sl_memory_free(ctx, memory);
  return status;
}

static sl_status run_on_device(sl_equiv_trial *t, sl_copies *c, sl_context *ctx) {
  void *at[SL_ARRAYS_MAX];
  sl_status status = SL_OK;
  size_t here = 0;
  for (; !status && here < t->problem.arrays; here++) {
    const sl_array *a = &t->problem.array[here];
    at[here] = c->at[here];
    if (a->data && !a->host_only) status = to_device(&at[here], ctx, a, c->at[here]);
  }
  if (!status) status = cases[t->kernel].run(ctx, &t->problem, at);
  for (size_t i = 0; i < here; i++) {
    const sl_array *a = &t->problem.array[i];
    if (!a->data || a->host_only) continue;
    status = from_device(ctx, a, c->at[i], at[i], status);
  }
  return status;
}

sl_status sl_trial_run(sl_equiv_trial *t, sl_copies *c, sl_context *ctx, unsigned layout) {
  void *at[SL_ARRAYS_MAX];
  lay_out(c, &t->problem, layout);
  if (sl_context_on_device(ctx)) return run_on_device(t, c, ctx);
  for (size_t i = 0; i < t->problem.arrays; i++) at[i] = c->at[i];
  return cases[t->kernel].run(ctx, &t->problem, at);
}

#define COPY_BYTES (ARENA_BYTES + SL_ARRAYS_MAX * 5 * SL_GUARD_BYTES)

sl_status sl_trial_again(sl_equiv_trial *t) {
  if (!t->again.memory) t->again.memory = malloc(COPY_BYTES);
  return t->again.memory ? SL_OK : SL_ERR_MEMORY;
}

static sl_status allocate(sl_equiv_trial *t) {
  t->problem.arena = malloc(ARENA_BYTES);
  t->golden.memory = malloc(COPY_BYTES);
  t->other.memory = malloc(COPY_BYTES);
  t->problem.arena_bytes = ARENA_BYTES;
  return t->problem.arena && t->golden.memory && t->other.memory ? SL_OK : SL_ERR_MEMORY;
}

void sl_equiv_end(sl_equiv_trial *t) {
  if (!t) return;
  free(t->problem.arena);
  free(t->golden.memory);
  free(t->other.memory);
  free(t->again.memory);
  free(t);
}

sl_status sl_equiv_begin(sl_equiv_trial **out, sl_kernel_id kernel, uint64_t seed,
                         sl_context *golden, sl_error *err) {
  return sl_equiv_begin_small(out, kernel, seed, 1, golden, err);
}

/* Where a kernel's random numbers start: by its name (FNV-1a), so that new kernels leave the
 * problems of the others as they are. */
static uint64_t stream_of(const char *name, uint64_t seed) {
  uint64_t hash = 0xcbf29ce484222325;
  for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 0x100000001b3;
  sl_source s = {hash ^ seed};
  return sl_source_u64(&s);
}

sl_status sl_equiv_begin_small(sl_equiv_trial **out, sl_kernel_id kernel, uint64_t seed,
                               size_t shrink, sl_context *golden, sl_error *err) {
  return sl_equiv_begin_kind(out, kernel, seed, shrink, SL_VALUES_DRAWN, NULL, golden, err);
}

static int is_wanted(const sl_wanted_sizes *wanted, const char *name, size_t length) {
  for (size_t i = 0; i < wanted->n; i++)
    if (strlen(wanted->of[i].name) == length && memcmp(wanted->of[i].name, name, length) == 0)
      return 1;
  return 0;
}

/* NAME=SIZE,... */
static sl_status parse_shape(sl_wanted_sizes *wanted, const char *shape, sl_error *err) {
  while (shape && *shape) {
    const char *equals = strchr(shape, '=');
    char *end = NULL;
    const size_t length = equals ? (size_t)(equals - shape) : 0;
    const unsigned long long size = equals ? strtoull(equals + 1, &end, 10) : 0;
    if (!equals || length == 0 || length >= SL_WANTED_NAME || wanted->n == SL_WANTED_MAX ||
        !isdigit((unsigned char)equals[1]) || (*end && *end != ',') || size > UINT32_MAX)
      return sl_fail(err, SL_ERR_USAGE, "--shape: expected NAME=SIZE,..., found '%s'", shape);
    if (is_wanted(wanted, shape, length))
      return sl_fail(err, SL_ERR_USAGE, "--shape: '%s': %.*s is there twice", shape, (int)length,
                     shape);
    memcpy(wanted->of[wanted->n].name, shape, length);
    wanted->of[wanted->n++].size = (size_t)size;
    shape = *end ? end + 1 : end;
  }
  return SL_OK;
}

/* Whether the problem has every size that was wanted. */
static sl_status check_shape(const sl_problem *p, const char *kernel, sl_error *err) {
  const char *odd = p->refused[0] ? p->refused : NULL;
  for (size_t i = 0; !odd && i < p->wanted.n; i++)
    if (!p->wanted.of[i].taken) odd = p->wanted.of[i].name;
  if (!odd) return SL_OK;
  return sl_fail(err, SL_ERR_USAGE, "--shape: '%s': %s has the sizes %s", odd, kernel, p->ranges);
}

static sl_status make_problem(sl_equiv_trial *t, const char *shape, sl_context *golden,
                              sl_error *err) {
  t->problem.source.state = stream_of(cases[t->kernel].name, t->seed);
  t->problem.recorded = t->seed <= SL_RECORDED_SEEDS;
  t->problem.golden = golden;
  SL_TRY(parse_shape(&t->problem.wanted, shape, err));
  cases[t->kernel].make(&t->problem);
  SL_TRY(check_shape(&t->problem, cases[t->kernel].name, err));
  const sl_status status = sl_trial_run(t, &t->golden, golden, t->runs++);
  if (!status) return SL_OK;
  return sl_fail(err, status, "%s, seed %llu, %s: %s", cases[t->kernel].name,
                 (unsigned long long)t->seed, t->problem.shape, sl_context_error(golden)->message);
}

sl_status sl_equiv_begin_kind(sl_equiv_trial **out, sl_kernel_id kernel, uint64_t seed,
                              size_t shrink, int values, const char *shape, sl_context *golden,
                              sl_error *err) {
  sl_equiv_trial *t = calloc(1, sizeof *t);
  if (!t || allocate(t)) {
    sl_equiv_end(t);
    return sl_fail(err, SL_ERR_MEMORY, "no memory for a trial of %s", cases[kernel].name);
  }
  t->kernel = kernel, t->seed = seed;
  t->runs = (unsigned)(seed % SL_TRIAL_SHIFTS);
  t->problem.shrink = shrink;
  t->problem.values = (sl_values_kind)values;
  const sl_status status = make_problem(t, shape, golden, err);
  if (status)
    sl_equiv_end(t);
  else
    *out = t;
  return status;
}

void sl_equiv_visit(const sl_equiv_trial *t, sl_equiv_visitor *visit, void *arg) {
  for (size_t i = 0; i < t->problem.arrays; i++) {
    const sl_array *a = &t->problem.array[i];
    if (a->data) visit(arg, a->data, a->role == SL_IN ? NULL : t->golden.at[i], sl_array_bytes(a));
  }
}

int sl_equiv_says_something(const sl_equiv_trial *t) {
  for (size_t i = 0; i < t->problem.arrays; i++)
    for (size_t k = 0;
         t->problem.array[i].role != SL_IN && k < sl_array_bytes(&t->problem.array[i]); k++)
      if (t->golden.at[i][k] % 0x80) return 1; /* zeros of either sign have bytes 0 and 0x80 */
  return 0;
}

/* Distance in units in the last place: patterns as integers that ascend with the value. */
static uint64_t ulps(uint64_t a, uint64_t b, uint64_t sign) {
  const uint64_t x = a & sign ? sign - (a ^ sign) : sign + a,
                 y = b & sign ? sign - (b ^ sign) : sign + b;
  return x > y ? x - y : y - x;
}

/* The fields of sl_loss_sums that are compared one by one. */
static const struct {
  const char *name;
  size_t offset, bytes;
} fields[] = {
#define FIELD(f) \
  { #f, offsetof(sl_loss_sums, f), sizeof((sl_loss_sums *)0)->f }
    FIELD(objective),     FIELD(centred),      FIELD(kl),         FIELD(entropy),
    FIELD(y_sum),         FIELD(y_square_sum), FIELD(weight_sum), FIELD(effective_sum),
    FIELD(ratio_max),     FIELD(tokens),       FIELD(below_half), FIELD(clamped),
    FIELD(log_ratio_sum), FIELD(kl_clamped),
#undef FIELD
};

static void describe_sums(char *text, size_t size, const char *name, size_t index,
                          const unsigned char *got, const unsigned char *want) {
  snprintf(text, size, "%s[%zu] differs", name, index);
  for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
    uint64_t a = 0, b = 0;
    memcpy(&a, got + fields[f].offset, fields[f].bytes),
        memcpy(&b, want + fields[f].offset, fields[f].bytes);
    if (a == b) continue;
    snprintf(text, size, "%s[%zu].%s is 0x%0*llx, not 0x%0*llx", name, index, fields[f].name,
             (int)(2 * fields[f].bytes), (unsigned long long)a, (int)(2 * fields[f].bytes),
             (unsigned long long)b);
    return;
  }
}

void sl_trial_describe(char *text, size_t size, const sl_array *array, const unsigned char *got,
                       const unsigned char *want) {
  const size_t bytes = sl_element_bytes(array->type);
  size_t i = 0;
  while (memcmp(got + i * bytes, want + i * bytes, bytes) == 0) i++;
  got += i * bytes, want += i * bytes;
  if (array->type == SL_SUMS) {
    describe_sums(text, size, array->name, i, got, want);
    return;
  }
  uint64_t a = 0, b = 0;
  memcpy(&a, got, bytes), memcpy(&b, want, bytes);
  const int digits = (int)(2 * bytes);
  const int n =
      snprintf(text, size, "%s[%zu of %zu] is 0x%0*llx, not 0x%0*llx", array->name, i, array->count,
               digits, (unsigned long long)a, digits, (unsigned long long)b);
  if (array->type == SL_F32 || array->type == SL_F64)
    snprintf(text + n, size - (size_t)n, " (%llu ulps)",
             (unsigned long long)ulps(a, b, (uint64_t)1 << (8 * bytes - 1)));
}

sl_status sl_trial_fail(sl_error *err, const sl_equiv_trial *t, const sl_context *ctx,
                        const char *text) {
  const int threads = sl_context_threads(ctx);
  return sl_fail(err, SL_ERR_MISMATCH, "%s, seed %llu, %s: %s with %d thread%s: %s",
                 cases[t->kernel].name, (unsigned long long)t->seed, t->problem.shape,
                 sl_context_backend(ctx), threads, threads == 1 ? "" : "s", text);
}

size_t sl_equiv_backends(const sl_equiv_backend **list) {
  static const sl_equiv_backend backends[] = {
      {"plain", {.backend = "plain"}},
      {"cpu/avx2", {.backend = "cpu", .isa = SL_ISA_AVX2}},
      {"cpu/avx512", {.backend = "cpu", .isa = SL_ISA_AVX512}}};
  *list = backends;
  return sizeof backends / sizeof *backends;
}

size_t sl_equiv_thread_counts(const int **list) {
  static const int counts[] = {1, 2, 5};
  *list = counts;
  return sizeof counts / sizeof *counts;
}
