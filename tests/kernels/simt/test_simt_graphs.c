/* Recorded launches on the simulated device (spec N1.9): bits and launches of calls that are made
 * again, what cannot be recorded, and what must make a context forget. Each expectation is compared
 * with the plain backend, which calls. */
#include "kernels/core/repeat.h"
#include "kernels/simt/simulation.h"
#include "kernels/vendor/vendor.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <sluice/kernels.h>
#include <string.h>

enum { SEEDS = 20, STEPS = 8, ROWS = 3, D = 4, FLOATS = ROWS * D, VOCAB = STEPS + ROWS };
enum { LAUNCHES = 2 };         /* of a step's calls */
enum { CAPACITY = 65536 };     /* keys that take 72 KiB of workspace; the first has 64 */
enum { SEQUENCES_MOST = 150 }; /* more than the first offsets have room for */

/* What a step's calls are, or do besides. */
typedef enum {
  RIGHT,
  POSITION_AS_ARGUMENT,
  COPIES,
  READS,
  ALLOCATES,
  KEEPS, /* what it allocates */
  GROWS, /* the workspace, when it is recorded */
  OTHER_OFFSETS,
  KINDS
} kind_of_calls;

typedef struct {
  sl_context *ctx;
  kind_of_calls kind;
  uint32_t step, *ids;        /* ids: (ROWS), rows of the table */
  float *table, *row, *total; /* (VOCAB, D), (FLOATS), (FLOATS) */
  uint32_t *zero;             /* one */
  float *keys;                /* (CAPACITY, D) if GROWS */
} work;

static void *allocate(sl_context *ctx, size_t bytes) {
  void *p;
  cr_assert_eq(sl_memory_alloc(ctx, &p, bytes), SL_OK);
  cr_assert_eq(sl_memory_zero(ctx, p, bytes), SL_OK);
  return p;
}

static work open_work(const char *backend, uint64_t seed, kind_of_calls kind) {
  work w = {.kind = kind};
  sl_error err;
  float table[VOCAB * D];
  for (int i = 0; i < VOCAB * D; i++) table[i] = 1.0f / (float)(i + 3);
  sl_backend_add(sl_simt_backend());
  sl_simulation_begin(seed);
  cr_assert_eq(
      sl_context_create(&w.ctx, &(sl_context_options){.backend = backend, .threads = 1}, &err),
      SL_OK, "%s", err.message);
  w.ids = allocate(w.ctx, ROWS * sizeof *w.ids), w.table = allocate(w.ctx, sizeof table);
  w.row = allocate(w.ctx, FLOATS * sizeof(float)),
  w.total = allocate(w.ctx, FLOATS * sizeof(float));
  w.zero = allocate(w.ctx, sizeof *w.zero);
  if (kind == GROWS) w.keys = allocate(w.ctx, sizeof(float) * CAPACITY * D);
  cr_assert_eq(sl_memory_write(w.ctx, w.table, table, sizeof table), SL_OK);
  return w;
}

static void close_work(work *w) {
  sl_memory_free(w->ctx, w->ids), sl_memory_free(w->ctx, w->table);
  sl_memory_free(w->ctx, w->row), sl_memory_free(w->ctx, w->total);
  sl_memory_free(w->ctx, w->zero), sl_memory_free(w->ctx, w->keys);
  sl_context_destroy(w->ctx);
}

/* What a recording cannot hold, and the launch that goes with it. */
static sl_status besides(const work *w) {
  static uint32_t seq[SEQUENCES_MOST + 1];
  const int is_recorded = w->step == 1;
  float got;
  void *p = NULL;
  sl_status status = SL_OK;
  for (uint32_t i = 1; i <= SEQUENCES_MOST; i++) seq[i] = 1;
  if (w->kind == COPIES) status = sl_memory_write(w->ctx, w->ids, &w->step, sizeof w->step);
  if (w->kind == READS) status = sl_memory_read(w->ctx, &got, w->row, sizeof got);
  if (w->kind == ALLOCATES || w->kind == KEEPS) status = sl_memory_alloc(w->ctx, &p, 4);
  if (w->kind == GROWS && is_recorded)
    status = sl_attention_decode(w->ctx, w->row, w->table, w->keys, w->keys, w->zero, w->zero, 1,
                                 ROWS, 1, D, CAPACITY, 1);
  if (w->kind == OTHER_OFFSETS && is_recorded)
    status = sl_embedding_grad(w->ctx, w->row, w->table, w->ids, seq, SEQUENCES_MOST, D, ROWS);
  if (w->kind == ALLOCATES) sl_memory_free(w->ctx, p);
  return status;
}

