/* Verdicts on elements, controls, power, outcomes and tolerances (spec E3 to E5): what they must
 * reject, and what they must not. */
#include "ci/products/judge/lost_digits.h"
#include "ci/products/judge/outcome.h"
#include "ci/products/judge/tolerance.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

Test(judge, elements) {
  const sl_ball balls[] = {{1.0, 0x1p-24},  {2.0, 0.0},   {3.0, INFINITY},
                           {NAN, INFINITY}, {1e300, 1.0}, {4.0, 0.5}};
  const double right[] = {1.0 + 0x1p-25, 2.0, NAN, 0.0, 0.0, 4.25},
               wrong[] = {1.0 + 0x1p-23, 2.0, 3.0, 0.0, 0.0, NAN};
  sl_judgement j = {0};
  sl_judge(&j, "y", 10, SL_FORMAT_F32, right, balls, 6);
  cr_expect(j.judged == 3 && j.wrong == 0 && j.unbounded == 1 && j.unjudged == 2);
  cr_expect(j.share == 0.5 && j.share_at.index == 10 && sl_judgement_p99(&j) == 0.5);
  cr_expect(j.ulps == 0x1p19, "%g", j.ulps); /* 4.25 for 4 */
  cr_expect_eq(j.ulps_at.index, 15);
  sl_judgement k = {0};
  sl_judge(&k, "y", 10, SL_FORMAT_F32, wrong, balls, 6);
  cr_expect(k.wrong == 2 && k.wrong_at.index == 10 && k.got == wrong[0] && isinf(k.share));
  sl_judgement_add(&j, &k);
  cr_expect(j.judged == 6 && j.wrong == 2 && j.wrong_at.index == 10);
  const double other = 2.0 + 0x1p-40;
  sl_judgement exact = {0};
  sl_judge(&exact, "y", 0, SL_FORMAT_F32, &other, &balls[1], 1);
  cr_expect_eq(exact.wrong, 1, "a bound of 0 is left by any difference");
  const double minus_nan = copysign(NAN, -1.0);
  sl_judgement none = {0};
  sl_judge(&none, "y", 0, SL_FORMAT_F32, &minus_nan, &balls[1], 1);
  cr_expect(none.wrong == 1 && isnan(none.got) && !signbit(none.got), "a NaN's sign says nothing");
}

static sl_judged_problem problem(const sl_judged_output *out, const sl_values *in,
                                 const sl_values *previous) {
  return (sl_judged_problem){out, 1, in, 1, previous};
}

Test(judge, controls_are_rejected) {
  const sl_ball tight[] = {{1.0, 1e-6}, {-2.0, 1e-6}}, loose[] = {{1.0, 9.0}, {-2.0, 9.0}};
  const double right[] = {1.0, -2.0}, x[] = {3.0, 5.0}, same[] = {1.0, -2.0};
  const sl_values in = {x, 2}, before = {x, 2}, none = {NULL, 0}, equal = {same, 2};
  sl_control_tally t = {0};
  const sl_judged_output good = {"y", SL_FORMAT_F32, 2, tight, right, NULL, 0};
  sl_judged_problem p = problem(&good, &in, &before);
  cr_expect(sl_controls_try(&t, &p));
  for (int c = 0; c < SL_CONTROL_ROW; c++) cr_expect(t.tried[c] == 1 && t.rejected[c] == 1);
  cr_expect_eq(sl_controls_missed(&t), SL_CONTROLS);
  /* a right answer that is the control itself is left out */
  p = problem(&good, &equal, &none);
  cr_expect(sl_controls_try(&t, &p));
  cr_expect(t.tried[SL_CONTROL_INPUT] == 1 && t.tried[SL_CONTROL_PREVIOUS] == 1);
  /* wide bounds reject NaN alone: zeros are missed */
  sl_control_tally wide = {0};
  const sl_judged_output bad = {"y", SL_FORMAT_F32, 2, loose, right, NULL, 0};
  p = problem(&bad, &in, &before);
  cr_expect(sl_controls_try(&wide, &p));
  cr_expect_eq(sl_controls_missed(&wide), SL_CONTROL_ZEROS);
  /* no bound at all: nothing is rejected */
  const sl_ball open[] = {{1.0, INFINITY}, {-2.0, INFINITY}};
  const sl_judged_output unbounded = {"y", SL_FORMAT_F32, 2, open, right, NULL, 0};
  sl_control_tally none_rejected = {0};
  p = problem(&unbounded, &in, &before);
  cr_expect_not(sl_controls_try(&none_rejected, &p));
  cr_expect_eq(none_rejected.without_power, 1);
}

