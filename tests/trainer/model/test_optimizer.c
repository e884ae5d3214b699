/* The optimiser over an arena (spec N6): which tensors decay, clipping, the reset between phases,
 * what it refuses. */
#include "tests/trainer/scratch.h"
#include "tests/trainer/tiny.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const sl_optimizer_options plain_options = {0.9f, 0.95f, 1e-8f, 0.0, 0.0};

static void fill(float *x, const sl_model_layout *layout, float value) {
  for (size_t i = 0; i < layout->n_tensors; i++)
    for (size_t j = 0; j < layout->tensors[i].count; j++) x[layout->tensors[i].offset + j] = value;
}

/* With a zero gradient only decay moves a parameter: p = RN(p * RN32(1 - lr * decay)) in the
 * two-dimensional tensors but the embedding. */
Test(trainer_optimizer, decay_is_for_matrices_but_the_embedding) {
  static const char *const ties[] = {"model.tie=true", "model.tie=false"};
  for (int k = 0; k < 2; k++) {
    const char *extra[] = {ties[k], NULL};
    sl_run_state *run = tiny_trainer(extra);
    const sl_model_layout *layout = run->policy.layout;
    sl_optimizer_options options = plain_options;
    sl_error err;
    options.weight_decay = 0.5;
    fill(run->policy.data, layout, 1.0f);
    memset(run->gradients.total, 0, layout->n_floats * sizeof(float));
    cr_assert_eq(sl_optimizer_step(&run->optimizer, &options, run->policy.data,
                                   run->gradients.total, 0.0, 0.25f, &err),
                 SL_OK);
    size_t decayed = 0;
    for (size_t i = 0; i < layout->n_tensors; i++) {
      const sl_tensor_info *tensor = &layout->tensors[i];
      const int decays =
          tensor->rank == 2 && strcmp(tensor->name, "model.embed_tokens.weight") != 0;
      decayed += decays ? 1 : 0;
      for (size_t j = 0; j < tensor->count; j++)
        cr_assert_eq(run->policy.data[tensor->offset + j], decays ? 0.875f : 1.0f, "%s[%zu]",
                     tensor->name, j);
    }
    cr_expect_eq(decayed, 7 * layout->shape.layers + (layout->shape.tied ? 0 : 1));
    sl_run_state_destroy(run);
  }
}

/* One step with gradient g, its norm and a limit; the first moments that it leaves. */
static float moment(sl_run_state *run, float g, double max_norm, double *norm) {
  sl_error err;
  sl_optimizer_options options = plain_options;
  options.max_norm = max_norm;
  options.b1 = 0.5f;
  sl_optimizer_reset(&run->optimizer);
  fill(run->gradients.total, run->policy.layout, g);
  cr_assert_eq(sl_gradient_norm(&run->optimizer, run->gradients.total, norm, &err), SL_OK, "%s",
               err.message);
  cr_assert_eq(sl_optimizer_step(&run->optimizer, &options, run->policy.data, run->gradients.total,
                                 *norm, 0.001f, &err),
               SL_OK);
  return run->optimizer.m[run->policy.layout->norm];
}

Test(trainer_optimizer, clipping_scales_to_the_limit) {
  sl_run_state *run = tiny_trainer(NULL);
  double norm;
  const double n = (double)run->policy.layout->n_parameters;
  cr_expect_eq(moment(run, 2.0f, 0.0, &norm), 1.0f); /* off; (1 - 0.5) * 2 */
  cr_expect_eq(norm, sqrt(4.0 * n)); /* exact: every partial sum is an integer below 2^53 */
  cr_expect_eq(moment(run, 2.0f, norm, &norm), 1.0f);
  cr_expect_eq(sl_clip_scale(norm, norm / 4.0), 0.25f); /* a power of two: exact */
  cr_expect_eq(moment(run, 2.0f, norm / 4.0, &norm), 0.25f);
  sl_run_state_destroy(run);
}

Test(trainer_optimizer, reset_is_a_fresh_start) {
  sl_run_state *run = tiny_trainer(NULL);
  tiny_sft(run, 3);
  cr_assert_neq(run->optimizer.state.b1_power, 1.0);
  sl_optimizer_reset(&run->optimizer);
  cr_expect_eq(run->optimizer.state.b1_power, 1.0);
  cr_expect_eq(run->optimizer.state.b2_power, 1.0);
  for (size_t i = 0; i < run->policy.layout->n_floats; i++)
    cr_assert(run->optimizer.m[i] == 0.0f && run->optimizer.v[i] == 0.0f);
  sl_run_state_destroy(run);
}

Test(trainer_optimizer, a_gradient_that_is_not_finite_is_named) {
  sl_run_state *run = tiny_trainer(NULL);
  sl_error err;
  double norm = -1.0;
  const size_t which =
      sl_model_layout_find(run->policy.layout, "model.layers.1.mlp.up_proj.weight");
  fill(run->gradients.total, run->policy.layout, 1.0f);
  run->gradients.total[run->policy.layout->tensors[which].offset + 5] = NAN;
  expect_error(sl_gradient_norm(&run->optimizer, run->gradients.total, &norm, &err),
               SL_ERR_NONFINITE, &err, "model.layers.1.mlp.up_proj.weight[5]");
  cr_expect_eq(norm, -1.0);
  sl_run_state_destroy(run);
}

/* Beyond 2^60 (spec N6.2), with max_norm off or too large to help: refused with its place, and
 * nothing is touched; at 2^60 all stays finite. */
