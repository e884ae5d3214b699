/* Right answers to inputs made from a seed (spec E9.1): equal, and not alike. */
#include "made.h"

#include "ci/products/judge/op_problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is alike in an output: every row the first one; within each row, or in an output without
 * rows, every element. */
typedef struct {
  int rows, columns;
} alike;

static alike alike_of(const sl_dump_case *d, size_t o) {
  const sl_dump_output *out = &d->output[o];
  const size_t row = sl_op_row(&d->c, &d->c.op->out[o]), width = row ? row : out->count;
  alike a = {row && out->count > row, width > 1};
  for (size_t i = 0; i < out->count; i++) {
    a.rows &= out->got[i] == out->got[i % width];
    a.columns &= out->got[i] == out->got[i - i % width];
  }
  return a;
}

/* The gradient of an entropy that counts for nothing is 0. */
static int may_be_alike(const sl_op_tensor *output) {
  return strcmp(output->name, "dentropy") == 0;
}

static void expect_answers_differ(const char *op, const char *shape, uint64_t seed) {
  sl_dump_case d;
  made_shape(&d, op, shape, "exact", "f32", seed);
  made_answer(&d, &d.c);
  for (size_t o = 0; o < sl_op_outputs(d.c.op); o++) {
    const alike a = alike_of(&d, o);
    const char *name = d.c.op->out[o].name;
    printf("%s %s seed %d: %s: rows %s, columns %s\n", op, shape ? shape : "", (int)seed, name,
           a.rows ? "alike" : "differ", a.columns ? "alike" : "differ");
    if (!may_be_alike(&d.c.op->out[o]))
      cr_expect_not(a.rows || a.columns, "%s %s, seed %d: rows or columns of %s are alike", op,
                    shape ? shape : "", (int)seed, name);
  }
  sl_dump_case_end(&d);
}

Test(generated, exact_answers_differ_by_row_and_by_column) {
  for (uint64_t seed = 1; seed <= 5; seed++) {
    for (size_t o = 0; o < sl_op_count(); o++) expect_answers_differ(sl_op_at(o)->name, NULL, seed);
    /* as many logits as a power of 2, one row alone, two rows of two */
    expect_answers_differ("softmax", "t=1,v=64", seed);
    expect_answers_differ("softmax", "t=2,v=2", seed);
    expect_answers_differ("softmax", "t=2,v=16", seed);
    expect_answers_differ("logprob", "t=2,v=8", seed);
    expect_answers_differ("attention", "b=1,i=2,j=4,h=1,g=1,d=2", seed);
    expect_answers_differ("attention_backward", "b=1,i=3,j=4,h=1,g=1,d=2", seed);
  }
}

/* The check on what it must find: equal logits. */
Test(generated, answers_that_are_alike_are_noticed) {
  sl_dump_case d;
  made_shape(&d, "softmax", "t=3,v=8", "exact", "f32", 1);
  double *logits = d.input[0];
  made_answer(&d, &d.c);
  cr_expect(!alike_of(&d, 0).rows && !alike_of(&d, 0).columns);
  for (size_t i = 0; i < 24; i++) logits[i] = i % 8 < 2 ? 0.0 : -(double)INFINITY;
  made_answer(&d, &d.c);
  cr_expect(alike_of(&d, 0).rows && !alike_of(&d, 0).columns);
  cr_expect_eq(made_outcome(&d), SL_OUTCOME_INCONCLUSIVE, "the first row in every row");
  for (size_t i = 0; i < 24; i++) logits[i] = 0.0;
  made_answer(&d, &d.c);
  cr_expect(alike_of(&d, 0).rows && alike_of(&d, 0).columns);
  cr_expect_eq(made_outcome(&d), SL_OUTCOME_INCONCLUSIVE, "one number everywhere");
  sl_dump_case_end(&d);
}

/* Attention's weights of exact queries are 1 and 0, so that two of five outputs have a bound of 0:
 * half, less the scores whose exp overflows, which have an error where exponents are scaled. */
