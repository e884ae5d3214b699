/* A context of the plain backend for a test. */
#ifndef SLUICE_TEST_PLAIN_CONTEXT_H
#define SLUICE_TEST_PLAIN_CONTEXT_H

#include "reference/kernels.h"

#include <sluice/kernels.h>

#include <criterion/criterion.h>

static inline sl_context *plain_context(void) {
  const sl_context_options options = {.backend = "plain", .threads = 1};
  sl_context *ctx = NULL;
  sl_error error;
  cr_assert_eq(sl_context_create(&ctx, &options, &error), SL_OK, "%s", error.message);
  return ctx;
}

#endif
