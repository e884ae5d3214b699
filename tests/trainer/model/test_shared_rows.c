/* Rows of a micro-batch with equal values, computed once (spec T5.7): the rows are counted, and
 * nothing has other bits than where each row is computed for itself. */
#include "kernels/core/context.h"
#include "tests/trainer/tiny.h"
#include "trainer/model/model_activations.h"

#include <sluice/random.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEQUENCES 12
#define LONGEST 15
#define TOKENS (SEQUENCES * LONGEST)

typedef struct {
  size_t length, prompt;
  uint32_t ids[LONGEST];
} sequence;

/* Sequences of a few different tokens, none of them 0, so that prompts and completions meet by
 * chance too. */
typedef struct {
  const char *name;
  size_t prompts, group, prompt_length, longest; /* prompt_length 0: from 1 to 6 */
  uint32_t alphabet;
} shape;

static const shape shapes[] = {{"groups", 3, 4, 6, LONGEST, 6},
                               {"two groups with one prompt", 2, 6, 7, LONGEST, 1},
                               {"prompts of one token", 4, 3, 1, 6, 5},
                               {"groups of one", SEQUENCES, 1, 5, 9, 6},
                               {"one sequence", 1, 1, 3, 8, 6},
                               {"few tokens", 4, 3, 0, 9, 2},
                               {"completions of one token", 3, 4, 5, 6, 6}};
#define SHAPES (sizeof shapes / sizeof *shapes)

static uint32_t below(uint64_t seed, size_t i, size_t which, uint32_t n) {
  return (uint32_t)(sl_random_u64(seed, (uint32_t)i, (uint32_t)which, 0, 6) % n);
}

static size_t make(sequence *out, const shape *s, uint64_t seed) {
  for (size_t q = 0; q < s->prompts * s->group; q++) {
    const size_t p = q / s->group;
    sequence *o = &out[q];
    o->prompt = s->prompt_length ? s->prompt_length : 1 + below(seed, p, 1, 6);
    o->length = o->prompt + 1 + below(seed, q, 2, (uint32_t)(s->longest - o->prompt));
    for (size_t i = 0; i < o->length; i++)
      o->ids[i] = 2 + below(seed, i, i < o->prompt ? 100 + p : 200 + q, s->alphabet);
  }
  return s->prompts * s->group;
}

/* Rows whose sequence has other tokens up to there than each sequence before it: by comparison of
 * all with all. read: of rows that predict a token that is learnt from, among those. */
static size_t different_rows(const sequence *s, size_t n, int read) {
  size_t count = 0;
  for (size_t q = 0; q < n; q++)
    for (size_t i = read ? s[q].prompt - 1 : 0; i + 1 < s[q].length; i++) {
      int is_new = 1;
      for (size_t p = 0; p < q; p++)
        if (i + 1 < s[p].length && (!read || i + 1 >= s[p].prompt) &&
            memcmp(s[p].ids, s[q].ids, (i + 1) * sizeof *s[p].ids) == 0)
          is_new = 0;
      count += (size_t)is_new;
    }
  return count;
}

static size_t all_rows(const sequence *s, size_t n, int read) {
  size_t count = 0;
  for (size_t q = 0; q < n; q++) count += s[q].length - (read ? s[q].prompt : 1);
  return count;
}

static size_t swiglu_rows, width;
static sl_status (*real_swiglu)(sl_context *, float *, const float *, const float *, size_t);

static sl_status counting_swiglu(sl_context *ctx, float *y, const float *gate, const float *up,
                                 size_t n) {
  swiglu_rows += n / width;
  return real_swiglu(ctx, y, gate, up, n);
}

/* A run whose kernels count the rows of the layers, and a step of it. */
typedef struct {
  sl_run_state *run;
  sl_update_batch step;
} bench;

