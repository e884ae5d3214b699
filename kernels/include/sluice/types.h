/* Argument types of the kernels: packs, parts, sampling, the objective and the optimiser (spec
 * N5.5, N6.3, O1 to O5). */
#ifndef SLUICE_TYPES_H
#define SLUICE_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* The functions of spec/functions.def, in its order (spec N2.1). */
typedef enum {
#define SL_FUNCTION(name, low, high) SL_FUNCTION_##name,
#include <sluice/functions.def>
#undef SL_FUNCTION
  SL_FUNCTION_COUNT
} sl_function_id;

typedef enum { SL_PACK_FORWARD, SL_PACK_INPUT_GRAD } sl_pack_kind;

/* One part of a concatenated input gradient (spec N3.4, T2.2): dy (t, n), w (n, k), its pack
 * or NULL. */
typedef struct {
  const float *dy;
  const float *w;
  const void *packed;
  size_t n;
} sl_linear_part;

/* The head's running total of one shard (spec N4.3): dw (vocab, d) takes the token dots of tokens
 * [end of the one before, end), whole sequences. Totals that follow one another may be one array.
 */
typedef struct {
  float *dw;
  size_t end;
} sl_shard_total;

/* How to draw a token (spec N5.5). temperature 0 is greedy; top_k 0 and top_p 1 are off. */
typedef struct {
  float temperature;
  uint32_t top_k;
  double top_p;
  uint64_t seed;
  uint32_t step;
} sl_sampling;

typedef enum {
  SL_GATE_SIGMOID,
  SL_GATE_ERF,
  SL_GATE_ARCTAN,
  SL_GATE_SOFTSIGN,
  SL_GATE_CLIP,
  SL_GATE_IDENTITY,
  SL_GATE_EXPRESSION
} sl_gate_family;

/* Value and weight of an expression gate at r (spec O2.4): f may be set to NaN when the gate is a
 * weight only. Called from several threads at once. */
typedef void (*sl_gate_function)(const void *expression, int positive, float r, float *f, float *w);

/* A gate with family and parameters of both advantage signs (spec O2): [0] A <= 0, [1] A > 0.
 * sigmoid, erf, arctan, softsign use tau, in [2^-20, 2^10]; clip uses low for A <= 0 and high for A
 * > 0, in [0, 2^20]; an expression uses function and expression. */
typedef struct {
  sl_gate_family family[2];
  float tau[2];
  double clip_low, clip_high;
  sl_gate_function function;
  const void *expression;
} sl_gate;

typedef enum { SL_LEVEL_TOKEN, SL_LEVEL_SEQUENCE } sl_level;
typedef enum { SL_AGG_SEQUENCE_MEAN, SL_AGG_TOKEN_MEAN, SL_AGG_CONSTANT } sl_aggregation;
typedef enum { SL_KL_K1, SL_KL_K2, SL_KL_K3 } sl_kl_kind;
typedef enum {
  SL_ADV_STD_POPULATION,
  SL_ADV_STD_SAMPLE,
  SL_ADV_NO_STD,
  SL_ADV_LEAVE_ONE_OUT
} sl_advantage_kind;

/* The objective of spec/objective.md, whose O6.1 has the settings of the published methods. beta
 * and gamma, in [0, 2^20], are off at 0. aggregation and constant_length are for
 * sl_objective_coefficients; the kernel sees their coefficients. */
typedef struct {
  sl_gate gate;
  sl_level level;
  sl_aggregation aggregation;
  double constant_length;
  sl_kl_kind kl;
  double beta;
  double gamma;
} sl_objective;

/* sl_gated_loss: the loss is L = -J, which a step descends; J is the objective (spec O5.1).
 *
 *     d[t] = dL / d logp_new[t]       e[t] = dL / d entropy[t]
 *
 * in binary32, +0 on masked tokens; an optimizer subtracts them, times its rate. d is negative
 * where the token's log-prob should grow (A > 0 and the gate open). e is -(gamma * coefficient) on
 * every unmasked token; e may be NULL where gamma is 0. d and e feed sl_logprob_backward as dlogp
 * and dentropy.
 *
 * The value follows from the sums, added over the step's sequences in ascending order:
 *
 *     L = -(sum objective - beta * sum kl + gamma * sum entropy)
 *
 * `centred` in place of `objective` gives L up to a constant, which has no gradient: 0 where every
 * ratio is 1. */

/* A micro-batch of the gated loss. Arrays over t tokens: logp_new, logp_old, logp_ref (NULL if beta
 * is 0), entropy (NULL if gamma is 0), mask. Arrays over n_seq sequences: seq offsets (n_seq + 1),
 * advantage, coefficient (spec O4.1; binary64, of the whole step, from sl_objective_coefficients).
 * token_advantage (t), where not NULL, has an advantage for each token, whose sign chooses the
 * token's gate; advantage is then not read, and may be NULL (spec O4.7). Unmasked slots and
 * advantages must be finite (spec O1.3). */
typedef struct {
  const float *logp_new, *logp_old, *logp_ref, *entropy;
  const uint8_t *mask;
  const uint32_t *seq;
  const float *advantage;
  const double *coefficient;
  size_t n_seq;
  const float *token_advantage;
} sl_gated_loss_batch;

/* Per-sequence sums that the caller adds in ascending order (spec O5.1, O5.2): of coefficient times
 * A * f (objective), A * (f - f(1)) (centred), the KL value (kl, where beta > 0), the entropy
 * (where it is given). objective and centred are NaN where the gate is a weight only: then the loss
 * has a gradient, but no value. ratio_max is 0 where tokens is. */
typedef struct {
  double objective, centred, kl, entropy;
  double y_sum, y_square_sum, weight_sum, effective_sum;
  float ratio_max;
  uint32_t tokens, below_half, clamped;
  double log_ratio_sum; /* of the clamped log-ratios */
  uint32_t kl_clamped;  /* tokens whose new - ref lay beyond the clamp */
  uint32_t zero;        /* 0: no byte of the struct is padding */
} sl_loss_sums;

/* Scalars of one AdamW step (spec N6.3). g_finite: 1 if sl_grad_square_sum has accepted g, which is
 * then not read once more to refuse what is not finite. */
typedef struct {
  float grad_scale, b1, b2, one_b1, one_b2, c1, c2, lr, eps, decay;
  uint32_t g_finite;
} sl_adamw;

#endif
