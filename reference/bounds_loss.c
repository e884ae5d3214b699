/* Bound `gated_loss` (spec O1, O2, O4, O5): the operations of a token one by one. Where a branch
 * cannot be told within the error (the clamp at 80, a clip edge, w against 1/2), the bound covers
 * both sides. */
#include "bounds.h"

#include "bounds_gate.h"
#include "bounds_dot.h"
#include "kernels.h"

/* Binary64 sums of terms with errors: n + 4 roundings of 2^-53 cover the products that make a term
 * and the ascending sum. */
typedef struct {
  double mid, magnitude, error;
  size_t terms;
} sum64;

static void sum64_add(sum64 *s, double scale, sl_ball x) {
  s->mid += scale * x.mid;
  s->magnitude += fabs(scale) * (fabs(x.mid) + x.rad);
  s->error += fabs(scale) * x.rad;
  s->terms++;
}

static sl_ball sum64_end(const sum64 *s) {
  return sl_ball_slack(
      (sl_ball){s->mid, s->error + (double)(s->terms + 4) * SL_U_64 * s->magnitude});
}

/* Mean log-ratio of a sequence (spec O1.2): each difference rounded, binary64 sum by levels and
 * division, one rounding. */
static sl_ball sequence_log_ratio(const sl_gated_loss_batch *b, size_t lo, size_t hi) {
  sum64 sum = {0};
  for (size_t i = lo; i < hi; i++)
    if (b->mask[i])
      sum64_add(&sum, 1.0, sl_ball_sub(sl_of_float(b->logp_new[i]), sl_of_float(b->logp_old[i])));
  const double n = sum.terms ? (double)sum.terms : 1.0;
  return sl_ball_round(
      sum.mid / n,
      (sum.error + (double)(sl_sum64_depth(hi - lo) + 1) * SL_U_64 * sum.magnitude) / n, SL_ETA);
}

typedef struct {
  sl_ball value, slope;
} kl_balls;

/* spec O4.3. k3: value = RN(expm1(-y)) + y; an error of y moves it by at most sup |1 - e^-y|. */
static kl_balls kl_at(sl_kl_kind kind, sl_ball difference) {
  const sl_clamped_ball c = sl_clamp_log_ratio(difference);
  const sl_ball y = c.x, minus = sl_ball_neg(y);
  kl_balls k = {y, sl_exactly(1.0)};
  if (kind == SL_KL_K2) {
    k.value = (sl_ball){y.mid * y.mid / 2.0,
                        fabs(y.mid) * y.rad + y.rad * y.rad / 2.0 + 2.0 * SL_U_64 * y.mid * y.mid};
    k.slope = y;
  } else if (kind == SL_KL_K3) {
    const double e = expm1(-y.mid), steepest = fabs(e) + exp(-y.mid) * expm1(y.rad);
    k.value = (sl_ball){e + y.mid, steepest * y.rad + SL_U * (fabs(e) + steepest * y.rad) + SL_ETA +
                                       2.0 * SL_U_64 * (fabs(e) + fabs(y.mid))};
    k.slope = sl_ball_neg(sl_ball_expm1(minus));
  }
  k.slope = sl_unless_clamped(c, k.slope);
  return k;
}

typedef struct {
  sum64 sums[SL_LOSS_FIELDS];
  sl_ball ratio_max;
  double tokens, below_half, below_half_unsure, clamped, clamped_unsure;
} counters;

static void count_token(counters *n, sl_clamped_ball x, sl_ball r, sl_gate_balls g,
                        sl_ball effective) {
  const sl_ball y = sl_ball_sub(r, sl_exactly(1.0));
  sum64_add(&n->sums[SL_LOSS_Y], 1.0, y);
  sum64_add(&n->sums[SL_LOSS_Y_SQUARE], 1.0,
            (sl_ball){y.mid * y.mid, 2.0 * fabs(y.mid) * y.rad + y.rad * y.rad});
  sum64_add(&n->sums[SL_LOSS_WEIGHT], 1.0, g.w);
  sum64_add(&n->sums[SL_LOSS_EFFECTIVE], 1.0, effective);
  n->ratio_max.mid = n->tokens == 0.0 ? r.mid : fmax(n->ratio_max.mid, r.mid);
  n->ratio_max.rad = fmax(n->ratio_max.rad, r.rad);
  n->below_half += g.w.mid < 0.5;
  n->below_half_unsure += fabs(g.w.mid - 0.5) <= g.w.rad;
  n->clamped += x.outside;
  n->clamped_unsure += x.unsure;
  n->tokens++;
}

