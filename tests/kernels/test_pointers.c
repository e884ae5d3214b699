/* Null and misaligned pointers for every array of every kernel are refused, with the place, and
 * outputs are as before (spec N1.5, N4.1). */
#include "ci/products/equiv/problem.h"
#include "kernel_test.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)24 << 20)
#define CASES 12

/* Arrays that may be NULL, or that the case does not pass on: the call may succeed without them. */
static int is_optional(const char *kernel, const char *array) {
  static const char *const always[] = {"bias", "residual", "db", "dentropy", "logp_ref"};
  for (size_t i = 0; i < sizeof always / sizeof *always; i++)
    if (strcmp(always[i], array) == 0) return 1;
  if (strcmp(kernel, "gated_loss") == 0)
    return strcmp(array, "e") == 0 || strcmp(array, "entropy") == 0 || /* tested below, by gamma */
           strcmp(array, "advantage") == 0 || strcmp(array, "token_advantage") == 0;
  if (strcmp(kernel, "logprob_backward") == 0) return strcmp(array, "logp") == 0; /* no argument */
  return strcmp(array, "a") == 0 || strcmp(array, "b") == 0; /* y stands in for it */
}

/* A call without tokens, copies or sequences reads nothing. */
static int is_idle(const sl_problem *p) {
  for (size_t i = 0; i < p->arrays; i++)
    if (p->array[i].type == SL_U32 &&
        p->array[i].count == (size_t)(strcmp(p->array[i].name, "seq") == 0))
      return 1;
  return 0;
}

/* Calls the case with array i at `place`: it must be refused with its kernel's name, and outputs be
 * as before. */
static void expect_refused(sl_context *ctx, const sl_case *c, const sl_problem *p, size_t i,
                           unsigned char *place, const unsigned char *before, const char *what) {
  void *at[SL_ARRAYS_MAX];
  for (size_t j = 0; j < p->arrays; j++) at[j] = p->array[j].data;
  at[i] = place;
  const sl_status status = c->run(ctx, p, at);
  if (status == SL_OK && (is_idle(p) || is_optional(c->name, p->array[i].name))) return;
  cr_expect_eq(status, SL_ERR_USAGE, "%s, %s %s: %s", c->name, what, p->array[i].name,
               sl_status_name(status));
  const char *message = sl_context_error(ctx)->message;
  cr_expect(strstr(message, what) && (strncmp(message, c->name, strlen(c->name)) == 0 ||
                                      strncmp(message, "linear_", 7) == 0),
            "%s", message);
  cr_expect_eq(memcmp(p->arena, before, p->arena_used), 0, "%s, %s %s: something was written",
               c->name, what, p->array[i].name);
}

/* Each array of the problem in turn; 1 for each that was tried. */
static void spoil_arrays(sl_context *ctx, const sl_case *c, uint64_t seed,
                         int tried[SL_ARRAYS_MAX]) {
  sl_problem p = {
      .source = {seed}, .golden = ctx, .arena = malloc(ARENA_BYTES), .arena_bytes = ARENA_BYTES};
  cr_assert_not_null(p.arena);
  c->make(&p);
  unsigned char *before = malloc(p.arena_used);
  cr_assert_not_null(before);
  for (size_t i = 0; i < p.arrays; i++) {
    if (p.array[i].count == 0) continue;
    memcpy(before, p.arena, p.arena_used);
    expect_refused(ctx, c, &p, i, NULL, before, "is NULL");
    memcpy(p.arena, before, p.arena_used); /* an optional array's call wrote */
    if (p.array[i].type != SL_U8)
      expect_refused(ctx, c, &p, i, (unsigned char *)p.array[i].data + 1, before, "is not aligned");
    memcpy(p.arena, before, p.arena_used);
    tried[i]++;
  }
  free(before);
  free(p.arena);
}

static void spoil_kernel(const sl_case *c) {
  sl_context *ctx = plain_context();
  int tried[SL_ARRAYS_MAX] = {0};
  for (uint64_t seed = 1; seed <= CASES; seed++) spoil_arrays(ctx, c, seed, tried);
  cr_expect_gt(tried[0] + tried[1], 0, "%s: no array was tried", c->name);
}

#define SL_KERNEL(name, params, args, storage, clause, bound)       \
  Test(arguments, pointers_##name) {                                \
    spoil_kernel(&(sl_case){#name, sl_make_##name, sl_run_##name}); \
  }
#include <sluice/kernels.def>
#undef SL_KERNEL
