/* The bounds of the loss and of advantages: no kernel that meets its contract leaves them, wrong
 * formulas do; the values are those of the objective over the real numbers (spec E2.4, E2.7). */
#include "contract_runs.h"

#include "reference/kernels.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void set_all(sl_op_case *c, const char *settings) {
  char text[200], *rest = text;
  sl_error err = {0};
  snprintf(text, sizeof text, "%s", settings);
  for (char *one; (one = strtok_r(rest, " ", &rest));)
    cr_assert_eq(sl_op_setting_parse(c, one, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_op_check(c, &err), SL_OK, "%s", err.message);
}

static const char *const losses[] = {
    "",
    "weight_form=product",
    "gate=erf aggregation=token_mean",
    "gate=arctan tau_pos=3 aggregation=constant length=100 sequences=24",
    "gate=softsign tau_neg=0.5",
    "gate=softsign weight_form=product tokens=999 aggregation=token_mean",
    "gate=clip clip_high=0.28 beta=0.04",
    "gate=identity beta=0.1 kl=k1",
    "gate=cispo cap=2 beta=0.1 kl=k2",
    "level=sequence beta=0.5 kl=k3 gamma=0.01",
    "level=sequence gate=clip clip_low=0.5 clip_high=1 gamma=1e-3",
    "gate=erf tau_pos=1000 clamp=2"};
#define LOSSES (sizeof losses / sizeof *losses)

static const char *const groups[] = {"", "kind=sample eps=0", "kind=none", "kind=leave_one_out"};
#define GROUPS (sizeof groups / sizeof *groups)

static const char *const contracts[] = {"",
                                        "order=pairwise,exponent=plain",
                                        "order=chain,exp=0.5",
                                        "order=blocks:4,out=bf16",
                                        "out=f16,exp=8,div=2,subnormals=flushed",
                                        "in=tf32",
                                        "acc=f64,out=f32"};
#define CONTRACTS (sizeof contracts / sizeof *contracts)

static void check(const sl_op *op, const char *shape, const char *settings) {
  static const sl_format given[] = {SL_FORMAT_F32, SL_FORMAT_BF16};
  run_tally t = {0};
  inputs_begin(op->name);
  for (size_t contract = 0; contract < CONTRACTS; contract++)
    for (input_kind kind = 0; kind < KINDS; kind++)
      for (int type = 0; type < 2; type++) {
        sl_op_case c = case_of(op, shape, contracts[contract], given[type], kind);
        set_all(&c, settings);
        for (size_t out = 0; out < sl_op_outputs(op); out++)
          run_output(&c, (int)out, settings, ARRANGEMENTS, &t);
      }
  fprintf(stderr, "%-12s %-70s %5zu runs, largest share %.3f, no bound %zu of %zu\n", op->name,
          settings, t.runs, t.largest, t.unbounded, t.elements);
  cr_expect(t.runs > 0 && t.unbounded * 4 < t.elements);
  inputs_end();
}

Test(contract_objective, no_kernel_that_meets_its_contract_leaves_the_bounds) {
  for (size_t i = 0; i < LOSSES; i++) check(&sl_op_gated_loss, "s=3,t=7", losses[i]);
  for (size_t i = 0; i < GROUPS; i++) check(&sl_op_advantages, "n=12,g=2", groups[i]);
}

static float *narrow(const double *x, size_t n) {
  float *y = take_floats(n);
  for (size_t i = 0; i < n; i++) y[i] = (float)x[i];
  return y;
}

/* The walk is binary64, and the objective exact: they differ by less than 2^-18 of a binary32
 * bound. */
static void expect_same(const char *what, const char *settings, const double *exact,
                        const sl_ball *balls, size_t n) {
  for (size_t i = 0; i < n; i++)
    cr_expect(isnan(balls[i].mid) || fabs(exact[i] - balls[i].mid) <= 0x1p-18 * balls[i].rad,
              "%s[%zu], %s: %a, walk %a +- %a", what, i, settings, exact[i], balls[i].mid,
              balls[i].rad);
}

