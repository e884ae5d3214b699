/* The gated objective over the real numbers, in MPFR at any precision: J, and the gradient of the
 * loss L = -J by every new log-prob and entropy (spec O1 to O5). */
#ifndef SLUICE_REFERENCE_OBJECTIVE_H
#define SLUICE_REFERENCE_OBJECTIVE_H

#include "real.h"

#include <sluice/status.h>
#include <sluice/types.h>

#include <stdint.h>

/* What a loss is computed from. Over tokens: logp_new and entropy (numbers, so that a test may move
 * them by 2^-100), logp_old and logp_ref, mask. Over sequences: offsets seq (n_seq + 1), advantage,
 * coefficient (advantages.h). logp_ref is read where beta > 0, entropy where gamma > 0; elsewhere
 * they may be empty. token_advantage: an advantage for each token in place of its sequence's (spec
 * O4.7), or NULL. Masked slots are never read (spec N1.7). */
typedef struct {
  const sl_reals *logp_new, *entropy;
  const double *logp_old, *logp_ref;
  const uint8_t *mask;
  const uint32_t *seq;
  size_t n_seq;
  const sl_reals *advantage, *coefficient, *token_advantage;
} sl_ref_batch;

/* Per token: ratio r (after the clamp), f(r), f(r) - f(1), w = f'(r), KL value, d = dL/dlogp_new, e
 * = dL/dentropy, and whether the log-ratio was clamped. Masked tokens hold 0 throughout. */
typedef struct {
  sl_reals ratio, f, centred, w, kl, d, e;
  uint8_t *clamped;
} sl_ref_loss;

/* SL_ERR_MEMORY if there is none; then nothing is held. Destroying a zeroed one is allowed. */
sl_status sl_ref_loss_create(sl_ref_loss *loss, size_t t, mpfr_prec_t precision);
void sl_ref_loss_destroy(sl_ref_loss *loss);

/* Fills loss. SL_ERR_UNAVAILABLE for an expression gate, SL_ERR_NONFINITE for a non-finite
 * log-ratio on an unmasked token. */
sl_status sl_ref_loss_terms(sl_ref_loss *loss, const sl_objective *objective,
                            const sl_ref_batch *batch);

/* J = sum over sequences i and unmasked tokens of c_i (A_i f - beta KL + gamma entropy) (spec O4).
 */
void sl_ref_objective(mpfr_t j, const sl_objective *objective, const sl_ref_batch *batch,
                      const sl_ref_loss *loss);

#endif
