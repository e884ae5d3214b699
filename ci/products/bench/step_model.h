/* The models that benches time: shapes of published and of small ones, with arbitrary weights. */
#ifndef SLUICE_STEP_MODEL_H
#define SLUICE_STEP_MODEL_H

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
/* Its shape on standard output, as a JSON object with the keys of a config.json. */
void sl_step_kind_print(const sl_step_kind *kind);

/* Cheap numbers in place of spec T5.4's: weights of the usual size, norms 1, biases 0. In the
 * memory of ctx; for sl_arena_free. SL_ERR_MEMORY. */
sl_status sl_step_parameters(float **out, sl_context *ctx, const sl_model_layout *layout,
                             sl_error *err);

#endif
