/* The gated objective over the real numbers (spec O1 to O5). */
#include "objective.h"

#include "gates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RN MPFR_RNDN
#define LOG_RATIO_MAX 80

sl_status sl_ref_loss_create(sl_ref_loss *loss, size_t t, mpfr_prec_t precision) {
  sl_reals *const all[] = {&loss->ratio, &loss->f, &loss->centred, &loss->w,
                           &loss->kl,    &loss->d, &loss->e};
  memset(loss, 0, sizeof *loss);
  loss->clamped = calloc(t + 1, 1);
  int complete = loss->clamped != NULL;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    *all[i] = sl_reals_create(t, precision);
    complete = complete && all[i]->x;
  }
  if (complete) return SL_OK;
  sl_ref_loss_destroy(loss);
  return SL_ERR_MEMORY;
}

void sl_ref_loss_destroy(sl_ref_loss *loss) {
  sl_reals *const all[] = {&loss->ratio, &loss->f, &loss->centred, &loss->w,
                           &loss->kl,    &loss->d, &loss->e};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) sl_reals_destroy(all[i]);
  free(loss->clamped);
  loss->clamped = NULL;
}

/* Clamps x to [-80, 80]; 1 if it was outside (spec O1.1). */
static int clamp(mpfr_t x) {
  if (mpfr_cmp_si(x, LOG_RATIO_MAX) > 0) return mpfr_set_si(x, LOG_RATIO_MAX, RN), 1;
  if (mpfr_cmp_si(x, -LOG_RATIO_MAX) < 0) return mpfr_set_si(x, -LOG_RATIO_MAX, RN), 1;
  return 0;
}

/* The mean log-ratio of the unmasked tokens of a sequence (spec O1.2). */
static void sequence_log_ratio(mpfr_t x, const sl_ref_batch *b, size_t lo, size_t hi) {
  unsigned long n = 0;
  mpfr_set_zero(x, 1);
  for (size_t t = lo; t < hi; t++) {
    if (!b->mask[t]) continue;
    mpfr_add(x, x, b->logp_new->x[t], RN);
    mpfr_sub_d(x, x, b->logp_old[t], RN);
    n++;
  }
  if (n) mpfr_div_ui(x, x, n, RN);
}

/* KL value into value, its slope by logp_new into slope (spec O4.3). y is overwritten by its
 * clamped value. */
static void kl_term(mpfr_t value, mpfr_t slope, sl_kl_kind kind, mpfr_t y) {
  const int clamped = clamp(y);
  if (kind == SL_KL_K1) {
    mpfr_set(value, y, RN);
    mpfr_set_ui(slope, 1, RN);
  } else if (kind == SL_KL_K2) {
    mpfr_sqr(value, y, RN);
    mpfr_div_2ui(value, value, 1, RN);
    mpfr_set(slope, y, RN);
  } else { /* e^-y - 1 + y; the subtraction loses at most the bits that y has above its square:
              expm1 keeps them */
    mpfr_t e;
    mpfr_init2(e, 2 * mpfr_get_prec(value) + 256);
    mpfr_neg(e, y, RN);
    mpfr_expm1(e, e, RN);
    mpfr_neg(slope, e, RN);
    mpfr_add(value, e, y, RN);
    mpfr_clear(e);
  }
  if (clamped) mpfr_set_zero(slope, 1);
}

/* f1: f(1) for A <= 0 and for A > 0. */
typedef struct {
  mpfr_t x, slope, f1[2], a, unused;
} scratch;

/* spec O4.7 */
static mpfr_srcptr advantage_of(const sl_ref_batch *b, size_t s, size_t t) {
  return b->token_advantage ? b->token_advantage->x[t] : b->advantage->x[s];
}

/* Ratio, gate and policy gradient of token t; x is its clamped log-ratio. */
static void policy_term(sl_ref_loss *loss, const sl_objective *o, const sl_ref_batch *b, size_t s,
                        size_t t, scratch *m, int clamped) {
  const int positive = mpfr_sgn(advantage_of(b, s, t)) > 0;
  mpfr_mul(m->a, advantage_of(b, s, t), b->coefficient->x[s], RN);
  mpfr_neg(m->a, m->a, RN);
  mpfr_exp(loss->ratio.x[t], m->x, RN);
  (void)sl_ref_gate(loss->f.x[t], loss->w.x[t], m->unused, &o->gate, positive, loss->ratio.x[t]);
  mpfr_sub(loss->centred.x[t], loss->f.x[t], m->f1[positive], RN);
  loss->clamped[t] = (uint8_t)clamped;
  if (clamped) return;
  mpfr_mul(loss->d.x[t], loss->w.x[t], loss->ratio.x[t], RN);
  mpfr_mul(loss->d.x[t], loss->d.x[t], m->a, RN);
}

