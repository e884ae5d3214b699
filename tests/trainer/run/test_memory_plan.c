/* What --dry-run says of memory is what a run takes: the plan equals the blocks that are created,
 * byte for byte, and the process grows by that and by no more than its other allocations explain.
 * Blocks and allocations are counted by the linker's --wrap. */
#include "tests/trainer/tiny.h"

#include "kernels/core/context.h"
#include "trainer/model/block.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t block_bytes, bytes, allocations;

sl_status __real_sl_block_create(void **out, sl_context *ctx, size_t size, const char *what,
                                 sl_error *err);
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **out, size_t alignment, size_t size);
sl_status __wrap_sl_block_create(void **out, sl_context *ctx, size_t size, const char *what,
                                 sl_error *err);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **out, size_t alignment, size_t size);

sl_status __wrap_sl_block_create(void **out, sl_context *ctx, size_t size, const char *what,
                                 sl_error *err) {
  block_bytes += size;
  return __real_sl_block_create(out, ctx, size, what, err);
}
static void count(size_t size) {
  bytes += size;
  allocations++;
}
void *__wrap_malloc(size_t size) {
  count(size);
  return __real_malloc(size);
}
void *__wrap_calloc(size_t n, size_t size) {
  count(n * size);
  return __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t size) {
  count(size);
  return __real_realloc(p, size);
}
/* Whole pages that are skipped for a larger alignment are never touched. */
static void count_aligned(size_t alignment, size_t size) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  count(size + (alignment < page ? alignment : page));
}
void *__wrap_aligned_alloc(size_t alignment, size_t size) {
  count_aligned(alignment, size);
  return __real_aligned_alloc(alignment, size);
}
int __wrap_posix_memalign(void **out, size_t alignment, size_t size) {
  count_aligned(alignment, size);
  return __real_posix_memalign(out, alignment, size);
}

