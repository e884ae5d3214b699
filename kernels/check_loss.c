/* Entry check of the gated loss: settings of the objective and the batch, with the place (spec
 * O1.3, O2.1, O2.2). */
#include "check_arguments.h"

#include <float.h>
#include <math.h>
#include <stdatomic.h>

/* tau times the largest ratio - 1 stays finite, and so does 4 / tau. */
#define TAU_MIN 0x1p-20f
#define TAU_MAX 0x1p10f
#define SETTING_MAX 0x1p20 /* of clip edges, beta and gamma */

static int in_range(double x, double low, double high) {
  return x >= low && x <= high;
} /* NaN is not */

static void check_gate(sl_arguments *a, const sl_gate *g) {
  for (int side = 0; side < 2; side++) {
    const sl_gate_family family = g->family[side];
    sl_require(a, in_range(family, SL_GATE_SIGMOID, SL_GATE_EXPRESSION), "no such gate");
    if (family < SL_GATE_CLIP)
      sl_require(a, in_range((double)g->tau[side], (double)TAU_MIN, (double)TAU_MAX),
                 "tau must lie in [2^-20, 2^10]");
    if (family == SL_GATE_CLIP)
      sl_require(a, in_range(side ? g->clip_high : g->clip_low, 0.0, SETTING_MAX),
                 "clip edges must lie in [0, 2^20]");
    if (family == SL_GATE_EXPRESSION)
      sl_require(a, g->function != NULL, "an expression gate without a function");
  }
}

static void check_objective(sl_arguments *a, const sl_objective *o) {
  check_gate(a, &o->gate);
  sl_require(a, o->level == SL_LEVEL_TOKEN || o->level == SL_LEVEL_SEQUENCE, "no such level");
  sl_require(a, in_range(o->kl, SL_KL_K1, SL_KL_K3), "no such kind of KL");
  sl_require(a, in_range(o->beta, 0.0, SETTING_MAX), "beta must lie in [0, 2^20]");
  sl_require(a, in_range(o->gamma, 0.0, SETTING_MAX), "gamma must lie in [0, 2^20]");
}

static sl_status check_sequence(sl_context *ctx, const sl_gated_loss_batch *b, size_t s) {
  if (!b->token_advantage && !isfinite(b->advantage[s]))
    return sl_fail(&ctx->error, SL_ERR_NONFINITE, "gated_loss: advantage[%zu] is %g", s,
                   (double)b->advantage[s]);
  if (!in_range(b->coefficient[s], 0.0, 1.0))
    return sl_fail(&ctx->error, SL_ERR_INPUT, "gated_loss: coefficient[%zu] is %g, not in [0, 1]",
                   s, b->coefficient[s]);
  return SL_OK;
}

/* spec O1.1, O1.3: finite log-probs whose differences are finite */
static sl_status check_token(sl_context *ctx, const sl_objective *o, const sl_gated_loss_batch *b,
                             size_t i, size_t s) {
  if (!isfinite(b->logp_new[i])) return sl_refuse_token(ctx, "logp_new", b->logp_new[i], i, s);
  if (!isfinite(b->logp_old[i])) return sl_refuse_token(ctx, "logp_old", b->logp_old[i], i, s);
  if (!isfinite(b->logp_new[i] - b->logp_old[i]))
    return sl_refuse_token(ctx, "log-ratio", b->logp_new[i] - b->logp_old[i], i, s);
  if (o->beta > 0.0 && !isfinite(b->logp_ref[i]))
    return sl_refuse_token(ctx, "logp_ref", b->logp_ref[i], i, s);
  if (o->beta > 0.0 && !isfinite(b->logp_new[i] - b->logp_ref[i]))
    return sl_refuse_token(ctx, "reference log-ratio", b->logp_new[i] - b->logp_ref[i], i, s);
  if (b->entropy && !isfinite(b->entropy[i]))
    return sl_refuse_token(ctx, "entropy", b->entropy[i], i, s);
  if (b->token_advantage && !isfinite(b->token_advantage[i]))
    return sl_refuse_token(ctx, "token_advantage", b->token_advantage[i], i, s);
  return SL_OK;
}

/* 1 if a difference x[i] - y[i] of [lo, hi), or x[i] where y is NULL, is not finite; masked slots
 * count where mask is NULL. No early exit, so that it runs in vectors. */