static bench open_bench(const char *a, const char *b) {
  bench x;
  sl_error err;
  x.run = tiny_trainer((const char *[]){a, b, "rl.reduce_shards=2", NULL});
  if (!x.run) return x;
  sl_context *ctx = x.run->ctx;
  cr_assert_eq(sl_update_batch_create(&x.step, ctx, SEQUENCES, TOKENS, &err), SL_OK);
  real_swiglu = ctx->table.swiglu_forward, ctx->table.swiglu_forward = counting_swiglu;
  width = x.run->policy.layout->shape.intermediate;
  return x;
}

static void close_bench(bench *x) {
  sl_update_batch_free(&x->step);
  sl_run_state_destroy(x->run);
}

static void fill(sl_update_batch *step, const sequence *s, size_t n) {
  sl_update_batch_clear(step);
  for (size_t q = 0; q < n; q++) {
    sl_update_batch_add(step, s[q].ids, s[q].length, s[q].prompt, NULL, 0.0f);
    step->coefficient[q] = 1.0 / (double)(q + 2);
  }
}

/* What a pass gives: log-probs and entropies of a model that goes forward alone; gradient and
 * log-probs of one that goes back. */
typedef struct {
  float logp[TOKENS], entropy[TOKENS], trained[TOKENS], *gradient;
  size_t rows[2]; /* counted: of log-probs, of the gradient */
} result;

static sl_model *model_of(const bench *x, sl_model_kind kind) {
  sl_model *m;
  sl_error err;
  cr_assert_eq(sl_model_create(&m, x->run->ctx, x->run->policy.layout, x->run->policy.data, TOKENS,
                               kind, &err),
               SL_OK, "%s", err.message);
  return m;
}

static void compute(bench *x, result *out, sl_model_kind kind, size_t micro_batch, int shares) {
  const sl_gradient_options options = {.inv_temperature = 0.5f, .micro_batch = micro_batch};
  sl_update_batch *s = &x->step;
  sl_gradients *g = &x->run->gradients;
  sl_model *forward = model_of(x, SL_MODEL_FORWARD), *m = model_of(x, kind);
  memset(out, 0, sizeof *out);
  s->rehearses = !shares;
  swiglu_rows = 0;
  cr_assert_eq(sl_update_batch_logprobs(s, forward, &options, out->logp, out->entropy), SL_OK, "%s",
               sl_context_error(x->run->ctx)->message);
  out->rows[0] = swiglu_rows, swiglu_rows = 0;
  g->done = 0;
  cr_assert_eq(sl_update_batch_gradient(s, m, g, &options), SL_OK, "%s",
               sl_context_error(x->run->ctx)->message);
  out->rows[1] = swiglu_rows;
  memcpy(out->trained, s->logp, s->seq[s->n_seq] * sizeof *s->logp);
  out->gradient = malloc(g->layout->n_floats * sizeof *out->gradient);
  memcpy(out->gradient, g->total, g->layout->n_floats * sizeof *out->gradient);
  s->rehearses = 0;
  sl_model_destroy(forward);
  sl_model_destroy(m);
}

/* The same bits, or a NaN in both: which NaN is nobody's promise. */
static size_t differ(const float *a, const float *b, size_t n) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++)
    count += memcmp(&a[i], &b[i], sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i]));
  return count;
}

static size_t results_differ(const bench *x, const result *a, const result *b) {
  return differ(a->logp, b->logp, TOKENS) + differ(a->entropy, b->entropy, TOKENS) +
         differ(a->trained, b->trained, TOKENS) +
         differ(a->gradient, b->gradient, x->run->policy.layout->n_floats);
}

static void compare(bench *x, const char *name, sl_model_kind kind, size_t micro_batch) {
  result shared, apart;
  compute(x, &shared, kind, micro_batch, 1);
  compute(x, &apart, kind, micro_batch, 0);
  cr_expect_eq(results_differ(x, &shared, &apart), 0,
               "%s, micro-batch %zu, kind %d: shared rows have other bits", name, micro_batch,
               (int)kind);
  cr_expect_eq(differ(shared.logp, shared.trained, TOKENS), 0, "%s: forward alone differs", name);
  free(shared.gradient), free(apart.gradient);
}

