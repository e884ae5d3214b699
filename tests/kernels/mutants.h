/* Wrong kernels in a plain context: the equivalence gate must catch each within the cases that its
 * test runs, with the tensor named. */
#ifndef SLUICE_TEST_MUTANTS_H
#define SLUICE_TEST_MUTANTS_H

#include "kernels/core/context.h"

#include <criterion/criterion.h>

/* A plain context, whose table may be changed. */
sl_context *mutant_context(int threads);

/* Cases in which ctx differs from plain; `place` must be in a message. */
int mutant_caught(sl_kernel_id kernel, sl_context *ctx, const char *place);

#define MUTANT(test, kernel, wrong, place)                                          \
  Test(mutants, test) {                                                             \
    sl_context *ctx = mutant_context(2);                                            \
    ctx->table.kernel = wrong;                                                      \
    cr_expect_gt(mutant_caught(SL_KERNEL_##kernel, ctx, place), 0, #test " lives"); \
    sl_context_destroy(ctx);                                                        \
  }

#endif
