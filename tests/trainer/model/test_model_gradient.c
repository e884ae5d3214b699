/* The gradient of a whole model against the reference transformer in binary64 (spec T5.1, T5.2).
 *
 * No a-priori bound is claimed for a whole model: bounds of its kernels multiply to something
 * useless. The limit is measured on the same model instead. Rounding in a kernel is a relative
 * perturbation of the terms of its sums, of at most n 2^-24 for sums of n terms (Higham, Accuracy
 * and Stability, 3.1): as if its weights or inputs had been so perturbed. So the reference's own
 * gradient is taken again with every weight scaled by 1 + e, |e| = n 2^-24, random signs, n the
 * longest sum (over D, F, heads, V or tokens) plus SMALL roundings of elementwise steps; the
 * largest change that a tensor shows over DRAWS such draws, in the maximum norm, is what errors of
 * that size do to it. The error of a right implementation stays below that (it is several times
 * smaller: rounding errors average out). */
#include "tests/trainer/tiny.h"

#include "reference/transformer.h"
#include "trainer/model/model_activations.h"

#include <sluice/random.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL 8
#define DRAWS 4
#define SEQUENCES 4
#define LENGTH 9
#define LONG (2 * SL_DOT_CHUNK + 40)

typedef struct {
  sl_run_state *t;
  sl_update_batch step;
  uint32_t position[SEQUENCES * LONG], target[SEQUENCES * LONG];
  float dlogp[SEQUENCES * LONG], dentropy[SEQUENCES * LONG];
  uint64_t seed;
  size_t n; /* parameters */
} problem;

static double uniform(uint64_t seed, size_t i, uint32_t which) {
  return (double)(int64_t)sl_random_u64(seed, (uint32_t)i, which, 0, 6) * 0x1p-63;
}

/* Random tokens; gradients of log-probs and entropies are random too. */
static problem make(const char *tie, const char *backend, const char *architecture, uint32_t length,
                    uint64_t seed) {
  const char *extra[] = {
      tie, backend, architecture, "rl.reduce_shards=1", "model.max_positions=640", NULL};
  problem p = {.t = tiny_trainer(extra), .seed = seed};
  sl_error err;
  cr_assert_eq(sl_update_batch_create(&p.step, p.t->ctx, SEQUENCES, SEQUENCES * length, &err),
               SL_OK);
  p.n = p.t->policy.layout->n_parameters;
  for (uint32_t q = 0; q < SEQUENCES; q++) {
    uint32_t ids[LONG];
    for (uint32_t i = 0; i < length; i++)
      ids[i] = (uint32_t)(sl_random_u64(seed, i, q, 1, 6) % p.t->policy.layout->shape.vocab);
    sl_update_batch_add(&p.step, ids, length - q, length / 4 + q, NULL, 0.0f);
  }
  for (size_t i = 0; i < p.step.seq[SEQUENCES]; i++) {
    p.target[i] = p.step.mask[i] ? p.step.ids[i + 1] : 0;
    p.dlogp[i] = p.step.mask[i] ? (float)uniform(seed, i, 2) : 0.0f;
    p.dentropy[i] = p.step.mask[i] ? (float)uniform(seed, i, 3) : 0.0f;
  }
  for (size_t q = 0; q < SEQUENCES; q++)
    for (uint32_t i = 0; p.step.seq[q] + i < p.step.seq[q + 1]; i++)
      p.position[p.step.seq[q] + i] = i;
  return p;
}

static void destroy(problem *p) {
  sl_update_batch_free(&p->step);
  sl_run_state_destroy(p->t);
}

/* Our gradient of parameters, in registry order without padding; packs 0: by the weights as they
 * stand. */
static void ours(problem *p, double *out, int packs) {
  sl_run_state *run = p->t;
  sl_update_batch *s = &p->step;
  sl_gradients *g = &run->gradients;
  sl_model *m;
  sl_error err;
  const sl_batch batch = {s->n_seq, s->seq, s->ids, p->position, p->target,
                          s->mask,  0,      NULL,   NULL,        NULL};
  cr_assert_eq(sl_model_create(&m, run->ctx, run->policy.layout, run->policy.data, s->seq[s->n_seq],
                               SL_MODEL_TRAINING, &err),
               SL_OK, "%s", err.message);
  if (!packs) { /* they lie in the model's arena */
    memset(m->packs, 0, run->policy.layout->shape.layers * sizeof *m->packs);
    m->head_pack = NULL;
  }
  cr_assert_eq(sl_model_pack(m), SL_OK);
  g->done = 0;
  cr_assert_eq(sl_gradients_begin_group(g, 1), SL_OK);
  cr_assert_eq(sl_model_forward(m, &batch, 1.0f, s->logp, s->entropy), SL_OK);
  const sl_shard all = {s->n_seq, 0, s->seq, g->total, g->head_total, 0, 0, NULL};
  cr_assert_eq(sl_model_backward(m, &batch, &all, 1, 1.0f, p->dlogp, p->dentropy), SL_OK);
  const sl_model_layout *layout = run->policy.layout;
  for (size_t i = 0, at = 0; i < layout->n_tensors; i++)
    for (size_t j = 0; j < layout->tensors[i].count; j++)
      out[at++] = (double)g->total[layout->tensors[i].offset + j];
  for (size_t i = 0; g->head_total && i < layout->shape.vocab * layout->shape.hidden; i++)
    out[i] += (double)g->head_total[i];
  sl_model_destroy(m);
}

