/* One AdamW step over an arena of parameters: norm, clipping, update (spec N6). */
#include "optimizer.h"

#include <math.h>
#include <string.h>

sl_status sl_optimizer_create(sl_optimizer *out, sl_context *ctx, const sl_model_layout *layout,
                              sl_error *err) {
  sl_optimizer o = {.ctx = ctx, .layout = layout, .state = {1.0, 1.0}};
  sl_status status = sl_arena_create(&o.m, ctx, layout, err);
  if (!status) status = sl_arena_create(&o.v, ctx, layout, err);
  if (!status)
    status = sl_mirror_create(&o.squares, ctx, layout->n_tensors * sizeof(double),
                              "the squares of gradients", err);
  if (status) {
    sl_optimizer_free(&o);
    return status;
  }
  *out = o;
  return SL_OK;
}

size_t sl_optimizer_bytes(const sl_context *ctx, const sl_model_layout *layout) {
  return 2 * sl_arena_bytes(layout) + sl_mirror_bytes(ctx, layout->n_tensors * sizeof(double));
}

void sl_optimizer_free(sl_optimizer *o) {
  sl_arena_free(o->ctx, o->m);
  sl_arena_free(o->ctx, o->v);
  sl_mirror_free(&o->squares);
  o->m = o->v = NULL;
}

sl_status sl_optimizer_reset(sl_optimizer *o) {
  sl_status status = sl_memory_zero(o->ctx, o->m, sl_arena_bytes(o->layout));
  if (!status) status = sl_memory_zero(o->ctx, o->v, sl_arena_bytes(o->layout));
  o->state = (sl_adamw_state){1.0, 1.0};
  return status;
}

static sl_status square_sums(sl_optimizer *o, const float *gradient) {
  double *sum = (double *)(void *)o->squares.host;
  for (size_t i = 0; i < o->layout->n_tensors; i++) {
    const sl_tensor_info *t = &o->layout->tensors[i];
    const sl_status status = sl_grad_square_sum(o->ctx, sl_mirror_device(&o->squares, &sum[i]),
                                                gradient + t->offset, t->count);
    if (status) return status;
  }
  return sl_mirror_pull(&o->squares, sum, o->layout->n_tensors * sizeof *sum);
}

sl_status sl_gradient_norm(sl_optimizer *o, float *gradient, double *norm, sl_error *err) {
  const double *sum = (const double *)(void *)o->squares.host;
  sl_status status = square_sums(o, gradient);
  if (status) sl_fail(err, status, "%s", sl_context_error(o->ctx)->message);
  if (status == SL_ERR_NONFINITE) {
    float *host;
    if (sl_arena_view(&host, o->ctx, o->layout, gradient, err)) return err->status;
    sl_arena_check(o->layout, host, "the gradient of", err);
    sl_arena_unview(host, o->ctx);
  }
  if (status) return status;
  double total = 0.0;
  for (size_t i = 0; i < o->layout->n_tensors; i++) total += sum[i];
  *norm = sqrt(total);
  return SL_OK;
}

/* What a clipped gradient may be (spec N6.2). */
#define GRADIENT_MAX 0x1p60f

static sl_status check_elements(const sl_model_layout *layout, const float *gradient, float scale,
                                sl_error *err) {
  for (size_t i = 0; i < layout->n_tensors; i++) {
    const sl_tensor_info *t = &layout->tensors[i];
    for (size_t j = 0; j < t->count; j++) {
      const float g = gradient[t->offset + j] * scale;
      if (!(fabsf(g) <= GRADIENT_MAX))
        return sl_fail(
            err, SL_ERR_NONFINITE,
            "gradient %s[%zu] is %g, clipped %g: more than 2^60, which the moments cannot hold%s",
            t->name, j, (double)gradient[t->offset + j], (double)g,
            scale < 1.0f ? "" : " (optimizer.max_norm clips)");
    }
  }
  return SL_OK;
}

static sl_status check_magnitude(sl_optimizer *o, float *gradient, float scale, sl_error *err) {
  float *host;
  sl_status status = sl_arena_view(&host, o->ctx, o->layout, gradient, err);
  if (status) return status;
  status = check_elements(o->layout, host, scale, err);
  sl_arena_unview(host, o->ctx);
  return status;
}

sl_status sl_optimizer_step(sl_optimizer *o, const sl_optimizer_options *options, float *parameters,
                            float *gradient, double norm, float lr, sl_error *err) {
  const float scale = sl_clip_scale(norm, options->max_norm),
              decay = sl_adamw_decay(lr, options->weight_decay);
  if (norm * (double)scale >
      0.5 * (double)GRADIENT_MAX) { /* no element is larger than the norm, whose error is far below
                                       a factor of 2 */
    const sl_status status = check_magnitude(o, gradient, scale, err);
    if (status) return status;
  }
  sl_adamw scalars = sl_adamw_scalars(&o->state, options->b1, options->b2, options->eps, lr, scale);
  scalars.g_finite = isfinite(norm);
  for (size_t i = 0; i < o->layout->n_tensors; i++) {
    const sl_tensor_info *t = &o->layout->tensors[i];
    scalars.decay = t->decays ? decay : 1.0f;
    const size_t at = t->offset;
    const sl_status status = sl_adamw_step(o->ctx, parameters + at, o->m + at, o->v + at,
                                           gradient + at, &scalars, t->count);
    if (status) return sl_fail(err, status, "%s", sl_context_error(o->ctx)->message);
  }
  return SL_OK;
}
