/* The assertions of kernels/core/verify.h: each aborts in the library that has them (the one with
 * tiny chunks), and does nothing in the others. The mistakes are planted here. */
#include "kernel_test.h"
#include "kernels/core/context.h"
#include "kernels/gate/program.h"

#include <criterion/criterion.h>
#include <signal.h>

#ifdef SLUICE_VERIFY
#define MISTAKE(name) Test(verify, name, .signal = SIGABRT)
#else
#define MISTAKE(name) Test(verify, name)
#endif

MISTAKE(a_second_take_of_the_workspace) {
  sl_context *ctx = plain_context();
  ctx->workspace_used = 0;
  cr_assert_not_null(sl_workspace(ctx, 100));
  cr_assert_not_null(sl_workspace(ctx, 100));
}

#ifdef SLUICE_VERIFY /* without the assertion it would wait for itself */
static void nest(void *arg, size_t begin, size_t end, int thread) {
  (void)begin, (void)end;
  if (thread == 0) sl_team_run(arg, 4, 1, nest, arg);
}

MISTAKE(a_job_within_a_job) {
  sl_team *team;
  sl_error err;
  cr_assert_eq(sl_team_create(&team, 2, NULL, &err), SL_OK);
  sl_team_run(team, 4, 1, nest, team);
}
#endif

/* A kernel that fails and does not say why. */
static sl_status silent(sl_context *ctx, float *y, const float *a, const float *b, size_t n) {
  (void)ctx, (void)y, (void)a, (void)b, (void)n;
  return SL_ERR_MISMATCH;
}

MISTAKE(a_failure_without_a_message) {
  sl_context *ctx = plain_context();
  float x = 0.0f;
  ctx->table.residual_add = silent;
  cr_assert_eq(sl_residual_add(ctx, &x, &x, &x, 1), SL_ERR_MISMATCH);
}

/* A kernel that is called past its entry check, with a slot that the caches do not have. */
MISTAKE(a_slot_beyond_the_caches) {
  sl_context *ctx = plain_context();
  float cache[2] = {0}, x = 0.0f;
  const uint32_t slot = 1, position = 0;
  cr_assert_eq(ctx->table.kv_store(ctx, cache, cache, &x, &x, &slot, &position, 1, 1, 1, 1, 1),
               SL_OK);
}

MISTAKE(more_lanes_than_a_gate_program_has) {
  enum { LANES = SL_PROGRAM_LANES + 1 };
  static double scratch[4 * LANES], r[LANES], w[LANES];
  sl_tree tree;
  sl_program program;
  sl_error err;
  sl_tree_init(&tree);
  const sl_ref root = sl_tree_unary(&tree, SL_OP_R, SL_NO_REF);
  cr_assert_eq(sl_program_compile(&program, &tree, SL_NO_REF, root, &err), SL_OK);
  sl_program_run(&program, scratch, r, NULL, w, LANES);
}