static sl_run_state *create(const char *const *extra, sl_extent extent) {
  const char *sets[TINY_SETS_MAX];
  const size_t n = tiny_sets(sets, extra);
  sl_config config;
  sl_error err;
  sl_run_state *run = NULL;
  cr_assert_eq(sl_config_load(&config, NULL, sets, n, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_run_state_create(&run, &config, extent, &err), SL_OK, "%s", err.message);
  return run;
}

static void expect_as_planned(sl_extent extent, const char *a, const char *b) {
  const char *extra[] = {a, b, NULL};
  block_bytes = 0;
  sl_run_state *run = create(extra, SL_EXTENT_PLAN);
  cr_expect_eq(block_bytes, 0, "%s %s: a plan takes memory", a, b);
  sl_run_state *u = create(extra, extent);
  cr_expect_eq(block_bytes, sl_memory_plan_bytes(&u->plan), "%s %s: planned %zu bytes, taken %zu",
               a, b, sl_memory_plan_bytes(&u->plan), block_bytes);
  if (extent == SL_EXTENT_TRAINING)
    cr_expect_eq(memcmp(&run->plan, &u->plan, sizeof run->plan), 0, "%s %s: another plan", a, b);
  if (extent == SL_EXTENT_EVALUATION)
    cr_expect_lt(sl_memory_plan_bytes(&u->plan), sl_memory_plan_bytes(&run->plan), "%s %s", a, b);
  sl_run_state_destroy(run), sl_run_state_destroy(u);
}

Test(memory_plan, blocks_are_as_planned) {
  expect_as_planned(SL_EXTENT_TRAINING, "model.tie=true", "rl.beta=0.01");
  expect_as_planned(SL_EXTENT_TRAINING, "model.tie=false", "rl.beta=0");
  expect_as_planned(SL_EXTENT_TRAINING, "rl.micro_batch=1", "rl.reduce_shards=1");
  expect_as_planned(SL_EXTENT_TRAINING, "rl.micro_batch=4", "rl.reduce_shards=8");
  expect_as_planned(SL_EXTENT_TRAINING, "rl.micro_batch=1000", "model.tie=false");
  expect_as_planned(SL_EXTENT_TRAINING, "run.backend=plain", "rl.reduce_shards=16");
  expect_as_planned(SL_EXTENT_TRAINING, "sft.batch=100", "rl.max_new_tokens=9");
  expect_as_planned(SL_EXTENT_TRAINING, "rl.dynamic_sampling=7", "rl.beta=0");
  expect_as_planned(SL_EXTENT_TRAINING, "model.architecture=qwen3", "rl.beta=0.01");
  expect_as_planned(SL_EXTENT_TRAINING, "model.architecture=llama", "run.backend=plain");
  expect_as_planned(SL_EXTENT_TRAINING, "run.recompute=true", "rl.beta=0.01");
  expect_as_planned(SL_EXTENT_TRAINING, "run.recompute=true", "model.architecture=qwen3");
  expect_as_planned(SL_EXTENT_TRAINING, "run.memory=6500kB", "rl.group=200");
  expect_as_planned(SL_EXTENT_EVALUATION, "model.tie=true", "rl.beta=0.01");
  expect_as_planned(SL_EXTENT_EVALUATION, "run.backend=plain", "model.tie=false");
}

/* A run's micro-batch and memory as planned with 1/24 to all of what it takes when memory is
 * plenty: the largest micro-batch that fits, and one more does not. */
Test(memory_plan, the_largest_micro_batch_that_fits) {
  const char *wide[] = {"rl.group=400", "rl.reduce_shards=4", NULL};
  sl_run_state *plenty = create(wide, SL_EXTENT_PLAN);
  const size_t all = sl_run_memory(plenty), most = plenty->micro_batch;
  size_t smaller = 0, least = 0;
  cr_assert_gt(most, 8);
  sl_run_state_destroy(plenty);
  for (size_t part = 24; part > 0; part--) {
    char memory[64], batch[64];
    snprintf(memory, sizeof memory, "run.memory=%zu", all / 24 * part + all % 24);
    const char *named[] = {wide[0], wide[1], memory, NULL};
    sl_run_state *run = create(named, SL_EXTENT_PLAN);
    const size_t limit = all / 24 * part + all % 24, m = run->micro_batch,
                 takes = sl_run_memory(run);
    cr_expect(m == 1 || takes <= limit, "%s: %zu sequences take %zu", memory, m, takes);
    snprintf(batch, sizeof batch, "rl.micro_batch=%zu", m + 1);
    const char *one_more[] = {wide[0], wide[1], batch, NULL};
    sl_run_state *more = create(one_more, SL_EXTENT_PLAN);
    cr_expect(m == most || sl_run_memory(more) > limit, "%s: %zu would fit too", memory, m + 1);
    smaller += m > 1 && m < most, least += m == 1;
    sl_run_state_destroy(run), sl_run_state_destroy(more);
  }
  cr_expect(smaller > 0 && least > 0, "%zu and %zu cases show nothing", smaller, least);
}

/* Nothing of the shared block is read before it is written: bits are those of a run whose block is
 * filled with NaNs before each step. */
static void fill_shared(sl_run_state *run) { memset(run->shared, 0xff, run->plan.shared); }
static void filled_or_not(char out[SL_DIGEST_TEXT], const char *const *extra, int filled) {
  sl_run_state *run = create(extra, SL_EXTENT_TRAINING);
  for (int i = 0; i < 2; i++) {
    if (filled) fill_shared(run);
    tiny_sft(run, 1);
  }
  tiny_begin_rl(run);
  for (int i = 0; i < 2; i++) {
    if (filled) fill_shared(run);
    tiny_rl(run, 1);
  }
  memcpy(out, tiny_hash(run), SL_DIGEST_TEXT);
  sl_run_state_destroy(run);
}

Test(memory_plan, what_shares_memory_is_not_alive_together) {
  static const char *const extras[][3] = {{"run.backend=cpu", "rl.beta=0.01", NULL},
                                          {"run.backend=plain", "rl.beta=0.01", NULL},
                                          {"run.recompute=true", "model.architecture=qwen3", NULL}};
  for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
    char clean[SL_DIGEST_TEXT], filled[SL_DIGEST_TEXT];
    filled_or_not(clean, extras[i], 0), filled_or_not(filled, extras[i], 1);
    cr_expect_str_eq(filled, clean, "%s: %s, with NaNs %s", extras[i][0], clean, filled);
  }
}

/* Planted: with a NaN in what stays, the same steps do not succeed. */
Test(memory_plan, a_nan_that_is_read_is_noticed) {
  sl_run_state *run = create((const char *[]){"rl.beta=0", NULL}, SL_EXTENT_TRAINING);
  sl_step_digests digests;
  sl_step_report report;
  memset(run->policy.data, 0xff, sizeof(float));
  cr_expect_neq(sl_warm_start_step(run, &report, &digests, NULL), SL_OK);
  sl_run_state_destroy(run);
}

/* What the kernels took is within the bound that the plan states, and the bound is no more than a
 * few times that. */
