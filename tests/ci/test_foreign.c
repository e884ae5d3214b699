/* Losses and kernels as others write them (foreign_loss.h, foreign_kernels.h), right and wrong: the
 * right ones pass, of the wrong ones the mistake is named (spec E7, E8). */
#include "foreign_kernels.h"
#include "foreign_loss.h"
#include "right_kernels.h"

#include "ci/products/dumps/dump_causes.h"
#include "ci/products/judge/op_problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sl_op_case case_of(const char *op, const char *shape, const char *settings) {
  sl_op_case c = sl_op_case_of(sl_op_find(op));
  sl_error err = {0};
  cr_assert_eq(sl_op_shape_parse(&c, shape, &err), SL_OK, "%s", err.message);
  while (*settings) {
    char one[64];
    const size_t n = strcspn(settings, ",");
    snprintf(one, sizeof one, "%.*s", (int)n, settings);
    cr_assert_eq(sl_op_setting_parse(&c, one, &err), SL_OK, "%s", err.message);
    settings += n + (settings[n] == ',');
  }
  return c;
}

/* A dump of the problem's op with room for its outputs. */
static sl_dump_case dump_of(const sl_op_problem *p) {
  sl_dump_case d = {.c = p->c};
  for (size_t o = 0; o < sl_op_outputs(p->c.op); o++) {
    d.output[o].count = sl_op_count_of(&p->c, &p->c.op->out[o]);
    d.output[o].type = SL_FORMAT_F32;
    d.output[o].got = calloc(d.output[o].count, sizeof(double));
  }
  return d;
}

static void end(sl_dump_case *d, sl_op_problem *p) {
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++) free(d->output[o].got);
  sl_op_problem_end(p);
}

/* The verdict; text: the names of the causes. */
static sl_outcome judge(const sl_dump_case *d, char *text, size_t size) {
  sl_dump_verdict v;
  sl_dump_causes causes;
  sl_error err;
  cr_assert_eq(sl_dump_judge(&v, d, SIZE_MAX, 1, &err), SL_OK);
  cr_assert_eq(sl_dump_causes_find(&causes, d, &v, &err), SL_OK);
  size_t n = 0;
  text[0] = '\0';
  for (size_t i = 0; i < causes.n && i < SL_DUMP_CAUSES && n < size; i++) {
    const sl_dump_cause *f = &causes.found[i];
    n += (size_t)snprintf(text + n, size - n, "%s%s%s%s", i ? " " : "", sl_cause_at(f->first)->name,
                          f->second ? "+" : "", f->second ? sl_cause_at(f->second)->name : "");
  }
  const sl_outcome outcome = v.outcome;
  sl_dump_verdict_end(&v);
  return outcome;
}

/* Six sequences of eight slots, one of them without a token; log-ratios up to `far`, also to the
 * reference where that is above 3. */
static void loss_inputs(sl_op_problem *p, double far) {
  for (size_t i = 0; i < 48; i++) {
    p->input[4][i] = i / 8 != 4 && i % 8 < 2 + i / 8 ? 1.0 : 0.0;
    p->input[1][i] = (double)(float)(p->input[0][i] - far * sin(1.0 + (double)i));
    p->input[2][i] = (double)(float)(p->input[0][i] + fmax(far / 3.0, 1.0) * sin(2.0 * (double)i));
  }
}

/* 1 for a dump with weights of another sampler. */
static int is_sampled(foreign_mistake mistake, const char *settings) {
  return mistake == FOREIGN_NOT_WEIGHTED || mistake == FOREIGN_WEIGHTED_KL ||
         strcmp(settings, "beta=0.25") == 0;
}

