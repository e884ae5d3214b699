/* An upper bound of the workspace that the kernels of a run use. */
#ifndef SLUICE_WORKSPACE_BOUND_H
#define SLUICE_WORKSPACE_BOUND_H

#include "trainer/model/model_layout.h"

#include <sluice/kernels.h>

/* The largest calls that a run makes. */
typedef struct {
  size_t tokens, sequences; /* of one pass; 0: the optimiser's calls alone */
  size_t update_tokens;     /* of one that is differentiated; 0: none is */
  size_t shard_tokens;      /* whose weight gradients are summed at a time */
  size_t rows;              /* logits that are sampled from at a time */
  size_t threads;           /* of a kernel; 0: the context's */
} sl_workspace_calls;

/* An upper bound of the bytes that the context's workspace grows to (kernels/core/workspace.c keeps
 * the largest single need); 0 on a device, whose backend keeps its own. SIZE_MAX if it overflows.
 */
size_t sl_workspace_bound(const sl_context *ctx, const sl_model_layout *layout,
                          const sl_workspace_calls *calls);

#endif
