/* The exact gated loss of a micro-batch in MPFR (spec O1 to O5), on the objective of objective.h.
 */
#include "kernels.h"
#include "objective.h"
#include "widen.h"

#include <math.h>

#define RN MPFR_RNDN
/* New log-probs, advantages and coefficients are exact in it; ratios up to e^80 and their squares
 * keep 60 bits of y = r - 1. */
#define PRECISION 300

/* The numbers of one call. */
typedef struct {
  sl_reals logp_new, entropy, advantage, coefficient, token_advantage, sums;
  double *logp_old, *logp_ref;
  sl_ref_loss loss;
} numbers;

static void release(numbers *n) {
  sl_reals_destroy(&n->logp_new);
  sl_reals_destroy(&n->entropy);
  sl_reals_destroy(&n->advantage);
  sl_reals_destroy(&n->coefficient);
  sl_reals_destroy(&n->token_advantage);
  sl_reals_destroy(&n->sums);
  sl_ref_loss_destroy(&n->loss);
  free(n->logp_old);
  free(n->logp_ref);
}

static sl_status take(numbers *n, const sl_gated_loss_batch *b) {
  const size_t t = b->n_seq ? b->seq[b->n_seq] : 0;
  n->logp_new = sl_reals_create(t, PRECISION);
  n->entropy = sl_reals_create(t, PRECISION);
  n->advantage = sl_reals_create(b->n_seq, PRECISION);
  n->coefficient = sl_reals_create(b->n_seq, PRECISION);
  n->token_advantage = sl_reals_create(t, PRECISION);
  n->sums = sl_reals_create(SL_LOSS_FIELDS, PRECISION);
  n->logp_old = sl_widen(b->logp_old, t);
  n->logp_ref = b->logp_ref ? sl_widen(b->logp_ref, t) : sl_widen(b->logp_old, t);
  const int complete = n->logp_new.x && n->entropy.x && n->advantage.x && n->coefficient.x &&
                       n->token_advantage.x && n->sums.x && n->logp_old && n->logp_ref;
  if (sl_ref_loss_create(&n->loss, t, PRECISION) || !complete) return SL_ERR_MEMORY;
  sl_reals_set_floats(&n->logp_new, b->logp_new);
  if (b->entropy) sl_reals_set_floats(&n->entropy, b->entropy);
  if (b->token_advantage)
    sl_reals_set_floats(&n->token_advantage, b->token_advantage);
  else
    sl_reals_set_floats(&n->advantage, b->advantage);
  sl_reals_set_doubles(&n->coefficient, b->coefficient);
  return SL_OK;
}

static void add_product(mpfr_t sum, mpfr_srcptr a, mpfr_srcptr b) { mpfr_fma(sum, a, b, sum, RN); }

/* Adds token t of sequence s to the reported values (spec O5); the counts are kept as numbers too.
 */
static void add_token(numbers *n, const sl_gated_loss_batch *b, size_t s, size_t t) {
  const sl_ref_loss *l = &n->loss;
  mpfr_t *sum = n->sums.x, y, ac;
  mpfr_inits2(PRECISION, y, ac, (mpfr_ptr)0);
  mpfr_mul(ac, b->token_advantage ? n->token_advantage.x[t] : n->advantage.x[s],
           n->coefficient.x[s], RN);
  mpfr_sub_ui(y, l->ratio.x[t], 1, RN);
  add_product(sum[SL_LOSS_OBJECTIVE], ac, l->f.x[t]);
  add_product(sum[SL_LOSS_CENTRED], ac, l->centred.x[t]);
  add_product(sum[SL_LOSS_KL], n->coefficient.x[s], l->kl.x[t]);
  if (b->entropy) add_product(sum[SL_LOSS_ENTROPY], n->coefficient.x[s], n->entropy.x[t]);
  mpfr_add(sum[SL_LOSS_Y], sum[SL_LOSS_Y], y, RN);
  add_product(sum[SL_LOSS_Y_SQUARE], y, y);
  mpfr_add(sum[SL_LOSS_WEIGHT], sum[SL_LOSS_WEIGHT], l->w.x[t], RN);
  add_product(sum[SL_LOSS_EFFECTIVE], l->w.x[t], l->ratio.x[t]);
  mpfr_max(sum[SL_LOSS_RATIO_MAX], sum[SL_LOSS_RATIO_MAX], l->ratio.x[t],
           RN); /* ratios are positive: 0 is below all */
  mpfr_add_ui(sum[SL_LOSS_TOKENS], sum[SL_LOSS_TOKENS], 1, RN);
  mpfr_add_ui(sum[SL_LOSS_BELOW_HALF], sum[SL_LOSS_BELOW_HALF], mpfr_cmp_d(l->w.x[t], 0.5) < 0, RN);
  mpfr_add_ui(sum[SL_LOSS_CLAMPED], sum[SL_LOSS_CLAMPED], l->clamped[t], RN);
  mpfr_clears(y, ac, (mpfr_ptr)0);
}