static sl_outcome judge_loss(char *text, size_t size, const char *settings, double far,
                             foreign_mistake mistake, uint64_t seed) {
  const sl_op_case c = case_of("gated_loss", "s=6,t=8", settings);
  sl_op_problem p;
  sl_error err;
  cr_assert_eq(sl_op_problem_make(&p, &c, SL_KIND_USUAL, SL_FORMAT_F32, seed, &err), SL_OK);
  loss_inputs(&p, far);
  if (mistake == FOREIGN_MASK_TIMES_NAN) p.input[0][47] = 300.0, p.input[4][47] = 0.0;
  const foreign_batch without = {.s = 6,
                                 .t = 8,
                                 .logp_new = p.input[0],
                                 .logp_old = p.input[1],
                                 .logp_ref = p.input[2],
                                 .mask = p.input[4],
                                 .advantage = p.input[5],
                                 .tau_pos = (float)c.setting[1],
                                 .tau_neg = (float)c.setting[2],
                                 .beta = (float)c.setting[11],
                                 .cap = c.setting[0] == 6.0 ? (float)c.setting[5] : 0.0f,
                                 .by_sequence = c.setting[6] != 0.0,
                                 .token_mean = c.setting[7] == 1.0};
  double weight[48];
  foreign_batch b = without;
  if (is_sampled(mistake, settings)) {
    for (size_t i = 0; i < 48; i++) weight[i] = i % 9 == 4 ? 0.01 : 0.5 + 0.03125 * (double)i;
    b.sampler_weight = p.c.in[6] = weight;
  }
  sl_dump_case d = dump_of(&p);
  foreign_loss(d.output[0].got, d.output[2].got, &b, mistake);
  free(d.output[1].got), d.output[1].got = NULL; /* no entropy */
  if (b.cap > 0.0f || mistake == FOREIGN_FLOAT16) free(d.output[2].got), d.output[2].got = NULL;
  const sl_outcome outcome = judge(&d, text, size);
  end(&d, &p);
  return outcome;
}

static const struct {
  foreign_mistake mistake;
  const char *settings, *cause; /* "": none is to be named */
  double far;
} losses[] = {
    {FOREIGN_RIGHT, "tau_neg=1.5", "", 1.0},
    {FOREIGN_RIGHT, "beta=0.5,aggregation=token_mean", "", 1.0},
    {FOREIGN_RIGHT, "level=sequence", "", 1.0},
    {FOREIGN_RIGHT, "beta=0.25", "", 1.0}, /* with a sampler's weights */
    {FOREIGN_NOT_WEIGHTED, "beta=0.5", "LOSS_NOT_WEIGHTED", 1.0},
    {FOREIGN_WEIGHTED_KL, "beta=0.5", "LOSS_WEIGHTED_KL", 1.0},
    {FOREIGN_RIGHT, "", "", 100.0},
    {FOREIGN_MASK_DROPPED, "", "LOSS_MASK_IGNORED", 1.0},
    {FOREIGN_BY_LENGTH, "", "LOSS_BY_SLOTS LOSS_PADDED_ADVANTAGE", 1.0},
    {FOREIGN_BY_LENGTH, "beta=0.5", "LOSS_BY_SLOTS", 1.0},
    {FOREIGN_ACCUMULATED, "", "LOSS_TIMES_4", 1.0},
    {FOREIGN_MICRO_BATCHES, "aggregation=token_mean,micro_batch=3", "LOSS_PARTS", 1.0},
    {FOREIGN_NO_ADVANTAGE, "", "LOSS_NO_ADVANTAGE", 1.0},
    {FOREIGN_NO_RATIO, "", "LOSS_NO_RATIO", 1.0},
    {FOREIGN_TAU_BY_OLD_SIGN, "tau_neg=1.5", "LOSS_TAU_SWAPPED", 1.0},
    {FOREIGN_KL_ADDED_TO_J, "beta=0.5", "LOSS_KL_SIGN", 1.0},
    {FOREIGN_KL_BACKWARDS, "beta=0.5", "LOSS_KL_REVERSED", 1.0},
    {FOREIGN_OLD_BF16, "", "LOSS_OLD_BF16", 1.0},
    {FOREIGN_S_TIMES_REST, "", "LOSS_PRODUCT", 3.0},
    {FOREIGN_NO_CLAMP, "", "LOSS_NO_CLAMP", 100.0},
    {FOREIGN_MASK_TIMES_NAN, "", "LOSS_MASK_MULTIPLIES", 1.0},
    {FOREIGN_SUM_OF_EXP, "level=sequence", "LOSS_SUM_OF_EXP", 1.0},
    {FOREIGN_NO_CLAMP, "level=sequence", "LOSS_NO_CLAMP", 2000.0},
    {FOREIGN_KL_OVERFLOWS, "beta=0.5,clamp=60", "LOSS_KL_NO_CLAMP", 400.0},
    {FOREIGN_KL_CUT, "beta=0.5", "LOSS_KL_CUT", 10.0},
    {FOREIGN_COUNTS_SLOTS, "aggregation=token_mean", "LOSS_SLOTS", 1.0},
    {FOREIGN_EMPTY_IS_NAN, "", "LOSS_EMPTY", 1.0},
    {FOREIGN_PADDED_MEAN_A, "aggregation=token_mean", "LOSS_PADDED_ADVANTAGE", 1.0},
    {FOREIGN_EMPTY_COUNTS, "aggregation=token_mean", "LOSS_EMPTY_COUNTS", 1.0},
    {FOREIGN_RIGHT, "gate=cispo,cap=2", "", 3.0},
    {FOREIGN_CAP_RELATIVE, "gate=cispo,cap=2", "LOSS_CAP_PLUS_1", 3.0},
    {FOREIGN_FLOAT16, "", "LOSS_F16", 14.0},
    {FOREIGN_UNKNOWN, "", "", 1.0},
};