static void end_counters(sl_ball *out, const counters *n) {
  for (size_t f = 0; f < SL_LOSS_RATIO_MAX; f++) out[f] = sum64_end(&n->sums[f]);
  out[SL_LOSS_RATIO_MAX] = sl_ball_slack(n->ratio_max);
  out[SL_LOSS_TOKENS] = sl_exactly(n->tokens);
  out[SL_LOSS_BELOW_HALF] = (sl_ball){n->below_half, n->below_half_unsure};
  out[SL_LOSS_CLAMPED] = (sl_ball){n->clamped, n->clamped_unsure};
}

typedef struct {
  const sl_objective *o;
  sl_bound_expression *expression[2]; /* by sign; NULL: the gate is a built-in one */
  void *arg;
} gates;

static sl_gate_balls gate_at(const gates *g, int positive, sl_ball r) {
  sl_ball f, f1, w, w1;
  sl_bound_expression *const expression = g->expression[positive];
  if (!expression) return sl_bound_gate(&g->o->gate, positive, r);
  expression(g->arg, positive, r, &f, &w);
  expression(g->arg, positive, sl_exactly(1.0), &f1, &w1);
  return sl_bound_gate_of(f, f1, w);
}

static void sequence_loss(sl_ball *d, sl_ball *e, sl_ball *sums, const gates *gate,
                          const sl_gated_loss_batch *b, size_t s) {
  const sl_objective *o = gate->o;
  const size_t lo = b->seq[s], hi = b->seq[s + 1];
  const double c = b->coefficient[s];
  const sl_ball zero = sl_exactly(0.0), kl_scale = sl_ball_constant(o->beta * c);
  const sl_ball shared_log_ratio = sequence_log_ratio(b, lo, hi);
  counters n = {0};
  for (size_t i = lo; i < hi; i++) {
    d[i] = zero;
    if (e) e[i] = zero;
    if (!b->mask[i]) continue;
    const float advantage = b->token_advantage ? b->token_advantage[i] : b->advantage[s];
    const double ac = (double)advantage * c;
    const sl_ball new = sl_of_float(b->logp_new[i]);
    const sl_clamped_ball x = sl_clamp_log_ratio(
        o->level == SL_LEVEL_SEQUENCE ? shared_log_ratio
                                      : sl_ball_sub(new, sl_of_float(b->logp_old[i])));
    const sl_ball r = sl_ball_exp(x.x);
    const sl_gate_balls g = gate_at(gate, advantage > 0.0f, r);
    const sl_ball effective = sl_ball_mul(g.w, r);
    if (ac != 0.0) d[i] = sl_unless_clamped(x, sl_ball_mul(effective, sl_ball_constant(-ac)));
    if (o->beta > 0.0) {
      const kl_balls kl = kl_at(o->kl, sl_ball_sub(new, sl_of_float(b->logp_ref[i])));
      d[i] = sl_ball_add(d[i], sl_ball_mul(kl_scale, kl.slope));
      sum64_add(&n.sums[SL_LOSS_KL], c, kl.value);
    }
    d[i] = sl_ball_slack(d[i]);
    if (e) e[i] = sl_ball_slack(sl_ball_constant(-(o->gamma * c)));
    if (b->entropy) sum64_add(&n.sums[SL_LOSS_ENTROPY], c, sl_of_float(b->entropy[i]));
    sum64_add(&n.sums[SL_LOSS_OBJECTIVE], ac, g.f);
    sum64_add(&n.sums[SL_LOSS_CENTRED], ac, g.centred);
    count_token(&n, x, r, g, effective);
  }
  end_counters(sums, &n);
}

sl_status sl_bound_gated_loss_by(sl_ball *d, sl_ball *e, sl_ball *sums,
                                 const sl_objective *objective, const sl_gated_loss_batch *batch,
                                 sl_bound_expression *expression, void *arg) {
  gates gate = {.o = objective, .arg = arg};
  for (int side = 0; side < 2; side++) {
    if (objective->gate.family[side] != SL_GATE_EXPRESSION) continue;
    if (!expression) return SL_ERR_UNAVAILABLE;
    gate.expression[side] = expression;
  }
  for (size_t s = 0; s < batch->n_seq; s++)
    sequence_loss(d, e, sums + s * SL_LOSS_FIELDS, &gate, batch, s);
  return SL_OK;
}

sl_status sl_bound_gated_loss(sl_ball *d, sl_ball *e, sl_ball *sums, const sl_objective *objective,
                              const sl_gated_loss_batch *batch) {
  return sl_bound_gated_loss_by(d, e, sums, objective, batch, NULL, NULL);
}
