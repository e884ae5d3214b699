/* Each preset is its method (spec O6.1): the gradient of a rollout's last update, off policy,
 * against the method's own formula in MPFR, from the log-probs and rewards of that update. */
#include "tests/trainer/tiny.h"

#include <criterion/criterion.h>
#include <math.h>
#include <mpfr.h>
#include <stdio.h>
#include <string.h>

#define RN MPFR_RNDN
#define PRECISION 256
#define GROUP 3 /* of the tiny run */

typedef enum { SAMPLE, CENTRED, OTHERS } advantage_kind;
typedef enum { BY_SEQUENCE, BY_TOKEN, BY_PART, BY_LENGTH, SUMS } mean_kind;
typedef enum { CLIP, SIGMOID, CAP, NONE } gate_kind;

/* What the papers write; low and high are clip's or the two taus, high CISPO's cap. */
typedef struct {
  const char *name;
  advantage_kind advantage;
  mean_kind mean;
  gate_kind gate;
  int sequence; /* the ratio is the geometric mean of the sequence's */
  double low, high;
} method;

static const method methods[] = {
    {"grpo", SAMPLE, BY_SEQUENCE, CLIP, 0, 0.2, 0.2},
    {"dr_grpo", CENTRED, BY_LENGTH, CLIP, 0, 0.2, 0.2},
    {"bnpo", SAMPLE, BY_PART, CLIP, 0, 0.2, 0.2},
    {"dapo", SAMPLE, BY_TOKEN, CLIP, 0, 0.2, 0.28},
    {"gspo", SAMPLE, BY_SEQUENCE, CLIP, 1, 3e-4, 4e-4},
    {"sapo", SAMPLE, BY_SEQUENCE, SIGMOID, 0, (double)1.05f, 1.0},
    {"cispo", SAMPLE, BY_TOKEN, CAP, 0, 0, 5.0},
    {"luspo", SAMPLE, SUMS, CLIP, 1, 2e-3, 2.5e-3},
    {"rloo", OTHERS, SUMS, NONE, 1, 0, 0},
    {"paper", SAMPLE, BY_SEQUENCE, SIGMOID, 0, 12.0, 10.0},
};
#define METHODS (sizeof methods / sizeof *methods)

/* The rewards of the group of sequence i of the update, and its member. */
static const double *rewards_of(const sl_run_state *run, size_t i, size_t *member) {
  const sl_config *c = &run->config;
  const size_t groups = (size_t)(c->rl.prompts / c->rl.updates),
               first = (size_t)(c->rl.updates - 1) * groups;
  *member = i % GROUP;
  return run->reward + run->update_order[first + i / GROUP] * GROUP;
}

static void advantage_of(mpfr_t a, const method *m, const double *reward, size_t member) {
  mpfr_t mean, square, part;
  mpfr_inits2(PRECISION, mean, square, part, (mpfr_ptr)0);
  mpfr_set_zero(mean, 1), mpfr_set_zero(square, 1);
  for (size_t g = 0; g < GROUP; g++)
    if (m->advantage != OTHERS || g != member) mpfr_add_d(mean, mean, reward[g], RN);
  mpfr_div_ui(mean, mean, m->advantage == OTHERS ? GROUP - 1 : GROUP, RN);
  for (size_t g = 0; g < GROUP; g++) {
    mpfr_d_sub(part, reward[g], mean, RN);
    mpfr_fma(square, part, part, square, RN);
  }
  mpfr_d_sub(a, reward[member], mean, RN);
  if (m->advantage == SAMPLE) {
    mpfr_div_ui(square, square, GROUP - 1, RN);
    mpfr_sqrt(square, square, RN);
    mpfr_add_d(square, square, 1e-4, RN);
    mpfr_div(a, a, square, RN);
  }
  mpfr_clears(mean, square, part, (mpfr_ptr)0);
}