/* Of a dump, a control passes that is itself the right answer, and an output carries no other. */
Test(judge, controls_of_each_output) {
  const sl_ball some[] = {{1.0, 1e-6}, {-2.0, 1e-6}}, zeros[] = {{0.0, 0.0}, {0.0, 0.0}},
                ones[] = {{1.0, 1e-6}, {1.0, 1e-6}}, beyond[] = {{1e300, 1.0}, {1e300, 1.0}};
  const double right[] = {1.0, -2.0}, zero[] = {0.0, 0.0}, one[] = {1.0, 1.0},
               infinite[] = {INFINITY, INFINITY}, x[] = {-2.0, 5.0, 1.0, -2.0};
  const size_t at[] = {2, 3}, ends[] = {0, 3};
  const sl_judged_output good = {"y", SL_FORMAT_F32, 2, some, right, NULL, 0};
  const struct {
    sl_judged_output second;
    sl_control passes;
  } cases[] = {
      {{"o", SL_FORMAT_F32, 2, some, right, NULL, 0}, SL_CONTROL_NONE},
      {{"o", SL_FORMAT_F32, 2, zeros, zero, NULL, 0}, SL_CONTROL_ZEROS},
      {{"o", SL_FORMAT_F32, 2, ones, one, NULL, 0}, SL_CONTROL_CONSTANT},
      {{"o", SL_FORMAT_F32, 1, ones, one, NULL, 0}, SL_CONTROL_NONE},
      {{"o", SL_FORMAT_F32, 2, beyond, infinite, NULL, 0}, SL_CONTROL_NONE},
      /* a sample's elements are compared with those of their places */
      {{"o", SL_FORMAT_F32, 2, some, right, at, 0}, SL_CONTROL_INPUT},
      {{"o", SL_FORMAT_F32, 2, some, right, ends, 0}, SL_CONTROL_NONE},
  };
  const sl_values in = {x, 4};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const sl_judged_output out[] = {good, cases[i].second};
    const sl_judged_problem p = {out, 2, &in, 1, NULL};
    size_t which;
    cr_expect_eq(sl_controls_passing(&p, &which), cases[i].passes, "case %zu", i);
    cr_expect_eq(which, cases[i].passes == SL_CONTROL_NONE ? 2 : 1);
  }
}

/* The first row's answer in every row: of one problem among others, of a dump, of a sample. */
Test(judge, rows_that_are_alike) {
  const sl_ball balls[] = {{1.0, 0.0}, {2.0, 0.0}, {1.0, 0.0}, {3.0, 0.0}},
                equal[] = {{1.0, 0.0}, {2.0, 0.0}, {1.0, 0.0}, {2.0, 0.0}},
                wide[] = {{1.0, 0.0}, {2.0, 0.0}, {1.0, 0.0}, {3.0, 1.5}};
  const double right[] = {1.0, 2.0, 1.0, 3.0}, alike[] = {1.0, 2.0, 1.0, 2.0};
  const size_t at[] = {0, 1, 6, 7}, lacks[] = {2, 3, 6, 7};
  const struct {
    sl_judged_output out;
    size_t tried, rejected;
  } cases[] = {
      {{"y", SL_FORMAT_F32, 4, balls, right, NULL, 2}, 1, 1},
      {{"y", SL_FORMAT_F32, 4, equal, alike, NULL, 2}, 1, 0}, /* the right answer itself */
      {{"y", SL_FORMAT_F32, 4, wide, right, NULL, 2}, 1, 0},  /* right within the bound */
      {{"y", SL_FORMAT_F32, 4, balls, right, NULL, 1}, 1, 1},
      {{"y", SL_FORMAT_F32, 4, balls, right, NULL, 4}, 0, 0}, /* one row */
      {{"y", SL_FORMAT_F32, 4, balls, right, NULL, 0}, 0, 0}, /* no rows */
      {{"y", SL_FORMAT_F32, 4, balls, right, at, 2}, 1, 1},
      {{"y", SL_FORMAT_F32, 4, balls, right, lacks, 2}, 1, 0}, /* without the first row */
  };
  const sl_values none = {NULL, 0};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sl_control_tally t = {0};
    const sl_judged_problem p = {&cases[i].out, 1, &none, 1, &none};
    sl_controls_try(&t, &p);
    cr_expect_eq(t.tried[SL_CONTROL_ROW], cases[i].tried, "case %zu", i);
    cr_expect_eq(t.rejected[SL_CONTROL_ROW], cases[i].rejected, "case %zu", i);
    const int passes = cases[i].tried && !cases[i].rejected;
    size_t which;
    cr_expect_eq(sl_controls_missed(&t), passes ? SL_CONTROL_ROW : SL_CONTROLS, "case %zu", i);
    cr_expect_eq(sl_controls_passing(&p, &which), passes ? SL_CONTROL_ROW : SL_CONTROL_NONE,
                 "case %zu", i);
    cr_expect_eq(which, !passes, "case %zu", i);
  }
}

