/* Small folders of each architecture and scaling of RoPE (spec T5.5, T1.12 to T1.15) as
 * transformers saved them, against its log-probs in binary64: ci/models/compare.py made both, and
 * the limits, which are what rounding may do. Weights are F32, BF16 and F16, in one file and in
 * shards, positions go beyond those before scaling, norms are not 1 and biases not 0. A model with
 * one thing wrong is above the limit. */
#include "tests/trainer/scratch.h"

#include "trainer/files/model_folder.h"
#include "trainer/model/sequence.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LENGTH 40
#define SEQUENCES 3

/* One of the recorded folders. */
typedef struct {
  sl_parameters model;
  uint32_t ids[SEQUENCES][LENGTH];
  double logp[SEQUENCES][LENGTH];
  double limit;
} recorded;

static const char *const names[] = {"qwen2-bf16", "qwen2-f16",  "qwen2-yarn",
                                    "llama",      "llama3",     "llama-mscale",
                                    "qwen3",      "qwen3-yarn", "qwen3-betas"};
#define N_NAMES (sizeof names / sizeof *names)

static void take(recorded *r, const json_t *want) {
  const json_t *ids = json_object_get(want, "tokens"), *logp = json_object_get(want, "logprobs");
  r->limit = json_real_value(json_object_get(want, "limit"));
  cr_assert(r->limit > 0 && json_array_size(ids) == SEQUENCES);
  for (size_t q = 0; q < SEQUENCES; q++) {
    const json_t *row = json_array_get(ids, q), *values = json_array_get(logp, q);
    cr_assert(json_array_size(row) == LENGTH && json_array_size(values) == LENGTH - 1);
    for (size_t i = 0; i < LENGTH; i++)
      r->ids[q][i] = (uint32_t)json_integer_value(json_array_get(row, i));
    for (size_t i = 0; i < LENGTH - 1; i++)
      r->logp[q][i] = json_real_value(json_array_get(values, i));
  }
}

static recorded load(const char *name) {
  recorded r = {.limit = 0};
  char path[400];
  sl_error err;
  snprintf(path, sizeof path, SLUICE_ARCHITECTURES "/%s", name);
  cr_assert_eq(sl_model_folder_read(&r.model, NULL, path, &err), SL_OK, "%s", err.message);
  snprintf(path, sizeof path, SLUICE_ARCHITECTURES "/%s/want.json", name);
  json_t *want = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
  cr_assert_not_null(want, "%s", path);
  take(&r, want);
  json_decref(want);
  return r;
}

/* The largest difference from what is recorded. */
static double error_of(const recorded *r, const sl_parameters *p, const char *backend) {
  const sl_context_options options = {.backend = backend, .threads = 1};
  double most = 0;
  sl_sequence s;
  sl_context *ctx;
  sl_model *model;
  sl_error err;
  cr_assert_eq(sl_context_create(&ctx, &options, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_model_create(&model, ctx, p->layout, p->data, LENGTH, SL_MODEL_FORWARD, &err),
               SL_OK, "%s", err.message);
  cr_assert_eq(sl_model_pack(model), SL_OK);
  cr_assert_eq(sl_sequence_create(&s, ctx, LENGTH, &err), SL_OK, "%s", err.message);
  for (size_t q = 0; q < SEQUENCES; q++) {
    cr_assert_eq(sl_sequence_forward(&s, model, r->ids[q], LENGTH, 1.0f), SL_OK);
    for (size_t i = 0; i < LENGTH - 1; i++)
      most = fmax(most, fabs((double)s.logp[i] - r->logp[q][i]));
  }
  sl_sequence_free(&s);
  sl_model_destroy(model);
  sl_context_destroy(ctx);
  return most;
}

Test(architectures, log_probs_are_those_of_transformers_in_binary64) {
  for (size_t i = 0; i < N_NAMES; i++) {
    recorded r = load(names[i]);
    for (int stepwise = 0; stepwise < 2; stepwise++) {
      r.model.layout->shape.rope.stepwise = stepwise;
      const double plain = error_of(&r, &r.model, "plain"), cpu = error_of(&r, &r.model, "cpu");
      printf("%s, %s frequencies: %.3f of the limit %g\n", names[i],
             stepwise ? "stepwise" : "exact", plain / r.limit, r.limit);
      cr_expect(plain <= r.limit, "%s: %g", names[i], plain);
      cr_expect_eq(plain, cpu, "%s: plain %g, cpu %g", names[i], plain, cpu);
    }
    sl_parameters_free(&r.model);
  }
}

/* The model without norms by head: a Llama with the tensors of the same names. */
static sl_parameters without_head_norms(const sl_parameters *p) {
  sl_model_shape shape = p->layout->shape;
  sl_parameters out;
  sl_error err;
  shape.architecture = SL_LLAMA;
  cr_assert_eq(sl_parameters_create(&out, &shape, &err), SL_OK, "%s", err.message);
  for (size_t i = 0; i < out.layout->n_tensors; i++) {
    const sl_tensor_info *to = &out.layout->tensors[i];
    const size_t from = sl_model_layout_find(p->layout, to->name);
    memcpy(out.data + to->offset, p->data + p->layout->tensors[from].offset,
           to->count * sizeof *out.data);
  }
  return out;
}

static void drop_biases(const sl_parameters *p) {
  for (size_t i = 0; i < p->layout->n_tensors; i++) {
    const sl_tensor_info *t = &p->layout->tensors[i];
    if (strstr(t->name, ".bias")) memset(p->data + t->offset, 0, t->count * sizeof *p->data);
  }
}

static void expect_seen(const recorded *r, const sl_parameters *p, const char *name,
                        const char *fault) {
  const double error = error_of(r, p, "plain");
  printf("%s, %s: %.0f times the limit\n", name, fault, error / r->limit);
  cr_expect(error > r->limit, "%s, %s: %g is not above %g", name, fault, error, r->limit);
}

Test(architectures, planted_faults_are_above_the_limit) {
  for (size_t i = 0; i < N_NAMES; i++) {
    recorded r = load(names[i]);
    sl_model_shape *s = &r.model.layout->shape;
    const sl_model_shape right = *s;
    s->rope_theta *= 1.01;
    expect_seen(&r, &r.model, names[i], "theta wrong");
    *s = right, s->rope.kind = SL_ROPE_PLAIN;
    if (right.rope.kind != SL_ROPE_PLAIN) expect_seen(&r, &r.model, names[i], "scaling skipped");
    *s = right, s->rope.attention = 1;
    if (right.rope.kind == SL_ROPE_YARN)
      expect_seen(&r, &r.model, names[i], "attention factor left out");
    *s = right;
    if (sl_model_norms_heads(s)) {
      sl_parameters other = without_head_norms(&r.model);
      expect_seen(&r, &other, names[i], "q_norm skipped");
      sl_parameters_free(&other);
    }
    if (sl_model_has_bias(s)) {
      drop_biases(&r.model);
      expect_seen(&r, &r.model, names[i], "biases dropped");
    }
    sl_parameters_free(&r.model);
  }
}
