/* Plain against reference: the gated loss with every gate, level, KL and both bonuses (bound
 * gated_loss). */
#include "compare.h"
#include "inputs.h"
#include "plain_context.h"

#include <sluice/objective.h>

#include <math.h>

static const uint32_t seq[] = {0, 40, 40, 41, 80, 120};
#define N_SEQ 5
#define TOKENS 120

static const char *const field_names[SL_LOSS_FIELDS] = {
    "gated_loss sums.objective", "gated_loss sums.centred",    "gated_loss sums.kl",
    "gated_loss sums.entropy",   "gated_loss sums.y_sum",      "gated_loss sums.y_square_sum",
    "gated_loss sums.weight",    "gated_loss sums.effective",  "gated_loss sums.ratio_max",
    "gated_loss sums.tokens",    "gated_loss sums.below_half", "gated_loss sums.clamped"};

typedef struct {
  comparison d, e, field[SL_LOSS_FIELDS], eur;
} results;

/* Log-ratios of every size: tiny, on policy, moderate, at and beyond the clamp. Masked slots hold
 * what must not be read. */
typedef struct {
  float *new, *old, *ref, *entropy, *advantage, *token_advantage;
  uint8_t *mask;
  double *coefficient;
} numbers;

static float log_ratio(size_t i, float wide) {
  const double x = 2.0 * next_uniform() - 1.0;
  switch (i % 8) {
    case 0:
      return 0.0f;
    case 1:
      return (float)(x * 0x1p-20);
    case 2:
      return (float)(x * 5.0);
    case 3:
      return (float)(x * 90.0) * wide;
    case 4:
      return wide * copysignf(80.0f, (float)x) * (1.0f + 0x1p-22f * (float)(i % 5) - 0x1p-21f);
    default:
      return (float)(x * 0.3);
  }
}

static numbers make_numbers(float wide) {
  const numbers n = {take_floats(TOKENS),        fill(TOKENS, RANDOM, 3.0f), take_floats(TOKENS),
                     fill(TOKENS, RANDOM, 2.0f), fill(N_SEQ, RANDOM, 2.0f),  take_floats(TOKENS),
                     take_bytes(TOKENS),         take_doubles(N_SEQ)};
  for (size_t i = 0; i < TOKENS; i++) {
    n.mask[i] = i % 7 != 3;
    n.new[i] = n.old[i] + log_ratio(i, wide);
    n.ref[i] = n.new[i] - log_ratio(i + 3, wide);
    n.token_advantage[i] = i % 11 == 5 ? 0.0f : (float)(4.0 * next_uniform() - 2.0);
    if (!n.mask[i]) n.token_advantage[i] = NAN;
    if (!n.mask[i]) n.new[i] = NAN, n.old[i] = 1e30f, n.ref[i] = INFINITY, n.entropy[i] = NAN;
  }
  n.advantage[3] = 0.0f;
  for (size_t s = 0; s < N_SEQ; s++) n.coefficient[s] = 1.0 / (3.0 + (double)s * 40.0);
  return n;
}

static double field_of(const sl_loss_sums *s, size_t f) {
  const double all[SL_LOSS_FIELDS] = {s->objective,  s->centred,       s->kl,
                                      s->entropy,    s->y_sum,         s->y_square_sum,
                                      s->weight_sum, s->effective_sum, (double)s->ratio_max,
                                      s->tokens,     s->below_half,    s->clamped};
  return all[f];
}

/* A group of three sequences, one of them empty, and one of two, 41 and 79 slots. */
static const uint32_t group[] = {0, 3, 5};
#define N_GROUPS 2

/* EUR (spec O5.3). A group's quotient moves by the errors of its weights and by the weights of
 * tokens of which the clamp is unsure, at most 1 each, over its tokens; then come B quotients at
 * most 1, B - 1 sums at most B and one division: (B + 3) roundings of 2^-53. */
