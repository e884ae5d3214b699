/* The gated objective: gradients by log-prob and entropy, and the sums that are reported (spec O1,
 * O2, O4, O5). */
#include "gate.h"
#include "kernels/core/check.h"
#include "plain.h"
#include "reduce.h"

#define LOG_RATIO_MAX 80.0f

typedef struct {
  float x; /* clamped log-ratio */
  int clamped;
} log_ratio;

static log_ratio clamp(float x) {
  const log_ratio r = {fminf(fmaxf(x, -LOG_RATIO_MAX), LOG_RATIO_MAX) + 0.0f,
                       fabsf(x) > LOG_RATIO_MAX};
  return r;
}

/* The mean log-ratio of the sequence [lo, hi) over its unmasked tokens (spec O1.2): sum64 with
 * masked slots as +0. */
static float sequence_log_ratio(const sl_gated_loss_batch *b, size_t lo, size_t hi,
                                uint32_t tokens) {
  sum64 sum = {0};
  for (size_t i = lo; i < hi; i++)
    sum64_add(&sum, 0, b->mask[i] ? (double)(b->logp_new[i] - b->logp_old[i]) : 0.0, 1.0);
  return (float)(sum64_end(&sum) / (double)tokens);
}

typedef struct {
  double value;
  float slope; /* by logp_new */
  int clamped;
} kl_term;

/* KL term of one token (spec O4.3). */
static kl_term kl_at(sl_kl_kind kind, float difference) {
  const log_ratio y = clamp(difference);
  kl_term term = {(double)y.x, 1.0f, y.clamped};
  if (kind == SL_KL_K2) {
    term.value = (double)y.x * (double)y.x / 2.0;
    term.slope = y.x;
  } else if (kind == SL_KL_K3) {
    const float e = sl_fn_expm1(-y.x);
    term.value = (double)e + (double)y.x;
    term.slope = -e;
  }
  if (y.clamped) term.slope = 0.0f;
  return term;
}

/* spec O5.2 */
static void count_token(sl_loss_sums *s, log_ratio x, float r, float w, float effective) {
  const double y = (double)(r - 1.0f);
  s->log_ratio_sum += (double)x.x;
  s->y_sum += y;
  s->y_square_sum = fma(y, y, s->y_square_sum);
  s->weight_sum += (double)w;
  s->effective_sum += (double)effective;
  if (s->tokens == 0 || r > s->ratio_max) s->ratio_max = r;
  s->below_half += w < 0.5f;
  s->clamped += x.clamped != 0;
  s->tokens++;
}

static uint32_t count_tokens(const uint8_t *mask, size_t lo, size_t hi) {
  uint32_t n = 0;
  for (size_t i = lo; i < hi; i++) n += mask[i] != 0;
  return n;
}

/* d and e of the tokens of sequence s, and its sums (spec O4.4, O4.6, O4.7, O5.1). */
static sl_loss_sums sequence_loss(float *d, float *e, const sl_objective *o,
                                  const sl_gated_loss_batch *b, size_t s) {
  const size_t lo = b->seq[s], hi = b->seq[s + 1];
  const double c = b->coefficient[s];
  const float kl_scale = (float)(o->beta * c), entropy_grad = (float)-(o->gamma * c);
  const sl_gate_side gate[2] = {sl_gate_for(&o->gate, 0), sl_gate_for(&o->gate, 1)};
  const uint32_t tokens = count_tokens(b->mask, lo, hi);
  log_ratio x = {0.0f, 0};
  if (o->level == SL_LEVEL_SEQUENCE && tokens) x = clamp(sequence_log_ratio(b, lo, hi, tokens));
  sl_loss_sums sums = {0};
  for (size_t i = lo; i < hi; i++) {
    d[i] = e[i] = 0.0f;
    if (!b->mask[i]) continue;
    if (o->level == SL_LEVEL_TOKEN) x = clamp(b->logp_new[i] - b->logp_old[i]);
    const float advantage = sl_advantage_at(b, s, i), r = sl_fn_exp(x.x);
    const double ac = (double)advantage * c;
    const sl_gate_point g = sl_gate_at(&gate[advantage > 0.0f], r);
    const float a = (float)-ac, effective = g.w * r;
    if (!x.clamped && a != 0.0f) d[i] = effective * a;
    if (o->beta > 0.0) {
      const kl_term kl = kl_at(o->kl, b->logp_new[i] - b->logp_ref[i]);
      d[i] = d[i] + kl_scale * kl.slope;
      sums.kl += c * kl.value;
      sums.kl_clamped += kl.clamped != 0;
    }
    if (o->gamma > 0.0) e[i] = entropy_grad;
    if (b->entropy) sums.entropy += c * (double)b->entropy[i];
    sums.objective += ac * (double)g.f;
    sums.centred += ac * g.centred;
    count_token(&sums, x, r, g.w, effective);
  }
  if (isnan(sums.objective) || isnan(sums.centred))
    sums.objective = sums.centred = (double)NAN; /* absent: one bit pattern */
  return sums;
}

sl_status sl_plain_gated_loss(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                              const sl_objective *objective, const sl_gated_loss_batch *batch) {
  const size_t n = batch->n_seq, t = n ? batch->seq[n] : 0;
  const sl_staged_loss staged = sl_stage_loss(ctx, n, t, t);
  if (!staged.sums) return ctx->error.status;
  for (size_t s = 0; s < n; s++)
    staged.sums[s] = sequence_loss(staged.d, staged.e, objective, batch, s);
  return sl_commit_loss(ctx, d, e, sums, &staged, batch);
}
