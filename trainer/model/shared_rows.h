/* Rows of a micro-batch with equal values, computed once (spec T5.7). Internal. */
#ifndef SLUICE_SHARED_ROWS_H
#define SLUICE_SHARED_ROWS_H

#include "batch_gradient.h"

/* The rows of a batch that begins at row `at` of the step's read rows, where sharing saves more
 * than copies cost: then *out is filled, and b->shared points to it. The batch knows already which
 * rows of its last layer are read. Not on a device, whose kernels cannot copy rows in place. */
void sl_shared_rows_find(const sl_update_batch *step, sl_shared_rows *out, sl_batch *b, size_t at);

/* x (t, d), whose first rows are those of all different rows, in place: row i becomes the present
 * row place[i], at most i. */
sl_status sl_rows_repeat(sl_context *ctx, float *x, const uint32_t *place, size_t t, size_t d);

#endif