Test(trainer_optimizer, a_gradient_too_large_for_the_moments_is_refused) {
  sl_run_state *run = tiny_trainer(NULL);
  const sl_model_layout *layout = run->policy.layout;
  const size_t which = sl_model_layout_find(layout, "model.layers.1.mlp.up_proj.weight"),
               at = layout->tensors[which].offset + 5;
  const size_t bytes = sl_arena_bytes(layout);
  float *before = malloc(bytes), *g = run->gradients.total;
  sl_optimizer_options options = plain_options;
  sl_error err;
  double norm;
  tiny_sft(run, 2);
  memcpy(before, run->policy.data, bytes);
  const sl_adamw_state state = run->optimizer.state;
  const float v = run->optimizer.v[at];
  static const float large[] = {0x1.000002p60f, -1e25f, 3e38f};
  for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
    fill(g, layout, 1.0f);
    g[at] = large[i];
    cr_assert_eq(sl_gradient_norm(&run->optimizer, g, &norm, &err), SL_OK, "%s", err.message);
    expect_error(
        sl_optimizer_step(&run->optimizer, &options, run->policy.data, g, norm, 0.1f, &err),
        SL_ERR_NONFINITE, &err, "model.layers.1.mlp.up_proj.weight[5]");
    cr_expect_eq(memcmp(before, run->policy.data, bytes), 0);
    cr_expect(run->optimizer.state.b1_power == state.b1_power && run->optimizer.v[at] == v);
  }
  options.max_norm = 1.0; /* clips the largest of them to 1 */
  cr_expect_eq(sl_optimizer_step(&run->optimizer, &options, run->policy.data, g, norm, 0.1f, &err),
               SL_OK, "%s", err.message);
  options.max_norm = 0.0;
  g[at] = 0x1p60f;
  for (int i = 0; i < 200; i++) { /* the moments settle */
    cr_assert_eq(sl_gradient_norm(&run->optimizer, g, &norm, &err), SL_OK);
    cr_assert_eq(
        sl_optimizer_step(&run->optimizer, &options, run->policy.data, g, norm, 0.1f, &err), SL_OK,
        "%s", err.message);
  }
  cr_expect_eq(sl_arena_check(layout, run->optimizer.v, "v", &err), SL_OK, "%s", err.message);
  cr_expect_eq(sl_arena_check(layout, run->policy.data, "p", &err), SL_OK, "%s", err.message);
  free(before);
  sl_run_state_destroy(run);
}

/* spec N6.3 of one element with g = 0 */
static float after_no_gradient(float p, float *m, float *v, float b1, float b2, float c1, float c2,
                               float lr, float eps, float decay) {
  *m = fmaf(b1, *m, 0.0f), *v = fmaf(b2, *v, 0.0f);
  if (fabsf(*m) < 0x1p-100f) *m = 0.0f;
  if (*v < 0x1p-100f) *v = 0.0f;
  return fmaf(-lr, (*m * c1) / (sqrtf(*v * c2) + eps), p * decay);
}

/* No completion of one token can be right, so all rewards are 0 and all advantages too: the update
 * is one like any other (spec N6.6). */
Test(trainer_optimizer, without_advantages_an_update_is_an_update) {
  static const char *const extra[] = {"rl.max_new_tokens=1", "rl.beta=0",   "rl.entropy_bonus=0",
                                      "rl.updates=1",        "rl.epochs=1", NULL};
  sl_run_state *run = tiny_trainer(extra);
  const sl_model_layout *layout = run->policy.layout;
  const sl_config *c = &run->config;
  const size_t n = layout->n_floats;
  float *p = malloc(n * sizeof *p), *m = malloc(n * sizeof *m), *v = malloc(n * sizeof *v);
  sl_step_digests digests;
  sl_step_report report;
  sl_error err;
  tiny_sft(run, 4);
  run->phase = SL_PHASE_RL;
  memcpy(p, run->policy.data, n * sizeof *p), memcpy(m, run->optimizer.m, n * sizeof *m),
      memcpy(v, run->optimizer.v, n * sizeof *v);
  const double power1 = run->optimizer.state.b1_power * (double)c->optimizer.beta1;
  const double power2 = run->optimizer.state.b2_power * (double)c->optimizer.beta2;
  cr_assert_eq(sl_policy_step(run, &report, &digests, &err), SL_OK, "%s", err.message);
  cr_assert(report.zero_variance == 1.0 && report.gradient_norm == 0.0 && report.updates == 1);
  cr_expect(run->optimizer.state.b1_power == power1 && run->optimizer.state.b2_power == power2);
  const float c1 = (float)(1.0 / (1.0 - power1)), c2 = (float)(1.0 / (1.0 - power2)),
              lr = (float)report.lr;
  const float decay = (float)(1.0 - (double)lr * c->optimizer.weight_decay);
  size_t moved = 0, wrong = 0;
  for (size_t i = 0; i < layout->n_tensors; i++)
    for (size_t j = layout->tensors[i].offset;
         j < layout->tensors[i].offset + layout->tensors[i].count; j++) {
      const float wanted =
          after_no_gradient(p[j], &m[j], &v[j], c->optimizer.beta1, c->optimizer.beta2, c1, c2, lr,
                            c->optimizer.eps, layout->tensors[i].decays ? decay : 1.0f);
      moved += wanted != p[j];
      wrong += memcmp(&wanted, &run->policy.data[j], 4) != 0 ||
               memcmp(&m[j], &run->optimizer.m[j], 4) != 0 ||
               memcmp(&v[j], &run->optimizer.v[j], 4) != 0;
    }
  cr_expect_gt(moved, layout->n_parameters / 2, "the moments moved %zu of %zu parameters", moved,
               layout->n_parameters);
  cr_expect_eq(wrong, 0, "%zu elements", wrong);
  free(p), free(m), free(v);
  sl_run_state_destroy(run);
}