/* The reference's gradient, with weights scaled by 1 + scale * a random sign of draw `which`. */
static void theirs(const problem *p, double *out, double scale, uint32_t which) {
  const sl_model_layout *layout = p->t->policy.layout;
  const sl_model_shape *s = &layout->shape;
  const sl_ref_model m = {.layers = s->layers,
                          .hidden = s->hidden,
                          .heads = s->heads,
                          .kv_heads = s->kv_heads,
                          .head_dim = s->head_dim,
                          .ffn = s->intermediate,
                          .vocab = s->vocab,
                          .eps = (double)s->rms_eps,
                          .theta = s->rope_theta,
                          .tied = s->tied,
                          .no_bias = !sl_model_has_bias(s),
                          .qk_norm = sl_model_norms_heads(s)};
  const sl_ref_tokens tokens = {p->step.seq, p->step.ids, p->target, p->step.mask, SEQUENCES, 1.0};
  const size_t n = p->n, t = p->step.seq[SEQUENCES];
  cr_assert_eq(sl_ref_weights(&m), n);
  double *w = calloc(n, sizeof *w), *rows = calloc(4 * t, sizeof *rows);
  for (size_t i = 0, at = 0; i < layout->n_tensors; i++)
    for (size_t j = 0; j < layout->tensors[i].count; j++, at++) {
      w[at] = (double)p->t->policy.data[layout->tensors[i].offset + j];
      w[at] *= 1.0 + (uniform(p->seed, at, which) < 0 ? -scale : scale);
    }
  for (size_t i = 0; i < t; i++)
    rows[2 * t + i] = (double)p->dlogp[i], rows[3 * t + i] = (double)p->dentropy[i];
  sl_ref_run *run;
  memset(out, 0, n * sizeof *out);
  cr_assert_eq(sl_ref_forward(&run, &m, w, &tokens, rows, rows + t), SL_OK);
  cr_assert_eq(sl_ref_backward(run, rows + 2 * t, rows + 3 * t, out), SL_OK);
  sl_ref_run_destroy(run);
  free(w), free(rows);
}

static size_t longest_sum(const sl_model_shape *s) {
  const size_t sums[] = {s->hidden, s->intermediate, s->heads * s->head_dim, s->vocab,
                         SEQUENCES * LENGTH};
  size_t most = 0;
  for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
    if (sums[i] > most) most = sums[i];
  return most;
}

/* Largest difference of two gradients in each tensor, kept in `out` if it is larger. */
static void distances(const sl_model_layout *layout, const double *a, const double *b,
                      double *out) {
  for (size_t i = 0, at = 0; i < layout->n_tensors; i++)
    for (size_t j = 0; j < layout->tensors[i].count; j++, at++)
      out[i] = fmax(out[i], fabs(a[at] - b[at]));
}

/* The largest error of a tensor in units of its limit. */
static double worst(const problem *p, const double *mine) {
  const sl_model_layout *layout = p->t->policy.layout;
  const double scale = (double)(longest_sum(&layout->shape) + SMALL) * 0x1p-24;
  double *right = calloc(p->n, sizeof *right), *moved = calloc(p->n, sizeof *moved);
  double *limit = calloc(layout->n_tensors, sizeof *limit),
         *error = calloc(layout->n_tensors, sizeof *error), most = 0.0;
  theirs(p, right, 0.0, 0);
  for (uint32_t d = 0; d < DRAWS; d++) {
    theirs(p, moved, scale, 16 + d);
    distances(layout, right, moved, limit);
  }
  distances(layout, right, mine, error);
  for (size_t i = 0; i < layout->n_tensors; i++) {
    cr_assert_gt(limit[i], 0.0, "%s does not depend on the weights", layout->tensors[i].name);
    most = fmax(most, error[i] / limit[i]);
  }
  free(right), free(moved), free(limit), free(error);
  return most;
}

