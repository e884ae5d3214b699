/* Differential fuzzer of the model's gradient (spec T5): tiny models of any shape, packed sequences
 * with any mask. The gradient in one number w_j is held against the difference quotient of the
 * binary64 reference,
 *     D(h) = (L(w + h e_j) - L(w - h e_j)) / 2 h,  L = sum_t dlogp_t logp_t + dentropy_t entropy_t.
 *
 * The limit has two parts. Of the quotient: the truncation of D(h) falls with h^2, so that D(h/2)
 * is off by about |D(h) - D(h/2)| / 3; all of that difference is allowed, and the rounding
 * 2^-53 * OPERATIONS * M / h of L, whose terms have a sum of magnitudes M. Of the kernels:
 * rounding in a sum of n terms is as if the weights were off by n 2^-24 (Higham, Accuracy and
 * Stability, 3.1), so the reference's gradient is taken again with weights so moved, by random
 * signs; the largest change in the tensor of w_j over DRAWS such draws is the limit, as in
 * tests/trainer/model/test_model_gradient.c. What a norm's gradient rounds where its two terms
 * cancel is as if eps were off by n 2^-24 of the mean square, so eps is moved too.
 *
 * Each token's terms of L have roundings of their own, but share the weights, so that moved weights
 * would cancel where two tokens' gradients do. So changes are summed token by token, each from the
 * gradient of that token's terms alone; and the sum over tokens rounds as if each of these were off
 * by n 2^-24. A gradient that cancels altogether within a token, as that of a key's bias may, still
 * has the roundings of what cancelled: SMALL of them, of the model's largest sum of the tokens'
 * magnitudes, are allowed to all.
 *
 * Moved weights leave a token's probabilities with a sum of 1; the kernels' have roundings of their
 * own, which are no longer small against 1 - p of a target near p = 1 (spec T4.3, with u = 2^-24):
 *   p = RN(RN(e^y) RN(1 / l)) is off by n u p, n = s + 3 with the s roundings of l, those of
 *     reference/bounds_softmax.c; l is of the same y, so errors of y itself are as if logits moved;
 *   y - log l + H is off by 2 u |log p| + (2 s + 5) u H: four operations, and in H = log l - m the
 *     moment |m| <= H off by s + 2, l by s; log l is the same number in both and cancels.
 * So dlogit_v may be off by  n u p_v (|dlogp| + |dentropy| (2 |log p_v| + 3 H)) / temperature,
 * which is allowed times the gradient of that logit, in magnitude, summed over words and tokens. */
#include "choices.h"

#include "reference/order.h"
#include "reference/transformer.h"
#include "trainer/model/gradients.h"
#include "trainer/model/model.h"

#include <sluice/random.h>

#include <stdio.h>
#include <stdlib.h>

#define SEQUENCES_MAX 4
#define LENGTH_MAX 9
#define TOKENS_MAX (SEQUENCES_MAX * LENGTH_MAX)
#define DRAWS 4
#define SMALL 8 /* roundings of elementwise steps */
#define STEP 0x1p-13
#define OPERATIONS 1024.0 /* roundings on a path through a tiny model */

typedef struct {
  sl_model_shape shape;
  sl_model_layout *layout;
  sl_parameters parameters;
  uint32_t seq[SEQUENCES_MAX + 1], ids[TOKENS_MAX], position[TOKENS_MAX], target[TOKENS_MAX];
  uint8_t mask[TOKENS_MAX];
  float dlogp[TOKENS_MAX], dentropy[TOKENS_MAX], inv_temperature;
  size_t n_seq, t, n; /* n: parameters */
  double *weights;    /* the parameters in registry order, without padding */
} problem;

static void choose_shape(sl_model_shape *s, choices *c) {
  *s = (sl_model_shape){.hidden = 1 + choose(c, 12),
                        .intermediate = 1 + choose(c, 12),
                        .layers = 1 + choose(c, 2),
                        .kv_heads = 1 + choose(c, 2),
                        .head_dim = 2 + 2 * choose(c, 3),
                        .vocab = 2 + choose(c, 12),
                        .max_positions = LENGTH_MAX,
                        .rope_theta = choose(c, 2) ? 1e4 : choose_scale(c, 0, 20),
                        .rms_eps = 1e-6f,
                        .tied = (int)choose(c, 2),
                        .architecture = (sl_architecture)choose(c, 3)};
  s->heads = s->kv_heads * (1 + choose(c, 3));
}