/* By what the sum over tokens is divided. */
static double denominator(const sl_run_state *run, const method *m, size_t i) {
  const sl_update_batch *s = &run->step;
  const size_t parts = (size_t)run->config.rl.loss_parts, size = s->n_seq / parts;
  const size_t first = m->mean == BY_PART ? i / size * size : 0,
               end = m->mean == BY_PART ? first + size : s->n_seq;
  double tokens = 0.0;
  for (size_t k = first; k < end; k++) tokens += (double)s->tokens[k];
  switch (m->mean) {
    case BY_SEQUENCE:
      return (double)s->n_seq * (double)s->tokens[i];
    case BY_TOKEN:
      return tokens;
    case BY_PART:
      return (double)parts * tokens;
    case BY_LENGTH:
      return (double)s->n_seq * (double)run->config.rl.max_new_tokens;
    case SUMS:
      break;
  }
  return (double)s->n_seq;
}

static void log_ratio(mpfr_t x, const sl_run_state *run, const method *m, size_t i, size_t t) {
  const sl_update_batch *s = &run->step;
  const size_t lo = m->sequence ? s->seq[i] : t, hi = m->sequence ? s->seq[i + 1] : t + 1;
  mpfr_set_zero(x, 1);
  for (size_t k = lo; k < hi; k++) {
    if (!s->mask[k]) continue;
    mpfr_add_d(x, x, (double)s->logp[k], RN);
    mpfr_sub_d(x, x, (double)s->logp_old[k], RN);
  }
  if (m->sequence) mpfr_div_ui(x, x, s->tokens[i], RN);
}

/* What multiplies A and grad log pi: f'(r) r. size is |x|; *bound grows by what the gate adds to
 * the relative error, in units of 2^-24. */
static void factor(mpfr_t out, const method *m, mpfr_srcptr r, int positive, double size,
                   double *bound) {
  const double edge = positive ? 1.0 + m->high : 1.0 - m->low, tau = positive ? m->high : m->low;
  const double ratio = mpfr_get_d(r, RN), z = tau * (ratio - 1.0);
  mpfr_set(out, r, RN);
  if (m->gate == NONE) mpfr_set_ui(out, 1, RN);
  if (m->gate == CAP && mpfr_cmp_d(r, m->high) > 0) mpfr_set_d(out, m->high, RN);
  if (m->gate == CLIP && (positive ? mpfr_cmp_d(r, edge) > 0 : mpfr_cmp_d(r, edge) < 0))
    mpfr_set_zero(out, 1);
  if (m->gate != SIGMOID) return;
  mpfr_t cosh;
  mpfr_init2(cosh, PRECISION);
  mpfr_sub_ui(cosh, r, 1, RN);
  mpfr_mul_d(cosh, cosh, tau / 2.0, RN);
  mpfr_cosh(cosh, cosh, RN);
  mpfr_div(out, out, cosh, RN);
  mpfr_div(out, out, cosh, RN); /* sech^2(z / 2) r */
  mpfr_clear(cosh);
  *bound += 1.01 * (tau * ratio * (1.0 + size) + 2.0 * fabs(z));
}

/* d has these roundings, of u = 2^-24: of A, a, r = exp(x), w, w r and d one each, and r has that
 * of x, |x| <= 5 here. At sequence level x is a mean of rounded differences, 2 |x| u more. Through
 * z the errors of r (1 + |x| of r), of r - 1 and of z reach w, whose logarithm changes by at most
 * |dz|, for |w'/w| = tanh(|z| / 2) < 1: tau r (1 + |x|) u + 2 |z| u; |x| < 1 for the two sigmoids.
 * Slack of 1/100 for second order. A token that lies within the error of a clip's edge could take
 * either side; such a one is passed over and counted. */
typedef struct {
  size_t tokens, gated, unsure, moved;
  double largest;
} result;

/* dlogp of token t, of sequence i. */
static double got_of(const sl_update_batch *s, size_t i, size_t t) {
  return (double)s->read.dlogp[s->read.seq[i] + t - s->seq[i]];
}

