/* Assertions that only a mistake in Sluice itself can break. Internal.
 *
 * SL_VERIFY(condition) aborts with a message where the code is compiled with SLUICE_VERIFY: in the
 * tests' library with tiny chunks (tests/kernels/tiny.cmake), and in whole builds configured with
 * -DSLUICE_VERIFY=ON (the presets dev, asan, tsan, coverage). Elsewhere, in the library that is
 * shipped and measured, it is not evaluated and costs nothing. What a user can get wrong is a
 * status, never an assertion. */
#ifndef SLUICE_INTERNAL_VERIFY_H
#define SLUICE_INTERNAL_VERIFY_H

#ifdef SLUICE_VERIFY
#include <stdio.h>
#include <stdlib.h>

static inline void sl_verify(int holds, const char *condition, const char *file, int line) {
  if (holds) return;
  fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
  abort();
}
#define SL_VERIFY(condition) sl_verify((condition) ? 1 : 0, #condition, __FILE__, __LINE__)
#else
#define SL_VERIFY(condition) ((void)sizeof((condition) ? 1 : 0))
#endif

#endif