Test(foreign, losses) {
  for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
    char text[400];
    const sl_outcome outcome =
        judge_loss(text, sizeof text, losses[i].settings, losses[i].far, losses[i].mistake, 3);
    printf("loss %2d %-40s %-12s %s\n", (int)losses[i].mistake, losses[i].settings,
           sl_outcome_name(outcome), text);
    cr_expect_eq(outcome,
                 losses[i].mistake == FOREIGN_RIGHT ? SL_OUTCOME_EQUAL : SL_OUTCOME_DIFFERENT);
    cr_expect_str_eq(text, losses[i].cause);
  }
}

/* Groups of uneven size: one of equal rewards whose mean is rounded; of leave-one-out one 1 among
 * zeros, as graders give them. */
static void group_rewards(sl_op_problem *p) {
  const size_t n = p->count[0];
  for (size_t i = 0; i < n; i++) {
    p->input[1][i] = i < 7 ? 0.0 : i < n - 3 ? 1.0 : 2.0;
    if (p->c.setting[0] == 3.0)
      p->input[0][i] = i == 0 || i == 9;
    else if (i < 7)
      p->input[0][i] = 0x1.99999ap-4;
  }
}

static sl_outcome judge_kernel(char *text, size_t size, const sl_op_case *c, int wrong,
                               uint64_t seed) {
  sl_op_problem p;
  sl_error err;
  cr_assert_eq(sl_op_problem_make(&p, c, SL_KIND_USUAL, SL_FORMAT_F32, seed, &err), SL_OK);
  if (c->op == &sl_op_advantages) group_rewards(&p);
  if (c->op == &sl_op_attention) p.input[3][0] = 9.0, p.input[3][1] = 7.0;
  if (c->op == &sl_op_rmsnorm || c->op == &sl_op_clip_grad_norm)
    for (size_t i = 0; i < p.count[0]; i++) p.input[0][i] *= 0x1p-12;
  sl_dump_case d = dump_of(&p);
  double *out[SL_OP_OUTPUTS] = {0};
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++) out[o] = d.output[o].got;
  foreign_kernel(&d.c, wrong, out);
  const sl_outcome outcome = judge(&d, text, size);
  end(&d, &p);
  return outcome;
}

static const struct {
  const char *op, *shape, *settings, *cause[5]; /* of the wrong ones, from 1 */
} kernels[] = {
    {"linear", "t=5,n=6,k=64", "", {NULL, "LINEAR_TF32_CUT", "LINEAR_NO_BIAS"}},
    {"rmsnorm", "t=4,d=32", "", {NULL, "RMSNORM_EPS_OUTSIDE"}},
    {"attention",
     "b=2,i=6,j=9,h=4,g=2,d=8",
     "",
     {NULL, "ATTENTION_ONE_LESS", "ATTENTION_HEADS", "ATTENTION_NO_LENGTH"}},
    {"swiglu", "n=64", "", {NULL, "SWIGLU_SWAPPED"}},
    {"logprob", "t=6,v=100", "temperature=0.7", {NULL, "LOGPROB_NO_T"}},
    {"adamw",
     "n=64",
     "lr=0.01,weight_decay=0.1,step=5",
     {NULL, "ADAMW_DECAY_IN_GRADIENT", "ADAMW_NO_CORRECTION"}},
    {"clip_grad_norm", "n=64", "max_norm=1e-4", {NULL, "CLIP_NO_EPS"}},
    {"rope", "t=8,h=2,c=8,p=16", "", {NULL, "ROPE_ADJACENT"}},
    {"advantages",
     "n=18,g=3",
     "",
     {NULL, "ADVANTAGES_SAMPLE", "ADVANTAGES_RESIDUE", "ADVANTAGES_ONE_GROUP",
      "ADVANTAGES_SLICES"}},
    {"advantages", "n=12,g=3", "kind=leave_one_out", {NULL, "ADVANTAGES_LEFT_OUT_POPULATION"}},
};