static sl_objective objective_of(const sl_op_case *c) {
  const double *s = c->setting;
  return (sl_objective){.gate = {.family = {(sl_gate_family)(int)s[0], (sl_gate_family)(int)s[0]},
                                 .tau = {(float)s[2], (float)s[1]},
                                 .clip_low = s[3],
                                 .clip_high = s[4]},
                        .level = (sl_level)(int)s[6],
                        .aggregation = (sl_aggregation)(int)s[7],
                        .constant_length = s[8],
                        .beta = s[11],
                        .kl = (sl_kl_kind)(int)s[12],
                        .gamma = s[13]};
}

/* Coefficients by spec O4.1. */
static void coefficients(double *coefficient, const sl_op_case *c, const uint8_t *mask) {
  const size_t n_seq = sl_op_size(c, 's'), t = sl_op_size(c, 't');
  double sequences = 0.0, total = 0.0, *tokens = take_doubles(n_seq);
  for (size_t i = 0; i < n_seq; i++) {
    tokens[i] = 0.0;
    for (size_t e = 0; e < t; e++) tokens[i] += mask[i * t + e];
    sequences += tokens[i] > 0.0, total += tokens[i];
  }
  for (size_t i = 0; i < n_seq; i++) {
    const double per = c->setting[7] == 0.0 ? tokens[i] : c->setting[8];
    coefficient[i] = tokens[i] == 0.0       ? 0.0
                     : c->setting[7] == 1.0 ? 1.0 / total
                                            : 1.0 / (sequences * per);
  }
}

static void compare_loss(const char *settings, input_kind kind) {
  enum { N_SEQ = 5, T = 9, N = N_SEQ * T };
  sl_op_case c = case_of(&sl_op_gated_loss, "s=5,t=9", "", SL_FORMAT_F32, kind);
  set_all(&c, settings);
  for (int tau = 1; tau < 3; tau++) c.setting[tau] = sl_format_round(SL_FORMAT_F32, c.setting[tau]);
  const sl_objective o = objective_of(&c);
  uint8_t *mask = take_bytes(N);
  for (size_t i = 0; i < N; i++) mask[i] = c.in[4][i] != 0.0;
  double coefficient[N_SEQ], *d = take_doubles(N), *e = take_doubles(N),
                             *sums = take_doubles(N_SEQ * SL_LOSS_FIELDS), loss = 0.0;
  coefficients(coefficient, &c, mask);
  const uint32_t seq[] = {0, T, 2 * T, 3 * T, 4 * T, N};
  const sl_gated_loss_batch batch = {narrow(c.in[0], N),
                                     narrow(c.in[1], N),
                                     narrow(c.in[2], N),
                                     narrow(c.in[3], N),
                                     mask,
                                     seq,
                                     narrow(c.in[5], N_SEQ),
                                     coefficient,
                                     N_SEQ,
                                     NULL};
  cr_assert_eq(sl_ref_gated_loss(d, e, sums, &o, &batch), SL_OK);
  for (size_t i = 0; i < N_SEQ; i++) {
    const double *s = sums + i * SL_LOSS_FIELDS;
    loss += o.beta * s[SL_LOSS_KL] - s[SL_LOSS_OBJECTIVE] - o.gamma * s[SL_LOSS_ENTROPY];
  }
  size_t n;
  expect_same("dlogp", settings, d, bounds_of(&c, 0, &n), N);
  expect_same("dentropy", settings, e, bounds_of(&c, 1, &n), N);
  expect_same("loss", settings, &loss, bounds_of(&c, 2, &n), 1);
}

/* Both gates with a clip edge of binary32, so that the exact edge is the same. */
Test(contract_objective, values_against_the_objective) {
  static const char *const settings[] = {"",
                                         "gate=erf aggregation=token_mean beta=0.25 kl=k1",
                                         "gate=arctan tau_pos=3 aggregation=constant length=100",
                                         "gate=softsign tau_neg=0.5 beta=0.5 kl=k2 gamma=0.125",
                                         "gate=clip clip_high=0.25 clip_low=0.25 beta=0.5",
                                         "level=sequence gate=identity beta=0.5 gamma=0.25"};
  inputs_begin("objective");
  for (input_kind kind = 0; kind < KINDS; kind++)
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) compare_loss(settings[i], kind);
  inputs_end();
}

/* Rewards that are small whole numbers: centred ones are exact in binary64, and so is their sum of
 * squares. */