Test(trainer_shared_rows, no_bit_differs) {
  static const char *const settings[][2] = {{"run.backend=plain", "model.layers=2"},
                                            {"run.isa=avx2", "model.architecture=llama"},
                                            {"run.isa=avx512", "model.architecture=qwen3"},
                                            {"run.backend=plain", "model.architecture=qwen3"},
                                            {"run.threads=3", "model.head_dim=160"},
                                            {"run.isa=avx2", "model.layers=1"}};
  const uint64_t seed = tiny_seed("shared rows");
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    bench x = open_bench(settings[i][0], settings[i][1]);
    if (!x.run) continue;
    for (size_t k = 0; k < SHAPES; k++) {
      sequence s[SEQUENCES];
      fill(&x.step, s, make(s, &shapes[k], seed + i));
      compare(&x, shapes[k].name, SL_MODEL_TRAINING, 0);
      compare(&x, shapes[k].name, SL_MODEL_TRAINING, 5);
      compare(&x, shapes[k].name, SL_MODEL_RECOMPUTING, 0);
    }
    close_bench(&x);
  }
}

/* Of two layers the first has all rows, in the last those that are read. */
static size_t expected(const sequence *s, size_t n,
                       size_t (*count)(const sequence *, size_t, int)) {
  return count(s, n, 0) + count(s, n, 1);
}

Test(trainer_shared_rows, each_is_computed_once) {
  const uint64_t seed = tiny_seed("counted rows");
  const shape *counted[] = {&shapes[0], &shapes[1], &shapes[6]};
  bench x = open_bench("run.threads=1", "model.layers=2");
  x.run->gradients.at_once = 2; /* both shards are one micro-batch */
  for (size_t k = 0; k < sizeof counted / sizeof *counted; k++) {
    sequence s[SEQUENCES];
    const size_t n = make(s, counted[k], seed);
    result shared, apart;
    fill(&x.step, s, n);
    compute(&x, &shared, SL_MODEL_TRAINING, 0, 1);
    compute(&x, &apart, SL_MODEL_TRAINING, 0, 0);
    for (int g = 0; g < 2; g++) {
      cr_expect_eq(shared.rows[g], expected(s, n, different_rows), "%s: %zu rows of %zu",
                   counted[k]->name, shared.rows[g], expected(s, n, different_rows));
      /* Planted: no row shared. */
      cr_expect_eq(apart.rows[g], expected(s, n, all_rows));
      cr_expect_lt(shared.rows[g], apart.rows[g], "%s: nothing to share", counted[k]->name);
    }
    free(shared.gradient), free(apart.gradient);
  }
  close_bench(&x);
}

/* A row that is not finite spoils its sequence, whoever computes it, and none of another prompt. */
Test(trainer_shared_rows, what_is_not_finite_spreads_as_without) {
  const uint64_t seed = tiny_seed("rows that are not finite");
  bench x = open_bench("run.threads=1", "model.layers=2");
  const sl_model_layout *layout = x.run->policy.layout;
  sequence s[SEQUENCES];
  const size_t n = make(s, &shapes[0], seed);
  result shared, apart;
  for (size_t q = 0; q < n; q++)
    s[q].ids[0] = 2 + (uint32_t)(q / 4), s[q].ids[1] = q / 4 == 1 ? 0 : 3;
  x.run->policy.data[layout->embed] = INFINITY;
  fill(&x.step, s, n);
  compute(&x, &shared, SL_MODEL_TRAINING, 0, 1);
  compute(&x, &apart, SL_MODEL_TRAINING, 0, 0);
  cr_expect_lt(shared.rows[0], apart.rows[0]);
  cr_expect_eq(results_differ(&x, &shared, &apart), 0);
  for (size_t q = 0; q < n; q++)
    for (size_t i = s[q].prompt - 1; i + 1 < s[q].length; i++)
      cr_expect_eq(isnan(shared.logp[x.step.seq[q] + i]), q / 4 == 1, "sequence %zu", q);
  free(shared.gradient), free(apart.gradient);
  close_bench(&x);
}
