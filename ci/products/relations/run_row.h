/* One row of a run: the problems of a kernel on a backend. Internal. */
#ifndef SLUICE_RELATIONS_RUN_ROW_H
#define SLUICE_RELATIONS_RUN_ROW_H

#include "run.h"

#include "ci/products/equiv/equiv.h"

enum { SL_ROW_CONTEXTS = 3 };

/* The values of a problem's outputs, kept for the control that repeats the call before. */
typedef struct {
  size_t outs;
  size_t n[SL_KERNEL_OUTPUTS];
  double *x[SL_KERNEL_OUTPUTS];
} sl_row_values;

typedef struct {
  const sl_run_request *request;
  sl_run_row row;
  sl_row_values before;
} sl_row_state;

void sl_row_begin(sl_row_state *s, const sl_run_request *r, sl_kernel_id kernel,
                  const char *backend);
/* The problem of that number, in all contexts of the backend: what it finds is in s->row. An error
 * is the machine's, not the kernel's. */
sl_status sl_row_problem(sl_row_state *s, size_t number, sl_context *golden, sl_context *const *ctx,
                         size_t contexts, size_t shrink, sl_error *err);
/* The first kind that claims power and whose problems so far reject not every control;
 * SL_RUN_KINDS: none. */
size_t sl_row_powerless(const sl_row_state *s);
/* Outcomes that all problems together decide: controls. */
void sl_row_finish(sl_row_state *s);
void sl_row_end(sl_row_state *s);

#endif
