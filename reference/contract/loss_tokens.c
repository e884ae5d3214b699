/* The tokens of a gated loss (see loss_tokens.h). */
#include "loss_tokens.h"

#include "softmax.h"

#include <math.h>

static const sl_ball one = {1.0, 0.0};

double sl_loss_tokens_of(const sl_op_case *c, size_t s) {
  double n = 0.0;
  for (size_t t = 0; t < sl_loss_slots(c); t++) n += sl_loss_mask(c, s * sl_loss_slots(c) + t);
  return n;
}

int sl_loss_is_expression(const sl_op_case *c) {
  return c->setting[GATE] == SL_LOSS_GATE_EXPRESSION;
}

const sl_expression *sl_loss_side(const sl_op_case *c, size_t s) {
  return &c->form->side[c->in[ADVANTAGE][s] > 0.0];
}

sl_loss_tokens sl_loss_tokens_begin(const sl_op_case *c, const sl_arith *r) {
  sl_loss_tokens a = {.c = c, .r = r, .s.held = SIZE_MAX};
  for (size_t s = 0; s < sl_op_size(c, 's'); s++) {
    const double n = sl_loss_counted(c, s, sl_loss_tokens_of(c, s));
    a.tokens += n, a.sequences += n > 0.0;
  }
  if (c->setting[SEQUENCES] > 0.0) a.sequences = c->setting[SEQUENCES];
  if (c->setting[TOKENS] > 0.0) a.tokens = c->setting[TOKENS];
  return a;
}

sl_ball sl_loss_input(const sl_loss_tokens *a, int which, size_t i) {
  if (which == OLD && sl_has(a->c, SL_CAUSE_LOSS_OLD_BF16))
    return (sl_ball){sl_format_round(SL_FORMAT_BF16, a->c->in[OLD][i]), 0.0};
  return sl_arith_input(a->r, a->c->in[which][i]);
}

sl_ball sl_loss_advantage(const sl_loss_tokens *a, size_t i) {
  return sl_loss_wrong_advantage(a->c, a->r, sl_loss_input(a, ADVANTAGE, i / sl_loss_slots(a->c)),
                                 a->s.tokens);
}

sl_ball sl_loss_sampler_weight(const sl_loss_tokens *a, size_t i, int of_kl) {
  return sl_loss_is_weighted(a->c, of_kl) ? sl_loss_input(a, SAMPLER, i) : one;
}

/* The coefficient of a sequence; a wrong one may have other denominators, and a factor. */
static sl_ball share_of(const sl_loss_tokens *a, size_t s, double tokens) {
  const double *set = a->c->setting;
  sl_loss_share d = {.all = a->sequences, .own = tokens, .times = 1.0};
  if (set[AGGREGATION] == TOKEN_MEAN) d.all = a->tokens, d.own = 1.0;
  if (set[AGGREGATION] == CONSTANT) d.own = set[LENGTH];
  sl_loss_wrong_share(&d, a->c, s);
  const sl_ball share = sl_arith_reciprocal(a->r, d.all, d.own);
  return (sl_ball){share.mid * d.times, share.rad * d.times};
}

/* The mean of a sequence's log-ratios (spec O1.2). */
static sl_ball mean_log_ratio(const sl_loss_tokens *a, size_t s, double tokens) {
  sl_arith_sum sum = {0};
  for (size_t i = s * sl_loss_slots(a->c); i < (s + 1) * sl_loss_slots(a->c); i++)
    if (sl_loss_mask(a->c, i) != 0.0)
      sl_arith_sum_add(&sum,
                       sl_arith_sub(a->r, sl_loss_input(a, NEW, i), sl_loss_input(a, OLD, i)));
  const double depth = sl_softmax_depth(a->r, sl_loss_slots(a->c), 0);
  return sl_arith_div(a->r, sl_arith_sum_end(a->r, &sum, depth, 0.0), (sl_ball){tokens, 0.0});
}

