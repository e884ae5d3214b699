/* The optimiser over an arena (spec N6): which tensors decay, clipping, the reset between phases, what it refuses. */
#include "scratch.h"
#include "tiny.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const sl_optimizer_options plain_options = {0.9f, 0.95f, 1e-8f, 0.0, 0.0};

static void fill(float *x, const sl_model_layout *layout, float value) {
  for (size_t i = 0; i < layout->n_tensors; i++)
    for (size_t j = 0; j < layout->tensors[i].count; j++) x[layout->tensors[i].offset + j] = value;
}

/* With a zero gradient only decay moves a parameter: p = RN(p * RN32(1 - lr * decay)) in the two-dimensional tensors but the embedding. */
Test(trainer_optimizer, decay_is_for_matrices_but_the_embedding) {
  static const char *const ties[] = {"model.tie=true", "model.tie=false"};
  for (int k = 0; k < 2; k++) {
    const char *extra[] = {ties[k], NULL};
    sl_trainer *t = tiny_trainer(extra);
    const sl_model_layout *layout = t->policy.layout;
    sl_optimizer_options options = plain_options;
    options.weight_decay = 0.5;
    fill(t->policy.data, layout, 1.0f);
    memset(t->gradients.total, 0, layout->n_floats * sizeof(float));
    cr_assert_eq(sl_optimizer_step(&t->optimizer, t->ctx, &options, t->policy.data, t->gradients.total, 0.0, 0.25f), SL_OK);
    size_t decayed = 0;
    for (size_t i = 0; i < layout->n_tensors; i++) {
      const sl_tensor_info *tensor = &layout->tensors[i];
      const int decays = tensor->rank == 2 && strcmp(tensor->name, "model.embed_tokens.weight") != 0;
      decayed += decays ? 1 : 0;
      for (size_t j = 0; j < tensor->count; j++)
        cr_assert_eq(t->policy.data[tensor->offset + j], decays ? 0.875f : 1.0f, "%s[%zu]", tensor->name, j);
    }
    cr_expect_eq(decayed, 7 * layout->shape.layers + (layout->shape.tied ? 0 : 1));
    sl_trainer_destroy(t);
  }
}

/* One step with gradient g, its norm and a limit; the first moments that it leaves. */
static float moment(sl_trainer *t, float g, double max_norm, double *norm) {
  sl_error err;
  sl_optimizer_options options = plain_options;
  options.max_norm = max_norm;
  options.b1 = 0.5f;
  sl_optimizer_reset(&t->optimizer);
  fill(t->gradients.total, t->policy.layout, g);
  cr_assert_eq(sl_gradient_norm(t->ctx, t->policy.layout, t->gradients.total, norm, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_optimizer_step(&t->optimizer, t->ctx, &options, t->policy.data, t->gradients.total, *norm, 0.001f), SL_OK);
  return t->optimizer.m[t->policy.layout->norm];
}

Test(trainer_optimizer, clipping_scales_to_the_limit) {
  sl_trainer *t = tiny_trainer(NULL);
  double norm;
  const double n = (double)t->policy.layout->n_parameters;
  cr_expect_eq(moment(t, 2.0f, 0.0, &norm), 1.0f); /* off; (1 - 0.5) * 2 */
  cr_expect_eq(norm, sqrt(4.0 * n));               /* exact: every partial sum is an integer below 2^53 */
  cr_expect_eq(moment(t, 2.0f, norm, &norm), 1.0f);
  cr_expect_eq(sl_clip_scale(norm, norm / 4.0), 0.25f); /* a power of two: exact */
  cr_expect_eq(moment(t, 2.0f, norm / 4.0, &norm), 0.25f);
  sl_trainer_destroy(t);
}

Test(trainer_optimizer, reset_is_a_fresh_start) {
  sl_trainer *t = tiny_trainer(NULL);
  tiny_sft(t, 3);
  cr_assert_neq(t->optimizer.state.b1_power, 1.0);
  sl_optimizer_reset(&t->optimizer);
  cr_expect_eq(t->optimizer.state.b1_power, 1.0);
  cr_expect_eq(t->optimizer.state.b2_power, 1.0);
  for (size_t i = 0; i < t->policy.layout->n_floats; i++) cr_assert(t->optimizer.m[i] == 0.0f && t->optimizer.v[i] == 0.0f);
  sl_trainer_destroy(t);
}

Test(trainer_optimizer, a_gradient_that_is_not_finite_is_named) {
  sl_trainer *t = tiny_trainer(NULL);
  sl_error err;
  double norm = -1.0;
  const size_t which = sl_model_layout_find(t->policy.layout, "model.layers.1.mlp.up_proj.weight");
  fill(t->gradients.total, t->policy.layout, 1.0f);
  t->gradients.total[t->policy.layout->tensors[which].offset + 5] = NAN;
  expect_error(sl_gradient_norm(t->ctx, t->policy.layout, t->gradients.total, &norm, &err), SL_ERR_NONFINITE, &err,
               "model.layers.1.mlp.up_proj.weight[5]");
  cr_expect_eq(norm, -1.0);
  sl_trainer_destroy(t);
}