static void sequence_sums(double *out, numbers *n, const sl_gated_loss_batch *b, size_t s) {
  for (size_t f = 0; f < SL_LOSS_FIELDS; f++) mpfr_set_zero(n->sums.x[f], 1);
  for (size_t t = b->seq[s]; t < b->seq[s + 1]; t++)
    if (b->mask[t]) add_token(n, b, s, t);
  sl_reals_get_doubles(out, &n->sums);
}

static sl_status terms(numbers *n, const sl_objective *o, const sl_gated_loss_batch *b) {
  const sl_ref_batch r = {&n->logp_new,    &n->entropy,
                          n->logp_old,     n->logp_ref,
                          b->mask,         b->seq,
                          b->n_seq,        &n->advantage,
                          &n->coefficient, b->token_advantage ? &n->token_advantage : NULL};
  return sl_ref_loss_terms(&n->loss, o, &r);
}

sl_status sl_ref_gated_loss(double *d, double *e, double *sums, const sl_objective *objective,
                            const sl_gated_loss_batch *batch) {
  numbers n = {0};
  sl_status status = take(&n, batch);
  if (!status) status = terms(&n, objective, batch);
  if (!status) {
    sl_reals_get_doubles(d, &n.loss.d);
    if (e) sl_reals_get_doubles(e, &n.loss.e);
    for (size_t s = 0; s < batch->n_seq; s++)
      sequence_sums(sums + s * SL_LOSS_FIELDS, &n, batch, s);
  }
  release(&n);
  return status;
}

/* Adds the mean weight of the tokens of the sequences [first, end) to sum; 1 if they have any. */
static unsigned add_group(mpfr_t sum, const numbers *n, const sl_gated_loss_batch *b, size_t first,
                          size_t end) {
  unsigned long tokens = 0;
  mpfr_t mean;
  mpfr_init2(mean, PRECISION);
  mpfr_set_zero(mean, 1);
  for (size_t t = b->seq[first]; t < b->seq[end]; t++) {
    if (!b->mask[t]) continue;
    if (!n->loss.clamped[t]) mpfr_add(mean, mean, n->loss.w.x[t], RN);
    tokens++;
  }
  if (tokens) mpfr_div_ui(mean, mean, tokens, RN);
  mpfr_add(sum, sum, mean, RN);
  mpfr_clear(mean);
  return tokens > 0;
}

sl_status sl_ref_effective_ratio(double *eur, const sl_objective *objective,
                                 const sl_gated_loss_batch *batch, const uint32_t *group,
                                 size_t n_groups) {
  numbers n = {0};
  sl_status status = take(&n, batch);
  if (!status) status = terms(&n, objective, batch);
  if (!status) {
    unsigned groups = 0;
    mpfr_t sum;
    mpfr_init2(sum, PRECISION);
    mpfr_set_zero(sum, 1);
    for (size_t g = 0; g < n_groups; g++)
      groups += add_group(sum, &n, batch, group[g], group[g + 1]);
    mpfr_div_ui(sum, sum, groups, RN);
    *eur = mpfr_get_d(sum, RN);
    mpfr_clear(sum);
  }
  release(&n);
  return status;
}