static void check(const char *tie, const char *backend, const char *architecture, uint64_t seed) {
  problem p = make(tie, backend, architecture, LENGTH, seed);
  if (!p.t) return;
  double *with = calloc(p.n, sizeof *with), *without = calloc(p.n, sizeof *without);
  ours(&p, with, 1);
  ours(&p, without, 0);
  cr_expect_eq(memcmp(with, without, p.n * sizeof *with), 0, "%s %s %s: packs show", architecture,
               tie, backend);
  const double most = worst(&p, with);
  printf("%s %s %s: largest error %.3f of its limit\n", architecture, tie, backend, most);
  cr_expect(most <= 1.0, "%s %s %s: %g", architecture, tie, backend, most);
  /* Planted: one masked token that is learnt from after all. */
  p.step.mask[0] = 1, p.target[0] = p.step.ids[1], p.dlogp[0] = 0.1f;
  ours(&p, without, 1);
  p.step.mask[0] = 0, p.target[0] = 0, p.dlogp[0] = 0.0f;
  const double planted = worst(&p, without);
  cr_expect(planted > 100.0, "a dropped mask gives %g", planted);
  free(with), free(without);
  destroy(&p);
}

/* The gradient of the supervised loss of an update, which leaves unread rows out (spec T5.6). */
static void of_read_rows(problem *p, double *out, const float *coefficient) {
  const sl_gradient_options options = {.inv_temperature = 1.0f};
  const sl_model_layout *layout = p->t->policy.layout;
  sl_gradients *g = &p->t->gradients;
  sl_model *m;
  sl_error err;
  for (size_t q = 0; q < SEQUENCES; q++) p->step.coefficient[q] = (double)coefficient[q];
  cr_assert_eq(sl_model_create(&m, p->t->ctx, layout, p->t->policy.data, p->step.seq[SEQUENCES],
                               SL_MODEL_TRAINING, &err),
               SL_OK, "%s", err.message);
  g->done = 0;
  cr_assert_eq(sl_update_batch_gradient(&p->step, m, g, &options), SL_OK);
  cr_assert_eq(p->step.read.seq[SEQUENCES], p->step.seq[SEQUENCES] - SEQUENCES);
  for (size_t i = 0, at = 0; i < layout->n_tensors; i++)
    for (size_t j = 0; j < layout->tensors[i].count; j++)
      out[at++] = (double)g->total[layout->tensors[i].offset + j];
  sl_model_destroy(m);
}

/* Also that of all rows, whose last tokens predict nothing. */
Test(trainer_model_gradient, unread_rows_change_no_bit) {
  static const struct {
    const char *tie, *architecture;
    uint32_t length; /* long ones have several chunks, and prompts that end within one */
  } cases[] = {{"model.tie=false", "model.architecture=qwen2", LENGTH},
               {"model.tie=false", "model.architecture=qwen3", LONG},
               {"model.tie=false", "model.architecture=llama", LONG}};
  const float coefficient[SEQUENCES] = {0.5f, 0.25f, 0.125f, 1.0f};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    problem p = make(cases[i].tie, "run.backend=cpu", cases[i].architecture, cases[i].length,
                     tiny_seed("unread rows"));
    double *all = calloc(p.n, sizeof *all), *read = calloc(p.n, sizeof *read);
    memset(p.dentropy, 0, sizeof p.dentropy);
    for (size_t q = 0; q < SEQUENCES; q++)
      for (size_t t = p.step.seq[q]; t < p.step.seq[q + 1]; t++)
        p.dlogp[t] = p.step.mask[t] ? -coefficient[q] : 0.0f;
    ours(&p, all, 1);
    of_read_rows(&p, read, coefficient);
    cr_expect_eq(memcmp(all, read, p.n * sizeof *all), 0, "%s, %u tokens: unread rows show",
                 cases[i].architecture, cases[i].length);
    /* Planted: a row that is read, left out. */
    p.step.mask[p.step.seq[1] - 2] = 0;
    of_read_rows(&p, read, coefficient);
    cr_expect_neq(memcmp(all, read, p.n * sizeof *all), 0, "a read row left out cannot be seen");
    free(all), free(read);
    destroy(&p);
  }
}

Test(trainer_model_gradient, is_that_of_the_reference) {
  const uint64_t seed = tiny_seed("model gradient");
  static const char *const architectures[] = {
      "model.architecture=qwen2", "model.architecture=llama", "model.architecture=qwen3"};
  for (size_t i = 0; i < 3; i++) {
    check("model.tie=true", "run.backend=cpu", architectures[i], seed);
    check("model.tie=false", "run.backend=cpu", architectures[i], seed);
    check("model.tie=true", "run.backend=plain", architectures[i], seed);
    check("model.tie=false", "run.backend=plain", architectures[i], seed);
  }
}
