/* One AdamW step over an arena of parameters: norm, clipping, update (spec N6). */
#ifndef SLUICE_OPTIMIZER_H
#define SLUICE_OPTIMIZER_H

#include "block.h"
#include "model_layout.h"

#include <sluice/kernels.h>
#include <sluice/objective.h>

typedef struct {
  float b1, b2, eps;
  double weight_decay, max_norm;
} sl_optimizer_options;

/* Moments and bias corrections; m and v are arenas of the layout in the context's memory, as
 * parameters and gradients are. */
typedef struct {
  sl_context *ctx;
  const sl_model_layout *layout;
  float *m, *v;
  sl_mirror squares; /* (n_tensors) binary64, of a gradient */
  sl_adamw_state state;
} sl_optimizer;

sl_status sl_optimizer_create(sl_optimizer *out, sl_context *ctx, const sl_model_layout *layout,
                              sl_error *err);
void sl_optimizer_free(sl_optimizer *o);
size_t sl_optimizer_bytes(const sl_context *ctx, const sl_model_layout *layout);
/* Moments back to +0, corrections back to 1: a new phase of training. */
sl_status sl_optimizer_reset(sl_optimizer *o);

/* Norm of a gradient arena before clipping (spec N6.1). A non-finite element is SL_ERR_NONFINITE
 * with its tensor and index. */
sl_status sl_gradient_norm(sl_optimizer *o, float *gradient, double *norm, sl_error *err);

/* parameters -= ...; norm is the gradient's, lr that of this step (spec N6.2, N6.3; a zero gradient
 * is no exception, spec N6.6). SL_ERR_NONFINITE, with tensor and index, for an element that is
 * beyond 2^60 after clipping; then nothing is touched. */
sl_status sl_optimizer_step(sl_optimizer *o, const sl_optimizer_options *options, float *parameters,
                            float *gradient, double norm, float lr, sl_error *err);

#endif
