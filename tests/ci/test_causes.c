/* Every cause of reference/contract/causes.def, planted: it is named, and where the right formula
 * explains the numbers, none is (spec E8). */
#include "cause_setups.h"

#include "ci/products/dumps/dump_causes.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void make(sl_op_problem *p, const sl_op *op, const cause_setup *s, uint64_t seed) {
  sl_error err = {0};
  sl_op_case c = sl_op_case_of(op);
  cr_assert_eq(sl_op_shape_parse(&c, s->shape, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_contract_parse(&c.contract, s->contract, op->stored, &err), SL_OK, "%s",
               err.message);
  for (const char *at = s->settings; *at;) {
    char one[64];
    const size_t n = strcspn(at, ",");
    snprintf(one, sizeof one, "%.*s", (int)n, at);
    cr_assert_eq(sl_op_setting_parse(&c, one, &err), SL_OK, "%s", err.message);
    at += n + (at[n] == ',');
  }
  cr_assert_eq(sl_op_problem_make(p, &c, s->kind, SL_FORMAT_F32, seed, &err), SL_OK, "%s",
               err.message);
  if (s->change) s->change(p);
  cr_assert_eq(sl_op_check(&p->c, &err), SL_OK, "%s: %s", s->name, err.message);
}

/* What a kernel may give within the ball: to and fro by 7/10 of its radius, in its type. */
static double within(sl_format type, sl_ball ball, size_t i) {
  const double x = sl_format_round(type, ball.mid + (i % 2 ? 0.7 : -0.7) * ball.rad);
  return fabs(x - ball.mid) <= ball.rad ? x : sl_format_round(type, ball.mid);
}

/* What a kernel with the cause gives. */
static void fill(sl_dump_case *d, const sl_op_problem *p, sl_cause cause) {
  sl_op_case c = p->c;
  *d = (sl_dump_case){.c = p->c};
  cr_assert(cause == SL_CAUSE_NONE || sl_cause_apply(&c, cause) == SL_OK, "%s",
            sl_cause_at(cause)->name);
  for (size_t o = 0; o < sl_op_outputs(c.op); o++) {
    sl_dump_output *out = &d->output[o];
    out->count = sl_op_count_of(&c, &c.op->out[o]), out->type = p->c.contract.out;
    sl_ball *balls = malloc(out->count * sizeof *balls);
    out->got = malloc(out->count * sizeof *out->got);
    cr_assert_eq(sl_op_bounds(&c, (int)o, 0, out->count, balls, NULL), SL_OK);
    for (size_t i = 0; i < out->count; i++) {
      const int is_number = isfinite(balls[i].mid) && isfinite(balls[i].rad);
      out->got[i] = is_number ? within(c.contract.out, balls[i], i) : (double)NAN;
    }
    free(balls);
  }
}

static void end(sl_dump_case *d, sl_op_problem *p) {
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++) free(d->output[o].got);
  sl_op_problem_end(p);
}

static void show(const char *planted, const sl_dump_causes *causes) {
  printf("%-32s", planted);
  for (size_t i = 0; i < causes->n && i < SL_DUMP_CAUSES; i++)
    printf(" %s%s%s", sl_cause_at(causes->found[i].first)->name, causes->found[i].second ? "+" : "",
           causes->found[i].second ? sl_cause_at(causes->found[i].second)->name : "");
  putchar('\n');
}

static int names(const sl_dump_causes *causes, sl_cause first, sl_cause second) {
  for (size_t i = 0; i < causes->n && i < SL_DUMP_CAUSES; i++)
    if (causes->found[i].first == first && causes->found[i].second == second) return 1;
  return 0;
}

Test(causes, each_is_named) {
  size_t alone = 0;
  for (int i = 1; i < SL_CAUSES; i++) {
    const sl_cause_row *row = sl_cause_at((sl_cause)i);
    sl_op_problem p;
    sl_dump_case d;
    sl_dump_verdict v;
    sl_dump_causes causes;
    sl_error err;
    make(&p, row->op, cause_setup_of((sl_cause)i), 1);
    fill(&d, &p, (sl_cause)i);
    cr_assert_eq(sl_dump_judge(&v, &d, SIZE_MAX, 1, &err), SL_OK);
    cr_expect_eq(v.outcome, SL_OUTCOME_DIFFERENT, "%s passes", row->name);
    cr_assert_eq(sl_dump_causes_find(&causes, &d, &v, &err), SL_OK);
    show(row->name, &causes);
    cr_expect(names(&causes, (sl_cause)i, SL_CAUSE_NONE), "%s is not named", row->name);
    alone += causes.n == 1;
    sl_dump_verdict_end(&v);
    end(&d, &p);
  }
  printf("%zu of %d alone\n", alone, SL_CAUSES - 1);
}

