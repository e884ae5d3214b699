/* The gated loss in blocks of tokens, threaded over sequences (spec O1, O2, O4, O5).
 *
 * A token moves about 30 bytes and needs two to four of the functions of spec N2.1, which run in
 * vectors over a block; what is summed is binary64 in token order, on one lane. A step of our own
 * has thousands of tokens, for which the model does 10^9 operations; as a function of its own, on
 * millions of tokens, the loss is compared with what PyTorch takes for it.
 */
#include "cpu.h"
#include "kernels/core/check.h"
#include "kernels/core/function_maps.h"
#include "kernels/plain/gate.h"
#include "lanes.h"

#include <math.h>

#define BLOCK 256
#define LOG_RATIO_MAX 80.0f

/* y[i] = name(x[i]) for n elements, in vectors (spec N2.1). */
#define MAP(name, y, x, n) SL_ISA_NAME(function_maps)[SL_FUNCTION_##name](y, x, n)

typedef struct {
  sl_staged_loss out;
  const sl_objective *objective;
  const sl_gated_loss_batch *batch;
} loss_job;

/* Columns of one block; masked slots are computed with log-ratio 0 and never used. t holds what
 * one loop leaves for the next. */
typedef struct {
  float x[BLOCK], r[BLOCK], z[BLOCK], w[BLOCK], f[BLOCK], slope[BLOCK], t[BLOCK];
  double centred[BLOCK], kl[BLOCK];
  uint8_t clamped[BLOCK], kl_clamped[BLOCK];
} block;

/* What is the same for all tokens of a sequence. */
typedef struct {
  sl_gate_side gate;
  double c, ac;
  float a, kl_scale, entropy_grad;
  float x; /* of a sequence-level ratio */
} sequence;

/* x is a number (check_loss.c). */
static inline float clamp(float x) {
  return (x > LOG_RATIO_MAX ? LOG_RATIO_MAX : x < -LOG_RATIO_MAX ? -LOG_RATIO_MAX : x) + 0.0f;
}

/* spec O1.2: lanes by slot, masked slots add +0, which cannot change a lane that started at +0.
 * chunk: one number for each chunk. */
static float sequence_log_ratio(double *chunk, const sl_gated_loss_batch *b, size_t lo, size_t hi) {
  double tokens = 0.0;
  size_t chunks = 0;
  for (size_t begin = lo; begin < hi; begin += SL_SUM_CHUNK) {
    const size_t end = hi - begin < SL_SUM_CHUNK ? hi : begin + SL_SUM_CHUNK;
    double lane[SL_SUM_LANES] = {0};
    for (size_t i = begin; i < end; i++) {
      lane[(i - begin) % SL_SUM_LANES] +=
          b->mask[i] ? (double)(b->logp_new[i] - b->logp_old[i]) : 0.0;
      tokens += b->mask[i] != 0;
    }
    chunk[chunks++] = lanes64_total(lane);
  }
  return tokens > 0.0 ? (float)(sum64_levels(chunk, chunks) / tokens) : 0.0f;
}

static void fill_ratios(block *k, const loss_job *job, const sequence *q, size_t at, size_t n) {
  const sl_gated_loss_batch *b = job->batch;
  for (size_t i = 0; i < n; i++) {
    const int live = b->mask[at + i] != 0;
    float x = q->x;
    if (job->objective->level == SL_LEVEL_TOKEN)
      x = live ? b->logp_new[at + i] - b->logp_old[at + i] : 0.0f;
    k->clamped[i] = fabsf(x) > LOG_RATIO_MAX;
    k->x[i] = clamp(x);
  }
  MAP(exp, k->r, k->x, n);
}

/* spec O2.1, O2.3 */
static void fill_smooth_gate(block *k, const sl_gate_side *g, size_t n) {
  for (size_t i = 0; i < n; i++) k->z[i] = g->tau * (k->r[i] - 1.0f);
  switch (g->family) {
    case SL_GATE_SIGMOID:
      MAP(sech2h, k->w, k->z, n);
      MAP(sigmoid, k->t, k->z, n);
      for (size_t i = 0; i < n; i++) k->f[i] = g->scale * k->t[i];
      for (size_t i = 0; i < n; i++) k->z[i] *= 0.5f;
      MAP(tanh, k->t, k->z, n);
      for (size_t i = 0; i < n; i++) k->centred[i] = (double)(g->centred_scale * k->t[i]);
      return;
    case SL_GATE_ERF:
      MAP(gaussh, k->w, k->z, n);
      for (size_t i = 0; i < n; i++) k->centred[i] = sl_gate_erf(g, k->z[i]);
      break;
    case SL_GATE_ARCTAN:
      MAP(lorentz, k->w, k->z, n);
      MAP(atan, k->t, k->z, n);
      for (size_t i = 0; i < n; i++) k->centred[i] = (double)(k->t[i] / g->tau);
      for (size_t i = 0; i < n; i++) k->f[i] = 1.0f + (float)k->centred[i];
      return;
    default: /* softsign */
      MAP(rhypot3, k->w, k->z, n);
      for (size_t i = 0; i < n; i++) k->centred[i] = sl_gate_softsign(k->r[i] - 1.0f, k->z[i]);
      break;
  }
  for (size_t i = 0; i < n; i++) k->f[i] = (float)(1.0 + k->centred[i]);
  for (size_t i = 0; i < n; i++) k->centred[i] = (double)(float)k->centred[i];
}

static void fill_gate(block *k, const sl_gate_side *g, size_t n) {
  if (g->family < SL_GATE_CLIP) {
    fill_smooth_gate(k, g, n);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    const sl_gate_point p = sl_gate_at(g, k->r[i]);
    k->w[i] = p.w, k->f[i] = p.f, k->centred[i] = p.centred;
  }
}