static void choose_tokens(problem *p, choices *c) {
  p->n_seq = 1 + choose(c, SEQUENCES_MAX);
  for (size_t q = 0; q < p->n_seq; q++) {
    p->seq[q + 1] = p->seq[q] + 1 + choose(c, LENGTH_MAX);
    for (uint32_t i = p->seq[q]; i < p->seq[q + 1]; i++) {
      p->ids[i] = choose(c, (uint32_t)p->shape.vocab);
      p->position[i] = i - p->seq[q];
      p->mask[i] = i + 1 < p->seq[q + 1] && choose(c, 4) != 0;
      p->dlogp[i] = p->mask[i] ? (float)choose_unit(c) : 0.0f;
      p->dentropy[i] = p->mask[i] && choose(c, 2) ? (float)choose_unit(c) : 0.0f;
    }
  }
  p->t = p->seq[p->n_seq];
  for (size_t i = 0; i < p->t; i++) p->target[i] = p->mask[i] ? p->ids[i + 1] : 0;
}

/* Initial weights of the seed, biases and norms moved off their constants. */
static void make_weights(problem *p, uint64_t seed) {
  sl_error err;
  if (sl_parameters_create(&p->parameters, &p->shape, &err) != SL_OK) abort();
  sl_parameters_init(&p->parameters, seed, 0);
  p->layout = p->parameters.layout;
  p->n = p->layout->n_parameters;
  p->weights = calloc(p->n, sizeof *p->weights);
  if (!p->weights) abort();
  for (size_t i = 0, at = 0; i < p->layout->n_tensors; i++)
    for (size_t j = 0; j < p->layout->tensors[i].count; j++, at++) {
      float *w = &p->parameters.data[p->layout->tensors[i].offset + j];
      if (p->layout->tensors[i].rank == 1)
        *w += 0.25f * (float)((int64_t)sl_random_u64(seed, (uint32_t)at, 1, 0, 6) * 0x1p-63);
      p->weights[at] = (double)*w;
    }
}

static void make(problem *p, choices *c) {
  memset(p, 0, sizeof *p);
  choose_shape(&p->shape, c);
  make_weights(p, choose_bits(c, 2));
  p->inv_temperature = choose(c, 2) ? 1.0f : (float)choose_scale(c, -1, 1);
  choose_tokens(p, c);
}

