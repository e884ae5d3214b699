/* Defects that reached users of other trainers, each as a test that the objective must pass (spec
 * O1 to O6). The names say the class: A overflow, NaN and masks; B normalisers and partitions; D
 * drift. C, advantages and rewards, is in test_field_advantages.c. */
#include "objective_step.h"

#include <criterion/criterion.h>
#include <math.h>
#include <sluice/gate.h>
#include <string.h>

static const sl_objective *sapo(void) {
  static sl_objective o;
  o = objective_of(SL_GATE_SIGMOID, 1.0f);
  return &o;
}

static sl_objective with_k3(double beta) {
  sl_objective o = *sapo();
  o.kl = SL_KL_K3, o.beta = beta;
  return o;
}

static int all_finite(const float *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!isfinite(x[i])) return 0;
  return 1;
}

/* Slot i of a step is masked and holds what no arithmetic survives. */
static void spoil(step *p, size_t i, float new, float old) {
  p->mask[i] = 0, p->tokens[0] -= 1;
  p->new[i] = new, p->old[i] = old, p->ref[i] = NAN, p->entropy[i] = -INFINITY;
}

static sl_error refused(const step *p, const sl_objective *o, sl_status want) {
  static outcome out;
  const sl_gated_loss_batch b = batch_of(p);
  cr_expect_eq(sl_gated_loss(plain_context(), out.d, out.e, out.sums, o, &b), want);
  return *sl_context_error(plain_context());
}

/* A1: exp overflows at a padded slot, then 0 * inf in the backward pass. */
Test(field, a1_padding_that_overflows) {
  step p = one_sequence(4, 0.5f);
  spoil(&p, 3, 1e4f, -1e4f);
  const outcome a = loss_of(&p, sapo());
  cr_expect(all_finite(a.d, 4) && a.d[3] == 0.0f && a.d[0] < 0.0f && isfinite(a.sums[0].objective));
}

/* A2: k3's exp(log-ratio) overflows. */
Test(field, a2_k3_of_a_huge_log_ratio) {
  const sl_objective o = with_k3(0.1);
  step p = one_sequence(2, 0.0f);
  p.ref[0] = p.new[0] + 500.0f;
  const outcome a = loss_of(&p, &o);
  cr_expect(all_finite(a.d, 2) && isfinite(a.sums[0].kl));
  cr_expect_eq(a.sums[0].kl_clamped, 1);
}

/* A3: the exponent of a sequence-level ratio is not clamped. */
Test(field, a3_sequence_ratio_is_clamped) {
  sl_objective o = objective_of(SL_GATE_IDENTITY, 1.0f);
  o.level = SL_LEVEL_SEQUENCE;
  step p = one_sequence(8, 300.0f);
  const outcome a = loss_of(&p, &o);
  cr_expect(all_finite(a.d, 8) && isfinite(a.sums[0].objective) && a.d[0] == 0.0f);
  cr_expect_eq(a.sums[0].clamped, 8);
}

/* A4: a sequence that truncation masks away: inf if it counts, NaN if it is multiplied away. */
Test(field, a4_truncated_sequence) {
  for (int level = 0; level < 2; level++) {
    sl_objective o = *sapo();
    o.level = (sl_level)level;
    step p = one_sequence(4, 0.25f), all_parts = p;
    p.n_seq = 2, p.seq[1] = 2, p.seq[2] = 4, p.advantage[1] = 1.0f,
    p.coefficient[1] = p.coefficient[0];
    spoil(&p, 2, INFINITY, 1.0f), spoil(&p, 3, NAN, -INFINITY);
    all_parts.seq[1] = 2;
    const outcome a = loss_of(&p, &o), b = loss_of(&all_parts, &o);
    const sl_loss_sums none = {0};
    cr_expect_eq(memcmp(&a.sums[0], &b.sums[0], sizeof none), 0);
    cr_expect_eq(memcmp(&a.sums[1], &none, sizeof none), 0);
    cr_expect(a.d[2] == 0.0f && a.d[3] == 0.0f);
  }
}

/* A5: mask * NaN. */
Test(field, a5_nan_in_a_masked_slot) {
  step p = one_sequence(3, 0.25f), q = p;
  spoil(&p, 1, NAN, NAN), spoil(&q, 1, -1.0f, -1.0f);
  const sl_objective o = with_k3(0.1);
  const outcome a = loss_of(&p, &o), b = loss_of(&q, &o);
  cr_expect_eq(memcmp(&a, &b, sizeof a), 0);
}