static void kl_and_entropy(sl_ref_loss *loss, const sl_objective *o, const sl_ref_batch *b,
                           size_t s, size_t t, scratch *m) {
  if (o->beta > 0.0) {
    mpfr_sub_d(m->x, b->logp_new->x[t], b->logp_ref[t], RN);
    kl_term(loss->kl.x[t], m->slope, o->kl, m->x);
    mpfr_mul(m->slope, m->slope, b->coefficient->x[s], RN);
    mpfr_mul_d(m->slope, m->slope, o->beta, RN);
    mpfr_add(loss->d.x[t], loss->d.x[t], m->slope, RN);
  }
  if (o->gamma > 0.0) mpfr_mul_d(loss->e.x[t], b->coefficient->x[s], -o->gamma, RN);
}

static void sequence_loss(sl_ref_loss *loss, const sl_objective *o, const sl_ref_batch *b, size_t s,
                          scratch *m) {
  const size_t lo = b->seq[s], hi = b->seq[s + 1];
  mpfr_set_ui(m->x, 1, RN);
  for (int positive = 0; positive < 2; positive++)
    (void)sl_ref_gate(m->f1[positive], m->unused, m->slope, &o->gate, positive, m->x);
  for (size_t t = lo; t < hi; t++) {
    if (!b->mask[t]) continue;
    if (o->level == SL_LEVEL_SEQUENCE)
      sequence_log_ratio(m->x, b, lo, hi);
    else
      mpfr_sub_d(m->x, b->logp_new->x[t], b->logp_old[t], RN);
    policy_term(loss, o, b, s, t, m, clamp(m->x));
    kl_and_entropy(loss, o, b, s, t, m);
  }
}

static void clear_loss(sl_ref_loss *loss) {
  const sl_reals *const all[] = {&loss->ratio, &loss->f, &loss->centred, &loss->w,
                                 &loss->kl,    &loss->d, &loss->e};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    for (size_t t = 0; t < all[i]->n; t++) mpfr_set_zero(all[i]->x[t], 1);
  memset(loss->clamped, 0, loss->ratio.n);
}

static int finite_inputs(const sl_objective *o, const sl_ref_batch *b) {
  for (size_t t = b->seq[0]; t < b->seq[b->n_seq]; t++)
    if (b->mask[t] && (!mpfr_number_p(b->logp_new->x[t]) || !isfinite(b->logp_old[t]) ||
                       (o->beta > 0.0 && !isfinite(b->logp_ref[t]))))
      return 0;
  return 1;
}

sl_status sl_ref_loss_terms(sl_ref_loss *loss, const sl_objective *objective,
                            const sl_ref_batch *batch) {
  for (int side = 0; side < 2; side++)
    if (objective->gate.family[side] == SL_GATE_EXPRESSION) return SL_ERR_UNAVAILABLE;
  if (!finite_inputs(objective, batch)) return SL_ERR_NONFINITE;
  scratch m;
  const mpfr_prec_t precision = loss->ratio.n ? mpfr_get_prec(loss->ratio.x[0]) : 64;
  mpfr_inits2(precision, m.x, m.slope, m.f1[0], m.f1[1], m.a, m.unused, (mpfr_ptr)0);
  clear_loss(loss);
  for (size_t s = 0; s < batch->n_seq; s++) sequence_loss(loss, objective, batch, s, &m);
  mpfr_clears(m.x, m.slope, m.f1[0], m.f1[1], m.a, m.unused, (mpfr_ptr)0);
  return SL_OK;
}

void sl_ref_objective(mpfr_t j, const sl_objective *objective, const sl_ref_batch *batch,
                      const sl_ref_loss *loss) {
  mpfr_t token, part;
  mpfr_inits2(mpfr_get_prec(j), token, part, (mpfr_ptr)0);
  mpfr_set_zero(j, 1);
  for (size_t s = 0; s < batch->n_seq; s++)
    for (size_t t = batch->seq[s]; t < batch->seq[s + 1]; t++) {
      if (!batch->mask[t]) continue;
      mpfr_mul(token, advantage_of(batch, s, t), loss->f.x[t], RN);
      mpfr_mul_d(part, loss->kl.x[t], -objective->beta, RN);
      mpfr_add(token, token, part, RN);
      if (objective->gamma > 0.0) {
        mpfr_mul_d(part, batch->entropy->x[t], objective->gamma, RN);
        mpfr_add(token, token, part, RN);
      }
      mpfr_fma(j, token, batch->coefficient->x[s], j, RN);
    }
  mpfr_clears(token, part, (mpfr_ptr)0);
}
