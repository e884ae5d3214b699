/* The gated loss and its gradient by log-probs and entropies (spec O1, O2, O4, E2.7). */
#include "loss_tokens.h"

#include "fail.h"
#include "loss_kl.h"
#include "softmax.h"

#include <math.h>
#include <stdlib.h>

static const sl_ball zero = {0.0, 0.0}, one = {1.0, 0.0};

/* By automatic differentiation of a mean over the tokens, their n equal terms are added up, and the
 * sum divided by n. */
static sl_ball through_mean(const sl_loss_tokens *a, sl_ball d) {
  sl_arith_sum sum = {0};
  for (size_t n = 0; (double)n < a->s.tokens; n++) sl_arith_sum_add(&sum, d);
  const double depth = sl_softmax_depth(a->r, sl_loss_slots(a->c), 0);
  const sl_ball mean =
      sl_arith_div(a->r, sl_arith_sum_end(a->r, &sum, depth, 0.0), (sl_ball){a->s.tokens, 0.0});
  return sl_arith_worst(d, mean);
}

/* -A c w r, with the gate's chain: five factors, of which the coefficient is two, and the sampler's
 * weight where there is one. */
static sl_ball policy_grad(const sl_loss_tokens *a, size_t i, sl_notes *notes) {
  const sl_loss_clamped x = sl_loss_log_ratio(a, i);
  const sl_gate_walk g = sl_loss_gate_at(a, i, x.x);
  const sl_ball r = sl_has(a->c, SL_CAUSE_LOSS_NO_RATIO) ? one : g.r,
                factor[] = {sl_ball_neg(sl_loss_advantage(a, i)), a->s.share, g.w, r, g.chain,
                            sl_loss_sampler_weight(a, i, 0)};
  const int weighted = sl_loss_is_weighted(a->c, 0);
  sl_ball d = sl_arith_product(a->r, factor, weighted ? 6 : 5, weighted ? 8.0 : 7.0);
  if (a->c->setting[LEVEL] == SEQUENCE_LEVEL) d = through_mean(a, d);
  sl_note(notes, "  log-ratio %.6g, within %.3g; ratio %.6g, within %.3g", x.x.mid, x.x.rad,
          g.r.mid, g.r.rad);
  sl_note(notes, "  weight %.6g, within %.3g; -A c w r = %.6g, within %.3g", g.w.mid, g.w.rad,
          d.mid, d.rad);
  return sl_loss_unless_clamped(x, d, zero);
}

/* d + beta c slope; of k3 also as three terms, d + beta c - beta c exp(-y), in any order. */
static sl_ball with_kl(const sl_loss_tokens *a, size_t i, sl_ball d, sl_notes *notes) {
  const sl_loss_clamped y = sl_loss_to_reference(a, i);
  const double back = sl_has(a->c, SL_CAUSE_LOSS_KL_REVERSED) ? -1.0 : 1.0,
               sign = back * (sl_has(a->c, SL_CAUSE_LOSS_KL_SIGN) ? -1.0 : 1.0);
  const sl_ball beta = sl_arith_constant(a->r, sign * a->c->setting[BETA]),
                share = sl_loss_is_weighted(a->c, 1)
                            ? sl_arith_mul(a->r, a->s.share, sl_loss_input(a, SAMPLER, i))
                            : a->s.share,
                slope = sl_loss_kl_slope(a->c, a->r, y.x), factor[] = {beta, share, slope},
                joined = sl_arith_product(a->r, factor, 3, 5.0);
  sl_ball sum = sl_arith_add(a->r, d, joined);
  if (a->c->setting[KL] == K3 && !sl_has(a->c, SL_CAUSE_LOSS_KL_CUT)) {
    const sl_ball part[] = {beta, share, sl_ball_neg(sl_arith_exp(a->r, sl_ball_neg(y.x)))};
    sl_arith_sum terms = {0};
    sl_arith_sum_add(&terms, d);
    sl_arith_sum_add(&terms, sl_arith_product(a->r, part, 2, 4.0));
    sl_arith_sum_add(&terms, sl_arith_product(a->r, part, 3, 5.0));
    sum = sl_arith_worst(sum, sl_arith_sum_end(a->r, &terms, 2.0, 0.0));
  }
  sl_note(notes, "  log-ratio to the reference %.6g, slope %.6g, within %.3g; d within %.3g",
          y.x.mid, slope.mid, slope.rad, sum.rad);
  return sl_loss_unless_clamped(y, sum, d);
}