Test(contract_objective, advantages_by_hand) {
  static const double reward[] = {1.0, 0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 5.0},
                      member[] = {0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0};
  static const struct {
    const char *settings;
    double first, second;
  } rows[] = {{"eps=0", 0x1.bb67ae8584caap0, -0x1.279a74590331cp-1}, /* sqrt(3), -1/sqrt(3) */
              {"kind=sample eps=0", 1.5, -0.5},
              {"kind=none", 0.75, -0.25},
              {"kind=leave_one_out", 1.0, -0x1.5555555555555p-2}};
  inputs_begin("advantages");
  for (size_t i = 0; i < 4; i++) {
    sl_op_case c = case_of(&sl_op_advantages, "n=8,g=3", "", SL_FORMAT_F32, RANDOM);
    c.in[0] = reward, c.in[1] = member;
    set_all(&c, rows[i].settings);
    size_t n;
    const sl_ball *balls = bounds_of(&c, 0, &n);
    cr_expect(fabs(balls[0].mid - rows[i].first) <= 0x1p-18 * balls[0].rad, "%s: %a +- %a",
              rows[i].settings, balls[0].mid, balls[0].rad);
    cr_expect(fabs(balls[1].mid - rows[i].second) <= 0x1p-18 * balls[1].rad);
    for (size_t e = 4; e < 7; e++)
      cr_expect(balls[e].mid == 0.0 && (i > 1 || balls[e].rad == 0.0), "equal rewards");
    cr_expect(i == 3 ? isnan(balls[7].mid) : balls[7].mid == 0.0, "a group of one");
  }
  inputs_end();
}

/* Another formula: other settings, or other inputs in place of one. */
static void expect_caught(const char *what, const char *settings, const char *wrong, int input,
                          double (*of)(double), int out) {
  sl_op_case c = case_of(&sl_op_gated_loss, "s=4,t=12", "", SL_FORMAT_F32, RANDOM);
  set_all(&c, settings);
  sl_op_case other = c;
  if (wrong) set_all(&other, wrong);
  if (of) {
    const size_t n = sl_op_count_of(&c, &c.op->in[input]);
    double *x = take_doubles(n);
    for (size_t i = 0; i < n; i++) x[i] = of(c.in[input][i]);
    other.in[input] = x;
  }
  const double kept = beyond(&c, &c, out, ASCENDING, 0),
               left = beyond(&c, &other, out, ASCENDING, 0);
  fprintf(stderr, "planted: %-34s %.3g bounds off, within the contract %.3g\n", what, left, kept);
  cr_expect(kept <= 1.0 && left > 1.0, "%s: %g, right %g", what, left, kept);
}

static double to_one(double x) { return (void)x, 1.0; }
static double to_bf16(double x) { return sl_format_round(SL_FORMAT_BF16, x); }
static double negated(double x) { return -x; }

Test(contract_objective, wrong_losses_are_caught) {
  inputs_begin("wrong losses");
  expect_caught("no gate", "", "gate=identity", 0, NULL, 0);
  expect_caught("tau of the other sign", "", "tau_pos=1.05 tau_neg=1", 0, NULL, 0);
  expect_caught("the clip's low and high exchanged", "gate=clip clip_low=0.2 clip_high=0.28",
                "clip_low=0.28 clip_high=0.2", 0, NULL, 2);
  expect_caught("CISPO's cap as 1 + cap", "gate=cispo cap=2", "cap=3", 0, NULL, 0);
  expect_caught("dropped mask", "", NULL, 4, to_one, 0);
  expect_caught("dropped mask, token mean", "aggregation=token_mean", NULL, 4, to_one, 2);
  expect_caught("token mean for sequence mean", "", "aggregation=token_mean", 0, NULL, 0);
  expect_caught("a micro-batch's denominator", "", "sequences=2", 0, NULL, 0);
  expect_caught("the padded length", "aggregation=constant length=100", "length=12", 0, NULL, 2);
  expect_caught("bf16 logp_old", "", NULL, 1, to_bf16, 0);
  expect_caught("the advantage dropped", "", NULL, 5, to_one, 0);
  expect_caught("the loss's sign", "", NULL, 5, negated, 0);
  expect_caught("KL dropped", "beta=0.04", "beta=0", 0, NULL, 0);
  expect_caught("KL by k1", "beta=0.04", "kl=k1", 0, NULL, 0);
  expect_caught("KL by k2", "beta=0.04", "kl=k2", 0, NULL, 2);
  expect_caught("the entropy's factor", "gamma=0.01", "gamma=0.1", 0, NULL, 1);
  expect_caught("token ratios", "level=sequence", "level=token", 0, NULL, 0);
  expect_caught("a clamp of 1", "", "clamp=1", 0, NULL, 0);
  inputs_end();
}