static int some_nonfinite(const float *x, const float *y, const uint8_t *mask, size_t lo,
                          size_t hi) {
  int bad = 0;
  if (y && mask)
    for (size_t i = lo; i < hi; i++) bad |= (mask[i] != 0) & !(fabsf(x[i] - y[i]) <= FLT_MAX);
  else if (y)
    for (size_t i = lo; i < hi; i++) bad |= !(fabsf(x[i] - y[i]) <= FLT_MAX);
  else if (mask)
    for (size_t i = lo; i < hi; i++) bad |= (mask[i] != 0) & !(fabsf(x[i]) <= FLT_MAX);
  else
    for (size_t i = lo; i < hi; i++) bad |= !(fabsf(x[i]) <= FLT_MAX);
  return bad;
}

/* 1 if a token of [lo, hi) may be refused, a masked one too where mask is NULL. A difference is
 * finite only where both its terms are. */
static int may_refuse(const sl_objective *o, const sl_gated_loss_batch *b, const uint8_t *mask,
                      size_t lo, size_t hi) {
  int bad = some_nonfinite(b->logp_new, b->logp_old, mask, lo, hi);
  if (o->beta > 0.0) bad |= some_nonfinite(b->logp_new, b->logp_ref, mask, lo, hi);
  if (b->entropy) bad |= some_nonfinite(b->entropy, NULL, mask, lo, hi);
  if (b->token_advantage) bad |= some_nonfinite(b->token_advantage, NULL, mask, lo, hi);
  return bad;
}

typedef struct {
  const sl_objective *objective;
  const sl_gated_loss_batch *batch;
  atomic_int bad;
} token_job;

static void token_range(void *arg, size_t begin, size_t end, int thread) {
  token_job *j = arg;
  const sl_gated_loss_batch *b = j->batch;
  (void)thread;
  for (size_t s = begin; s < end; s++) {
    const size_t lo = b->seq[s], hi = b->seq[s + 1];
    /* what padding holds is mostly finite too: the mask is read where something is not */
    if (may_refuse(j->objective, b, NULL, lo, hi) && may_refuse(j->objective, b, b->mask, lo, hi))
      atomic_store(&j->bad, 1);
  }
}

/* On all threads where the batch is long, as what follows; the place is then looked for. */
static sl_status check_batch(sl_context *ctx, const sl_objective *o, const sl_gated_loss_batch *b) {
  enum { RANGE = 1 << 14 }; /* tokens */
  const size_t n = b->n_seq, t = n ? b->seq[n] : 0;
  token_job j = {.objective = o, .batch = b};
  sl_status status = sl_parallel_for(ctx, n, 1 + RANGE * n / (t + 1), token_range, &j);
  const int bad = atomic_load(&j.bad);
  for (size_t s = 0; !status && s < n; s++) {
    status = check_sequence(ctx, b, s);
    for (size_t i = b->seq[s]; bad && !status && i < b->seq[s + 1]; i++)
      if (b->mask[i]) status = check_token(ctx, o, b, i, s);
  }
  return status;
}

sl_status sl_check_gated_loss(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                              const sl_objective *objective, const sl_gated_loss_batch *batch) {
  sl_arguments a = {ctx, "gated_loss", SL_OK};
  SL_NEED(&a, objective, 1, 1, 1), SL_NEED(&a, batch, 1, 1, 1);
  if (a.status) return a.status;
  check_objective(&a, objective);
  const size_t n = batch->n_seq, t = sl_tokens(&a, batch->seq, n);
  SL_NEED(&a, d, t, 1, 1), SL_NEED(&a, sums, n, 1, 1), SL_NEED(&a, batch->logp_new, t, 1, 1),
      SL_NEED(&a, batch->logp_old, t, 1, 1);
  SL_NEED(&a, batch->mask, t, 1, 1), SL_NEED(&a, batch->coefficient, n, 1, 1);
  if (batch->token_advantage)
    SL_NEED(&a, batch->token_advantage, t, 1, 1);
  else
    SL_NEED(&a, batch->advantage, n, 1, 1);
  SL_NEED_IF(&a, e, t, 1, 1), SL_NEED_IF(&a, batch->entropy, t, 1, 1),
      SL_NEED_IF(&a, batch->logp_ref, t, 1, 1);
  if (objective->beta > 0.0) SL_NEED(&a, batch->logp_ref, t, 1, 1);
  if (objective->gamma > 0.0) SL_NEED(&a, e, t, 1, 1), SL_NEED(&a, batch->entropy, t, 1, 1);
  if (sl_readable(&a)) a.status = check_batch(ctx, objective, batch);
  return a.status;
}