/* The causes of a case with these wrong formulas, printed and returned. */
static sl_dump_causes causes_of(const sl_op *op, const cause_setup *s, sl_cause first,
                                sl_cause second) {
  sl_op_problem p;
  sl_dump_case d;
  sl_dump_verdict v;
  sl_dump_causes causes;
  sl_error err;
  make(&p, op, s, 1);
  const sl_op_case right = p.c;
  if (second) cr_assert_eq(sl_cause_apply(&p.c, second), SL_OK);
  fill(&d, &p, first);
  d.c = right, d.output[0].type = right.contract.out;
  cr_assert_eq(sl_dump_judge(&v, &d, SIZE_MAX, 1, &err), SL_OK);
  cr_assert_eq(v.outcome, SL_OUTCOME_DIFFERENT);
  cr_assert_eq(sl_dump_causes_find(&causes, &d, &v, &err), SL_OK);
  show(sl_cause_at(first)->name, &causes);
  sl_dump_verdict_end(&v);
  end(&d, &p);
  return causes;
}

/* Two mistakes at once are named as a pair, and only then. */
Test(causes, pairs) {
  const cause_setup loss = {"", "s=6,t=10", "beta=0.5", "", SL_KIND_MASKED, NULL},
                    linear = {"", "t=4,n=5,k=16", "", "", SL_KIND_USUAL, NULL};
  sl_dump_causes c =
      causes_of(&sl_op_gated_loss, &loss, SL_CAUSE_LOSS_TIMES_4, SL_CAUSE_LOSS_KL_SIGN);
  cr_expect(c.n == 1 && names(&c, SL_CAUSE_LOSS_TIMES_4, SL_CAUSE_LOSS_KL_SIGN));
  c = causes_of(&sl_op_linear, &linear, SL_CAUSE_LINEAR_NO_BIAS, SL_CAUSE_LINEAR_BF16);
  cr_expect(c.n == 1 && names(&c, SL_CAUSE_LINEAR_NO_BIAS, SL_CAUSE_LINEAR_BF16));
  /* a clamp that is missing where nothing is clamped adds nothing */
  c = causes_of(&sl_op_gated_loss, &loss, SL_CAUSE_LOSS_KL_NO_CLAMP, SL_CAUSE_LOSS_KL_REVERSED);
  cr_expect(names(&c, SL_CAUSE_LOSS_KL_REVERSED, SL_CAUSE_NONE));
  /* a formula and a coarser arithmetic */
  c = causes_of(&sl_op_linear, &linear, SL_CAUSE_LINEAR_F16_SUM, SL_CAUSE_LINEAR_NO_BIAS);
  cr_expect(names(&c, SL_CAUSE_LINEAR_NO_BIAS, SL_CAUSE_LINEAR_F16_SUM));
}

/* A formula that nobody has listed: the wide bounds of a bfloat16 sum hold it and listed ones whose
 * values are far from it, which is no reason to name these. */
Test(causes, coarse_bounds_hold_other_formulas) {
  const cause_setup s = {"", "t=16,d=64", "", "out=bf16", SL_KIND_EXACT, NULL};
  sl_op_problem p;
  sl_dump_case d, listed;
  sl_dump_verdict v;
  sl_dump_causes causes;
  sl_error err;
  make(&p, &sl_op_rmsnorm_backward, &s, 1);
  fill(&listed, &p, SL_CAUSE_NORM_GRAD_NO_PROJECTION);
  fill(&d, &p, SL_CAUSE_NONE);
  for (size_t i = 0; i < d.output[0].count; i++) {
    double *x = &d.output[0].got[i];
    *x = sl_format_round(SL_FORMAT_BF16, *x + 1.6 * (listed.output[0].got[i] - *x));
  }
  cr_assert_eq(sl_dump_judge(&v, &d, SIZE_MAX, 1, &err), SL_OK);
  cr_expect_eq(v.outcome, SL_OUTCOME_DIFFERENT);
  cr_assert_eq(sl_dump_causes_find(&causes, &d, &v, &err), SL_OK);
  show("1.6 of the change", &causes);
  cr_expect_not(names(&causes, SL_CAUSE_NORM_GRAD_SUM_OF_G_H, SL_CAUSE_NORM_GRAD_BF16_SUM));
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++) free(listed.output[o].got);
  sl_dump_verdict_end(&v);
  end(&d, &p);
}