Test(judge, power_is_the_bound) {
  const sl_ball ball = {1.0, 0x1.8p-11};
  const double right = 1.0;
  const sl_judged_output out = {"y", SL_FORMAT_F32, 1, &ball, &right, NULL, 0};
  const sl_values none = {NULL, 0};
  const sl_judged_problem p = problem(&out, &none, &none);
  cr_expect_eq(sl_power_of_scale(&p), 10);
}

static int exit_of(sl_outcome a, sl_outcome b, int require) {
  const sl_outcome ops[] = {a, b};
  return sl_outcomes_exit(ops, 2, require);
}

Test(judge, exit_codes) {
  const sl_outcome equal = SL_OUTCOME_EQUAL, different = SL_OUTCOME_DIFFERENT,
                   open = SL_OUTCOME_INCONCLUSIVE, skipped = SL_OUTCOME_SKIPPED;
  cr_expect_eq(exit_of(equal, equal, 0), 0);
  cr_expect_eq(exit_of(equal, skipped, 0), 0);
  cr_expect_eq(exit_of(equal, skipped, 1), 1);
  cr_expect_eq(exit_of(open, different, 0), 1);
  cr_expect_eq(exit_of(equal, open, 0), 4);
  cr_expect_eq(exit_of(open, skipped, 0), 4);
  cr_expect_eq(exit_of(skipped, skipped, 0), 77);
  cr_expect_eq(exit_of(skipped, skipped, 1), 1);
  cr_expect_eq(sl_outcomes_exit(NULL, 0, 1), 1);
}

/* I and P alone never make an op equal. */
Test(judge, relations) {
  const sl_outcome e = SL_OUTCOME_EQUAL, s = SL_OUTCOME_SKIPPED, d = SL_OUTCOME_DIFFERENT,
                   o = SL_OUTCOME_INCONCLUSIVE;
  cr_expect_eq(sl_outcome_of_op(&(sl_op_outcomes){{e, e, e}}), e);
  cr_expect_eq(sl_outcome_of_op(&(sl_op_outcomes){{s, e, s}}), e);
  cr_expect_eq(sl_outcome_of_op(&(sl_op_outcomes){{e, s, e}}), o);
  cr_expect_eq(sl_outcome_of_op(&(sl_op_outcomes){{e, o, e}}), o);
  cr_expect_eq(sl_outcome_of_op(&(sl_op_outcomes){{d, e, e}}), d);
  cr_expect_eq(sl_outcome_of_op(&(sl_op_outcomes){{s, s, s}}), s);
}

static sl_op_case case_of(const char *op, const char *shape, const char *contract) {
  sl_op_case c = sl_op_case_of(sl_op_find(op));
  sl_error err = {0};
  cr_assert_eq(sl_op_shape_parse(&c, shape, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_contract_parse(&c.contract, contract, c.op->stored, &err), SL_OK);
  return c;
}

/* Every op's usual problems reject every control and a missing term; and no exact problem of a sum
 * lets the last digit pass. */
Test(judge, every_op_has_power) {
  for (size_t i = 0; i < sl_op_count(); i++) {
    const sl_op *op = sl_op_at(i);
    char shape[80] = "";
    for (const char *s = op->sizes; *s; s++)
      snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%s%c=%d", *shape ? "," : "",
               *s, strchr("bgh", *s) ? 2 : 16);
    const sl_op_case c = case_of(op->name, shape, "out=bf16");
    sl_tolerance_result r;
    sl_error err = {0};
    cr_assert_eq(sl_tolerance_measure(&r, &c, SL_FORMAT_BF16, ~0u, 1, 3, NULL, &err), SL_OK, "%s",
                 err.message);
    for (int kind = 0; kind < SL_KINDS; kind++)
      printf("%-20s %-10s zeros %zu/%zu NaN %zu/%zu input %zu/%zu previous %zu/%zu\n", op->name,
             sl_kind_name((sl_problem_kind)kind), r.bound.tally[kind].rejected[0],
             r.bound.tally[kind].tried[0], r.bound.tally[kind].rejected[1],
             r.bound.tally[kind].tried[1], r.bound.tally[kind].rejected[2],
             r.bound.tally[kind].tried[2], r.bound.tally[kind].rejected[3],
             r.bound.tally[kind].tried[3]);
    const sl_control_tally *usual = &r.bound.tally[SL_KIND_USUAL];
    cr_expect(usual->tried[0] && sl_controls_missed(usual) == SL_CONTROLS, "%s: %s", op->name,
              sl_control_name(sl_controls_missed(usual)));
    for (int kind = 0; kind < SL_KINDS; kind++) /* softmax of equal logits is the same every time */
      if (sl_kind_claims_power((sl_problem_kind)kind))
        cr_expect_eq(sl_controls_missed(&r.bound.tally[kind]), SL_CONTROLS, "%s, %s", op->name,
                     sl_kind_name((sl_problem_kind)kind));
    cr_expect(r.bound.scale >= 6, "%s: 2^-%d", op->name, r.bound.scale);
    cr_expect(2 * r.bound.terms_rejected > r.bound.terms, "%s: %zu of %zu", op->name,
              r.bound.terms_rejected, r.bound.terms);
    printf("%-20s scale 2^-%d, terms %zu of %zu, no bound %zu of %zu\n", op->name, r.bound.scale,
           r.bound.terms_rejected, r.bound.terms, r.bound.unbounded, r.bound.elements);
  }
}

