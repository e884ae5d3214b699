/* Does a model give finite numbers? Weights that are finite may overflow in the first product. */
#ifndef SLUICE_MODEL_CHECK_H
#define SLUICE_MODEL_CHECK_H

#include "model.h"

/* One forward pass over n token ids (of the host; n from 2 to max_positions), log-probs and
 * entropies at 1 / inverse_temperature. parameters lie in the context's memory. SL_ERR_NONFINITE if
 * a logit, the log-prob of a next token or an entropy is not finite, and says where that begins;
 * SL_ERR_MEMORY. watch may be NULL. */
sl_status sl_model_check_forward(sl_context *ctx, const sl_model_layout *layout,
                                 const float *parameters, const uint32_t *ids, size_t n,
                                 float inverse_temperature, const sl_model_watch *watch,
                                 sl_error *err);

#endif
