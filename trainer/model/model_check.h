/* Does a model give finite numbers? Weights that are finite may overflow in the first product. */
#ifndef SLUICE_MODEL_CHECK_H
#define SLUICE_MODEL_CHECK_H

#include "model_layout.h"

/* One forward pass over n token ids (of the host; n from 2 to max_positions). parameters lie in the
 * context's memory. SL_ERR_NONFINITE if a logit or the log-prob of a next token is not finite, and
 * says in which part of the model that begins; SL_ERR_MEMORY. */
sl_status sl_model_check_forward(sl_context *ctx, const sl_model_layout *layout,
                                 const float *parameters, const uint32_t *ids, size_t n,
                                 sl_error *err);

#endif
