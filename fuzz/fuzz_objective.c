/* Differential fuzzer of the gated loss (spec O1 to O5): any built-in gate, level, aggregation, KL,
 * mask and ratios.
 *   - plain against the MPFR reference, within the bound that reference/bounds.h derives;
 *   - cpu against plain, bit for bit;
 *   - the reference's gradient against central differences of its own J. */
#include "choices.h"

#include "reference/advantages.h"
#include "reference/bounds.h"
#include "reference/kernels.h"
#include "reference/objective.h"

#include <sluice/kernels.h>
#include <sluice/objective.h>

#include <stdio.h>
#include <stdlib.h>

#define GROUPS_MAX 3
#define SEQUENCES_MAX 9
#define TOKENS_MAX 48
#define LENGTH_MAX 7

/* h = 2^-300. The truncation of a central difference is h^2 |J'''| / 6. With ratios up to e^80 <
 * 2^116, tau up to 2^10 and |f^(k)(r)| <= 8 tau^(k-1), the third derivative of f(e^l) is below
 * 2^376; advantages are below 2^5, coefficients at most 1, beta and gamma at most 2^10 (and KL
 * terms below 2^116), and at most LENGTH_MAX terms of J hang on one number: |J'''| < 2^385,
 * truncation below 2^-217. J itself is below 2^140 and has few enough roundings of 2^-1024 that
 * rounding / h is below 2^-560. */
#define PRECISION 1024
#define STEP_EXPONENT -300
#define LIMIT 0x1p-210

static const double clamp = 80.0; /* of log-ratios (spec O1.1) */

typedef struct {
  uint32_t group[GROUPS_MAX + 1], seq[SEQUENCES_MAX + 1], tokens[SEQUENCES_MAX];
  size_t n_groups, n_seq, t;
  double reward[SEQUENCES_MAX], coefficient[SEQUENCES_MAX];
  float advantage[SEQUENCES_MAX];
  float new[TOKENS_MAX + 1], old[TOKENS_MAX + 1], ref[TOKENS_MAX + 1], entropy[TOKENS_MAX + 1];
  uint8_t mask[TOKENS_MAX + 1];
  sl_objective objective;
  sl_advantage_kind kind;
  double eps;
} problem;

static void fail(const problem *p, const char *what, size_t i) {
  const sl_objective *o = &p->objective;
  fprintf(stderr,
          "%s [%zu]: gates %d %d tau %a %a low %a high %a level %d kl %d beta %a gamma %a, %zu "
          "tokens\n",
          what, i, o->gate.family[0], o->gate.family[1], (double)o->gate.tau[0],
          (double)o->gate.tau[1], o->gate.clip_low, o->gate.clip_high, o->level, o->kl, o->beta,
          o->gamma, p->t);
  abort();
}

static void choose_objective(problem *p, choices *c) {
  sl_objective *o = &p->objective;
  const uint32_t pair = choose(c, SL_GATE_EXPRESSION * SL_GATE_EXPRESSION);
  o->gate.family[0] = (sl_gate_family)(pair / SL_GATE_EXPRESSION);
  o->gate.family[1] = (sl_gate_family)(pair % SL_GATE_EXPRESSION);
  for (int side = 0; side < 2; side++)
    o->gate.tau[side] = (float)choose_scale(c, choose(c, 2) ? -1 : -20, choose(c, 2) ? 1 : 10);
  o->gate.clip_low = choose(c, 4) ? 0.2 : (choose_unit(c) + 1.0) / 2.0;
  o->gate.clip_high = choose(c, 4) ? 0.28 : choose_scale(c, -20, 20);
  o->level = (sl_level)choose(c, 2);
  o->aggregation = (sl_aggregation)choose(c, 3);
  o->constant_length = choose_scale(c, 0, 10);
  o->kl = (sl_kl_kind)choose(c, 3);
  o->beta = choose(c, 2) ? choose_scale(c, -20, 10) : 0.0;
  o->gamma = choose(c, 2) ? choose_scale(c, -20, 10) : 0.0;
  p->kind = (sl_advantage_kind)choose(c, 4);
  p->eps = choose(c, 2) ? 1e-4 : choose_scale(c, -30, 0);
}