Test(foreign, kernels) {
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
    for (int wrong = 0; wrong < 5 && (!wrong || kernels[i].cause[wrong]); wrong++) {
      const sl_op_case c = case_of(kernels[i].op, kernels[i].shape, kernels[i].settings);
      char text[400];
      const sl_outcome outcome = judge_kernel(text, sizeof text, &c, wrong, 3);
      printf("%-16s %d %-12s %s\n", kernels[i].op, wrong, sl_outcome_name(outcome), text);
      cr_expect_eq(outcome, wrong ? SL_OUTCOME_DIFFERENT : SL_OUTCOME_EQUAL, "%s %d", kernels[i].op,
                   wrong);
      cr_expect_str_eq(text, wrong ? kernels[i].cause[wrong] : "");
    }
}

static const struct {
  const char *op, *shape, *settings, *cause[3]; /* of the wrong ones, from 1 */
} backward[] = {
    {"linear_input_grad",
     "t=3,n=8,k=8",
     "",
     {NULL, "INPUT_GRAD_NO_LAST_TERM", "INPUT_GRAD_TRANSPOSED"}},
    {"linear_weight_grad",
     "t=8,n=3,k=4",
     "",
     {NULL, "WEIGHT_GRAD_NO_LAST_TERM", "WEIGHT_GRAD_MEAN"}},
    {"rmsnorm_backward", "t=4,d=32", "", {NULL, "", "NORM_GRAD_NO_PROJECTION"}},
    {"swiglu_backward", "n=64", "", {NULL, "SWIGLU_GRAD_NO_SLOPE", "SWIGLU_GRAD_NO_SLOPE"}},
    {"logprob_backward", "t=6,v=100", "temperature=0.7", {NULL, "", "LOGPROB_GRAD_NO_TARGET"}},
    {"attention_backward", "b=2,i=6,j=9,h=4,g=2,d=8", "", {NULL, "", "ATTENTION_GRAD_NO_D"}},
    {"embedding_grad", "t=12,d=4,v=3", "", {NULL, "", "EMBEDDING_GRAD_LAST"}},
};

/* Gradients, in each order of their sums. A last term left out of every sum is no cause where
 * an op has several sums. */
Test(foreign, backward_kernels) {
  for (size_t i = 0; i < sizeof backward / sizeof *backward; i++)
    for (int wrong = 0; wrong < 3; wrong++)
      for (unsigned order = 0; order < RIGHT_ORDERS; order++) {
        const sl_op_case c = case_of(backward[i].op, backward[i].shape, backward[i].settings);
        char text[400];
        sl_op_problem p;
        sl_error err;
        cr_assert_eq(sl_op_problem_make(&p, &c, SL_KIND_USUAL, SL_FORMAT_F32, 3, &err), SL_OK);
        sl_dump_case d = dump_of(&p);
        double *out[SL_OP_OUTPUTS] = {0};
        for (size_t o = 0; o < SL_OP_OUTPUTS; o++) out[o] = d.output[o].got;
        right_kernel(&d.c, order, wrong, out);
        const sl_outcome outcome = judge(&d, text, sizeof text);
        if (order == 0)
          printf("%-18s %d %-12s %s\n", backward[i].op, wrong, sl_outcome_name(outcome), text);
        cr_expect_eq(outcome, wrong ? SL_OUTCOME_DIFFERENT : SL_OUTCOME_EQUAL, "%s %d",
                     backward[i].op, wrong);
        cr_expect_str_eq(text, wrong ? backward[i].cause[wrong] : "");
        end(&d, &p);
      }
}

/* Right losses and kernels over many seeds: no false alarm. */
Test(foreign, no_false_alarm) {
  char text[400];
  for (uint64_t seed = 0; seed < 100; seed++) {
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
      if (losses[i].mistake == FOREIGN_RIGHT)
        cr_expect_eq(
            judge_loss(text, sizeof text, losses[i].settings, losses[i].far, FOREIGN_RIGHT, seed),
            SL_OUTCOME_EQUAL, "loss %s, seed %d: %s", losses[i].settings, (int)seed, text);
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
      const sl_op_case c = case_of(kernels[i].op, kernels[i].shape, kernels[i].settings);
      cr_expect_eq(judge_kernel(text, sizeof text, &c, 0, seed), SL_OUTCOME_EQUAL,
                   "%s, seed %d: %s", kernels[i].op, (int)seed, text);
    }
  }
}