/* What is on record of tolerances: too tight, they fail right kernels; too loose, zeros pass. */
Test(judge, tolerances) {
  const sl_op_case c = case_of("linear", "t=4,n=4,k=512", "out=bf16");
  sl_tolerance_result r;
  sl_error err = {0};
  const sl_tolerance tight = {1e-6, 1e-3}, loose = {200.0, 0.0};
  cr_assert_eq(
      sl_tolerance_measure(&r, &c, SL_FORMAT_BF16, 1u << SL_KIND_USUAL, 1, 2, &tight, &err), SL_OK);
  cr_expect(r.given.below_floor > 0 && r.given.fails > 0 && !sl_tolerance_holds(&r));
  cr_expect_eq(r.bound.unsound, 0);
  cr_expect_eq(r.bound.fails, 0);
  cr_assert_eq(
      sl_tolerance_measure(&r, &c, SL_FORMAT_BF16, 1u << SL_KIND_USUAL, 1, 2, &loose, &err), SL_OK);
  cr_expect_eq(r.given.tally[SL_KIND_USUAL].rejected[SL_CONTROL_ZEROS], 0);
  cr_expect(!sl_tolerance_holds(&r));
  const sl_tolerance sound = r.sound;
  cr_assert_eq(
      sl_tolerance_measure(&r, &c, SL_FORMAT_BF16, 1u << SL_KIND_USUAL, 1, 2, &sound, &err), SL_OK);
  cr_expect_eq(r.given.unsound, 0, "the recommended tolerance is unsound");
  cr_expect(sl_tolerance_holds(&r));
}

/* Zeros are found out by the largest probability alone; a result of half the size is not. */
Test(judge, tolerance_of_half_the_size) {
  const sl_op_case c = case_of("softmax", "t=4,v=1000", "");
  sl_tolerance_result r;
  sl_error err = {0};
  const sl_tolerance given = {0.01, 0.0};
  cr_assert_eq(sl_tolerance_measure(&r, &c, SL_FORMAT_F32, 1u << SL_KIND_USUAL, 1, 2, &given, &err),
               SL_OK);
  cr_expect(r.given.unsound == 0 && r.given.tally[SL_KIND_USUAL].rejected[SL_CONTROL_ZEROS] > 0);
  cr_expect(r.given.scale == 0 && !sl_tolerance_holds(&r));
}

/* The same seed gives the same problem; another one another. */
Test(judge, seeds) {
  const sl_op_case c = case_of("attention", "b=2,i=3,j=5,h=2,g=1,d=4", "");
  sl_op_problem a, b, other;
  sl_error err = {0};
  cr_assert_eq(sl_op_problem_make(&a, &c, SL_KIND_MASKED, SL_FORMAT_F16, 7, &err), SL_OK);
  cr_assert_eq(sl_op_problem_make(&b, &c, SL_KIND_MASKED, SL_FORMAT_F16, 7, &err), SL_OK);
  cr_assert_eq(sl_op_problem_make(&other, &c, SL_KIND_MASKED, SL_FORMAT_F16, 8, &err), SL_OK);
  for (int i = 0; i < 4; i++)
    cr_expect(memcmp(a.input[i], b.input[i], a.count[i] * sizeof(double)) == 0);
  cr_expect(memcmp(a.input[0], other.input[0], a.count[0] * sizeof(double)) != 0);
  sl_op_problem_end(&a), sl_op_problem_end(&b), sl_op_problem_end(&other);
}