static void check_token(result *out, const sl_run_state *run, const method *m, size_t i, size_t t,
                        mpfr_srcptr a) {
  mpfr_t x, r, want;
  mpfr_inits2(PRECISION, x, r, want, (mpfr_ptr)0);
  log_ratio(x, run, m, i, t);
  if (m->gate == NONE) cr_assert(mpfr_zero_p(x), "rloo is off policy");
  mpfr_exp(r, x, RN);
  const int positive = mpfr_sgn(a) > 0;
  const double size = fabs(mpfr_get_d(x, RN)), edge = positive ? 1.0 + m->high : 1.0 - m->low;
  double bound = 1.01 * (6.0 + (m->sequence ? 3.0 : 1.0) * size);
  cr_assert_lt(size, 20.0, "a log-ratio of %g", size);
  factor(want, m, r, positive, size, &bound);
  out->gated += mpfr_cmp(want, r) < 0;
  out->moved += mpfr_cmp_ui(r, 1) != 0;
  mpfr_mul(want, want, a, RN);
  mpfr_div_d(want, want, -denominator(run, m, i), RN);
  const double exact = mpfr_get_d(want, RN), got = got_of(&run->step, i, t);
  const double near = fabs(mpfr_get_d(r, RN) - edge);
  if (m->gate == CLIP && near <= 4.0 * 0x1p-24)
    out->unsure++;
  else if (got != exact)
    out->largest = fmax(out->largest, fabs(got - exact) / (bound * 0x1p-24 * fabs(exact)));
  out->tokens++;
  mpfr_clears(x, r, want, (mpfr_ptr)0);
}

static void check_update(result *out, const sl_run_state *run, const method *m) {
  const sl_update_batch *s = &run->step;
  mpfr_t a;
  mpfr_init2(a, PRECISION);
  for (size_t i = 0; i < s->n_seq; i++) {
    size_t member;
    const double *reward = rewards_of(run, i, &member);
    advantage_of(a, m, reward, member);
    for (size_t t = s->seq[i]; t < s->seq[i + 1]; t++)
      if (s->mask[t]) check_token(out, run, m, i, t, a);
  }
  mpfr_clear(a);
}

/* Rewards are multiples of 1/8, so that R - mean is 0 or at least 1/24, and binary64 loses nothing
 * that counts here. CISPO's cap is reached by tokens whose probability grows fivefold within a
 * rollout: those of a policy without a warm start, after more passes. */
static sl_run_state *trainer(const method *m, const char *more) {
  static char preset[40];
  snprintf(preset, sizeof preset, "rl.preset=%s", m->name);
  const int once = m->gate == NONE, cap = m->gate == CAP;
  const char *const extra[] = {preset,
                               "rl.beta=0",
                               "rl.entropy_bonus=0",
                               "rl.lr=0.02",
                               "rl.warmup=0",
                               "rl.prompts=12",
                               once ? "rl.updates=1" : "rl.updates=2",
                               once  ? "rl.epochs=1"
                               : cap ? "rl.epochs=4"
                                     : "rl.epochs=2",
                               m->mean == BY_PART ? "rl.loss_parts=3" : "rl.loss_parts=1",
                               "reward.weights.exact=1",
                               "reward.weights.length=0.25",
                               "reward.length_buffer=2",
                               more,
                               NULL};
  sl_run_state *run = tiny_trainer(extra);
  if (!cap) tiny_sft(run, TINY_WARM_STEPS);
  tiny_begin_rl(run);
  return run;
}

static result measured(const method *m, const char *more, int rollouts) {
  result r = {0};
  sl_run_state *run = trainer(m, more);
  for (int k = 0; k < rollouts; k++) {
    tiny_rl(run, 1);
    check_update(&r, run, m);
  }
  sl_run_state_destroy(run);
  return r;
}