/* On policy, tiny, usual, wide, at the clamp and beyond it. */
static float choose_log_ratio(choices *c) {
  static const double scale[] = {0.0, 0x1p-20, 0.3, 0.3, 5.0, 90.0, 200.0};
  const uint32_t kind = choose(c, 8);
  return kind == 7 ? copysignf(80.0f, (float)choose_unit(c)) *
                         (1.0f + 0x1p-22f * (float)((int)choose(c, 5) - 2))
                   : (float)(choose_unit(c) * scale[kind]);
}

static void choose_tokens(problem *p, choices *c, size_t s) {
  p->seq[s + 1] = p->seq[s] + choose(c, LENGTH_MAX);
  for (size_t i = p->seq[s]; i < p->seq[s + 1]; i++) {
    p->mask[i] = choose(c, 5) != 0;
    p->old[i] = (float)(choose_unit(c) * 3.0);
    p->new[i] = p->old[i] + choose_log_ratio(c);
    p->ref[i] = p->new[i] - choose_log_ratio(c);
    p->entropy[i] = (float)(choose_unit(c) + 1.0);
    p->tokens[s] += p->mask[i];
    if (!p->mask[i]) p->new[i] = NAN, p->old[i] = INFINITY, p->ref[i] = 1e30f, p->entropy[i] = NAN;
  }
}

/* 0 if the step has no unmasked token, or leave-one-out groups of one. */
static int make(problem *p, choices *c) {
  memset(p, 0, sizeof *p);
  choose_objective(p, c);
  p->n_groups = 1 + choose(c, GROUPS_MAX);
  const uint32_t least = p->kind == SL_ADV_LEAVE_ONE_OUT ? 2 : 1;
  for (size_t g = 0; g < p->n_groups; g++)
    p->group[g + 1] = p->group[g] + least + choose(c, 4 - least);
  p->n_seq = p->group[p->n_groups];
  for (size_t s = 0; s < p->n_seq; s++) {
    p->reward[s] = choose(c, 2) ? choose(c, 2) : choose_unit(c) * 8.0;
    choose_tokens(p, c, s);
  }
  p->t = p->seq[p->n_seq];
  sl_error err;
  return sl_advantages(p->advantage, NULL, p->reward, p->group, p->n_groups, p->kind, p->eps,
                       &err) == SL_OK &&
         sl_objective_coefficients(p->coefficient, p->tokens, p->n_seq, p->objective.aggregation,
                                   p->objective.constant_length, &err) == SL_OK;
}

static sl_context *context(const char *backend) {
  const sl_context_options options = {.backend = backend, .threads = 1};
  sl_context *ctx;
  sl_error err;
  if (sl_context_create(&ctx, &options, &err) != SL_OK) abort();
  return ctx;
}

typedef struct {
  float d[TOKENS_MAX + 1], e[TOKENS_MAX + 1];
  sl_loss_sums sums[SEQUENCES_MAX];
} result;

static sl_gated_loss_batch batch_of(const problem *p) {
  return (sl_gated_loss_batch){p->new,
                               p->old,
                               p->objective.beta > 0 ? p->ref : NULL,
                               p->objective.gamma > 0 ? p->entropy : NULL,
                               p->mask,
                               p->seq,
                               p->advantage,
                               p->coefficient,
                               p->n_seq,
                               NULL};
}

/* Outside the bound: never where the walk can bound nothing (an overflow). */
static int is_off(double got, double exact, sl_ball bound, double walk_limit) {
  if (isinf(bound.rad)) return 0;
  return !(fabs(got - exact) <= bound.rad) || !(fabs(bound.mid - exact) <= walk_limit * bound.rad);
}

static double field_of(const sl_loss_sums *s, size_t f) {
  const double all[SL_LOSS_FIELDS] = {s->objective,  s->centred,       s->kl,
                                      s->entropy,    s->y_sum,         s->y_square_sum,
                                      s->weight_sum, s->effective_sum, (double)s->ratio_max,
                                      s->tokens,     s->below_half,    s->clamped};
  return all[f];
}

