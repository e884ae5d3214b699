/* Problems of the ops of contracts: inputs of a kind, drawn from a seed (spec E4.1, E5.3). */
#ifndef SLUICE_JUDGE_OP_PROBLEM_H
#define SLUICE_JUDGE_OP_PROBLEM_H

#include "controls.h"

#include "reference/contract/op.h"

#include <stdint.h>

typedef enum {
  SL_KIND_USUAL,
  SL_KIND_CANCELLING, /* neighbours that undo each other where they meet equal partners */
  SL_KIND_WIDE,       /* magnitudes over 24 powers of two */
  SL_KIND_SUBNORMAL,
  SL_KIND_TIES,   /* values that are equal or next to each other */
  SL_KIND_MASKED, /* logits of -infinity; short sequences, with NaN behind their end */
  SL_KIND_EXACT,  /* small whole numbers and powers of two, q = 0 */
  SL_KINDS
} sl_problem_kind;

const char *sl_kind_name(sl_problem_kind kind);
/* 1 if problems of the kind must reject every control (spec E4.2). */
int sl_kind_claims_power(sl_problem_kind kind);
/* 1 if the op has inputs in which this kind differs from the usual one. */
int sl_kind_suits(sl_problem_kind kind, const sl_op *op);

typedef struct {
  sl_op_case c;
  sl_problem_kind kind;
  uint64_t seed;
  sl_format given; /* the type of real inputs */
  double *input[SL_OP_INPUTS];
  size_t count[SL_OP_INPUTS];
} sl_op_problem;

/* A problem of `like`, whose op, contract, sizes and settings are set: all inputs are drawn. The
 * caller ends it, on error too. SL_ERR_MEMORY; SL_ERR_INPUT for a size that is missing. */
sl_status sl_op_problem_make(sl_op_problem *p, const sl_op_case *like, sl_problem_kind kind,
                             sl_format given, uint64_t seed, sl_error *err);
void sl_op_problem_end(sl_op_problem *p);

/* Elements of a row of an output: its last axis, or 1 where an output has one number for each row
 * of an input; 0: it has no rows. */
size_t sl_op_row(const sl_op_case *c, const sl_op_tensor *output);

/* Outputs of a problem: their balls, and the values of a right kernel, mid rounded to `out`. */
typedef struct {
  size_t outs;
  sl_judged_output out[SL_OP_OUTPUTS];
  sl_ball *balls[SL_OP_OUTPUTS];
  double *right[SL_OP_OUTPUTS];
} sl_op_answer;

sl_status sl_op_answer_make(sl_op_answer *a, const sl_op_case *c);
void sl_op_answer_end(sl_op_answer *a);

/* The problem as controls see it; in has room for SL_OP_INPUTS values, previous (of the answer of
 * another problem, or NULL) for SL_OP_OUTPUTS. */
sl_judged_problem sl_op_judged(const sl_op_problem *p, const sl_op_answer *a, sl_values *in,
                               const sl_op_answer *before, sl_values *previous);

/* A change of one input that stands for a wrong kernel: its last term taken away (0, or a logit of
 * -infinity), or the last sequence one key shorter. Undone by *at = was. */
typedef struct {
  const char *tensor;
  double *at, was;
} sl_op_plant;

/* Makes the change number `which`; 0 if there are fewer. */
int sl_op_plant_make(sl_op_plant *plant, sl_op_problem *p, int which);

#endif