static void expect_workspace(const char *const *extra, double slack) {
  sl_run_state *run = create(extra, SL_EXTENT_TRAINING);
  tiny_sft(run, 1);
  tiny_begin_rl(run);
  tiny_rl(run, 1);
  size_t taken = run->ctx->workspace_bytes;
  const size_t bound = run->plan.workspace;
  for (size_t i = 0; run->lanes && i < run->lanes->n; i++)
    taken += run->lanes->lane[i]->workspace_bytes;
  printf("%s: workspace %zu, bound %zu\n", extra[0], taken, bound);
  cr_expect_leq(taken, bound, "%s: %zu bytes of workspace, bound %zu", extra[0], taken, bound);
  cr_expect_leq((double)bound, slack * (double)taken, "%s: %zu bytes, bound %zu", extra[0], taken,
                bound);
  sl_run_state_destroy(run);
}

Test(memory_plan, the_workspace_is_within_its_bound) {
  /* Tiny shapes are mostly roundings; larger ones are near. */
  expect_workspace((const char *[]){"rl.beta=0", NULL}, 2);
  expect_workspace((const char *[]){"run.threads=4", "rl.beta=0", NULL}, 2);
  expect_workspace((const char *[]){"run.backend=plain", NULL}, 2);
  expect_workspace((const char *[]){"rl.group=200", "rl.micro_batch=1000", NULL}, 2);
  expect_workspace((const char *[]){"model.hidden=256", "model.heads=8", "model.kv_heads=8",
                                    "model.head_dim=32", "model.ff=1024", "rl.group=20", NULL},
                   2);
  expect_workspace((const char *[]){"model.ff=4000", "model.layers=1", "rl.group=60", NULL}, 2);
  expect_workspace((const char *[]){"model.architecture=qwen3", "run.backend=plain",
                                    "model.heads=64", "rl.group=60", "rl.micro_batch=1000", NULL},
                   2);
}

/* A model of terabytes is planned in no time and no memory. */
Test(memory_plan, what_does_not_fit_can_be_planned) {
  const char *extra[] = {"model.hidden=65536",
                         "model.layers=256",
                         "model.ff=262144",
                         "model.heads=512",
                         "model.kv_heads=8",
                         "model.head_dim=128",
                         NULL};
  bytes = 0;
  sl_run_state *run = create(extra, SL_EXTENT_PLAN);
  cr_expect_gt(sl_memory_plan_bytes(&run->plan), (size_t)1 << 43);
  cr_expect_lt(bytes, (size_t)1 << 24);
  sl_run_state_destroy(run);
}

/* Qwen2.5's shapes. */
static const sl_model_shape half = {.hidden = 896,
                                    .layers = 24,
                                    .heads = 14,
                                    .kv_heads = 2,
                                    .head_dim = 64,
                                    .intermediate = 4864,
                                    .vocab = 151936,
                                    .tied = 1},
                            one_and_half = {.hidden = 1536,
                                            .layers = 28,
                                            .heads = 12,
                                            .kv_heads = 2,
                                            .head_dim = 128,
                                            .intermediate = 8960,
                                            .vocab = 151936,
                                            .tied = 1},
                            seven = {.hidden = 3584,
                                     .layers = 28,
                                     .heads = 28,
                                     .kv_heads = 4,
                                     .head_dim = 128,
                                     .intermediate = 18944,
                                     .vocab = 152064};

/* Bytes of a run of such a shape with 16 prompts of 8 completions, 1,536 + 512 tokens each, at most
 * four updates a rollout; extra as in create. */
static size_t bytes_of(const sl_model_shape *shape, size_t reduce_shards,
                       const char *const *extra) {
  sl_model_shape s = *shape;
  sl_error err;
  const char *sets[9] = {"rl.prompts=16", "rl.group=8", "rl.updates=4", "sft.steps=0", "rl.beta=0"};
  for (size_t i = 0; extra[i]; i++) sets[5 + i] = extra[i];
  sl_run_state *run = create(sets, SL_EXTENT_PLAN);
  s.max_positions = 32768, s.rms_eps = 1e-6f, s.rope_theta = 1e6;
  sl_model_layout_destroy(run->policy.layout);
  run->policy.layout = NULL;
  cr_assert_eq(sl_model_layout_create(&run->policy.layout, &s, &err), SL_OK, "%s", err.message);
  run->max_length = 1536 + 512;
  run->config.rl.reduce_shards = (int64_t)reduce_shards;
  cr_assert_eq(sl_run_state_plan(run, &err), SL_OK, "%s", err.message);
  const size_t taken = sl_run_memory(run);
  printf("%zu wide, %zu shards, %s: %.2f GB, micro-batch %zu\n", s.hidden, reduce_shards, extra[0],
         (double)taken / 1e9, run->micro_batch);
  sl_run_state_destroy(run);
  return taken;
}

