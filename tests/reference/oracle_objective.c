/* The reference's gradient of the loss against central differences of J in MPFR, for every variant
 * (spec O1 to O4). */
#include "reference/advantages.h"
#include "reference/objective.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#define PRECISION 400
/* h = 2^-100: truncation h^2 |J'''| / 6 with |J'''| <= 2^45 (ratios up to e^5, tau up to 7.3,
 * advantages up to 2), rounding 2^-400 |J| / h with |J| < 2^116, the value of a ratio at the clamp.
 */
#define STEP_EXPONENT -100
#define LIMIT 0x1p-155

/* Two groups of two sequences. Log-ratios: small, moderate, 2^-10, clamped; sequence 3 clamps at
 * sequence level too. */
static const uint32_t seq[] = {0, 3, 4, 7, 9}, group[] = {0, 2, 4};
#define N_SEQ 4
#define TOKENS 9
static const double rewards[N_SEQ] = {1.0, 0.25, -0.5, 2.0};
static const double new_logp[TOKENS] = {-1.0, -0.5, -3.0, -2.0, -0.125, -90.0, -0.25, -1.0, -170.0};
static const double old_logp[TOKENS] = {-1.5, -0.4, -3.0009765625, -2.3, -5.0,
                                        -0.5, -0.7, -99.0,         -1.0};
static const double ref_logp[TOKENS] = {-1.2, -0.6, -2.0, -2.0, -0.1, -0.3, -85.0, -1.5, -1.0};
static const double entropies[TOKENS] = {1.0, 0.5, 0.1, 2.0, 0.3, 0.6, 0.9, 1.1, 0.2};
static const uint8_t mask[TOKENS] = {1, 1, 1, 1, 1, 1, 0, 1, 1};

typedef struct {
  sl_reals new, entropy, advantage, coefficient;
  sl_ref_loss loss;
  sl_ref_batch batch;
  mpfr_t j[2];
} problem;

static void create(problem *p, sl_aggregation aggregation, sl_advantage_kind kind) {
  p->new = sl_reals_create(TOKENS, PRECISION), p->entropy = sl_reals_create(TOKENS, PRECISION);
  p->advantage = sl_reals_create(N_SEQ, PRECISION),
  p->coefficient = sl_reals_create(N_SEQ, PRECISION);
  cr_assert_eq(sl_ref_loss_create(&p->loss, TOKENS, PRECISION), SL_OK);
  sl_reals_set_doubles(&p->new, new_logp);
  sl_reals_set_doubles(&p->entropy, entropies);
  uint32_t tokens[N_SEQ] = {0};
  for (size_t s = 0; s < N_SEQ; s++)
    for (size_t t = seq[s]; t < seq[s + 1]; t++) tokens[s] += mask[t];
  cr_assert_eq(sl_ref_advantages(&p->advantage, rewards, group, 2, kind, 1e-4), SL_OK);
  cr_assert_eq(sl_ref_coefficients(&p->coefficient, tokens, N_SEQ, aggregation, 5.0), SL_OK);
  p->batch = (sl_ref_batch){.logp_new = &p->new,
                            .entropy = &p->entropy,
                            .logp_old = old_logp,
                            .logp_ref = ref_logp,
                            .mask = mask,
                            .seq = seq,
                            .n_seq = N_SEQ,
                            .advantage = &p->advantage,
                            .coefficient = &p->coefficient};
  mpfr_inits2(PRECISION, p->j[0], p->j[1], (mpfr_ptr)0);
}

static void destroy(problem *p) {
  sl_reals_destroy(&p->new);
  sl_reals_destroy(&p->entropy);
  sl_reals_destroy(&p->advantage);
  sl_reals_destroy(&p->coefficient);
  sl_ref_loss_destroy(&p->loss);
  mpfr_clears(p->j[0], p->j[1], (mpfr_ptr)0);
}

/* |-(J(x+h) - J(x-h)) / 2h - gradient| for the number x of the problem */
static double difference_error(problem *p, const sl_objective *o, mpfr_t x, mpfr_srcptr gradient) {
  mpfr_t old, h, g;
  mpfr_inits2(PRECISION, old, h, g, (mpfr_ptr)0);
  mpfr_set(old, x, MPFR_RNDN);
  mpfr_set(g, gradient, MPFR_RNDN);
  mpfr_set_ui_2exp(h, 1, STEP_EXPONENT, MPFR_RNDN);
  for (int side = 0; side < 2; side++) {
    (side ? mpfr_add : mpfr_sub)(x, old, h, MPFR_RNDN);
    cr_assert_eq(sl_ref_loss_terms(&p->loss, o, &p->batch), SL_OK);
    sl_ref_objective(p->j[side], o, &p->batch, &p->loss);
  }
  mpfr_set(x, old, MPFR_RNDN);
  mpfr_sub(h, p->j[0], p->j[1], MPFR_RNDN);
  mpfr_mul_2si(h, h, -STEP_EXPONENT - 1, MPFR_RNDN);
  mpfr_sub(h, h, g, MPFR_RNDN);
  const double error = fabs(mpfr_get_d(h, MPFR_RNDA));
  mpfr_clears(old, h, g, (mpfr_ptr)0);
  return error;
}