Test(generated, exact_attention_is_exact) {
  sl_dump_case d;
  size_t exact = 0;
  made(&d, "attention", "exact", "f32", 1);
  sl_ball *balls = malloc(d.output[0].count * sizeof *balls);
  cr_assert_not_null(balls);
  cr_assert_eq(sl_op_bounds(&d.c, 0, 0, d.output[0].count, balls, NULL), SL_OK);
  for (size_t i = 0; i < d.output[0].count; i++) exact += balls[i].rad == 0.0;
  cr_expect(5 * exact >= 2 * d.output[0].count, "%zu of %zu", exact, d.output[0].count);
  free(balls);
  sl_dump_case_end(&d);
}

/* By a mask of ones dentropy is one number, whatever the inputs: the right one is equal, and half
 * of it, or 0, is not. */
Test(generated, a_coefficient_may_be_one_number) {
  static const char *const settings[][2] = {{"gamma=0.5", "aggregation=constant"},
                                            {"gamma=0.5", "aggregation=token_mean"},
                                            {"gamma=0.5", NULL}};
  for (size_t i = 0; i < 3; i++) {
    sl_dump_case d;
    made_with(&d, "gated_loss", NULL, settings[i], "usual", "f32", 1);
    for (size_t k = 0; k < d.output[1].count; k++) d.input[4][k] = 1.0;
    made_answer(&d, &d.c);
    cr_expect(alike_of(&d, 1).rows && alike_of(&d, 1).columns);
    cr_expect_eq(made_outcome(&d), SL_OUTCOME_EQUAL, "settings %zu", i);
    for (int zeros = 0; zeros < 2; zeros++) {
      for (size_t k = 0; k < d.output[1].count; k++) d.output[1].got[k] *= zeros ? 0.0 : 0.5;
      cr_expect_eq(made_outcome(&d), SL_OUTCOME_DIFFERENT);
    }
    sl_dump_case_end(&d);
  }
}

/* Right answers, with all optional outputs, are equal on the kinds that claim power and on masked
 * ones: no element is without a bound, and no control passes as any output. */
Test(generated, right_answers_are_equal) {
  for (size_t o = 0; o < sl_op_count(); o++)
    for (int kind = 0; kind < SL_KINDS; kind++)
      for (size_t type = 0; type < MADE_TYPES; type++)
        for (uint64_t seed = 1; seed <= 2; seed++) {
          const char *name = sl_kind_name((sl_problem_kind)kind);
          sl_dump_case d;
          if ((!sl_kind_claims_power((sl_problem_kind)kind) && kind != SL_KIND_MASKED) ||
              !sl_kind_suits((sl_problem_kind)kind, sl_op_at(o)))
            continue;
          made_shape(&d, sl_op_at(o)->name, NULL, name, made_types[type], seed);
          made_answer(&d, &d.c);
          cr_expect_eq(made_outcome(&d), SL_OUTCOME_EQUAL, "%s %s %s, seed %d", sl_op_at(o)->name,
                       name, made_types[type], (int)seed);
          sl_dump_case_end(&d);
        }
}

/* Every third result below the normal numbers of float16 is stored as 0, as subnormals=flushed
 * allows. */
static void flush_some(sl_dump_case *d) {
  for (size_t o = 0; o < sl_op_outputs(d->c.op); o++)
    for (size_t i = 0; d->output[o].got && i < d->output[o].count; i += 3)
      if (fabs(d->output[o].got[i]) < 0x1p-14) d->output[o].got[i] = 0.0;
}

static sl_outcome outcome_of_flushed(const sl_op *op, uint64_t seed, int allowed) {
  sl_dump_case d;
  made_shape(&d, op->name, NULL, "subnormal", "f16", seed);
  d.c.contract.flushed = allowed;
  made_answer(&d, &d.c);
  flush_some(&d);
  const sl_outcome outcome = made_outcome(&d);
  sl_dump_case_end(&d);
  return outcome;
}

Test(generated, results_may_be_flushed_where_the_contract_says_so) {
  for (size_t o = 0; o < sl_op_count(); o++)
    for (uint64_t seed = 1; seed <= 3; seed++)
      cr_expect_neq(outcome_of_flushed(sl_op_at(o), seed, 1), SL_OUTCOME_DIFFERENT, "%s, seed %d",
                    sl_op_at(o)->name, (int)seed);
  cr_expect_eq(outcome_of_flushed(&sl_op_embedding, 1, 0), SL_OUTCOME_DIFFERENT);
  cr_expect_eq(outcome_of_flushed(&sl_op_add, 1, 0), SL_OUTCOME_DIFFERENT);
}