static sl_ball logp_grad(const sl_loss_tokens *a, size_t i, sl_notes *notes) {
  const sl_ball d = policy_grad(a, i, notes);
  return a->c->setting[BETA] > 0.0 ? with_kl(a, i, d, notes) : d;
}

static sl_ball entropy_grad(const sl_loss_tokens *a) {
  const double gamma = sl_loss_wrong_gamma(a->c, a->c->setting[GAMMA]);
  const sl_ball factor[] = {sl_arith_constant(a->r, -gamma), a->s.share};
  return sl_arith_product(a->r, factor, 2, 4.0);
}

/* Means are taken after the sum of the terms: what they add up to must not overflow either. */
typedef struct {
  sl_arith_sum sum;
  double before; /* magnitudes without their coefficients */
} value;

static void take_term(value *v, const sl_loss_tokens *a, sl_ball scale, sl_ball weight, sl_ball x) {
  const sl_ball factor[] = {scale, a->s.share, x, weight};
  const int weighted = weight.mid != 1.0 || weight.rad != 0.0;
  sl_arith_sum_add(&v->sum, sl_arith_product(a->r, factor, weighted ? 4 : 3, weighted ? 6.0 : 5.0));
  v->before += (fmax(fabs(scale.mid), 1.0) + scale.rad) * fmax(fabs(weight.mid) + weight.rad, 1.0) *
               (fabs(x.mid) + x.rad);
}

static void take_token(value *v, const sl_loss_tokens *a, size_t i) {
  const double *set = a->c->setting, gamma = sl_loss_wrong_gamma(a->c, set[GAMMA]),
               beta = sl_has(a->c, SL_CAUSE_LOSS_KL_SIGN) ? -set[BETA] : set[BETA];
  take_term(v, a, sl_ball_neg(sl_loss_advantage(a, i)), sl_loss_sampler_weight(a, i, 0),
            sl_loss_gate_at(a, i, sl_loss_log_ratio(a, i).x).f);
  if (set[BETA] > 0.0)
    take_term(v, a, sl_arith_constant(a->r, beta), sl_loss_sampler_weight(a, i, 1),
              sl_loss_kl(a->c, a->r, sl_loss_to_reference(a, i).x));
  if (set[GAMMA] > 0.0)
    take_term(v, a, sl_arith_constant(a->r, -gamma), one, sl_loss_input(a, ENTROPY, i));
}

/* A weight alone has no value: 1 where a sequence with tokens has such a gate. */
static int has_no_value(const sl_loss_tokens *a) {
  if (a->tokens == 0.0 || a->c->setting[GATE] == SL_LOSS_GATE_CISPO) return 1;
  for (size_t s = 0; sl_loss_is_expression(a->c) && s < sl_op_size(a->c, 's'); s++)
    if (sl_loss_side(a->c, s)->value == SL_EXPRESSION_NONE && sl_loss_tokens_of(a->c, s) > 0.0)
      return 1;
  return 0;
}

/* Sums by sequence and over them, by term of the loss, of all slots: no more roundings than a sum
 * of all, and four; the masked ones are exact zeros. */
