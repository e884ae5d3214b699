/* What the gate let through of an update: its effective update ratio (EUR) and its clip ratio (spec
 * O5.3, O5.4). The loss kernel's sums hold the weights; only a sequence with clamped tokens, which
 * count 0, has its weights added up anew. */
#include "kernels/plain/gate.h"
#include "kernels/plain/reduce.h"

#include <sluice/objective.h>

#define LOG_RATIO_MAX 80.0f

/* A sequence of the batch. At sequence level `shared` is its log-ratio (spec O1.2). */
typedef struct {
  const sl_gated_loss_batch *batch;
  const sl_objective *objective;
  size_t s, lo, hi;
  uint32_t tokens;
  float shared;
} sequence;

static float mean_log_ratio(const sequence *q) {
  sum64 sum = {0};
  for (size_t i = q->lo; i < q->hi; i++)
    sum64_add(&sum, 0,
              q->batch->mask[i] ? (double)(q->batch->logp_new[i] - q->batch->logp_old[i]) : 0.0,
              1.0);
  return (float)(sum64_end(&sum) / (double)q->tokens);
}

static sequence sequence_of(const sl_objective *o, const sl_gated_loss_batch *b, size_t s) {
  sequence q = {b, o, s, b->seq[s], b->seq[s + 1], 0, 0.0f};
  for (size_t i = q.lo; i < q.hi; i++) q.tokens += b->mask[i] != 0;
  if (o->level == SL_LEVEL_SEQUENCE && q.tokens) q.shared = mean_log_ratio(&q);
  return q;
}

/* The log-ratio of an unmasked token, before the clamp. */
static float log_ratio_at(const sequence *q, size_t i) {
  return q->objective->level == SL_LEVEL_TOKEN ? q->batch->logp_new[i] - q->batch->logp_old[i]
                                               : q->shared;
}

/* S of spec O5.3 where some tokens are clamped. */
static double unclamped_weights(const sequence *q) {
  const sl_gate *gate = &q->objective->gate;
  const sl_gate_side side[2] = {sl_gate_for(gate, 0), sl_gate_for(gate, 1)};
  double sum = 0.0;
  for (size_t i = q->lo; i < q->hi; i++) {
    if (!q->batch->mask[i]) continue;
    const int positive = sl_advantage_at(q->batch, q->s, i) > 0.0f;
    const float x = log_ratio_at(q, i);
    if (fabsf(x) <= LOG_RATIO_MAX)
      sum += (double)sl_gate_at(&side[positive], sl_fn_exp(x + 0.0f)).w;
  }
  return sum;
}

/* Tokens outside the interval of clip, and of those, where the interval alone counts, the ones that
 * have an advantage. */
typedef struct {
  uint32_t clipped, as_elsewhere;
} clip_counts;

/* spec O5.4, from log-probs and signs; the kernel's weights have no part in it */
static clip_counts count_clipped(const sequence *q) {
  const sl_gate *gate = &q->objective->gate;
  const float low = (float)(1.0 - gate->clip_low), high = (float)(1.0 + gate->clip_high);
  clip_counts n = {0, 0};
  for (size_t i = q->lo; i < q->hi; i++) {
    if (!q->batch->mask[i]) continue;
    const float advantage = sl_advantage_at(q->batch, q->s, i), x = log_ratio_at(q, i),
                r = sl_fn_exp(fminf(fmaxf(x, -LOG_RATIO_MAX), LOG_RATIO_MAX) + 0.0f);
    const int outside = advantage > 0.0f ? r > high : r < low;
    n.clipped += outside || fabsf(x) > LOG_RATIO_MAX;
    n.as_elsewhere += outside && advantage != 0.0f;
  }
  return n;
}

/* Means over the groups with tokens, and counts over all tokens. */
typedef struct {
  int clips; /* the gate is clip for both signs */
  double effective, clipped, groups;
  uint64_t tokens, as_elsewhere;
} sums;

static void add_group(sums *all, const sl_objective *o, const sl_gated_loss_batch *b,
                      const sl_loss_sums *given, size_t first, size_t end) {
  double weights = 0.0;
  uint64_t tokens = 0, clipped = 0;
  for (size_t s = first; s < end; s++) {
    const sequence q = sequence_of(o, b, s);
    const clip_counts n = all->clips ? count_clipped(&q) : (clip_counts){0, 0};
    weights += given[s].clamped ? unclamped_weights(&q) : given[s].weight_sum;
    tokens += q.tokens, clipped += n.clipped, all->as_elsewhere += n.as_elsewhere;
  }
  if (tokens == 0) return;
  all->effective += weights / (double)tokens;
  all->clipped += (double)clipped / (double)tokens;
  all->groups += 1.0, all->tokens += tokens;
}

static sl_status check_groups(const sl_gated_loss_batch *b, const uint32_t *group, size_t n_groups,
                              sl_error *err) {
  if (group[0] != 0) return sl_fail(err, SL_ERR_INPUT, "group[0] is %u, not 0", group[0]);
  for (size_t g = 0; g < n_groups; g++)
    if (group[g + 1] < group[g])
      return sl_fail(err, SL_ERR_INPUT, "group[%zu] is %u, below group[%zu] = %u", g + 1,
                     group[g + 1], g, group[g]);
  if (group[n_groups] != b->n_seq)
    return sl_fail(err, SL_ERR_INPUT, "group[%zu] is %u, not %zu, the number of sequences",
                   n_groups, group[n_groups], b->n_seq);
  return SL_OK;
}

sl_status sl_update_measure(sl_update_ratios *out, const sl_objective *objective,
                            const sl_gated_loss_batch *batch, const sl_loss_sums *given,
                            const uint32_t *group, size_t n_groups, sl_error *err) {
  const sl_gate *gate = &objective->gate;
  sums all = {.clips = gate->family[0] == SL_GATE_CLIP && gate->family[1] == SL_GATE_CLIP};
  SL_TRY(check_groups(batch, group, n_groups, err));
  for (size_t g = 0; g < n_groups; g++)
    add_group(&all, objective, batch, given, group[g], group[g + 1]);
  if (all.tokens == 0)
    return sl_fail(err, SL_ERR_INPUT, "the update has no unmasked token: nothing to measure");
  *out = (sl_update_ratios){
      .effective = all.effective / all.groups,
      .clipped = all.clips ? all.clipped / all.groups : (double)NAN,
      .clipped_tokens = all.clips ? (double)all.as_elsewhere / (double)all.tokens : (double)NAN};
  return SL_OK;
}