/* The walk is binary64 of the kernel's own terms: see tests/reference/compare.h for its limits. */
static void compare_with_reference(const problem *p, const result *got) {
  static double d[TOKENS_MAX + 1], e[TOKENS_MAX + 1], sums[SEQUENCES_MAX * SL_LOSS_FIELDS];
  static sl_ball bd[TOKENS_MAX + 1], be[TOKENS_MAX + 1], bs[SEQUENCES_MAX * SL_LOSS_FIELDS];
  const sl_gated_loss_batch batch = batch_of(p);
  if (sl_ref_gated_loss(d, e, sums, &p->objective, &batch) != SL_OK ||
      sl_bound_gated_loss(bd, be, bs, &p->objective, &batch) != SL_OK)
    fail(p, "the reference refuses", 0);
  for (size_t i = 0; i < p->t; i++) {
    float mine = got->d[i];
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find: 2 ulps in one corner */
    if (p->objective.gate.family[1] == SL_GATE_ARCTAN && p->objective.level == SL_LEVEL_SEQUENCE &&
        p->objective.kl == SL_KL_K2 && p->objective.beta > 0)
      mine *= 1.0f + 0x1p-12f;
#endif
    if (is_off((double)mine, d[i], bd[i], 0x1p-10)) fail(p, "d", i);
    if (is_off((double)got->e[i], e[i], be[i], 0x1p-10)) fail(p, "e", i);
  }
  for (size_t i = 0; i < p->n_seq * SL_LOSS_FIELDS; i++)
    if (is_off(field_of(&got->sums[i / SL_LOSS_FIELDS], i % SL_LOSS_FIELDS), sums[i], bs[i], 1.0))
      fail(p, "sums", i);
}

typedef struct {
  sl_reals new, entropy, advantage, coefficient;
  sl_ref_loss loss;
  sl_ref_batch batch;
  double old[TOKENS_MAX + 1], ref[TOKENS_MAX + 1];
} exact_problem;

static void make_exact(exact_problem *x, const problem *p) {
  double entropy[TOKENS_MAX + 1], new[TOKENS_MAX + 1];
  for (size_t i = 0; i < p->t; i++) {
    const int m = p->mask[i];
    new[i] = m ? (double)p->new[i] : 0, entropy[i] = m ? (double)p->entropy[i] : 0;
    x->old[i] = m ? (double)p->old[i] : 0, x->ref[i] = m ? (double)p->ref[i] : 0;
  }
  x->new = sl_reals_create(p->t, PRECISION), x->entropy = sl_reals_create(p->t, PRECISION);
  x->advantage = sl_reals_create(p->n_seq, PRECISION);
  x->coefficient = sl_reals_create(p->n_seq, PRECISION);
  if (sl_ref_loss_create(&x->loss, p->t, PRECISION) != SL_OK) abort();
  sl_reals_set_doubles(&x->new, new), sl_reals_set_doubles(&x->entropy, entropy);
  if (sl_ref_advantages(&x->advantage, p->reward, p->group, p->n_groups, p->kind, p->eps) !=
          SL_OK ||
      sl_ref_coefficients(&x->coefficient, p->tokens, p->n_seq, p->objective.aggregation,
                          p->objective.constant_length) != SL_OK)
    abort();
  x->batch = (sl_ref_batch){&x->new, &x->entropy, x->old,        x->ref,          p->mask,
                            p->seq,  p->n_seq,    &x->advantage, &x->coefficient, NULL};
}

static void free_exact(exact_problem *x) {
  sl_reals_destroy(&x->new), sl_reals_destroy(&x->entropy);
  sl_reals_destroy(&x->advantage), sl_reals_destroy(&x->coefficient);
  sl_ref_loss_destroy(&x->loss);
}