void sl_loss_load(sl_loss_tokens *a, size_t s, sl_notes *notes) {
  if (a->s.held == s) return;
  a->s = (sl_loss_sequence){.held = s, .tokens = sl_loss_tokens_of(a->c, s)};
  const int padding = sl_has(a->c, SL_CAUSE_LOSS_MASK_IGNORED); /* 1 for no token, then */
  if (a->s.tokens == 0.0 && !padding) return;
  a->s.share = share_of(a, s, fmax(a->s.tokens, 1.0));
  if (a->c->setting[LEVEL] == SEQUENCE_LEVEL)
    a->s.x = sl_loss_clamp(a->c, a->r, mean_log_ratio(a, s, a->s.tokens));
  sl_note(notes, "  sequence %zu: %g tokens, coefficient %.6g, within %.3g", s, a->s.tokens,
          a->s.share.mid, a->s.share.rad);
}

sl_loss_clamped sl_loss_log_ratio(const sl_loss_tokens *a, size_t i) {
  if (a->c->setting[LEVEL] == SEQUENCE_LEVEL) return a->s.x;
  return sl_loss_clamp(a->c, a->r,
                       sl_arith_sub(a->r, sl_loss_input(a, NEW, i), sl_loss_input(a, OLD, i)));
}

static sl_gate_walk expression_at(const sl_loss_tokens *a, size_t s, sl_ball ratio) {
  sl_gate_walk walk = {.r = ratio, .chain = one};
  sl_walk_expression(a->r, sl_loss_side(a->c, s), ratio, a->scratch, &walk.f, &walk.w);
  return walk;
}

/* A wrong ratio of a sequence: the mean of its tokens' ratios (D8). */
static sl_ball mean_ratio(const sl_loss_tokens *a) {
  sl_arith_sum sum = {0};
  for (size_t i = a->s.held * sl_loss_slots(a->c); i < (a->s.held + 1) * sl_loss_slots(a->c); i++)
    if (sl_loss_mask(a->c, i) != 0.0)
      sl_arith_sum_add(&sum, sl_arith_exp(a->r, sl_arith_sub(a->r, sl_loss_input(a, NEW, i),
                                                             sl_loss_input(a, OLD, i))));
  const double depth = sl_softmax_depth(a->r, sl_loss_slots(a->c), 0);
  return sl_arith_div(a->r, sl_arith_sum_end(a->r, &sum, depth, 0.0), (sl_ball){a->s.tokens, 0.0});
}

sl_gate_walk sl_loss_gate_at(const sl_loss_tokens *a, size_t i, sl_ball x) {
  const double *set = a->c->setting;
  const int positive = a->c->in[ADVANTAGE][i / sl_loss_slots(a->c)] > 0.0;
  const int of_means = set[LEVEL] == SEQUENCE_LEVEL && sl_has(a->c, SL_CAUSE_LOSS_SUM_OF_EXP);
  const sl_ball ratio = of_means ? mean_ratio(a) : sl_arith_exp(a->r, x);
  sl_loss_gate gate = {.family = (sl_loss_gate_family)(int)set[GATE],
                       .positive = positive,
                       .product = set[WEIGHT_FORM] == PRODUCT,
                       .tau = positive ? set[TAU_POS] : set[TAU_NEG],
                       .limit = set[GATE] == SL_LOSS_GATE_CISPO ? set[CAP]
                                : positive                      ? 1.0 + set[CLIP_HIGH]
                                                                : 1.0 - set[CLIP_LOW]};
  sl_loss_wrong_gate(&gate, a->c);
  sl_gate_walk walk = sl_loss_is_expression(a->c) ? expression_at(a, i / sl_loss_slots(a->c), ratio)
                                                  : sl_walk_gate(a->r, &gate, ratio);
  if (of_means)
    walk.r =
        sl_arith_exp(a->r, sl_arith_sub(a->r, sl_loss_input(a, NEW, i), sl_loss_input(a, OLD, i)));
  return walk;
}

sl_loss_clamped sl_loss_to_reference(const sl_loss_tokens *a, size_t i) {
  sl_ball y = sl_arith_sub(a->r, sl_loss_input(a, NEW, i), sl_loss_input(a, REF, i));
  if (sl_has(a->c, SL_CAUSE_LOSS_KL_REVERSED)) y = sl_ball_neg(y);
  if (sl_has(a->c, SL_CAUSE_LOSS_KL_NO_CLAMP)) return (sl_loss_clamped){.x = y};
  return sl_loss_clamp(a->c, a->r, y);
}