Test(memory_plan, real_shapes) {
  const char *host[] = {"run.recompute=true", "run.memory=20GiB", NULL},
             *no_packs[] = {"run.backend=plain", "run.memory=141GB", NULL},
             *recomputed[] = {"run.backend=plain", "run.memory=141GB", "run.recompute=true", NULL};
  const size_t card = 141000000000;
  cr_expect_leq(bytes_of(&half, 8, host), (size_t)20 << 30);
  cr_expect_leq(bytes_of(&one_and_half, 8, no_packs), card);
  cr_expect_leq(bytes_of(&seven, 1, no_packs), card);
  cr_expect_leq(bytes_of(&seven, 1, recomputed), card);
  cr_expect_gt(bytes_of(&seven, 2, recomputed), card);
  /* parameters, two moments and four arenas of gradients: 7 x 30.5 GB */
  cr_expect_gt(bytes_of(&seven, 8, recomputed), 7 * (size_t)30462466048);
}

#ifdef __SANITIZE_ADDRESS__
Test(memory_plan, the_process_grows_as_planned) {
  printf("not tested: the sanitizer's own memory would be counted\n");
}
#else
/* Bytes that /proc/self/status gives in kB. */
static size_t status_bytes(const char *key) {
  char line[200];
  size_t kb = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
      kb = strtoull(line + strlen(key) + 1, NULL, 10);
  if (file) fclose(file);
  return kb * 1024;
}

typedef struct {
  size_t anonymous, stack, bytes, allocations, plan, blocks;
} footprint;

/* What a separate process takes to make a run and, if it can, to step. */
static footprint measure(const char *const *extra, sl_extent extent) {
  int pipe_ends[2];
  footprint f = {0};
  cr_assert_eq(pipe(pipe_ends), 0);
  const pid_t child = fork();
  cr_assert_geq(child, 0);
  if (child == 0) {
    bytes = allocations = block_bytes = 0;
    sl_run_state *run = create(extra, extent);
    if (extent == SL_EXTENT_TRAINING) tiny_sft(run, 1);
    f = (footprint){status_bytes("RssAnon"),
                    status_bytes("VmStk"),
                    bytes,
                    allocations,
                    sl_memory_plan_bytes(&run->plan),
                    block_bytes};
    _exit(write(pipe_ends[1], &f, sizeof f) != (ssize_t)sizeof f);
  }
  int code;
  cr_assert_eq(read(pipe_ends[0], &f, sizeof f), (ssize_t)sizeof f);
  cr_assert(waitpid(child, &code, 0) == child && code == 0);
  close(pipe_ends[0]), close(pipe_ends[1]);
  return f;
}

extern char __data_start, _end; /* the linker's: of the data that a process writes */

/* Above: the process that plans, every byte that was asked for since (freed or not), for each
 * allocation a page that it may begin or end in, the stack, the program's data, and what the heap
 * grows ahead. Below: the plan alone, for every page of a block is touched. */
Test(memory_plan, the_process_grows_as_planned) {
  const char *extra[] = {"model.hidden=192",
                         "model.layers=3",
                         "model.heads=6",
                         "model.head_dim=32",
                         "model.ff=512",
                         "rl.prompts=8",
                         NULL};
  const footprint plan = measure(extra, SL_EXTENT_PLAN), run = measure(extra, SL_EXTENT_TRAINING);
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), ahead = 132 * 1024,
               data = (size_t)(&_end - &__data_start);
  const size_t most =
      plan.anonymous + run.bytes + run.allocations * page + run.stack + data + ahead;
  printf("planned %zu bytes; the process has %zu, between %zu and %zu\n", run.plan, run.anonymous,
         run.plan, most);
  cr_assert_eq(plan.plan, run.plan);
  cr_assert_eq(run.plan, run.blocks);
  cr_expect_geq(run.anonymous, run.plan);
  cr_expect_leq(run.anonymous, most);
  cr_expect_lt(most - run.plan, run.plan / 4,
               "the bounds are too far apart to say anything: %zu and %zu", run.plan, most);
}
#endif