/* dlogp of a loss whose weight is s (1 - s) in binary32. */
static void by_product(double *dlogp, const double *logp_new, size_t n, float sign) {
  for (size_t i = 0; i < n; i++) {
    const float r = (float)exp(logp_new[i]), s = 1.0f / (1.0f + (float)exp(-(double)(r - 1.0f)));
    dlogp[i] = (double)(sign * 4.0f * s * (1.0f - s) * r / (float)n);
  }
}

/* And whose weight is h - z^2 h^3, h = (1 + z^2)^(-1/2). */
static void softsign_by_product(double *dlogp, const double *logp_new, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const float r = (float)exp(logp_new[i]), z = r - 1.0f, h = 1.0f / sqrtf(1.0f + z * z);
    dlogp[i] = (double)(-(h - z * z * h * h * h) * r / (float)n);
  }
}

/* Named where s (1 - s) explains the numbers, and not where the right weight or nothing does. */
Test(judge, lost_digits_are_named) {
  enum { N = 4 };
  sl_op_case c = case_of("gated_loss", "s=1,t=4", "");
  const double logp_new[N] = {0.5, 2.5, 3.0, 3.5}, logp_old[N] = {0}, mask[N] = {1, 1, 1, 1},
               advantage = 1.0;
  c.in[0] = logp_new, c.in[1] = logp_old, c.in[4] = mask, c.in[5] = &advantage;
  sl_ball balls[N];
  double dlogp[N];
  size_t lost;
  sl_error err = {0};
  cr_assert_eq(sl_op_bounds(&c, 0, 0, N, balls, NULL), SL_OK);
  for (size_t i = 0; i < N; i++) dlogp[i] = sl_format_round(SL_FORMAT_F32, balls[i].mid);
  cr_assert_eq(sl_lost_digits(&lost, &c, dlogp), SL_OK);
  cr_expect_eq(lost, 0, "the right kernel");
  by_product(dlogp, logp_new, N, -1.0f);
  cr_expect(dlogp[2] == 0.0 && balls[2].mid != 0.0);
  cr_assert_eq(sl_lost_digits(&lost, &c, dlogp), SL_OK);
  cr_expect(lost >= 2, "%zu: " SL_LOST_DIGITS_NAME, lost);
  cr_assert_eq(sl_op_setting_parse(&c, "weight_form=product", &err), SL_OK);
  cr_assert_eq(sl_lost_digits(&lost, &c, dlogp), SL_OK);
  cr_expect(lost >= 2, "it is reported under product");
  by_product(dlogp, logp_new, N, 1.0f);
  cr_assert_eq(sl_lost_digits(&lost, &c, dlogp), SL_OK);
  cr_expect_eq(lost, 0, "a wrong sign is another defect");
  cr_assert_eq(sl_op_setting_parse(&c, "gate=softsign", &err), SL_OK);
  softsign_by_product(dlogp, logp_new, N);
  cr_assert_eq(sl_lost_digits(&lost, &c, dlogp), SL_OK);
  cr_expect(lost >= 1, "softsign's too");
  cr_assert_eq(sl_op_setting_parse(&c, "gate=fancy", &err), SL_ERR_USAGE);
  cr_expect_str_eq(err.message,
                   "gate=fancy: may be sigmoid|erf|arctan|softsign|clip|identity|cispo|expression");
}

/* Two kernels may lie at opposite ends of their bounds, and no further apart. */
Test(judge, parity_is_within_both_bounds) {
  const sl_ball a[] = {{1.0, 0.25}, {1.0, 0.25}, {1.0, 0.25}, {1.0, 0.25}, {1.0, INFINITY}},
                b[] = {{1.0, 0.5}, {1.0, 0.5}, {1.0, 0.5}, {1.0, 0.5}, {1.0, 0.5}};
  const double got[] = {1.25, 1.25, NAN, 1.0, 1.0}, other[] = {0.5, 0.4375, 1.0, NAN, 9.0};
  sl_judgement j = {0};
  sl_judge_parity(&j, "y", 0, SL_FORMAT_F32, got, a, other, b, 5);
  cr_expect(j.judged == 4 && j.unbounded == 1);
  cr_expect_eq(j.wrong, 3, "%zu: 0.8125 apart, and NaN on either side", j.wrong);
  cr_expect_eq(j.wrong_at.index, 1);
}