static sl_ball value_of(sl_loss_tokens *a, sl_notes *notes) {
  const size_t n = sl_op_size(a->c, 's') * sl_loss_slots(a->c);
  value v = {0};
  if (has_no_value(a)) return (sl_ball){NAN, INFINITY};
  for (size_t i = 0; i < n; i++) {
    if (!sl_loss_is_on(a->c, i)) continue;
    sl_loss_load(a, i / sl_loss_slots(a->c), NULL);
    take_token(&v, a, i);
  }
  const double depth = sl_softmax_depth(a->r, n, 0) + 4.0;
  sl_ball sum = sl_arith_sum_end(a->r, &v.sum, depth, 4.0);
  sl_note(notes, "  %g tokens of %g sequences; terms %.6g, errors %.3g, D = %g: within %.3g",
          a->tokens, a->sequences, v.sum.magnitude, v.sum.error, depth, sum.rad);
  if (!(v.before * (1.0 + 2.0 * sl_arith_gamma(a->r, depth)) <=
        sl_format_largest(a->r->contract->acc)))
    sum.rad = INFINITY;
  return sum;
}

static sl_status take_scratch(sl_loss_tokens *a) {
  const sl_expression *side = sl_loss_is_expression(a->c) ? a->c->form->side : NULL;
  if (!side) return SL_OK;
  const uint32_t most = side[0].count > side[1].count ? side[0].count : side[1].count;
  a->scratch = calloc(most, sizeof *a->scratch);
  return a->scratch ? SL_OK : SL_ERR_MEMORY;
}

/* The slot of a masked token: 0, or what a wrong loss makes of it: its own value times 0, or 0 / 0.
 */
static sl_ball masked_slot(const sl_loss_tokens *a, size_t i, int out) {
  const sl_ball nan = {NAN, 0.0};
  if (sl_has(a->c, SL_CAUSE_LOSS_EMPTY) && a->s.tokens == 0.0) return nan;
  if (!sl_has(a->c, SL_CAUSE_LOSS_MASK_MULTIPLIES) || out != DLOGP) return zero;
  sl_op_case c = *a->c;
  c.setting[CLAMP] = 1e30; /* no clamp */
  sl_loss_tokens computed = *a;
  computed.c = &c;
  const sl_ball d = logp_grad(&computed, i, NULL);
  return isfinite(d.mid) && isfinite(d.rad) ? zero : nan;
}

/* 1 if a wrong loss adds a NaN to its sum, or may: that of a masked slot, whose value may stay
 * finite where its gradient does not; or of a sequence without tokens. */
static int is_poisoned(sl_loss_tokens *a) {
  const int empty = sl_has(a->c, SL_CAUSE_LOSS_EMPTY),
            multiplies = sl_has(a->c, SL_CAUSE_LOSS_MASK_MULTIPLIES);
  for (size_t i = 0; (empty || multiplies) && i < sl_op_size(a->c, 's') * sl_loss_slots(a->c);
       i++) {
    if (sl_loss_is_on(a->c, i)) continue;
    sl_loss_load(a, i / sl_loss_slots(a->c), NULL);
    if (isnan(masked_slot(a, i, DLOGP).mid)) return 1;
  }
  return 0;
}

static sl_ball signed_by(const sl_op_case *c, sl_ball a) {
  return sl_has(c, SL_CAUSE_LOSS_SIGN) ? sl_ball_neg(a) : a;
}

static sl_status walk_loss(const sl_op_case *c, int out, size_t begin, size_t end, sl_ball *balls,
                           sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  sl_loss_tokens a = sl_loss_tokens_begin(c, &r);
  const sl_status status = take_scratch(&a);
  if (status) return status;
  for (size_t i = begin; i < end; i++) {
    sl_notes *own = i == begin ? notes : NULL;
    if (out == LOSS) {
      balls[i - begin] =
          is_poisoned(&a) ? (sl_ball){0.0, INFINITY} : signed_by(c, value_of(&a, own));
      continue;
    }
    sl_loss_load(&a, i / sl_loss_slots(c), own);
    balls[i - begin] = !sl_loss_is_on(c, i) ? masked_slot(&a, i, out)
                       : out == DLOGP       ? signed_by(c, logp_grad(&a, i, own))
                                            : signed_by(c, entropy_grad(&a));
  }
  free(a.scratch);
  return SL_OK;
}

static int reads(const sl_op_case *c, int which, size_t index) {
  if (which == MASK || which == ADVANTAGE) return 1;
  if (which == REF && c->setting[BETA] == 0.0) return 0;
  if (which == ENTROPY && c->setting[GAMMA] == 0.0) return 0;
  return c->in[MASK][index] == 1.0;
}

