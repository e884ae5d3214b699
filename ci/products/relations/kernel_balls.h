/* Relation A on the problems of the equivalence gate (spec E3.2): for each output of a kernel of
 * spec/kernels.def the balls of reference/bounds.h, which hold for Sluice's own order. */
#ifndef SLUICE_RELATIONS_KERNEL_BALLS_H
#define SLUICE_RELATIONS_KERNEL_BALLS_H

#include "reference/ball.h"
#include "reference/contract/format.h"

#include <sluice/kernels.h>

struct sl_problem;

enum { SL_KERNEL_OUTPUTS = 4 };

typedef struct {
  size_t array; /* of the problem */
  const char *name;
  sl_format type;
  size_t n;
  sl_ball *balls;
  size_t row; /* elements of a row; 0: it has no rows */
} sl_kernel_output;

typedef struct {
  size_t outs;
  sl_kernel_output out[SL_KERNEL_OUTPUTS];
} sl_kernel_balls;

/* result: the arrays after the run, for the token of `sample`, which is taken as given. The caller
 * ends it, on error too. */
sl_status sl_kernel_balls_make(sl_kernel_balls *b, sl_kernel_id kernel, const struct sl_problem *p,
                               const void *token);
/* The balls for any order of the sums, of the three linear kernels and the pack (spec E1.3). */
sl_status sl_kernel_balls_any_order(sl_kernel_balls *b, sl_kernel_id kernel,
                                    const struct sl_problem *p);
void sl_kernel_balls_end(sl_kernel_balls *b);

/* The output's values in binary64, as many as it has balls. A 64-bit word becomes four of 16 bits,
 * a loss_sums its fields. */
void sl_kernel_values(double *x, const sl_kernel_output *out, const struct sl_problem *p,
                      const void *data);

#endif
