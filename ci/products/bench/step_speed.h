/* A training step (forward, backward, norm, AdamW) on random weights, timed beside a matrix
 * product: `sluice bench step` and `sluice-device step`. */
#ifndef SLUICE_STEP_SPEED_H
#define SLUICE_STEP_SPEED_H

#include "trainer/model/model_layout.h"

#include <sluice/kernels.h>

typedef struct sl_step_kind {
  const char *name, *what;
  sl_model_shape shape; /* max_positions: tokens of the longest sequence */
  size_t tokens;        /* of a step, unless told otherwise */
  size_t shards;        /* spec N4.3 */
} sl_step_kind;
/* n kinds; the first is the default. */
size_t sl_step_kinds(const sl_step_kind **list);
/* NULL where there is none of that name. */
const sl_step_kind *sl_step_kind_named(const char *name);
#define SL_STEP_TOKENS_MAX ((size_t)1 << 20)

/* Times steps of `tokens` tokens (0: the kind's own), in sequences as long as the kind allows, and
 * prints a line (json: an object). Says on standard error what memory that takes before it takes
 * it; SL_ERR_MEMORY where this machine does not have it. */
sl_status sl_step_speed(const sl_context_options *options, const sl_step_kind *kind, size_t tokens,
                        int json, sl_error *err);

#endif