/* The largest error over all tokens; `skew` is added to each gradient. */
static double worst_error(const sl_objective *o, sl_advantage_kind kind, double skew) {
  problem p;
  create(&p, o->aggregation, kind);
  sl_reals d = sl_reals_create(TOKENS, PRECISION), e = sl_reals_create(TOKENS, PRECISION);
  cr_assert_eq(sl_ref_loss_terms(&p.loss, o, &p.batch), SL_OK);
  for (size_t t = 0; t < TOKENS; t++) {
    mpfr_add_d(d.x[t], p.loss.d.x[t], skew, MPFR_RNDN);
    mpfr_set(e.x[t], p.loss.e.x[t], MPFR_RNDN);
  }
  double worst = 0.0;
  for (size_t t = 0; t < TOKENS; t++) {
    worst = fmax(worst, difference_error(&p, o, p.new.x[t], d.x[t]));
    worst = fmax(worst, difference_error(&p, o, p.entropy.x[t], e.x[t]));
  }
  sl_reals_destroy(&d);
  sl_reals_destroy(&e);
  destroy(&p);
  return worst;
}

static sl_objective objective_of(sl_gate_family family, sl_level level, sl_aggregation aggregation,
                                 int kl) {
  sl_objective o = {.gate = {{family, family}, {1.05f, 7.3f}, 0.2, 0.28, NULL, NULL},
                    .level = level,
                    .aggregation = aggregation,
                    .constant_length = 5.0};
  if (kl >= 0) o.kl = (sl_kl_kind)kl, o.beta = 0.04, o.gamma = 0.01;
  return o;
}

Test(oracle_objective, gradient_is_central_difference) {
  double worst = 0.0;
  size_t variants = 0;
  for (sl_gate_family family = 0; family < SL_GATE_EXPRESSION; family++)
    for (sl_level level = 0; level <= SL_LEVEL_SEQUENCE; level++)
      for (sl_aggregation aggregation = 0; aggregation <= SL_AGG_CONSTANT; aggregation++)
        for (int kl = -1; kl <= SL_KL_K3; kl++, variants++) {
          const sl_objective o = objective_of(family, level, aggregation, kl);
          const double error = worst_error(&o, (sl_advantage_kind)(variants % 4), 0.0);
          cr_expect_leq(error, LIMIT, "gate %d, level %d, aggregation %d, kl %d: %g", (int)family,
                        (int)level, (int)aggregation, kl, error);
          worst = fmax(worst, error);
        }
  fprintf(stderr,
          "objective: %zu variants, gradient against central differences: largest error 2^%.0f\n",
          variants, log2(worst));
}

/* Planted failure: a gradient that is off by 2^-150. */
Test(oracle_objective, a_wrong_gradient_is_seen) {
  const sl_objective o = objective_of(SL_GATE_SIGMOID, SL_LEVEL_TOKEN, SL_AGG_TOKEN_MEAN, SL_KL_K3);
  cr_expect_gt(worst_error(&o, SL_ADV_NO_STD, 0x1p-150), LIMIT);
}

/* Clamped tokens and zero advantages have no policy gradient; masked ones have none at all. */
Test(oracle_objective, zero_gradients) {
  problem p;
  const sl_objective o = objective_of(SL_GATE_IDENTITY, SL_LEVEL_TOKEN, SL_AGG_TOKEN_MEAN, -1);
  create(&p, SL_AGG_TOKEN_MEAN, SL_ADV_NO_STD);
  mpfr_set_zero(p.advantage.x[0], 1);
  cr_assert_eq(sl_ref_loss_terms(&p.loss, &o, &p.batch), SL_OK);
  for (size_t t = 0; t < TOKENS; t++) {
    const int clamped = t == 5 || t == 7 || t == 8;
    cr_expect_eq(p.loss.clamped[t] != 0, clamped, "token %zu", t);
    cr_expect_eq(mpfr_zero_p(p.loss.d.x[t]) != 0, t < 3 || t == 6 || clamped, "token %zu", t);
  }
  destroy(&p);
}