/* CISPO without its cap is that alone, and no pair that comes to the same. */
Test(causes, cap_is_missing) {
  const cause_setup far = {"", "s=6,t=10", "gate=cispo,cap=5", "", SL_KIND_MASKED, cause_ratios_4};
  const sl_dump_causes c = causes_of(&sl_op_gated_loss, &far, SL_CAUSE_LOSS_NO_CAP, SL_CAUSE_NONE);
  cr_expect(c.n == 1 && names(&c, SL_CAUSE_LOSS_NO_CAP, SL_CAUSE_NONE));
}

/* Clip without its clip is that alone: it has no cap, and CISPO no edges. */
Test(causes, limits_are_those_of_the_gate) {
  const cause_setup clip = {"", "s=6,t=10",     "gate=clip,cap=1.03",
                            "", SL_KIND_MASKED, cause_ratios_4};
  const sl_dump_causes c =
      causes_of(&sl_op_gated_loss, &clip, SL_CAUSE_LOSS_NOT_CLIPPED, SL_CAUSE_NONE);
  cr_expect(c.n == 1 && names(&c, SL_CAUSE_LOSS_NOT_CLIPPED, SL_CAUSE_NONE));
}

/* A log-ratio whose exp is beyond the clamp, and that times A beyond binary32. */
static void beyond_the_clamp(sl_op_problem *p) {
  p->input[0][0] = p->input[1][0] + 86.0;
  p->input[4][0] = 1.0, p->input[5][0] = -256.0;
}

/* Where a loss alone is wrong, a cause that has no bound for it says nothing. */
Test(causes, a_loss_of_any_value_has_no_cause) {
  static const double losses[] = {7.0, -1e30, 3e38, (double)INFINITY};
  const cause_setup s = {"", "s=2,t=1",     "level=sequence,gate=clip",
                         "", SL_KIND_USUAL, beyond_the_clamp};
  for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
    sl_op_problem p;
    sl_dump_case d;
    sl_dump_verdict v;
    sl_dump_causes causes;
    sl_error err;
    make(&p, &sl_op_gated_loss, &s, 1);
    fill(&d, &p, SL_CAUSE_NONE);
    d.output[2].got[0] = losses[i];
    cr_assert_eq(sl_dump_judge(&v, &d, SIZE_MAX, 1, &err), SL_OK);
    cr_expect_eq(v.outcome, SL_OUTCOME_DIFFERENT);
    cr_assert_eq(sl_dump_causes_find(&causes, &d, &v, &err), SL_OK);
    show("a loss", &causes);
    cr_expect_eq(causes.n, 0, "loss %g", losses[i]);
    sl_dump_verdict_end(&v);
    end(&d, &p);
  }
}

/* A small error on one row is no work of a coarser arithmetic; on two rows it would be within its
 * error, and that is how it is said. */
Test(causes, coarser_arithmetic_errs_everywhere) {
  const cause_setup s = {"", "t=4,v=24", "", "", SL_KIND_USUAL, NULL};
  for (size_t rows = 1; rows <= 2; rows++) {
    sl_op_problem p;
    sl_dump_case d;
    sl_dump_verdict v;
    sl_dump_causes causes;
    sl_error err;
    char text[SL_DUMP_CAUSE];
    make(&p, &sl_op_softmax, &s, 1);
    fill(&d, &p, SL_CAUSE_NONE);
    for (size_t i = 0; i < rows * 24; i++) d.output[0].got[i] *= 1.0 + 0x1p-17;
    cr_assert_eq(sl_dump_judge(&v, &d, SIZE_MAX, 1, &err), SL_OK);
    cr_expect_eq(v.outcome, SL_OUTCOME_DIFFERENT);
    cr_assert_eq(sl_dump_causes_find(&causes, &d, &v, &err), SL_OK);
    cr_expect_eq(names(&causes, SL_CAUSE_SOFTMAX_EXP, SL_CAUSE_NONE), rows == 2);
    sl_dump_cause_text(text, (sl_dump_cause){SL_CAUSE_SOFTMAX_EXP, SL_CAUSE_NONE});
    cr_expect(strstr(text, "would be within the error of"));
    sl_dump_verdict_end(&v);
    end(&d, &p);
  }
}

/* Inputs on which two formulas coincide: both are named. */
Test(causes, not_distinguishable) {
  const cause_setup two = {"", "s=2,t=10", "", "", SL_KIND_USUAL, NULL};
  const sl_dump_causes c = causes_of(&sl_op_gated_loss, &two, SL_CAUSE_LOSS_TIMES_2, SL_CAUSE_NONE);
  cr_expect(c.n > 1 && names(&c, SL_CAUSE_LOSS_TIMES_2, SL_CAUSE_NONE) &&
            names(&c, SL_CAUSE_LOSS_SUM, SL_CAUSE_NONE));
}