/* A6: a padding sentinel of -1e10 gives inf * 0 in k3; on an unmasked token it is clamped
 * and counted. */
Test(field, a6_padding_sentinel) {
  const sl_objective o = with_k3(0.1);
  step p = one_sequence(3, 0.0f);
  spoil(&p, 1, -1e10f, -1e10f), p.ref[1] = -1e10f;
  p.ref[2] = -1e10f;
  const outcome a = loss_of(&p, &o);
  cr_expect(all_finite(a.d, 3) && isfinite(a.sums[0].kl));
  cr_expect_eq(a.sums[0].kl_clamped, 1);
}

/* A7: -inf log-probs, as top-k and top-p leave them, are named; behind the mask they do nothing. */
Test(field, a7_infinite_log_probs) {
  step p = one_sequence(3, 0.0f);
  p.old[1] = -INFINITY;
  const sl_error e = refused(&p, sapo(), SL_ERR_NONFINITE);
  cr_expect_not_null(strstr(e.message, "logp_old[1] (sequence 0) is -inf"), "%s", e.message);
  p.new[1] = -INFINITY; /* the difference would be NaN */
  refused(&p, sapo(), SL_ERR_NONFINITE);
  p.mask[1] = 0, p.tokens[0] = 2;
  const outcome a = loss_of(&p, sapo());
  cr_expect(all_finite(a.d, 3));
}

/* A8: the sigmoid gate at a ratio near overflow: derivative 0 times inf. Here no ratio is infinite,
 * and the weight is a number. */
Test(field, a8_gate_at_the_largest_ratio) {
  for (int family = 0; family < SL_GATE_EXPRESSION; family++) {
    static const float taus[] = {0x1p-20f, 1.0f, 0x1p10f}, ratios[] = {79.99f, 80.0f, 88.0f, 1e30f};
    for (int k = 0; k < 12; k++) {
      const sl_objective o = objective_of((sl_gate_family)family, taus[k % 3]);
      step p = one_sequence(2, ratios[k / 3]);
      const outcome a = loss_of(&p, &o);
      cr_expect(all_finite(a.d, 2) && isfinite(a.sums[0].objective) &&
                isfinite(a.sums[0].centred) && isfinite(a.sums[0].effective_sum));
    }
  }
}

/* A9: 4 s (1 - s) is 0 in binary32 beyond z = 16.6, where the truth is 2.4e-7. The weight here is
 * correctly rounded: it differs from 4t/(1+t)^2 in binary64 (4 roundings of 2^-53 and exp's error,
 * all far below 2^-40) by half an ulp at most (2^-24 relative, or 2^-150 where it is subnormal). */
Test(field, a9_weight_in_the_tail) {
  float before = 1.0f;
  for (int twice = 33; twice < 200; twice++) {
    const float z = 0.5f * (float)twice;
    step p = one_sequence(1, 0.0f);
    const sl_objective o = objective_of(SL_GATE_SIGMOID, z); /* ratio 2: z = tau */
    p.new[0] = 0.0f, p.old[0] = -0x1.62e43p-1f;              /* RN(log 2) */
    const float r = (float)exp((double)p.new[0] - (double)p.old[0]);
    const double t = exp(-(double)(z * (r - 1.0f))), truth = 4.0 * t / ((1.0 + t) * (1.0 + t));
    const outcome a = loss_of(&p, &o);
    const float w = (float)a.sums[0].weight_sum;
    cr_expect(w > 0.0f && w < before, "weight %a at z %g", (double)w, (double)z);
    cr_expect(fabs((double)w - truth) <= truth * (0x1p-24 + 0x1p-40) + 0x1p-150,
              "weight %a, truth %a", (double)w, truth);
    cr_expect(a.d[0] != 0.0f);
    before = w;
  }
}

/* A10: a clamp on k3's value zeroes its gradient beyond pi_ref/pi = 13.61, unseen. Here it grows
 * until the log-ratio's clamp, and there the token is counted. */