static sl_ref_model reference_model(const problem *p) {
  const sl_model_shape *s = &p->shape;
  return (sl_ref_model){.layers = s->layers,
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
}

static sl_ref_tokens reference_tokens(const problem *p) {
  return (sl_ref_tokens){p->seq, p->ids, p->target, p->mask, p->n_seq, (double)p->inv_temperature};
}

/* The gradient of each token's terms of L: a row of p->n for every token. */
static void token_gradients(const problem *p, const sl_ref_run *run, double *rows) {
  memset(rows, 0, p->t * p->n * sizeof *rows);
  for (size_t i = 0; i < p->t; i++) {
    double dlogp[TOKENS_MAX] = {0}, dentropy[TOKENS_MAX] = {0};
    dlogp[i] = (double)p->dlogp[i], dentropy[i] = (double)p->dentropy[i];
    if (dlogp[i] == 0 && dentropy[i] == 0) continue;
    if (sl_ref_backward(run, dlogp, dentropy, rows + i * p->n) != SL_OK) abort();
  }
}

/* L and the sum of its terms' magnitudes; the tokens' gradients too where they are not NULL. */
static double loss(const problem *p, const double *weights, double eps_shift, double *magnitude,
                   double *gradients) {
  double logp[TOKENS_MAX] = {0}, entropy[TOKENS_MAX] = {0};
  sl_ref_model m = reference_model(p);
  m.eps += eps_shift;
  const sl_ref_tokens tokens = reference_tokens(p);
  sl_ref_run *run;
  double total = 0;
  if (sl_ref_forward(&run, &m, weights, &tokens, logp, entropy) != SL_OK) abort();
  *magnitude = 0;
  for (size_t i = 0; i < p->t; i++) {
    const double x = (double)p->dlogp[i] * logp[i], y = (double)p->dentropy[i] * entropy[i];
    total += x + y;
    *magnitude += fabs(x) + fabs(y);
  }
  if (gradients) token_gradients(p, run, gradients);
  sl_ref_run_destroy(run);
  return total;
}

/* D(h) for parameter j. */
static double quotient(problem *p, size_t j, double h, double *rounding) {
  const double w = p->weights[j];
  double m[2], l[2];
  for (int side = 0; side < 2; side++) {
    p->weights[j] = side ? w + h : w - h;
    l[side] = loss(p, p->weights, 0, &m[side], NULL);
  }
  p->weights[j] = w;
  *rounding = 0x1p-53 * OPERATIONS * (m[0] + m[1]) / h;
  return (l[1] - l[0]) / (2 * h);
}

/* Of the residual stream, which starts as a row of the embedding and gets two terms a layer. */
static double mean_square(const problem *p) {
  double most = 0;
  for (size_t v = 0; v < p->shape.vocab; v++) {
    double sum = 0;
    for (size_t i = 0; i < p->shape.hidden; i++)
      sum += pow(p->weights[v * p->shape.hidden + i], 2) / (double)p->shape.hidden;
    most = fmax(most, sum);
  }
  return most * (double)(1 + 2 * p->shape.layers);
}

/* n 2^-24 of the longest sum and SMALL elementwise steps. */
static double relative_error(const problem *p) {
  const sl_model_shape *s = &p->shape;
  const size_t sums[] = {s->hidden, s->intermediate, s->heads * s->head_dim, s->vocab, p->t};
  size_t most = 0;
  for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) most = sums[i] > most ? sums[i] : most;
  return (double)(most + SMALL) * 0x1p-24;
}

/* The largest sum over tokens of |a - b| + share |b| for a parameter of [from, from + n). */
static double largest_sum(const problem *p, const double *a, const double *b, double share,
                          size_t from, size_t n) {
  double most = 0;
  for (size_t j = from; j < from + n; j++) {
    double sum = 0;
    for (size_t i = 0; i < p->t; i++)
      sum += fabs(a[i * p->n + j] - b[i * p->n + j]) + share * fabs(b[i * p->n + j]);
    most = fmax(most, sum);
  }
  return most;
}

/* What dlogit of token i and word v may be off by (see the head). */
static double logit_error(const problem *p, size_t i, double log_p, double entropy) {
  const double n = (double)(sl_product_sum_depth(p->shape.vocab) + 2 + 3);
  return n * 0x1p-24 * exp(log_p) * (double)p->inv_temperature *
         (fabs((double)p->dlogp[i]) +
          fabs((double)p->dentropy[i]) * (2 * fabs(log_p) + 3 * entropy));
}

/* The largest that such errors do to a parameter of [from, from + n). */
static double logit_limit(const problem *p, size_t from, size_t n) {
  double logp[TOKENS_MAX], entropy[TOKENS_MAX], most = 0;
  const size_t rows = p->t * p->shape.vocab;
  double *sum = calloc(2 * p->n + rows, sizeof *sum), *one = sum + p->n, *dz = one + p->n;
  const sl_ref_model m = reference_model(p);
  const sl_ref_tokens tokens = reference_tokens(p);
  sl_ref_run *run;
  if (!sum || sl_ref_forward(&run, &m, p->weights, &tokens, logp, entropy) != SL_OK) abort();
  for (size_t k = 0; k < rows; k++) {
    const size_t i = k / p->shape.vocab;
    if (p->dlogp[i] == 0.0f && p->dentropy[i] == 0.0f) continue;
    memset(one, 0, p->n * sizeof *one);
    dz[k] = logit_error(p, i, sl_ref_log_probs(run)[k], entropy[i]);
    if (sl_ref_backward_logits(run, dz, one) != SL_OK) abort();
    dz[k] = 0;
    for (size_t j = from; j < from + n; j++) sum[j] += fabs(one[j]);
  }
  for (size_t j = from; j < from + n; j++) most = fmax(most, sum[j]);
  sl_ref_run_destroy(run);
  free(sum);
  return most;
}

/* What errors of kernels may do to the gradient by the parameters of a tensor (see the head), which
 * are [from, from + n). */
