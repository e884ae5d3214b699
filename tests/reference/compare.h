/* The metric of plain against reference: |result - exact| / bound, with the bound of
 * reference/bounds.h; the limit is 1. The printed line carries the derivation. Beside it, the
 * walk's exact value must agree with the independent reference within the slack that ball.h allows
 * for binary64, so that neither can be wrong alone. */
#ifndef SLUICE_TEST_COMPARE_H
#define SLUICE_TEST_COMPARE_H

#include "reference/bounds.h"

#include <sluice/kernels.h>

#define SLACK_LIMIT 0x1p-10 /* of the bound: reference/ball.h */
#define BINARY64_LIMIT \
  1.0 /* where the kernel itself is binary64, the walk's value is one more conforming result */

typedef struct {
  const char *output; /* "y of rmsnorm_forward" */
  sl_bound_id bound;
  double largest, sum, walk; /* of error / bound; walk: of |mid - exact| / bound */
  size_t n, unbounded, at;
} comparison;

comparison comparison_of(const char *output, sl_kernel_id kernel);
void compare_floats(comparison *c, const float *got, const double *exact, const sl_ball *bound,
                    size_t n);
void compare_doubles(comparison *c, const double *got, const double *exact, const sl_ball *bound,
                     size_t n);
/* Prints the line, and asserts: largest <= 1, walk <= walk_limit, no element without a bound, at
 * least one element. */
void comparison_end(const comparison *c, double walk_limit);

#endif