/* spec O4.3 */
static void fill_kl(block *k, const loss_job *job, size_t at, size_t n) {
  const sl_gated_loss_batch *b = job->batch;
  const sl_kl_kind kind = job->objective->kl;
  for (size_t i = 0; i < n; i++) {
    const float y = b->mask[at + i] ? b->logp_new[at + i] - b->logp_ref[at + i] : 0.0f;
    k->kl_clamped[i] = fabsf(y) > LOG_RATIO_MAX;
    k->z[i] = clamp(y);
  }
  for (size_t i = 0; i < n; i++) k->t[i] = -k->z[i];
  if (kind == SL_KL_K3) MAP(expm1, k->slope, k->t, n);
  for (size_t i = 0; i < n; i++)
    k->slope[i] = kind == SL_KL_K1 ? 1.0f : kind == SL_KL_K2 ? k->z[i] : -k->slope[i];
  for (size_t i = 0; i < n; i++) {
    const double y = (double)k->z[i];
    k->kl[i] = kind == SL_KL_K1 ? y : kind == SL_KL_K2 ? y * y / 2.0 : y - (double)k->slope[i];
    if (k->kl_clamped[i]) k->slope[i] = 0.0f;
  }
}

/* spec O5: chains in token order */
static void add_token(sl_loss_sums *s, const block *k, size_t i, double ac, float effective) {
  const double y = (double)(k->r[i] - 1.0f);
  s->objective += ac * (double)k->f[i];
  s->centred += ac * k->centred[i];
  s->log_ratio_sum += (double)k->x[i];
  s->y_sum += y;
  s->y_square_sum = fma(y, y, s->y_square_sum);
  s->weight_sum += (double)k->w[i];
  s->effective_sum += (double)effective;
  s->ratio_max = s->tokens == 0 || k->r[i] > s->ratio_max ? k->r[i] : s->ratio_max;
  s->below_half += k->w[i] < 0.5f;
  s->clamped += k->clamped[i];
  s->tokens++;
}

/* spec O4.2, O4.4, O4.6 */
static void finish_block(const block *k, const loss_job *job, const sequence *q,
                         sl_loss_sums *total, size_t at, size_t n) {
  const sl_objective *o = job->objective;
  const sl_gated_loss_batch *b = job->batch;
  sl_loss_sums sums = *total; /* in registers, which the stores to d and e cannot touch */
  for (size_t i = 0; i < n; i++) {
    const float effective = k->w[i] * k->r[i];
    float d = k->clamped[i] || q->a == 0.0f ? 0.0f : effective * q->a;
    job->out.d[at + i] = job->out.e[at + i] = 0.0f;
    if (!b->mask[at + i]) continue;
    if (o->beta > 0.0) {
      /* The analyzer does not see that fill_kl ran, because beta > 0. */
      d = d + q->kl_scale * k->slope[i]; /* NOLINT(clang-analyzer-core.*) */
      sums.kl += q->c * k->kl[i];
      sums.kl_clamped += k->kl_clamped[i];
    }
    job->out.d[at + i] = d;
    if (o->gamma > 0.0) job->out.e[at + i] = q->entropy_grad;
    if (b->entropy) sums.entropy += q->c * (double)b->entropy[at + i];
    add_token(&sums, k, i, q->ac, effective);
  }
  *total = sums;
}

static sl_loss_sums sequence_loss(const loss_job *job, size_t s) {
  const sl_objective *o = job->objective;
  const sl_gated_loss_batch *b = job->batch;
  const size_t lo = b->seq[s], hi = b->seq[s + 1];
  const double c = b->coefficient[s], ac = (double)b->advantage[s] * c;
  const sequence q = {
      .gate = sl_gate_for(&o->gate, b->advantage[s] > 0.0f),
      .c = c,
      .ac = ac,
      .a = (float)-ac,
      .kl_scale = (float)(o->beta * c),
      .entropy_grad = (float)-(o->gamma * c),
      .x = o->level == SL_LEVEL_SEQUENCE
               ? sequence_log_ratio(job->out.chunk + lo / SL_SUM_CHUNK + s, b, lo, hi)
               : 0.0f};
  sl_loss_sums sums = {0};
  block k;
  for (size_t at = lo; at < hi; at += BLOCK) {
    const size_t n = hi - at < BLOCK ? hi - at : BLOCK;
    fill_ratios(&k, job, &q, at, n);
    fill_gate(&k, &q.gate, n);
    if (o->beta > 0.0) fill_kl(&k, job, at, n);
    finish_block(&k, job, &q, &sums, at, n);
  }
  if (isnan(sums.objective) || isnan(sums.centred)) sums.objective = sums.centred = (double)NAN;
  return sums;
}

static void loss_range(void *arg, size_t begin, size_t end, int thread) {
  const loss_job *job = arg;
  (void)thread;
  for (size_t s = begin; s < end; s++) job->out.sums[s] = sequence_loss(job, s);
}

sl_status SL_ISA_NAME(gated_loss)(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                  const sl_objective *objective, const sl_gated_loss_batch *batch) {
  const size_t n = batch->n_seq, t = n ? batch->seq[n] : 0;
  const sl_staged_loss staged = sl_stage_loss(ctx, n, t);
  if (!staged.sums) return ctx->error.status;
  loss_job job = {staged, objective, batch};
  const sl_status status = sl_parallel_for(ctx, n, 1, loss_range, &job);
  return status ? status : sl_commit_loss(ctx, d, e, sums, &staged, batch);
}