/* s (1 - s) is 0 in binary32 from z = 16.6 on, where 4 s(z) s(-z) is 2.4e-7 (defect A9): outside of
 * the stable bound, inside the product's. */
Test(contract_objective, lost_digits_of_the_sigmoid) {
  inputs_begin("A9");
  sl_op_case c = case_of(&sl_op_gated_loss, "s=1,t=4", "", SL_FORMAT_F32, RANDOM);
  const double logp_new[] = {2.89, 2.95, 3.0, 3.1}, logp_old[4] = {0},
               mask[] = {1.0, 1.0, 1.0, 1.0}, advantage[] = {1.0};
  c.in[0] = logp_new, c.in[1] = logp_old, c.in[4] = mask, c.in[5] = advantage;
  sl_op_case product = c;
  set_all(&product, "weight_form=product");
  cr_expect(beyond(&c, &c, 0, ASCENDING, 0) <= 1.0);
  cr_expect(beyond(&c, &product, 0, ASCENDING, 0) > 1.0);
  cr_expect(beyond(&product, &product, 0, ASCENDING, 0) <= 1.0);
  cr_expect(beyond(&product, &c, 0, ASCENDING, 0) <= 1.0);
  inputs_end();
}

/* A residue of the mean becomes an advantage of any size (defect C2); a leave-one-out advantage
 * divided by a deviation (C1). */
Test(contract_objective, wrong_advantages_are_caught) {
  inputs_begin("wrong advantages");
  sl_op_case c = case_of(&sl_op_advantages, "n=8,g=2", "", SL_FORMAT_F32, RANDOM);
  sl_op_case other = c;
  set_all(&other, "kind=sample");
  cr_expect(beyond(&c, &other, 0, ASCENDING, 0) > 1.0, "ddof");
  set_all(&c, "eps=1e-4");
  set_all(&other, "kind=population eps=1e-6");
  cr_expect(beyond(&c, &other, 0, ASCENDING, 0) > 1.0, "eps");
  double *one = take_doubles(8), *equal = take_doubles(8);
  for (size_t i = 0; i < 8; i++) one[i] = 0.0, equal[i] = (double)0.1f;
  other = c, other.in[1] = one;
  cr_expect(beyond(&c, &other, 0, ASCENDING, 0) > 1.0, "groups of uneven size as one");
  c.in[0] = equal;
  size_t n, at, unbounded;
  const sl_ball *balls = bounds_of(&c, 0, &n);
  double *x = take_doubles(8);
  for (size_t i = 0; i < 8; i++) x[i] = 1.5e-8 / 1e-4;
  cr_expect(share_of(x, balls, n, &at, &unbounded) > 1.0, "a residue over eps");
  inputs_end();
}

/* On policy everything is exact where the counts are powers of two. */
Test(contract_objective, exact_on_policy) {
  inputs_begin("on policy");
  sl_op_case c = case_of(&sl_op_gated_loss, "s=4,t=8", "", SL_FORMAT_F32, RANDOM);
  double *one = take_doubles(32), *advantage = take_doubles(4);
  for (size_t i = 0; i < 32; i++) one[i] = 1.0;
  for (size_t i = 0; i < 4; i++) advantage[i] = (double)(next_u64() % 9) - 4.0;
  c.in[1] = c.in[0], c.in[4] = one, c.in[5] = advantage;
  set_all(&c, "tau_neg=2");
  size_t n;
  const sl_ball *balls = bounds_of(&c, 0, &n);
  for (size_t i = 0; i < n; i++)
    cr_expect(balls[i].rad == 0.0 && balls[i].mid == -advantage[i / 8] / 32.0);
  inputs_end();
}
