/* A model's parameters and their initial values (spec T5.4). */
#include "model_layout.h"

#include <sluice/random.h>

#include <math.h>
#include <string.h>

sl_status sl_parameters_create(sl_parameters *out, const sl_model_shape *shape, sl_error *err) {
  sl_parameters made = {NULL, NULL, NULL};
  sl_status status = sl_model_layout_create(&made.layout, shape, err);
  if (status == SL_OK) status = sl_arena_create(&made.data, NULL, made.layout, err);
  if (status != SL_OK) {
    sl_parameters_free(&made);
    return status;
  }
  *out = made;
  return SL_OK;
}

void sl_parameters_free(sl_parameters *parameters) {
  sl_model_layout_destroy(parameters->layout);
  sl_arena_free(parameters->ctx, parameters->data);
  *parameters = (sl_parameters){NULL, NULL, NULL};
}

sl_status sl_parameters_move(sl_parameters *p, sl_context *ctx, sl_error *err) {
  float *moved;
  if (!sl_context_on_device(ctx)) return SL_OK; /* its memory is the host's */
  sl_status status = sl_arena_create(&moved, ctx, p->layout, err);
  if (status) return status;
  status = sl_arena_write(moved, ctx, p->layout, p->data, err);
  if (status) {
    sl_arena_free(ctx, moved);
    return status;
  }
  sl_arena_free(p->ctx, p->data);
  p->data = moved, p->ctx = ctx;
  return SL_OK;
}

void sl_parameters_init(const sl_parameters *parameters, uint64_t seed, double init_std) {
  const sl_model_layout *layout = parameters->layout;
  for (size_t i = 0; i < layout->n_tensors; i++) {
    const sl_tensor_info *t = &layout->tensors[i];
    float *x = parameters->data + t->offset;
    if (t->rank == 2) {
      /* columns = fan-in of a linear layer, and hidden for embedding and head */
      const double std = init_std > 0 ? init_std : 1 / sqrt((double)t->shape[1]);
      sl_random_normals(x, t->count, (float)std, seed, (uint32_t)i);
      continue;
    }
    const float value = strstr(t->name, "norm.weight") ? 1.0f : 0.0f; /* else a bias */
    for (size_t j = 0; j < t->count; j++) x[j] = value;
  }
}
