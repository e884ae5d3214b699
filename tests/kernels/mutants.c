/* Wrong kernels in a plain context (see mutants.h). */
#include "mutants.h"

#include "ci/products/equiv/equiv.h"

#include <stdio.h>
#include <string.h>

#define CASES 24

sl_context *mutant_context(int threads) {
  sl_context *ctx;
  sl_error err;
  cr_assert_eq(
      sl_context_create(&ctx, &(sl_context_options){.backend = "plain", .threads = threads}, &err),
      SL_OK, "%s", err.message);
  return ctx;
}

int mutant_caught(sl_kernel_id kernel, sl_context *ctx, const char *place) {
  sl_context *golden = mutant_context(1);
  int found = 0, placed = 0;
  for (uint64_t seed = 1; seed <= CASES; seed++) {
    sl_equiv_trial *trial;
    sl_error err;
    cr_assert_eq(sl_equiv_begin(&trial, kernel, seed, golden, &err), SL_OK, "%s", err.message);
    if (sl_equiv_check(trial, ctx, &err)) {
      found++, placed += strstr(err.message, place) != NULL;
      if (found == 1) printf("caught: %s\n", err.message);
    }
    sl_equiv_end(trial);
  }
  sl_context_destroy(golden);
  cr_expect(found == 0 || placed > 0, "no message of %d says '%s'", found, place);
  return found;
}
