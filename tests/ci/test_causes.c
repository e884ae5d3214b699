/* Every cause of reference/contract/causes.def, planted: it is named, and where the right formula
 * explains the numbers, none is (spec E8). */
#include "ci/products/dumps/dump_causes.h"
#include "ci/products/judge/op_problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What makes a cause visible: settings, kind of inputs, a change of them. `op` alone: for all of
 * its causes without a row of their own. */
typedef struct {
  const char *name; /* of the cause, or of the op */
  const char *shape, *settings, *contract;
  sl_problem_kind kind;
  void (*change)(sl_op_problem *p);
} setup;

static void scale(double *x, size_t n, double by) {
  for (size_t i = 0; i < n; i++) x[i] = (double)(float)(x[i] * by);
}

static void near_logits(sl_op_problem *p) { scale(p->input[0], p->count[0], 0x1p-4); }

static void far_logits(sl_op_problem *p) {
  for (size_t i = 0; i < p->count[0]; i++) p->input[0][i] = i % 4 ? -96.0 - (double)(i % 7) : 1.0;
}

static void one_large(sl_op_problem *p) { p->input[0][0] = 1.0; }

static void one_large_bias(sl_op_problem *p) { p->input[2][0] = 1.0; }

static void one_large_advantage(sl_op_problem *p) { p->input[5][0] = 1.0; }

static void short_sequence(sl_op_problem *p) { p->input[3][0] = 7.0, p->input[3][1] = 6.0; }

static void small_inputs(sl_op_problem *p) { scale(p->input[0], p->count[0], 0x1p-10); }

/* Log-ratios up to `most` in magnitude, on tokens and masked slots. */
static void far_ratios(sl_op_problem *p, double most) {
  for (size_t i = 0; i < p->count[0]; i++)
    p->input[1][i] = (double)(float)(p->input[0][i] - most * sin(1.0 + (double)i));
}

static void ratios_100(sl_op_problem *p) { far_ratios(p, 100.0); }
static void ratios_30(sl_op_problem *p) { far_ratios(p, 30.0); }
static void ratios_4(sl_op_problem *p) { far_ratios(p, 4.0); }

static void positive_far(sl_op_problem *p) {
  for (size_t i = 0; i < p->count[0]; i++)
    p->input[1][i] = (double)(float)(p->input[0][i] - 2.5 - 0.1 * sin((double)i));
}

static void reference_far(sl_op_problem *p) {
  for (size_t i = 0; i < p->count[0]; i++)
    p->input[2][i] = (double)(float)(p->input[0][i] + 100.0 * sin(2.0 + (double)i));
}

static void reference_apart(sl_op_problem *p) {
  for (size_t i = 0; i < p->count[0]; i++)
    p->input[2][i] = (double)(float)(p->input[0][i] + 3.0 * sin(2.0 + (double)i));
}

/* Some masked slots hold a NaN, others a log-ratio that overflows. */
static void nan_behind_mask(sl_op_problem *p) {
  for (size_t i = 0; i < p->count[0]; i++)
    if (p->input[4][i] == 0.0) p->input[0][i] = i % 2 ? (double)NAN : 200.0;
}

/* The first sequence has no token, the others differ in length. */
static void empty_sequence(sl_op_problem *p) {
  const size_t t = sl_op_size(&p->c, 't');
  cr_assert(t > 0);
  for (size_t i = 0; i < p->count[4]; i++) p->input[4][i] = i >= t && i % t < 3 + i / t ? 1.0 : 0.0;
}

/* Another engine sampled, and a tenth of its tokens count for less; masked slots hold anything. */
static void sampler_weights(sl_op_problem *p) {
  static double weight[60];
  for (size_t i = 0; i < 60; i++)
    weight[i] = p->input[4][i] == 0.0 ? (double)NAN : i % 10 == 3 ? 0.125 : 1.0 + (double)i / 64.0;
  p->c.in[6] = weight;
}

static void all_equal(sl_op_problem *p) {
  for (size_t i = 0; i < p->count[0]; i++)
    if (p->input[1][i] == 0.0) p->input[0][i] = 0x1.99999ap-1;
}

/* 1 for one reward of each group of four, 0 for the others. */
static void one_of_four(sl_op_problem *p) {
  for (size_t i = 0; i < p->count[0]; i++) {
    const size_t group = i / 4;
    p->input[0][i] = i % 4 == 0, p->input[1][i] = (double)group;
  }
}

static void uneven_groups(sl_op_problem *p) {
  for (size_t i = 0; i < p->count[0]; i++) p->input[1][i] = i < 2 ? 0 : i < 9 ? 1 : i < 11 ? 2 : 3;
}

/* The gradient computes rstd itself. */
static void without_rstd(sl_op_problem *p) {
  scale(p->input[1], p->count[1], 0x1p-10);
  p->c.in[3] = NULL;
}

