/* A training step (forward, backward, norm, AdamW) on random weights, timed beside a matrix
 * product: `sluice bench step` and `sluice-device step`. */
#ifndef SLUICE_STEP_SPEED_H
#define SLUICE_STEP_SPEED_H

#include "step_model.h"

#define SL_STEP_TOKENS_MAX ((size_t)1 << 20)

/* A line, an object, or an object a step for each line on standard input (on_request.h). */
typedef enum { SL_STEP_TEXT, SL_STEP_JSON, SL_STEP_ON_REQUEST } sl_step_output;

/* Times steps of `tokens` tokens (0: the kind's own), in sequences as long as the kind allows, and
 * prints them. Says on standard error what memory that takes before it takes it; SL_ERR_MEMORY
 * where this machine does not have it. */
sl_status sl_step_speed(const sl_context_options *options, const sl_step_kind *kind, size_t tokens,
                        sl_step_output output, sl_error *err);

#endif
