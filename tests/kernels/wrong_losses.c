/* Losses that are wrong (see wrong_losses.h). */
#include "wrong_losses.h"

#include <math.h>

sl_status wrong_of_the_micro_batch(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                   const sl_objective *o, const sl_gated_loss_batch *b) {
  double c[STEP_SEQUENCES], tokens = 1.0;
  for (size_t i = 0; i < b->seq[b->n_seq]; i++) tokens += b->mask[i];
  for (size_t k = 0; k < b->n_seq; k++) c[k] = 1.0 / tokens;
  sl_gated_loss_batch own = *b;
  own.coefficient = c;
  return sl_gated_loss(ctx, d, e, sums, o, &own);
}

sl_status wrong_mask_multiplied(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                const sl_objective *o, const sl_gated_loss_batch *b) {
  const sl_status status = sl_gated_loss(ctx, d, e, sums, o, b);
  for (size_t i = 0; i < b->seq[b->n_seq]; i++)
    if (!b->mask[i]) d[i] = 0.0f * b->logp_new[i];
  return status;
}

sl_status wrong_only_the_output_clamped(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                        const sl_objective *o, const sl_gated_loss_batch *b) {
  const sl_status status = sl_gated_loss(ctx, d, e, sums, o, b);
  for (size_t i = 0; i < b->seq[b->n_seq]; i++)
    if (b->mask[i] && fabsf(b->logp_new[i] - b->logp_old[i]) > 80.0f) d[i] = 1.0f;
  return status;
}

sl_status wrong_sign_of_the_advantage(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                      const sl_objective *o, const sl_gated_loss_batch *b) {
  float sign[STEP_SEQUENCES];
  for (size_t k = 0; k < b->n_seq; k++)
    sign[k] = b->advantage[k] == 0.0f ? 0.0f : copysignf(1.0f, b->advantage[k]);
  sl_gated_loss_batch own = *b;
  own.advantage = sign;
  return sl_gated_loss(ctx, d, e, sums, o, &own);
}

sl_status wrong_nothing_where_a_is_zero(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                        const sl_objective *o, const sl_gated_loss_batch *b) {
  const sl_status status = sl_gated_loss(ctx, d, e, sums, o, b);
  for (size_t k = 0; k < b->n_seq; k++)
    for (size_t i = b->seq[k]; i < b->seq[k + 1]; i++)
      if (b->advantage[k] == 0.0f) d[i] = 0.0f;
  return status;
}

sl_status wrong_shifted_advantages(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                   const sl_objective *o, const sl_gated_loss_batch *b) {
  float shifted[STEP_SEQUENCES];
  for (size_t k = 0; k < b->n_seq; k++) shifted[k] = b->advantage[k ? k - 1 : 0];
  sl_gated_loss_batch own = *b;
  own.advantage = shifted;
  return sl_gated_loss(ctx, d, e, sums, o, &own);
}

sl_status wrong_doubled(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                        const sl_objective *o, const sl_gated_loss_batch *b) {
  const sl_status status = sl_gated_loss(ctx, d, e, sums, o, b);
  for (size_t i = 0; o->gate.family[0] != SL_GATE_IDENTITY && i < b->seq[b->n_seq]; i++)
    d[i] *= 2.0f;
  return status;
}

sl_status wrong_first_of_the_tokens(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                    const sl_objective *o, const sl_gated_loss_batch *b) {
  static float first[STEP_TOKENS];
  sl_gated_loss_batch own = *b;
  if (!b->token_advantage) return sl_gated_loss(ctx, d, e, sums, o, b);
  for (size_t k = 0; k < b->n_seq; k++)
    for (size_t i = b->seq[k], last = b->seq[k]; i < b->seq[k + 1]; i++) {
      if (b->mask[i] && !b->mask[last]) last = i;
      first[i] = b->token_advantage[last];
    }
  own.token_advantage = first;
  return sl_gated_loss(ctx, d, e, sums, o, &own);
}