static void short_of_gradient(sl_op_problem *p) { p->input[4][0] = 7.0, p->input[4][1] = 6.0; }

static const setup setups[] = {
    {"linear", "t=4,n=5,k=16", "", "", SL_KIND_USUAL, NULL},
    {"LINEAR_FLUSHED", "t=4,n=5,k=16", "", "", SL_KIND_SUBNORMAL, one_large_bias},
    {"linear_input_grad", "t=4,n=8,k=6", "", "", SL_KIND_USUAL, NULL},
    {"INPUT_GRAD_FLUSHED", "t=4,n=8,k=6", "", "", SL_KIND_SUBNORMAL, one_large},
    {"linear_weight_grad", "t=8,n=5,k=6", "", "", SL_KIND_USUAL, NULL},
    {"WEIGHT_GRAD_FLUSHED", "t=8,n=5,k=6", "", "", SL_KIND_SUBNORMAL, one_large},
    {"rmsnorm", "t=4,d=8", "eps=1e-3", "", SL_KIND_USUAL, small_inputs},
    {"RMSNORM_CAST", "t=4,d=8", "", "out=bf16", SL_KIND_USUAL, NULL},
    {"RMSNORM_FLUSHED", "t=4,d=8", "", "", SL_KIND_SUBNORMAL, NULL},
    {"rmsnorm_backward", "t=4,d=8", "eps=1e-3", "", SL_KIND_USUAL, without_rstd},
    {"NORM_GRAD_FLUSHED", "t=4,d=8", "", "", SL_KIND_SUBNORMAL, NULL},
    {"ROPE_NOT_BACKWARD", "t=6,h=2,c=4,p=16", "direction=-1", "", SL_KIND_USUAL, NULL},
    {"rope", "t=6,h=2,c=4,p=16", "", "", SL_KIND_USUAL, NULL},
    {"attention", "b=2,i=6,j=8,h=4,g=2,d=8", "", "", SL_KIND_USUAL, NULL},
    {"ATTENTION_CAUSAL", "b=2,i=6,j=8,h=4,g=2,d=8", "causal=0", "", SL_KIND_USUAL, NULL},
    {"ATTENTION_NO_LENGTH", "b=2,i=6,j=8,h=4,g=2,d=8", "", "", SL_KIND_USUAL, short_sequence},
    {"ATTENTION_STORED_P", "b=2,i=6,j=8,h=4,g=2,d=8", "", "out=bf16", SL_KIND_USUAL, NULL},
    {"ATTENTION_STORED_S", "b=2,i=6,j=8,h=4,g=2,d=8", "", "out=bf16", SL_KIND_USUAL, NULL},
    {"ATTENTION_FLUSHED", "b=2,i=6,j=8,h=4,g=2,d=8", "causal=0", "", SL_KIND_SUBNORMAL, NULL},
    {"attention_backward", "b=2,i=6,j=8,h=4,g=2,d=8", "", "", SL_KIND_USUAL, NULL},
    {"ATTENTION_GRAD_CAUSAL", "b=2,i=6,j=8,h=4,g=2,d=8", "causal=0", "", SL_KIND_USUAL, NULL},
    {"ATTENTION_GRAD_NO_LENGTH", "b=2,i=6,j=8,h=4,g=2,d=8", "", "", SL_KIND_USUAL,
     short_of_gradient},
    {"ATTENTION_GRAD_STORED_P", "b=2,i=6,j=8,h=4,g=2,d=8", "", "out=bf16", SL_KIND_USUAL, NULL},
    {"ATTENTION_GRAD_STORED_S", "b=2,i=6,j=8,h=4,g=2,d=8", "", "out=bf16", SL_KIND_USUAL, NULL},
    {"ATTENTION_GRAD_FLUSHED", "b=2,i=6,j=8,h=4,g=2,d=8", "causal=0", "", SL_KIND_SUBNORMAL, NULL},
    {"swiglu_backward", "n=64", "", "", SL_KIND_USUAL, NULL},
    {"SWIGLU_GRAD_FLUSHED", "n=64", "", "", SL_KIND_SUBNORMAL, NULL},
    {"swiglu", "n=64", "", "", SL_KIND_USUAL, NULL},
    {"SWIGLU_STORED", "n=64", "", "out=bf16", SL_KIND_USUAL, NULL},
    {"SWIGLU_FLUSHED", "n=64", "", "", SL_KIND_SUBNORMAL, NULL},
    {"softmax", "t=4,v=24", "temperature=0.7", "", SL_KIND_USUAL, NULL},
    {"SOFTMAX_FLUSHED", "t=4,v=24", "", "", SL_KIND_USUAL, far_logits},
    {"SOFTMAX_BF16_SUM", "t=4,v=24", "", "", SL_KIND_USUAL, near_logits},
    {"logprob", "t=4,v=24", "temperature=0.7", "", SL_KIND_USUAL, NULL},
    {"logprob_backward", "t=4,v=24", "temperature=0.7", "", SL_KIND_USUAL, NULL},
    {"LOGPROB_GRAD_BF16_SUM", "t=4,v=24", "", "", SL_KIND_USUAL, near_logits},
    {"adamw", "n=64", "eps=1e-3,weight_decay=0.1,lr=0.01,step=3", "", SL_KIND_USUAL, NULL},
    {"ADAMW_FLUSHED", "n=64", "lr=1", "", SL_KIND_SUBNORMAL, NULL},
    {"clip_grad_norm", "n=32", "max_norm=1e-4", "", SL_KIND_USUAL, small_inputs},
    {"CLIP_ALWAYS", "n=32", "max_norm=100", "", SL_KIND_USUAL, small_inputs},
    {"CLIP_FLUSHED", "n=32", "max_norm=0.5", "", SL_KIND_SUBNORMAL, one_large},
    {"embedding", "t=12,d=6,v=20", "", "", SL_KIND_USUAL, NULL},
    {"embedding_grad", "t=12,d=6,v=5", "", "", SL_KIND_USUAL, NULL},
    {"advantages", "n=16,g=4", "eps=1e-3", "", SL_KIND_USUAL, uneven_groups},
    {"ADVANTAGES_POPULATION", "n=16,g=4", "kind=sample", "", SL_KIND_USUAL, uneven_groups},
    {"ADVANTAGES_LEFT_OUT_POPULATION", "n=16,g=4", "kind=leave_one_out", "", SL_KIND_USUAL,
     one_of_four},
    {"ADVANTAGES_LEFT_OUT_SAMPLE", "n=16,g=4", "kind=leave_one_out", "", SL_KIND_USUAL,
     one_of_four},
    {"ADVANTAGES_RESIDUE", "n=16,g=4", "", "", SL_KIND_USUAL, all_equal},
    {"gated_loss", "s=6,t=10", "", "", SL_KIND_MASKED, NULL},
    {"LOSS_MASK_MULTIPLIES", "s=6,t=10", "", "", SL_KIND_USUAL, nan_behind_mask},
    {"LOSS_KL_NO_CLAMP", "s=6,t=10", "beta=0.5", "", SL_KIND_MASKED, reference_far},
    {"LOSS_NO_CLAMP", "s=6,t=10", "", "", SL_KIND_MASKED, ratios_100},
    {"LOSS_CLAMP_20", "s=6,t=10", "gate=identity", "", SL_KIND_MASKED, ratios_30},
    {"LOSS_CLAMP_10", "s=6,t=10", "gate=identity", "", SL_KIND_MASKED, ratios_30},
    {"LOSS_PRODUCT", "s=6,t=10", "tau_pos=1,tau_neg=1.05", "", SL_KIND_MASKED, positive_far},
    {"LOSS_KL_CUT", "s=6,t=10", "beta=0.5", "", SL_KIND_MASKED, reference_apart},
    {"LOSS_MASK_IGNORED", "s=6,t=10", "", "", SL_KIND_USUAL, empty_sequence},
    {"LOSS_NO_MASK", "s=6,t=10", "", "", SL_KIND_USUAL, empty_sequence},
    {"LOSS_SLOTS", "s=6,t=10", "aggregation=token_mean", "", SL_KIND_MASKED, NULL},
    {"LOSS_EMPTY", "s=6,t=10", "", "", SL_KIND_USUAL, empty_sequence},
    {"LOSS_PARTS", "s=6,t=10", "aggregation=token_mean,micro_batch=2", "", SL_KIND_USUAL,
     empty_sequence},
    {"LOSS_EMPTY_COUNTS", "s=6,t=10", "", "", SL_KIND_USUAL, empty_sequence},
    {"LOSS_SEQUENCE_MEAN", "s=6,t=10", "aggregation=token_mean", "", SL_KIND_MASKED, NULL},
    {"LOSS_TOKEN_LEVEL", "s=6,t=10", "level=sequence", "", SL_KIND_MASKED, NULL},
    {"LOSS_SUM_OF_EXP", "s=6,t=10", "level=sequence", "", SL_KIND_MASKED, NULL},
    {"LOSS_CAP_PLUS_1", "s=6,t=10", "gate=cispo,cap=5", "", SL_KIND_MASKED, ratios_4},
    {"LOSS_CAP_LESS_1", "s=6,t=10", "gate=cispo,cap=5", "", SL_KIND_MASKED, ratios_4},
    {"LOSS_NO_CAP", "s=6,t=10", "gate=cispo,cap=5", "", SL_KIND_MASKED, ratios_4},
    {"LOSS_TAU_SWAPPED", "s=6,t=10", "tau_pos=1,tau_neg=1.5", "", SL_KIND_MASKED, NULL},
    {"LOSS_NOT_CLIPPED", "s=6,t=10", "gate=clip", "", SL_KIND_MASKED, ratios_4},
    {"LOSS_CLIP_SWAPPED", "s=6,t=10", "gate=clip,clip_high=0.5", "", SL_KIND_MASKED, NULL},
    {"LOSS_NO_KL", "s=6,t=10", "beta=0.5", "", SL_KIND_MASKED, NULL},
    {"LOSS_KL_SIGN", "s=6,t=10", "beta=0.5", "", SL_KIND_MASKED, NULL},
    {"LOSS_KL_REVERSED", "s=6,t=10", "beta=0.5", "", SL_KIND_MASKED, NULL},
    {"LOSS_K1", "s=6,t=10", "beta=0.5", "", SL_KIND_MASKED, NULL},
    {"LOSS_K2", "s=6,t=10", "beta=0.5", "", SL_KIND_MASKED, NULL},
    {"LOSS_K3", "s=6,t=10", "beta=0.5,kl=k1", "", SL_KIND_MASKED, NULL},
    {"LOSS_NO_ENTROPY", "s=6,t=10", "gamma=0.5", "", SL_KIND_MASKED, NULL},
    {"LOSS_ENTROPY_SIGN", "s=6,t=10", "gamma=0.5", "", SL_KIND_MASKED, NULL},
    {"LOSS_FLUSHED", "s=6,t=10", "", "", SL_KIND_SUBNORMAL, one_large_advantage},
    {"LOSS_NOT_WEIGHTED", "s=6,t=10", "beta=0.5", "", SL_KIND_MASKED, sampler_weights},
    {"LOSS_WEIGHTED_KL", "s=6,t=10", "beta=0.5", "", SL_KIND_MASKED, sampler_weights},
    {"LOSS_F16", "s=6,t=10", "", "", SL_KIND_MASKED, ratios_30},
};