Test(field, a10_k3_gradient_far_out) {
  const sl_objective o = with_k3(0.1);
  float before = 0.0f;
  for (int twice = 1; twice < 160; twice++) {
    const float y = 0.5f * (float)twice;
    step p = one_sequence(1, 0.0f);
    p.advantage[0] = 0.0f;
    p.new[0] = -81.0f, p.old[0] = -81.0f, p.ref[0] = -81.0f + y;
    const outcome a = loss_of(&p, &o);
    cr_expect(a.d[0] < before && isfinite(a.d[0]), "d %g at %g", (double)a.d[0], (double)y);
    cr_expect_eq(a.sums[0].kl_clamped, 0);
    before = a.d[0];
  }
}

/* A11: a clamp at +-20 does not protect a narrow type; binary32 with a clamp at 80 needs none
 * inside it. */
Test(field, a11_ratios_up_to_the_clamp_are_exact) {
  static const float x[] = {11.5f, 20.5f, 40.0f, 79.5f, 80.0f};
  for (int i = 0; i < 5; i++) {
    const sl_objective o = objective_of(SL_GATE_IDENTITY, 1.0f);
    step p = one_sequence(1, 0.0f);
    p.new[0] = 0.0f, p.old[0] = -x[i];
    const outcome a = loss_of(&p, &o);
    cr_expect_eq(a.sums[0].ratio_max, (float)exp((double)x[i]));
    cr_expect_eq(a.sums[0].clamped, 0);
    cr_expect_eq(a.d[0], -a.sums[0].ratio_max);
  }
}

/* B1: a token-mean whose numerator ignores the mask: 26 instead of 1. */
Test(field, b1_token_mean_of_masked_tokens) {
  const sl_objective o = objective_of(SL_GATE_IDENTITY, 1.0f);
  step p = one_sequence(26, 0.0f);
  sl_error err;
  for (size_t i = 1; i < 26; i++) spoil(&p, i, -1.0f, -1.0f);
  cr_assert_eq(sl_objective_coefficients(p.coefficient, p.tokens, 1, SL_AGG_TOKEN_MEAN, 0.0, &err),
               SL_OK);
  const outcome a = loss_of(&p, &o);
  cr_expect_eq(a.sums[0].objective, 1.0);
  cr_expect_eq(a.sums[0].tokens, 1);
}

/* B2: padding leaks into a length-weighted loss. */
Test(field, b2_padding_does_not_weigh) {
  for (int rule = 0; rule < 3; rule++) {
    step p = one_sequence(40, 0.25f), q = one_sequence(7, 0.25f);
    sl_error err;
    for (size_t i = 7; i < 40; i++) spoil(&p, i, 1e30f, 0.0f);
    cr_assert_eq(
        sl_objective_coefficients(p.coefficient, p.tokens, 1, (sl_aggregation)rule, 16.0, &err),
        SL_OK);
    cr_assert_eq(
        sl_objective_coefficients(q.coefficient, q.tokens, 1, (sl_aggregation)rule, 16.0, &err),
        SL_OK);
    const outcome a = loss_of(&p, sapo()), b = loss_of(&q, sapo());
    cr_expect_eq(memcmp(a.d, b.d, 7 * sizeof *a.d), 0);
    cr_expect_eq(memcmp(a.sums, b.sums, sizeof *a.sums), 0);
  }
}

/* B3, B8: denominators that ignore truncation, or gain 1 for each sequence that is masked away. */
Test(field, b3_b8_masked_sequences_are_in_no_denominator) {
  const uint32_t with[] = {4, 0, 2, 0, 0}, without[] = {4, 2};
  for (int rule = 0; rule < 3; rule++) {
    double a[5], b[2];
    sl_error err;
    cr_assert_eq(sl_objective_coefficients(a, with, 5, (sl_aggregation)rule, 16.0, &err), SL_OK);
    cr_assert_eq(sl_objective_coefficients(b, without, 2, (sl_aggregation)rule, 16.0, &err), SL_OK);
    cr_expect(a[0] == b[0] && a[2] == b[1] && a[1] == 0.0 && a[3] == 0.0 && a[4] == 0.0);
  }
  double c[2];
  cr_assert_eq(sl_objective_coefficients(c, without, 2, SL_AGG_SEQUENCE_MEAN, 0.0, NULL), SL_OK);
  cr_expect(c[0] == 1.0 / 8.0 && c[1] == 1.0 / 4.0);
  cr_assert_eq(sl_objective_coefficients(c, without, 2, SL_AGG_TOKEN_MEAN, 0.0, NULL), SL_OK);
  cr_expect(c[0] == 1.0 / 6.0 && c[1] == 1.0 / 6.0);
  cr_assert_eq(sl_objective_coefficients(c, without, 2, SL_AGG_CONSTANT, 16.0, NULL), SL_OK);
  cr_expect(c[0] == 1.0 / 32.0 && c[1] == 1.0 / 32.0);
}

