/* The few-element scalars of the objective and the optimiser, in binary64 (spec O3, O4.1, O5, N6).
 */
#ifndef SLUICE_OBJECTIVE_H
#define SLUICE_OBJECTIVE_H

#include <sluice/status.h>
#include <sluice/types.h>

#if defined(__GNUC__)
#pragma GCC visibility push(default) /* what libsluice.so exports */
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* Advantages of n_groups groups; group g holds the sequences [group[g], group[g+1]), group[0] = 0
 * (spec O3). *zero_variance, if not NULL, gets the number of groups without variance: if it equals
 * n_groups, the step has no policy gradient, and the caller should warn. SL_ERR_NONFINITE for a
 * reward or an advantage that is not finite (named), SL_ERR_INPUT for a leave-one-out group of one
 * or offsets that decrease, SL_ERR_USAGE for an eps that is negative or not finite. */
sl_status sl_advantages(float *advantage, size_t *zero_variance, const double *reward,
                        const uint32_t *group, size_t n_groups, sl_advantage_kind kind, double eps,
                        sl_error *err);

/* Unmasked tokens of each sequence, n_i of spec O4.1: tokens (n_seq) from mask and offsets as
 * sl_gated_loss takes them, which are not checked. */
void sl_objective_tokens(uint32_t *tokens, const uint8_t *mask, const uint32_t *seq, size_t n_seq);

/* The coefficient of a token of each sequence, from tokens[i] = unmasked tokens of sequence i of
 * the whole step (spec O4.1). SL_ERR_INPUT if the step has no unmasked token, SL_ERR_USAGE for a
 * constant_length below 1. */
sl_status sl_objective_coefficients(double *coefficient, const uint32_t *tokens, size_t n_seq,
                                    sl_aggregation aggregation, double constant_length,
                                    sl_error *err);

/* The same of a part of a step: tokens are the part's, sequences (those with unmasked tokens) and
 * total (unmasked tokens) the step's. SL_ERR_USAGE unless the one that the aggregation divides by
 * is finite and at least 1; the other may be anything. */
sl_status sl_objective_part_coefficients(double *coefficient, const uint32_t *tokens, size_t n_seq,
                                         sl_aggregation aggregation, double constant_length,
                                         double sequences, double total, sl_error *err);

/* What an update's gate let through (spec O5.3, O5.4). effective: the effective update ratio, the
 * mean over groups of the mean weight of their tokens. clipped: the same mean of the share of
 * tokens that clip leaves without a gradient; clipped_tokens: their share of all tokens, as TRL and
 * verl count it. The last two are NaN unless the gate is clip for both signs. */
typedef struct {
  double effective, clipped, clipped_tokens;
} sl_update_ratios;

/* The values of an update (spec O5.1, O5.2): sums over its sequences, ascending, means over its
 * unmasked tokens (NaN without such a token), the largest ratio (0 without) and counts; sequences
 * are those with unmasked tokens. approximate_kl is that of k3. */
typedef struct {
  double tokens, sequences, objective, centred, kl, entropy;
  double ratio_mean, ratio_variance, ratio_max, weight_mean, below_half;
  double clamped, kl_clamped, approximate_kl;
  sl_update_ratios update; /* NaN: for sl_update_measure */
} sl_loss_metrics;

/* Of n_seq sequences, from the sums that sl_gated_loss gave for them. */
void sl_loss_measure(sl_loss_metrics *out, const sl_loss_sums *sums, size_t n_seq);

/* Measures an update from its sequences, on the host, and the sums that sl_gated_loss gave for
 * them; group as in sl_advantages, of all sequences. SL_ERR_INPUT for offsets that do not fit, or
 * an update without unmasked tokens; *out is then untouched. */
sl_status sl_update_measure(sl_update_ratios *out, const sl_objective *objective,
                            const sl_gated_loss_batch *batch, const sl_loss_sums *sums,
                            const uint32_t *group, size_t n_groups, sl_error *err);

typedef enum { SL_DECAY_CONSTANT, SL_DECAY_LINEAR, SL_DECAY_COSINE } sl_decay_kind;

/* The learning rate of step t = 1 ... total (spec N6.5); final is the fraction of base that is left
 * at the end. */
float sl_learning_rate(double base, sl_decay_kind decay, double final, uint64_t warmup, uint64_t t,
                       uint64_t total);

/* The factor that clips a gradient of that norm (spec N6.2); max_norm 0 is off. */
float sl_clip_scale(double norm, double max_norm);

/* Bias corrections kept in the checkpoint as products (spec N6.4); both start at 1. */
typedef struct {
  double b1_power, b2_power;
} sl_adamw_state;

/* The scalars of the next step: advances state (spec N6.3, N6.4). */
sl_adamw sl_adamw_scalars(sl_adamw_state *state, float b1, float b2, float eps, float lr,
                          float grad_scale);
/* The decay field of a tensor with weight decay; without, it is 1. */
float sl_adamw_decay(float lr, double weight_decay);

#ifdef __cplusplus
}
#endif
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