Test(presets, each_is_its_methods_formula) {
  fprintf(stderr, "preset    error/bound  tokens  gated  at an edge\n");
  for (size_t k = 0; k < METHODS; k++) {
    const method *m = &methods[k];
    const result r = measured(m, NULL, 4);
    fprintf(stderr, "%-8s %12.3f %7zu %6zu %11zu\n", m->name, r.largest, r.tokens, r.gated,
            r.unsure);
    cr_expect_leq(r.largest, 1.0, "%s", m->name);
    cr_expect(r.tokens > 100 && (m->gate == NONE || r.moved > r.tokens / 2), "%s: %zu of %zu moved",
              m->name, r.moved, r.tokens);
    cr_expect(m->gate == NONE || r.gated > 0, "%s: no gate at work", m->name);
  }
}

/* Planted: another setting than the method's shows in every one. */
Test(presets, another_setting_is_seen) {
  static const struct {
    size_t method;
    const char *other;
  } cases[] = {{0, "rl.advantage=population"},
               {1, "rl.constant_length=5"},
               {2, "rl.aggregation=sequence-mean"},
               {3, "gate.pos.high=0.2"},
               {4, "rl.level=token"},
               {5, "gate.neg.tau=1.1"},
               {6, "rl.aggregation=sequence-mean"},
               {6, "gate.name=identity"}, /* without the cap */
               {7, "rl.aggregation=sequence-mean"},
               {8, "rl.advantage=none"},
               {9, "gate.pos.tau=10.1"}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    const method *m = &methods[cases[k].method];
    const result r = measured(m, cases[k].other, 4);
    cr_expect_gt(r.largest, 1.0, "%s with %s: %g", m->name, cases[k].other, r.largest);
  }
}

/* The bonus as a mean over the update's tokens, whatever the loss divides by (spec O4.4). */
Test(presets, entropy_is_a_mean_over_tokens) {
  const char *const extra[] = {"rl.preset=grpo", "rl.beta=0", "rl.entropy_bonus=0.25",
                               "rl.entropy_mean=tokens", NULL};
  sl_run_state *run = tiny_trainer(extra);
  tiny_sft(run, TINY_WARM_STEPS);
  tiny_begin_rl(run);
  tiny_rl(run, 1);
  const sl_update_batch *s = &run->step;
  double tokens = 0.0;
  for (size_t i = 0; i < s->n_seq; i++) tokens += (double)s->tokens[i];
  const sl_read_rows *r = &s->read;
  for (size_t t = 0; t < r->seq[s->n_seq]; t++)
    cr_assert_eq(r->dentropy[t], r->mask[t] ? (float)-(0.25 * (1.0 / tokens)) : 0.0f, "slot %zu",
                 t);
  sl_run_state_destroy(run);
}

static sl_config config_of(const char *const *sets, size_t n) {
  sl_config c;
  sl_error err;
  cr_assert_eq(sl_config_load(&c, NULL, sets, n, &err), SL_OK, "%s", err.message);
  return c;
}

/* What is named holds, before the preset or after it; a gate that is named keeps the preset's out.
 */
Test(presets, keys_that_are_named_hold) {
  const char *const own[] = {"rl.level=sequence", "rl.preset=paper", "rl.epochs=3",
                             "gate.pos.tau=7"};
  sl_config c = config_of(own, 4);
  cr_expect_eq(c.rl.level, SL_LEVEL_SEQUENCE);
  cr_expect_eq(c.rl.epochs, 3);
  cr_expect_eq(c.rl.updates, 1);
  cr_expect_eq(c.rl.group, 8);
  cr_expect_eq(c.optimizer.beta2, 0.999f);
  cr_expect(c.gate.pos.n == 1 && c.gate.pos.items[0].real == 7.0);
  cr_expect(c.gate.neg.n == 1 && c.gate.neg.items[0].real == 12.0);
  sl_config_free(&c);
  const char *const gate[] = {"gate.name=erf", "rl.preset=dr_grpo", "rl.max_new_tokens=11"};
  c = config_of(gate, 3);
  cr_expect_str_eq(c.gate.name, "erf");
  cr_expect_eq(c.gate.pos.n + c.gate.neg.n, 0);
  cr_expect_eq(c.rl.constant_length, 11.0);
  cr_expect_eq(c.rl.advantage, SL_ADV_NO_STD);
  sl_config_free(&c);
}
