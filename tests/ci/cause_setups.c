/* What makes each cause visible (see cause_setups.h). */
#include "cause_setups.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

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
void cause_ratios_4(sl_op_problem *p) { far_ratios(p, 4.0); }

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

static const cause_setup setups[] = {
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
    {"LOSS_CAP_PLUS_1", "s=6,t=10", "gate=cispo,cap=5", "", SL_KIND_MASKED, cause_ratios_4},
    {"LOSS_CAP_LESS_1", "s=6,t=10", "gate=cispo,cap=5", "", SL_KIND_MASKED, cause_ratios_4},
    {"LOSS_NO_CAP", "s=6,t=10", "gate=cispo,cap=5", "", SL_KIND_MASKED, cause_ratios_4},
    {"LOSS_TAU_SWAPPED", "s=6,t=10", "tau_pos=1,tau_neg=1.5", "", SL_KIND_MASKED, NULL},
    {"LOSS_NOT_CLIPPED", "s=6,t=10", "gate=clip", "", SL_KIND_MASKED, cause_ratios_4},
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

const cause_setup *cause_setup_of(sl_cause cause) {
  const sl_cause_row *row = sl_cause_at(cause);
  const cause_setup *of_op = NULL;
  for (size_t i = 0; i < sizeof setups / sizeof *setups; i++) {
    if (strcmp(setups[i].name, row->name) == 0) return &setups[i];
    if (strcmp(setups[i].name, row->op->name) == 0) of_op = &setups[i];
  }
  cr_assert(of_op, "%s", row->name);
  return of_op;
}
