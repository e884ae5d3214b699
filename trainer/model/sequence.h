/* One sequence through a model, for its log-probs. */
#ifndef SLUICE_SEQUENCE_H
#define SLUICE_SEQUENCE_H

#include "block.h"
#include "model.h"

/* The arrays of a sequence of up to the n tokens that it was created for, for host and kernels. */
typedef struct {
  sl_mirror mirror;
  uint32_t *ids, *position, *target;
  uint8_t *mask;
  float *logp, *entropy; /* by token: of the one that follows */
} sl_sequence;

/* SL_ERR_MEMORY. To be freed also after a failure. */
sl_status sl_sequence_create(sl_sequence *out, sl_context *ctx, size_t n, sl_error *err);
void sl_sequence_free(sl_sequence *sequence);

/* The pass of a model that is packed over n ids (of the host): logp[0 .. n - 2] are those of
 * ids[1 .. n - 1], entropy those of their distributions, at 1 / inverse_temperature. The status is
 * the context's. */
sl_status sl_sequence_forward(sl_sequence *sequence, sl_model *model, const uint32_t *ids, size_t n,
                              float inverse_temperature);

#endif