static const setup *setup_of(sl_cause cause) {
  const sl_cause_row *row = sl_cause_at(cause);
  const setup *of_op = NULL;
  for (size_t i = 0; i < sizeof setups / sizeof *setups; i++) {
    if (strcmp(setups[i].name, row->name) == 0) return &setups[i];
    if (strcmp(setups[i].name, row->op->name) == 0) of_op = &setups[i];
  }
  cr_assert(of_op, "%s", row->name);
  return of_op;
}

static void make(sl_op_problem *p, const sl_op *op, const setup *s, uint64_t seed) {
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
    make(&p, row->op, setup_of((sl_cause)i), 1);
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
static sl_dump_causes causes_of(const sl_op *op, const setup *s, sl_cause first, sl_cause second) {
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
  const setup loss = {"", "s=6,t=10", "beta=0.5", "", SL_KIND_MASKED, NULL},
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
  const setup s = {"", "t=16,d=64", "", "out=bf16", SL_KIND_EXACT, NULL};
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
  const setup far = {"", "s=6,t=10", "gate=cispo,cap=5", "", SL_KIND_MASKED, ratios_4};
  const sl_dump_causes c = causes_of(&sl_op_gated_loss, &far, SL_CAUSE_LOSS_NO_CAP, SL_CAUSE_NONE);
  cr_expect(c.n == 1 && names(&c, SL_CAUSE_LOSS_NO_CAP, SL_CAUSE_NONE));
}

/* Clip without its clip is that alone: it has no cap, and CISPO no edges. */
Test(causes, limits_are_those_of_the_gate) {
  const setup clip = {"", "s=6,t=10", "gate=clip,cap=1.03", "", SL_KIND_MASKED, ratios_4};
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
  const setup s = {"", "s=2,t=1", "level=sequence,gate=clip", "", SL_KIND_USUAL, beyond_the_clamp};
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
  const setup s = {"", "t=4,v=24", "", "", SL_KIND_USUAL, NULL};
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
  const setup two = {"", "s=2,t=10", "", "", SL_KIND_USUAL, NULL};
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
    make(&p, row->op, setup_of((sl_cause)i), 2);
    fill(&d, &p, SL_CAUSE_NONE);
    cr_assert_eq(sl_dump_judge(&v, &d, SIZE_MAX, 1, &err), SL_OK);
    /* copies are right where subnormal products leave the bias alone, or nothing is clipped */
    const int decides =
        sl_kind_claims_power(setup_of((sl_cause)i)->kind) && i != SL_CAUSE_CLIP_ALWAYS;
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
    const setup s = {"", shapes[large], "", "", SL_KIND_USUAL, NULL};
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
  setup s;
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
