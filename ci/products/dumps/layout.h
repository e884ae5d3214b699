/* The axes of a dump's tensors (spec E6.2): sizes by letter, and values in the op's own order. */
#ifndef SLUICE_DUMPS_LAYOUT_H
#define SLUICE_DUMPS_LAYOUT_H

#include "reference/contract/op.h"
#include "trainer/files/dump.h"

enum { SL_LAYOUT_FACTORS = 8 };

/* A tensor's axes as its file has them, each a letter with its digits: factors in order, and the
 * axis that each is part of. */
typedef struct {
  char factor[SL_LAYOUT_FACTORS + 1];
  size_t axis[SL_LAYOUT_FACTORS], axes;
} sl_layout;

/* SL_ERR_INPUT if text is no permutation of the tensor's shape. */
sl_status sl_layout_parse(sl_layout *layout, const sl_op_tensor *tensor, const char *text,
                          sl_error *err);

/* Which tensor gave a letter its size. */
typedef const char *sl_size_sources[SL_OP_LETTERS];

/* Takes the sizes of letters from the shape, or checks them against those that are there.
 * SL_ERR_INPUT names both tensors. */
sl_status sl_layout_sizes(sl_op_case *c, sl_size_sources from, const sl_layout *layout,
                          const sl_op_tensor *tensor, const sl_tensor_view *view, sl_error *err);

/* All values of the tensor in the order of its op; the caller frees them. */
sl_status sl_layout_read(double **out, const sl_op_case *c, const sl_layout *layout,
                         const sl_op_tensor *tensor, sl_dump *dump, size_t index, sl_error *err);

#endif