/* B4, B6: a loss that depends on accumulation steps or on the micro-batch split. */
Test(field, b4_b6_accumulation_does_not_scale) {
  source s = seeded(40);
  step p = random_step(&s);
  finish_step(&p, SL_ADV_STD_POPULATION, SL_AGG_SEQUENCE_MEAN);
  const outcome all_parts = loss_of(&p, sapo());
  double objective = 0.0, in_parts = 0.0;
  for (size_t k = 0; k < p.n_seq; k++) {
    step one = {.n_seq = 1, .t = p.seq[k + 1] - p.seq[k], .seq = {0, p.seq[k + 1] - p.seq[k]}};
    one.advantage[0] = p.advantage[k], one.coefficient[0] = p.coefficient[k];
    memcpy(one.new, p.new + p.seq[k], one.t * sizeof *p.new),
        memcpy(one.old, p.old + p.seq[k], one.t * sizeof *p.old);
    memcpy(one.ref, p.ref + p.seq[k], one.t * sizeof *p.ref),
        memcpy(one.entropy, p.entropy + p.seq[k], one.t * sizeof *p.entropy);
    memcpy(one.mask, p.mask + p.seq[k], one.t);
    const outcome a = loss_of(&one, sapo());
    cr_expect_eq(memcmp(a.d, all_parts.d + p.seq[k], one.t * sizeof *a.d), 0);
    objective += all_parts.sums[k].objective, in_parts += a.sums[0].objective;
  }
  cr_expect(objective == in_parts && objective != 0.0);
}

/* B5: a batch that is masked whole: 0/0. */
Test(field, b5_nothing_to_learn_from) {
  const uint32_t none[] = {0, 0, 0};
  double c[] = {7.0, 7.0, 7.0};
  sl_error err;
  for (int rule = 0; rule < 3; rule++) {
    cr_expect_eq(sl_objective_coefficients(c, none, 3, (sl_aggregation)rule, 16.0, &err),
                 SL_ERR_INPUT);
    cr_expect_not_null(strstr(err.message, "no unmasked token"));
  }
  cr_expect(c[0] == 7.0 && c[1] == 7.0 && c[2] == 7.0);
  cr_expect_eq(sl_objective_coefficients(c, none, 0, SL_AGG_TOKEN_MEAN, 0.0, &err), SL_ERR_INPUT);
}

/* B7: advantages of padded slots leak into that of the sequence. An advantage here is of the
 * sequence: how much of it is masked cannot affect a token's gradient. */
Test(field, b7_padding_has_no_advantage) {
  sl_objective o = *sapo();
  o.level = SL_LEVEL_SEQUENCE;
  step p = one_sequence(64, 0.25f), q = one_sequence(2, 0.25f);
  for (size_t i = 2; i < 64; i++) spoil(&p, i, INFINITY, NAN);
  q.coefficient[0] = p.coefficient[0];
  const outcome a = loss_of(&p, &o), b = loss_of(&q, &o);
  cr_expect(memcmp(a.d, b.d, 2 * sizeof *a.d) == 0 && a.d[0] != 0.0f);
}

/* D3: a product of ratios explodes with the length; the sequence ratio is its geometric mean. */
Test(field, d3_sequence_ratio_does_not_grow_with_length) {
  sl_objective o = objective_of(SL_GATE_IDENTITY, 1.0f);
  o.level = SL_LEVEL_SEQUENCE;
  static const size_t lengths[] = {1, 2, 64, 1024, 1536};
  for (int i = 0; i < 5; i++) {
    step p = one_sequence(lengths[i], 0.125f);
    const outcome a = loss_of(&p, &o);
    cr_expect_eq(a.sums[0].ratio_max, (float)exp(0.125));
  }
}