/* The right formula, anywhere within its bound: no cause, whatever the setup. */
Test(causes, none_of_a_right_kernel) {
  for (int i = 1; i < SL_CAUSES; i++) {
    const sl_cause_row *row = sl_cause_at((sl_cause)i);
    sl_op_problem p;
    sl_dump_case d;
    sl_dump_verdict v;
    sl_dump_causes causes;
    sl_error err;
    make(&p, row->op, cause_setup_of((sl_cause)i), 2);
    fill(&d, &p, SL_CAUSE_NONE);
    cr_assert_eq(sl_dump_judge(&v, &d, SIZE_MAX, 1, &err), SL_OK);
    /* copies are right where subnormal products leave the bias alone, or nothing is clipped */
    const int decides =
        sl_kind_claims_power(cause_setup_of((sl_cause)i)->kind) && i != SL_CAUSE_CLIP_ALWAYS;
    cr_expect(v.all.wrong == 0 && (v.outcome == SL_OUTCOME_EQUAL || !decides), "%s: %s, %zu wrong",
              row->name, sl_outcome_name(v.outcome), v.all.wrong);
    cr_assert_eq(sl_dump_causes_find(&causes, &d, &v, &err), SL_OK);
    cr_expect_eq(causes.n, 0);
    sl_dump_verdict_end(&v);
    end(&d, &p);
  }
}

/* A mistake that nobody has made: pairs are tried, but on large inputs, where that is said. */
Test(causes, pairs_of_large_inputs) {
  static const char *const shapes[] = {"n=100", "n=300000"};
  for (int large = 0; large < 2; large++) {
    const cause_setup s = {"", shapes[large], "", "", SL_KIND_USUAL, NULL};
    sl_op_problem p;
    sl_dump_case d;
    sl_dump_verdict v;
    sl_dump_causes causes;
    sl_error err;
    make(&p, &sl_op_clip_grad_norm, &s, 1);
    fill(&d, &p, SL_CAUSE_NONE);
    for (size_t i = 0; i < d.output[0].count; i++)
      d.output[0].got[i] *= 1.37 + 0.01 * (double)(i % 7);
    cr_assert_eq(sl_dump_judge(&v, &d, 64, 1, &err), SL_OK);
    cr_expect_eq(v.outcome, SL_OUTCOME_DIFFERENT);
    cr_assert_eq(sl_dump_causes_find(&causes, &d, &v, &err), SL_OK);
    cr_expect_eq(causes.n, 0);
    cr_expect_eq(causes.no_pairs, large);
    sl_dump_verdict_end(&v);
    end(&d, &p);
  }
}

/* Zeros, NaN or a copy as the only wrong output have no cause, though the bounds of some hold them:
 * an advantage that is missing, a target at the maximum, a quotient by 0, a step below half an ulp.
 */
static const struct {
  const sl_op *op;
  cause_setup s;
  double value;
  int copies; /* the first input, in place of the value */
} controls[] = {
    {&sl_op_gated_loss,
     {"", "s=8,t=16", "gate=cispo,beta=1,kl=k1,gamma=0.01", "", SL_KIND_USUAL, NULL},
     0.0,
     0},
    {&sl_op_logprob, {"", "t=16,v=100", "", "", SL_KIND_EXACT, NULL}, 0.0, 0},
    {&sl_op_adamw, {"", "n=64", "", "", SL_KIND_USUAL, NULL}, NAN, 0},
    {&sl_op_adamw, {"", "n=4", "", "out=bf16", SL_KIND_USUAL, NULL}, 0.0, 1},
};

Test(causes, a_control_as_the_only_wrong_output_has_none) {
  for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) {
    sl_op_problem p;
    sl_dump_case d;
    sl_dump_verdict v;
    sl_dump_causes causes;
    sl_error err;
    make(&p, controls[i].op, &controls[i].s, 1);
    fill(&d, &p, SL_CAUSE_NONE);
    for (size_t k = 0; k < d.output[0].count; k++)
      d.output[0].got[k] =
          controls[i].copies ? sl_format_round(d.output[0].type, p.input[0][k]) : controls[i].value;
    if (d.c.op == &sl_op_gated_loss) free(d.output[2].got), d.output[2].got = NULL;
    cr_assert_eq(sl_dump_judge(&v, &d, SIZE_MAX, 1, &err), SL_OK);
    cr_expect_eq(v.outcome, SL_OUTCOME_DIFFERENT);
    cr_assert_eq(sl_dump_causes_find(&causes, &d, &v, &err), SL_OK);
    show(controls[i].op->name, &causes);
    cr_expect_eq(causes.n, 0, "%s", controls[i].op->name);
    sl_dump_verdict_end(&v);
    end(&d, &p);
  }
}