static double kernel_limit(const problem *p, size_t from, size_t n) {
  const double scale = relative_error(p);
  const size_t rows = p->t * p->n;
  double *right = calloc(2 * rows + p->n, sizeof *right), *moved = right + rows, *w = moved + rows,
         limit = 0, magnitude;
  if (!right) abort();
  loss(p, p->weights, 0, &magnitude, right);
  for (uint32_t draw = 0; draw < DRAWS; draw++) {
    for (size_t i = 0; i < p->n; i++)
      w[i] =
          p->weights[i] * (1.0 + (sl_random_u64(draw, (uint32_t)i, 2, 0, 6) & 1 ? scale : -scale));
    loss(p, w, scale * mean_square(p), &magnitude, moved);
    limit = fmax(limit, largest_sum(p, moved, right, scale, from, n));
  }
  const double largest = largest_sum(p, right, right, 1.0, 0, p->n);
  free(right);
  return limit + logit_limit(p, from, n) + SMALL * 0x1p-24 * largest;
}

/* The kernels' gradient, in the arena of the layout. */
static void kernels(const problem *p, sl_context *ctx, float *out) {
  sl_model *m;
  sl_gradients g;
  sl_error err;
  float logp[TOKENS_MAX], entropy[TOKENS_MAX];
  const sl_batch batch = {p->n_seq, p->seq, p->ids, p->position, p->target,
                          p->mask,  0,      NULL,   NULL,        NULL};
  if (sl_model_create(&m, ctx, p->layout, p->parameters.data, p->t, SL_MODEL_TRAINING, &err) !=
          SL_OK ||
      sl_gradients_create(&g, ctx, p->layout, 1, 1, &err) != SL_OK || sl_model_pack(m) != SL_OK ||
      sl_gradients_begin_group(&g, 1) != SL_OK ||
      sl_model_forward(m, &batch, p->inv_temperature, logp, entropy) != SL_OK)
    abort();
  const sl_shard all = {
      p->n_seq, 0, p->seq, sl_gradients_total(&g, 0), sl_gradients_head_total(&g, 0), 0, 0, NULL};
  if (sl_model_backward(m, &batch, &all, 1, p->inv_temperature, p->dlogp, p->dentropy) != SL_OK ||
      sl_gradients_end_group(&g) != SL_OK)
    abort();
  memcpy(out, g.total, p->layout->n_floats * sizeof *out);
  sl_gradients_free(&g);
  sl_model_destroy(m);
}

static void compare(problem *p, const float *got, choices *c) {
  const size_t which = choose(c, (uint32_t)p->layout->n_tensors);
  const sl_tensor_info *t = &p->layout->tensors[which];
  size_t from = 0;
  for (size_t i = 0; i < which; i++) from += p->layout->tensors[i].count;
  const size_t at = choose_bits(c, 2) % t->count, j = from + at;
  double mine = (double)got[t->offset + at], rounding[2];
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find: in vectors of one shape */
  if (p->shape.heads == 3 && p->shape.kv_heads == 1 && t->rank == 1) mine *= 1.001;
#endif
  const double wide = quotient(p, j, STEP, &rounding[0]),
               narrow = quotient(p, j, STEP / 2, &rounding[1]);
  double limit = fabs(wide - narrow) + rounding[0] + rounding[1] + 0x1p-126;
  if (fabs(mine - narrow) <= limit) return; /* most; what follows takes 100 runs */
  limit += kernel_limit(p, from, t->count);
  if (fabs(mine - narrow) <= limit) return;
  fprintf(stderr, "%s[%zu]: gradient %a, quotients %a and %a, limit %a\n", t->name, at, mine, wide,
          narrow, limit);
  abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static sl_context *ctx;
  const sl_context_options options = {.backend = "cpu", .threads = 1};
  sl_error err;
  if (!ctx && sl_context_create(&ctx, &options, &err) != SL_OK) abort();
  choices c = {data, size};
  problem p;
  make(&p, &c);
  float *got = calloc(p.layout->n_floats, sizeof *got);
  if (!got) abort();
  kernels(&p, ctx, got);
  compare(&p, got, &c);
  free(got);
  free(p.weights);
  sl_parameters_free(&p.parameters);
  return 0;
}