static sl_status check(const sl_op_case *c, sl_error *err) {
  if (c->setting[BETA] > 0.0 && !c->in[REF])
    return sl_contract_fail(err, SL_ERR_INPUT, "gated_loss: beta is %g: logp_ref is needed",
                            c->setting[BETA]);
  if (c->setting[GAMMA] > 0.0 && !c->in[ENTROPY])
    return sl_contract_fail(err, SL_ERR_INPUT, "gated_loss: gamma is %g: entropy is needed",
                            c->setting[GAMMA]);
  if (c->in[SAMPLER] && c->setting[LEVEL] == SEQUENCE_LEVEL)
    return sl_contract_fail(err, SL_ERR_INPUT,
                            "gated_loss: sampler_weight goes with level=token: a sequence's ratio "
                            "has one gradient for all its tokens");
  if (sl_loss_is_expression(c) && !c->form)
    return sl_contract_fail(err, SL_ERR_INPUT, "gated_loss: gate=expression: its file is needed");
  if (sl_loss_is_expression(c) && c->setting[WEIGHT_FORM] == PRODUCT)
    return sl_contract_fail(err, SL_ERR_INPUT,
                            "gated_loss: weight_form=product: a gate that is an expression has the "
                            "weight of its file");
  return SL_OK;
}

const sl_op sl_op_gated_loss = {
    .name = "gated_loss",
    .summary = "L = -J of the gated objective, and its gradient by log-probs and entropies",
    .sizes = "st",
    .in = {{.name = "logp_new", .shape = "st"},
           {.name = "logp_old", .shape = "st"},
           {.name = "logp_ref", .shape = "st", .optional = 1},
           {.name = "entropy", .shape = "st", .optional = 1},
           {.name = "mask", .shape = "st", .kind = SL_TENSOR_FLAG},
           {.name = "advantage", .shape = "s"},
           {.name = "sampler_weight",
            .shape = "st",
            .kind = SL_TENSOR_POSITIVE,
            .optional = 1,
            .only_dumps = 1}},
    .out = {{.name = "dlogp", .shape = "st"},
            {.name = "dentropy", .shape = "st", .optional = 1},
            {.name = "loss", .shape = "", .optional = 1}},
    .setting = {{"gate", SL_LOSS_GATE_SIGMOID, SL_LOSS_GATE_SIGMOID, SL_LOSS_GATE_EXPRESSION},
                {"tau_pos", 1.0, 0x1p-20, 0x1p10},
                {"tau_neg", 1.05, 0x1p-20, 0x1p10},
                {"clip_low", 0.2, 0.0, 0x1p20},
                {"clip_high", 0.2, 0.0, 0x1p20},
                {"cap", 5.0, 0.0, 0x1p20},
                {"level", 0.0, 0.0, SEQUENCE_LEVEL},
                {"aggregation", SEQUENCE_MEAN, SEQUENCE_MEAN, CONSTANT},
                {"length", 1024.0, 1.0, 0x1p40},
                {"sequences", 0.0, 0.0, 0x1p40},
                {"tokens", 0.0, 0.0, 0x1p40},
                {"beta", 0.0, 0.0, 0x1p20},
                {"kl", K3, K1, K3},
                {"gamma", 0.0, 0.0, 0x1p20},
                {"clamp", 80.0, 1.0, 1e30},
                {"weight_form", 0.0, 0.0, PRODUCT},
                {"micro_batch", 0.0, 0.0, 0x1p40}},
    .choices = {[GATE] = "sigmoid|erf|arctan|softsign|clip|identity|cispo|expression",
                [LEVEL] = "token|sequence",
                [AGGREGATION] = "sequence_mean|token_mean|constant",
                [KL] = "k1|k2|k3",
                [WEIGHT_FORM] = "stable|product"},
    .reads = reads,
    .check = check,
    .walk = walk_loss,
    .reads_all = 1};