/* total += the rows of the table that ids name; planted: those from this step on, so that where
 * they begin is an argument. */
static sl_status calls(void *arg) {
  const work *w = arg;
  const float *rows = w->kind == POSITION_AS_ARGUMENT ? w->table + w->step * D : w->row;
  sl_status status = besides(w);
  if (!status) status = sl_embedding_forward(w->ctx, w->row, w->table, w->ids, ROWS, D, VOCAB);
  return status ? status : sl_residual_add(w->ctx, w->total, w->total, rows, FLOATS);
}

static void repeat(work *w, uint32_t step) {
  const uint32_t ids[ROWS] = {step, step + 1, step + 2};
  const sl_repeat_key key = {{(uintptr_t)w}};
  w->step = step;
  cr_assert_eq(sl_memory_write(w->ctx, w->ids, ids, sizeof ids), SL_OK);
  cr_assert_eq(sl_context_repeat(w->ctx, &key, calls, w), SL_OK, "%s",
               sl_context_error(w->ctx)->message);
}

static void read_total(const work *w, float total[FLOATS]) {
  cr_assert_eq(sl_memory_read(w->ctx, total, w->total, FLOATS * sizeof *total), SL_OK, "%s",
               sl_context_error(w->ctx)->message);
}

/* All steps; the launches that they took. Not freed on a host, whose memory ends with the test. */
static uint64_t take_steps(const char *backend, uint64_t seed, kind_of_calls kind, int granted,
                           float total[FLOATS]) {
  work w = open_work(backend, seed, kind);
  sl_simulation_grant_graphs(granted);
  const uint64_t before = sl_simulation_launches();
  for (uint32_t i = 0; i < STEPS; i++) repeat(&w, i);
  read_total(&w, total);
  const uint64_t launches = sl_simulation_launches() - before;
  cr_expect_eq(sl_simulation_findings(), 0);
  close_work(&w);
  return launches;
}

Test(graphs, repeated_calls_have_their_bits_in_one_launch) {
  float want[FLOATS], got[FLOATS];
  take_steps("plain", 1, RIGHT, 1, want);
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    cr_expect_eq(take_steps("simt", seed, RIGHT, 1, got), LAUNCHES + STEPS - 1);
    cr_expect_eq(memcmp(got, want, sizeof want), 0, "seed %" PRIu64, seed);
  }
}

/* Planted: what the contract of sl_context_repeat forbids shows in the bits. */
Test(graphs, a_launch_argument_that_follows_the_position_shows) {
  float want[FLOATS], got[FLOATS];
  take_steps("plain", 1, POSITION_AS_ARGUMENT, 1, want);
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    take_steps("simt", seed, POSITION_AS_ARGUMENT, 1, got);
    cr_expect_neq(memcmp(got, want, sizeof want), 0, "seed %" PRIu64, seed);
  }
}

/* Calls that wait, allocate, copy from the host or need more memory are made as they stand, each
 * time; so are all where there is no memory for graphs. What needs more memory, once, and launches
 * more then, makes the context forget: the third step from there on is recorded. */
Test(graphs, what_cannot_be_recorded_is_called) {
  enum { AGAIN = 3 * LAUNCHES + STEPS - 3 };
  static const uint64_t all[KINDS] = {[GROWS] = AGAIN + 2, [OTHER_OFFSETS] = AGAIN + 1};
  float want[FLOATS], got[FLOATS];
  for (kind_of_calls kind = RIGHT; kind < KINDS; kind++) {
    if (kind == POSITION_AS_ARGUMENT) continue;
    take_steps("plain", 1, kind, 1, want);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
      cr_expect_eq(take_steps("simt", seed, kind, kind != RIGHT, got),
                   all[kind] ? all[kind] : LAUNCHES * STEPS, "kind %d", (int)kind);
      cr_expect_eq(memcmp(got, want, sizeof want), 0, "kind %d, seed %" PRIu64, (int)kind, seed);
    }
  }
}

Test(graphs, are_given_up_where_they_cannot_be_launched) {
  float want[FLOATS], got[FLOATS];
  take_steps("plain", 1, RIGHT, 1, want);
  work w = open_work("simt", 1, RIGHT);
  const uint64_t before = sl_simulation_launches();
  for (uint32_t i = 0; i < STEPS; i++) {
    sl_simulation_grant_graphs(i != 4); /* and the calls go on after that */
    repeat(&w, i);
  }
  read_total(&w, got);
  cr_expect_eq(sl_simulation_launches() - before, LAUNCHES + 3 + LAUNCHES * (STEPS - 4));
  cr_expect_eq(memcmp(got, want, sizeof want), 0);
  close_work(&w);
}