/* D4: on policy the ratio is exactly 1, whatever the log-probs. */
Test(field, d4_on_policy_ratio_is_one) {
  step p = one_sequence(1000, 0.0f);
  for (size_t i = 0; i < 1000; i++) p.new[i] = p.old[i] = -0.0371f * (float)i;
  for (int level = 0; level < 2; level++) {
    sl_objective o = *sapo();
    o.level = (sl_level)level;
    const outcome a = loss_of(&p, &o);
    cr_expect(a.sums[0].ratio_max == 1.0f && a.sums[0].y_square_sum == 0.0 &&
              a.sums[0].weight_sum == 1000.0);
  }
}

/* D7: a rewrite dropped the factor A. */
Test(field, d7_advantage_is_a_factor) {
  step p = one_sequence(3, 0.25f), q = p;
  q.advantage[0] = -2.0f;
  const outcome a = loss_of(&p, sapo()), b = loss_of(&q, sapo());
  cr_expect(a.d[0] != 0.0f && b.d[0] == -2.0f * a.d[0]);
}

/* D8: the sum of exp in place of the exp of the sum. */
Test(field, d8_exp_of_the_mean) {
  sl_objective o = objective_of(SL_GATE_IDENTITY, 1.0f);
  o.level = SL_LEVEL_SEQUENCE;
  step p = one_sequence(2, 0.0f);
  p.new[0] = 0.0f,
  p.new[1] = -2.0f; /* log-ratios 1 and -1: mean 0, though the mean of exp is 1.54 */
  const outcome a = loss_of(&p, &o);
  cr_expect_eq(a.sums[0].ratio_max, 1.0f);
}

/* D12: the offset f(1) = 2/tau makes a steady loss read as learning. The centred value is 0 on
 * policy, and keeps small changes whole. */
Test(field, d12_offset_is_reported_apart) {
  step p = one_sequence(1, 0.0f);
  for (int family = 0; family < SL_GATE_EXPRESSION; family++) {
    const sl_objective o = objective_of((sl_gate_family)family, 0.5f);
    cr_expect_eq(loss_of(&p, &o).sums[0].centred, 0.0);
  }
  /* f(1) = 2^21, whose ulp is a quarter. */
  const sl_objective o = objective_of(SL_GATE_SIGMOID, 0x1p-20f);
  p.new[0] = -1.0f + 0x1p-10f;
  const outcome a = loss_of(&p, &o);
  /* f(r) - f(1) = (r - 1)(1 - z^2/12 ...): z^2/12 < 2^-62, so r - 1 within the roundings of z, tanh
   * and the product */
  const double y = a.sums[0].y_sum;
  cr_expect(fabs(a.sums[0].centred - y) <= 3.0 * 0x1p-24 * y, "%a against %a", a.sums[0].centred,
            y);
}

/* D13: one name, two meanings: CISPO's cap is absolute here. d = -A c min(r, cap): w = RN(cap / r)
 * and RN(w r) are two roundings. */
Test(field, d13_cispo_cap_is_absolute) {
  static const char text[] =
      "gate cispo\nparam cap in [1, 100] default 1.28\nweight = min(1, cap / r)\n";
  sl_gate_definition *owner;
  sl_error err;
  sl_objective o = objective_of(SL_GATE_IDENTITY, 1.0f);
  cr_assert_eq(sl_gate_parse(&o.gate, &owner, text, sizeof text - 1, "cispo.gate", NULL, 0, &err),
               SL_OK, "%s", err.message);
  for (int i = 0; i < 16; i++) {
    step p = one_sequence(1, 0.25f * (float)(i - 4));
    for (int sign = -1; sign <= 1; sign += 2) {
      p.advantage[0] = (float)sign;
      const outcome a = loss_of(&p, &o);
      const double r = (double)a.sums[0].ratio_max, want = -(double)sign * fmin(r, 1.28);
      cr_expect(fabs((double)a.d[0] - want) <= 2.0 * 0x1p-24 * fabs(want), "ratio %g: %g", r,
                (double)a.d[0]);
      /* A weight has no value: absent, not guessed. */
      cr_expect(isnan(a.sums[0].objective) && isnan(a.sums[0].centred));
    }
  }
  sl_gate_definition_free(owner);
}