static void check_eur(comparison *c, const sl_objective *o, const sl_gated_loss_batch *b,
                      const sl_loss_sums *sums, const sl_ball *bound) {
  double exact, error = (N_GROUPS + 3.0) * 0x1p-53;
  sl_update_ratios got;
  sl_error err;
  cr_assert_eq(sl_update_measure(&got, o, b, sums, group, N_GROUPS, &err), SL_OK, "%s",
               err.message);
  cr_assert_eq(sl_ref_effective_ratio(&exact, o, b, group, N_GROUPS), SL_OK);
  for (size_t g = 0; g < N_GROUPS; g++) {
    double rad = 0.0, tokens = 0.0;
    for (size_t s = group[g]; s < group[g + 1]; s++) {
      const sl_ball *fields = bound + s * SL_LOSS_FIELDS;
      rad += fields[SL_LOSS_WEIGHT].rad + fields[SL_LOSS_CLAMPED].rad;
      tokens += fields[SL_LOSS_TOKENS].mid;
    }
    error += rad / tokens / N_GROUPS;
  }
  const sl_ball eur = {exact, error};
  compare_doubles(c, &got.effective, &exact, &eur, 1);
}

static void check(sl_context *ctx, results *c, const sl_objective *o, float wide, int by_token) {
  const numbers n = make_numbers(wide);
  const sl_gated_loss_batch b = {n.new,
                                 n.old,
                                 n.ref,
                                 n.entropy,
                                 n.mask,
                                 seq,
                                 by_token ? NULL : n.advantage,
                                 n.coefficient,
                                 N_SEQ,
                                 by_token ? n.token_advantage : NULL};
  float *d = take_floats(TOKENS), *e = take_floats(TOKENS);
  sl_loss_sums sums[N_SEQ];
  double *ed = take_doubles(TOKENS), *ee = take_doubles(TOKENS),
         *es = take_doubles(N_SEQ * SL_LOSS_FIELDS);
  sl_ball *bd = take_balls(TOKENS), *be = take_balls(TOKENS),
          *bs = take_balls(N_SEQ * SL_LOSS_FIELDS);
  cr_assert_eq(sl_gated_loss(ctx, d, e, sums, o, &b), SL_OK, "%s", sl_context_error(ctx)->message);
  cr_assert_eq(sl_ref_gated_loss(ed, ee, es, o, &b), SL_OK);
  cr_assert_eq(sl_bound_gated_loss(bd, be, bs, o, &b), SL_OK);
  compare_floats(&c->d, d, ed, bd, TOKENS);
  compare_floats(&c->e, e, ee, be, TOKENS);
  for (size_t s = 0; s < N_SEQ; s++)
    for (size_t f = 0; f < SL_LOSS_FIELDS; f++) {
      const double got = field_of(&sums[s], f);
      compare_doubles(&c->field[f], &got, &es[s * SL_LOSS_FIELDS + f], &bs[s * SL_LOSS_FIELDS + f],
                      1);
    }
  check_eur(&c->eur, o, &b, sums, bs);
}

Test(plain_loss, every_variant) {
  inputs_begin("gated_loss");
  sl_context *ctx = plain_context();
  results c = {comparison_of("gated_loss d", SL_KERNEL_gated_loss),
               comparison_of("gated_loss e", SL_KERNEL_gated_loss),
               {{0}},
               comparison_of("effective update ratio", SL_KERNEL_gated_loss)};
  for (size_t f = 0; f < SL_LOSS_FIELDS; f++)
    c.field[f] = comparison_of(field_names[f], SL_KERNEL_gated_loss);
  for (int family = 0; family < SL_GATE_EXPRESSION; family++)
    for (int level = 0; level < 2; level++)
      for (int kl = -1; kl < 3; kl++)
        for (int wide = 0; wide < 2; wide++) {
          sl_objective o = {.gate = {{(sl_gate_family)family, (sl_gate_family)family},
                                     {1.05f, 1.0f},
                                     0.2,
                                     0.28,
                                     NULL,
                                     NULL},
                            .level = (sl_level)level,
                            .gamma = 0.01};
          if (wide) o.gate.tau[0] = 7.3f, o.gate.tau[1] = 0.11f;
          if (kl >= 0) o.kl = (sl_kl_kind)kl, o.beta = 0.04;
          check(ctx, &c, &o, (float)wide, 0);
          inputs_end();
          if (kl == SL_KL_K3) check(ctx, &c, &o, (float)wide, 1);
          if (kl == SL_KL_K3) inputs_end();
        }
  comparison_end(&c.d, SLACK_LIMIT);
  comparison_end(&c.e, SLACK_LIMIT);
  for (size_t f = 0; f < SL_LOSS_FIELDS; f++)
    comparison_end(&c.field[f], BINARY64_LIMIT); /* binary64 sums, exact terms among them */
  comparison_end(&c.eur, BINARY64_LIMIT);
  sl_context_destroy(ctx);
}