/* cuBLAS launches what it likes. */
Test(graphs, hold_nothing_of_a_vendor) {
  float got[FLOATS];
  sl_backend_add(sl_simt_cublas_backend());
  cr_expect_eq(take_steps("cublas", 1, RIGHT, 1, got), LAUNCHES * STEPS);
}

Test(graphs, are_not_used_where_they_are_switched_off) {
  work w = open_work("simt", 1, RIGHT);
  sl_context_set_repeat(w.ctx, 0);
  const uint64_t before = sl_simulation_launches();
  for (uint32_t i = 0; i < STEPS; i++) repeat(&w, i);
  cr_expect_eq(sl_simulation_launches() - before, LAUNCHES * STEPS);
  close_work(&w);
}

/* The same key with other memory, once the old is freed: a graph would touch what is gone. */
Test(graphs, are_forgotten_when_memory_is_freed) {
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    work w = open_work("simt", seed, RIGHT), plain;
    float want[FLOATS], got[FLOATS];
    for (uint32_t i = 0; i < 4; i++) repeat(&w, i);
    float *other = allocate(w.ctx, FLOATS * sizeof(float)); /* at another address */
    sl_memory_free(w.ctx, w.row);
    w.row = other;
    for (uint32_t i = 4; i < STEPS; i++) repeat(&w, i);
    read_total(&w, got);
    cr_expect_eq(sl_simulation_findings(), 0, "seed %" PRIu64, seed);
    close_work(&w);
    plain = open_work("plain", seed, RIGHT);
    for (uint32_t i = 0; i < STEPS; i++) repeat(&plain, i);
    read_total(&plain, want);
    cr_expect_eq(memcmp(got, want, sizeof want), 0, "seed %" PRIu64, seed);
    close_work(&plain);
  }
}

typedef struct {
  sl_context *ctx;
  double *sum; /* of squares: a kernel with workspace */
  const float *x;
  size_t n;
} squares;

static sl_status square_sum(void *arg) {
  const squares *s = arg;
  return sl_grad_square_sum(s->ctx, s->sum, s->x, s->n);
}

static double repeat_squares(squares *s) {
  double sum;
  const sl_repeat_key key = {{(uintptr_t)s, s->n}};
  cr_assert_eq(sl_context_repeat(s->ctx, &key, square_sum, s), SL_OK);
  cr_assert_eq(sl_memory_read(s->ctx, &sum, s->sum, sizeof sum), SL_OK, "%s",
               sl_context_error(s->ctx)->message);
  return sum;
}

/* A larger workspace frees the one that a graph names. */
Test(graphs, are_forgotten_when_the_workspace_grows) {
  work w = open_work("simt", 3, GROWS);
  squares s = {w.ctx, allocate(w.ctx, sizeof(double)), w.keys, 4 * SL_SUM_CHUNK};
  double sum[4];
  cr_assert_eq(sl_memory_copy(w.ctx, w.keys, w.table, VOCAB * D * sizeof(float)), SL_OK);
  for (int i = 0; i < 3; i++) sum[i] = repeat_squares(&s);
  void *behind = allocate(w.ctx, 1); /* so that it grows at another address */
  cr_assert_eq(sl_attention_decode(w.ctx, w.total, w.table, w.keys, w.keys, w.zero, w.zero, 1, ROWS,
                                   1, D, CAPACITY, 1),
               SL_OK, "%s", sl_context_error(w.ctx)->message);
  sum[3] = repeat_squares(&s);
  cr_expect(sum[0] > 0.0 && sum[1] == sum[0] && sum[2] == sum[0] && sum[3] == sum[0]);
  cr_expect_eq(sl_simulation_findings(), 0);
  sl_memory_free(w.ctx, s.sum), sl_memory_free(w.ctx, behind);
  close_work(&w);
}

/* More keys than a context keeps, in turns and then each by itself. */
Test(graphs, are_kept_in_a_bounded_number) {
  enum { KEYS = 70 };
  work w = open_work("simt", 5, RIGHT);
  squares s[KEYS];
  double want[KEYS];
  for (size_t k = 0; k < KEYS; k++)
    s[k] = (squares){w.ctx, (double *)(void *)w.total, w.table, 1 + k % (VOCAB * D)},
    want[k] = repeat_squares(&s[k]);
  for (int round = 0; round < 3; round++)
    for (size_t k = 0; k < KEYS; k++) cr_expect_eq(repeat_squares(&s[k]), want[k]);
  for (size_t k = 0; k < KEYS; k++)
    for (int i = 0; i < 3; i++) cr_expect_eq(repeat_squares(&s[k]), want[k]);
  cr_expect_eq(sl_simulation_findings(), 0);
  close_work(&w);
}
