/* The kernels that `sluice bench kernels` times, with what each must do at least. */
#ifndef SLUICE_KERNEL_ROWS_H
#define SLUICE_KERNEL_ROWS_H

#include <sluice/kernels.h>

/* Arrays that the rows share; a row uses what it needs, in the sizes that it states. */
typedef struct {
  float *big[4], *packed; /* 64 MiB each */
  float *small[6];        /* 4 Mi floats each */
  uint32_t *ids, seq[2];
  uint8_t *mask;
  double *coefficient;
  sl_loss_sums *sums;
} sl_kernel_arrays;

typedef struct {
  const char *name, *shape;
  sl_status (*run)(sl_context *ctx, const sl_kernel_arrays *a);
  double fmas, bytes; /* what cannot be avoided: fmas, and operands moved once */
  double items;       /* what a time is given for, and its name */
  const char *item;
} sl_kernel_row;

enum { SL_KERNEL_COPY, SL_KERNEL_PRODUCT }; /* the first two rows are the floors of the others */
size_t sl_kernel_rows(const sl_kernel_row **list);

sl_status sl_kernel_arrays_new(sl_kernel_arrays *a, sl_context *ctx, sl_error *err);
void sl_kernel_arrays_free(sl_kernel_arrays *a);

#endif