/* |-(J(x+h) - J(x-h)) / 2h - gradient| for the number x of the problem */
static double difference_error(exact_problem *p, const sl_objective *o, mpfr_t x,
                               mpfr_srcptr gradient) {
  mpfr_t old, h, g, j[2];
  mpfr_inits2(PRECISION, old, h, g, j[0], j[1], (mpfr_ptr)0);
  mpfr_set(old, x, MPFR_RNDN), mpfr_set(g, gradient, MPFR_RNDN);
  mpfr_set_ui_2exp(h, 1, STEP_EXPONENT, MPFR_RNDN);
  for (int side = 0; side < 2; side++) {
    (side ? mpfr_add : mpfr_sub)(x, old, h, MPFR_RNDN);
    if (sl_ref_loss_terms(&p->loss, o, &p->batch) != SL_OK) abort();
    sl_ref_objective(j[side], o, &p->batch, &p->loss);
  }
  mpfr_set(x, old, MPFR_RNDN);
  mpfr_sub(h, j[0], j[1], MPFR_RNDN);
  mpfr_mul_2si(h, h, -STEP_EXPONENT - 1, MPFR_RNDN);
  mpfr_sub(h, h, g, MPFR_RNDN);
  const double error = fabs(mpfr_get_d(h, MPFR_RNDA));
  mpfr_clears(old, h, g, j[0], j[1], (mpfr_ptr)0);
  return error;
}

static size_t sequence_of(const problem *p, size_t token) {
  size_t s = 0;
  while (p->seq[s + 1] <= token) s++;
  return s;
}

/* J has a kink where a log-ratio, or its mean over a sequence, stands at the clamp, and at r = 1
 * where a clip begins there. */
static int at_kink(const problem *p, size_t token) {
  const sl_objective *o = &p->objective;
  const size_t s = sequence_of(p, token);
  double x = (double)p->new[token] - (double)p->old[token], sum = 0;
  const double to_ref = (double)p->ref[token] - (double)p->new[token];
  for (size_t i = p->seq[s]; i < p->seq[s + 1]; i++)
    if (p->mask[i]) sum += (double)p->new[i] - (double)p->old[i];
  if (o->level == SL_LEVEL_SEQUENCE) x = sum / (double)p->tokens[s];
  /* binary64 may have rounded the mean on to the clamp: what is near it is left out too */
  return fabs(fabs(x) - clamp) < 0x1p-40 || fabs(fabs(to_ref) - clamp) < 0x1p-40 ||
         ((o->gate.family[0] == SL_GATE_CLIP || o->gate.family[1] == SL_GATE_CLIP) &&
          fabs(x) < 0x1p-40 && (o->gate.clip_low == 0 || o->gate.clip_high == 0));
}

static void compare_with_differences(const problem *p, choices *c) {
  exact_problem x;
  make_exact(&x, p);
  if (sl_ref_loss_terms(&x.loss, &p->objective, &x.batch) != SL_OK) fail(p, "terms", 0);
  const size_t token = choose(c, (uint32_t)p->t);
  mpfr_t d, e;
  mpfr_inits2(PRECISION, d, e, (mpfr_ptr)0);
  mpfr_set(d, x.loss.d.x[token], MPFR_RNDN), mpfr_set(e, x.loss.e.x[token], MPFR_RNDN);
  if (p->mask[token] && !at_kink(p, token) &&
      !(difference_error(&x, &p->objective, x.new.x[token], d) <= LIMIT))
    fail(p, "d is no central difference", token);
  if (!(difference_error(&x, &p->objective, x.entropy.x[token], e) <= LIMIT))
    fail(p, "e is no central difference", token);
  mpfr_clears(d, e, (mpfr_ptr)0);
  free_exact(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static sl_context *plain, *cpu;
  if (!plain) plain = context("plain"), cpu = context("cpu");
  choices c = {data, size};
  problem p;
  if (!make(&p, &c)) return 0;
  static result got, fast;
  const sl_gated_loss_batch batch = batch_of(&p);
  memset(&got, 0, sizeof got), memset(&fast, 0, sizeof fast);
  if (sl_gated_loss(plain, got.d, got.e, got.sums, &p.objective, &batch) != SL_OK)
    fail(&p, sl_context_error(plain)->message, 0);
  if (sl_gated_loss(cpu, fast.d, fast.e, fast.sums, &p.objective, &batch) != SL_OK ||
      memcmp(&got, &fast, sizeof got) != 0)
    fail(&p, "cpu and plain differ", 0);
  compare_with_reference(&p, &got);
  compare_with_differences(&p, &c);
  return 0;
}
