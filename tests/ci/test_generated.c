/* Inputs made from a seed (spec E9.1): trivial answers to them are never equal, and the usual and
 * the exact ones show what they are there to show. */
#include "ci/products/dumps/dump_judge.h"
#include "ci/products/dumps/generated.h"
#include "reference/contract/cause.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const types[] = {"f32", "bf16", "f16"};
enum { TYPES = sizeof types / sizeof *types };

/* A problem as a dump whose outputs have room; their type is that of the inputs. */
static void make_with(sl_dump_case *d, const char *op, const char *shape,
                      const char *const *settings, const char *kind, const char *type,
                      uint64_t seed) {
  sl_generated_request request = {
      .op = op, .shape = shape, .type = type, .kind = kind, .seed = seed};
  for (size_t i = 0; i < 2 && settings[i] && *settings[i]; i++)
    request.setting[request.settings++] = settings[i];
  sl_op_problem p = {0};
  sl_error err;
  cr_assert_eq(sl_generated_make(d, &p, &request, &err), SL_OK, "%s", err.message);
  d->c.contract.out = p.given;
  sl_generated_take(d, &p);
  d->c.contract.out = p.given;
  for (size_t o = 0; o < sl_op_outputs(d->c.op); o++) {
    sl_dump_output *out = &d->output[o];
    out->count = sl_op_count_of(&d->c, &d->c.op->out[o]), out->type = p.given;
    out->got = malloc(out->count * sizeof *out->got);
    cr_assert_not_null(out->got);
  }
  sl_op_problem_end(&p);
}

static void make_shape(sl_dump_case *d, const char *op, const char *shape, const char *kind,
                       const char *type, uint64_t seed) {
  static const char *const none[2] = {NULL};
  make_with(d, op, shape, none, kind, type, seed);
}

/* The op's own shape, and outputs that are not optional. */
static void make(sl_dump_case *d, const char *op, const char *kind, const char *type,
                 uint64_t seed) {
  make_shape(d, op, NULL, kind, type, seed);
  for (size_t o = 0; o < sl_op_outputs(d->c.op); o++)
    if (d->c.op->out[o].optional) free(d->output[o].got), d->output[o].got = NULL;
}

/* What a right kernel gives, or one whose settings and formula are those of c. */
static void answer(sl_dump_case *d, const sl_op_case *c) {
  for (size_t o = 0; o < sl_op_outputs(d->c.op); o++) {
    sl_dump_output *out = &d->output[o];
    if (!out->got) continue;
    sl_ball *balls = malloc(out->count * sizeof *balls);
    cr_assert_not_null(balls);
    cr_assert_eq(sl_op_bounds(c, (int)o, 0, out->count, balls, NULL), SL_OK);
    for (size_t i = 0; i < out->count; i++) out->got[i] = sl_format_round(out->type, balls[i].mid);
    free(balls);
  }
}

static sl_outcome outcome_of(const sl_dump_case *d) {
  sl_dump_verdict v;
  sl_error err;
  cr_assert_eq(sl_dump_judge(&v, d, SIZE_MAX, 1, &err), SL_OK, "%s", err.message);
  const sl_outcome outcome = v.outcome;
  sl_dump_verdict_end(&v);
  return outcome;
}

/* x[i % n] as every output, against the bounds of v. */
static void expect_rejected(const sl_dump_case *d, const sl_dump_verdict *v, const char *what,
                            const char *problem, const double *x, size_t n) {
  sl_judgement j = {0};
  for (size_t o = 0; o < sl_op_outputs(d->c.op); o++) {
    const sl_dump_output *out = &d->output[o];
    for (size_t i = 0; out->got && i < out->count; i++) {
      const double got = sl_format_round(out->type, x[i % n]);
      sl_judge(&j, "", i, out->type, &got, &v->output[o].balls[i], 1);
    }
  }
  cr_expect_neq(j.wrong, 0, "%s: %s passes", problem, what);
}

/* A norm below the limit is there for the minimum with 1: a copy is the answer. */
static int is_unclipped(const char *op, const char *kind) {
  return strcmp(op, "clip_grad_norm") == 0 && strcmp(kind, "subnormal") == 0;
}

static void try_trivial(const char *op, const char *kind, const char *type, uint64_t seed) {
  sl_dump_case d;
  sl_dump_verdict v;
  sl_error err;
  char problem[80];
  snprintf(problem, sizeof problem, "%s %s %s", op, kind, type);
  make(&d, op, kind, type, seed);
  answer(&d, &d.c);
  cr_assert_eq(sl_dump_judge(&v, &d, SIZE_MAX, 1, &err), SL_OK, "%s", err.message);
  cr_expect_eq(v.all.wrong, 0, "%s: the right one is rejected", problem);
  const char *shape = d.c.op->out[0].shape;
  const double constants[] = {
      0.0, 1.0, NAN, 1.0 / (double)sl_op_size(&d.c, shape[strlen(shape) - 1]), d.output[0].got[0]};
  static const char *const names[] = {"0", "1", "NaN", "1 / size", "the first element"};
  for (size_t k = 0; k < sizeof constants / sizeof *constants; k++)
    expect_rejected(&d, &v, names[k], problem, &constants[k], 1);
  for (size_t i = 0; i < sl_op_drawn(d.c.op); i++)
    if (!is_unclipped(op, kind))
      expect_rejected(&d, &v, d.c.op->in[i].name, problem, d.c.in[i],
                      sl_op_count_of(&d.c, &d.c.op->in[i]));
  sl_dump_verdict_end(&v);
  sl_dump_case_end(&d);
}

Test(generated, no_trivial_answer_is_equal) {
  for (size_t o = 0; o < sl_op_count(); o++)
    for (int kind = 0; kind < SL_KINDS; kind++)
      for (size_t type = 0; type < TYPES; type++)
        if (sl_kind_suits((sl_problem_kind)kind, sl_op_at(o)))
          try_trivial(sl_op_at(o)->name, sl_kind_name((sl_problem_kind)kind), types[type], 1);
}

/* A wrong formula on usual and exact inputs, the kinds that a CI runs. */
static void expect_seen(sl_cause cause) {
  static const char *const kinds[] = {"usual", "exact"};
  const sl_cause_row *row = sl_cause_at(cause);
  for (size_t kind = 0; kind < 2; kind++)
    for (size_t type = 0; type < TYPES; type++) {
      sl_dump_case d;
      make(&d, row->op->name, kinds[kind], types[type], 1);
      sl_op_case wrong = d.c;
      cr_assert_eq(sl_cause_apply(&wrong, cause), SL_OK);
      answer(&d, &wrong);
      cr_expect_eq(outcome_of(&d), SL_OUTCOME_DIFFERENT, "%s passes on %s %s", row->name,
                   kinds[kind], types[type]);
      sl_dump_case_end(&d);
    }
}

Test(generated, ends_of_sequences_and_of_the_diagonal_show) {
  static const sl_cause causes[] = {
      SL_CAUSE_ATTENTION_NO_LENGTH,      SL_CAUSE_ATTENTION_TOP_LEFT,
      SL_CAUSE_ATTENTION_ONE_MORE,       SL_CAUSE_ATTENTION_ONE_LESS,
      SL_CAUSE_ATTENTION_GRAD_NO_LENGTH, SL_CAUSE_ATTENTION_GRAD_TOP_LEFT,
      SL_CAUSE_ATTENTION_GRAD_ONE_MORE,  SL_CAUSE_ATTENTION_GRAD_ONE_LESS};
  for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) expect_seen(causes[i]);
}

/* Settings with which a cause shows that changes nothing by default; NULL: no input that is made
 * shows it, because there are no sampler's weights, or because it is an error and no other value.
 */
static const struct {
  sl_cause cause;
  const char *settings[2];
} shown_with[] = {
    {SL_CAUSE_RMSNORM_EPS_6, {"eps=1e-5"}},
    {SL_CAUSE_NORM_GRAD_EPS_6, {"eps=1e-5"}},
    {SL_CAUSE_ROPE_NOT_BACKWARD, {"direction=-1"}},
    {SL_CAUSE_ATTENTION_CAUSAL, {"causal=0"}},
    {SL_CAUSE_ATTENTION_GRAD_CAUSAL, {"causal=0"}},
    {SL_CAUSE_SOFTMAX_NO_T, {"temperature=0.7"}},
    {SL_CAUSE_SOFTMAX_TIMES_T, {"temperature=0.7"}},
    {SL_CAUSE_LOGPROB_NO_T, {"temperature=0.7"}},
    {SL_CAUSE_LOGPROB_TIMES_T, {"temperature=0.7"}},
    {SL_CAUSE_LOGPROB_GRAD_NO_T, {"temperature=0.7"}},
    {SL_CAUSE_LOGPROB_GRAD_NO_OUTER_T, {"temperature=0.7"}},
    {SL_CAUSE_LOGPROB_GRAD_TIMES_T, {"temperature=0.7"}},
    {SL_CAUSE_ADVANTAGES_POPULATION, {"kind=sample"}},
    {SL_CAUSE_ADVANTAGES_EPS_6, {"eps=1e-4"}},
    {SL_CAUSE_ADVANTAGES_LEFT_OUT_POPULATION, {"kind=leave_one_out"}},
    {SL_CAUSE_ADVANTAGES_LEFT_OUT_SAMPLE, {"kind=leave_one_out"}},
    {SL_CAUSE_ADVANTAGES_RESIDUE, {NULL}},
    {SL_CAUSE_LOSS_KL_NO_CLAMP, {"beta=0.5", "clamp=1"}},
    {SL_CAUSE_LOSS_PRODUCT, {NULL}},
    {SL_CAUSE_LOSS_KL_CUT, {"beta=0.5"}},
    {SL_CAUSE_LOSS_SEQUENCE_MEAN, {"aggregation=token_mean"}},
    {SL_CAUSE_LOSS_TOKEN_LEVEL, {"level=sequence"}},
    {SL_CAUSE_LOSS_NOT_WEIGHTED, {NULL}},
    {SL_CAUSE_LOSS_WEIGHTED_KL, {NULL}},
    {SL_CAUSE_LOSS_SUM_OF_EXP, {"level=sequence"}},
    {SL_CAUSE_LOSS_CAP_PLUS_1, {"gate=cispo"}},
    {SL_CAUSE_LOSS_CAP_LESS_1, {"gate=cispo"}},
    {SL_CAUSE_LOSS_NO_CAP, {"gate=cispo"}},
    {SL_CAUSE_LOSS_NOT_CLIPPED, {"gate=clip"}},
    {SL_CAUSE_LOSS_CLIP_SWAPPED, {"gate=clip", "clip_high=0.3"}},
    {SL_CAUSE_LOSS_NO_KL, {"beta=0.5"}},
    {SL_CAUSE_LOSS_KL_SIGN, {"beta=0.5"}},
    {SL_CAUSE_LOSS_KL_REVERSED, {"beta=0.5"}},
    {SL_CAUSE_LOSS_K1, {"beta=0.5"}},
    {SL_CAUSE_LOSS_K2, {"beta=0.5"}},
    {SL_CAUSE_LOSS_K3, {"beta=0.5", "kl=k1"}},
    {SL_CAUSE_LOSS_NO_ENTROPY, {"gamma=0.5"}},
    {SL_CAUSE_LOSS_ENTROPY_SIGN, {"gamma=0.5"}},
};

/* 1 if a kernel with the cause is different on inputs of that kind. A norm's gradient computes r
 * again: what is wrong in it is not seen where r is given. */
static int shows_on(sl_problem_kind kind, sl_cause cause, const char *const *settings) {
  const sl_op *op = sl_cause_at(cause)->op;
  sl_dump_case d;
  make_with(&d, op->name, NULL, settings, sl_kind_name(kind), "f32", 1);
  sl_op_case wrong = d.c;
  cr_assert_eq(sl_cause_apply(&wrong, cause), SL_OK, "%s", sl_cause_at(cause)->name);
  if (op == &sl_op_rmsnorm_backward) wrong.in[3] = NULL;
  answer(&d, &wrong);
  const int shows = outcome_of(&d) == SL_OUTCOME_DIFFERENT;
  sl_dump_case_end(&d);
  return shows;
}

Test(generated, every_known_formula_shows_on_some_kind) {
  static const char *const defaults[2] = {"", NULL};
  size_t tried = 0;
  for (int i = 1; i < SL_CAUSES; i++) {
    const sl_cause_row *row = sl_cause_at((sl_cause)i);
    const char *const *settings = defaults;
    int shows = 0;
    for (size_t k = 0; k < sizeof shown_with / sizeof *shown_with; k++)
      if (shown_with[k].cause == (sl_cause)i) settings = shown_with[k].settings;
    if (sl_cause_is_contract((sl_cause)i) || !settings[0]) continue;
    for (int kind = 0; kind < SL_KINDS && !shows; kind++)
      shows = sl_kind_suits((sl_problem_kind)kind, row->op) &&
              shows_on((sl_problem_kind)kind, (sl_cause)i, settings);
    cr_expect(shows, "%s is equal on every kind of inputs", row->name);
    tried++;
  }
  printf("%zu formulas\n", tried);
}

/* What `--judge` has missed: on these kinds and with these types. */
Test(generated, rules_show_on_the_kinds_that_are_there_for_them) {
  static const struct {
    sl_cause cause;
    sl_problem_kind kind;
    size_t types; /* of `types`, the first ones: in fewer digits an eps of 1e-6 is none */
  } rows[] = {{SL_CAUSE_CLIP_NO_EPS, SL_KIND_EXACT, 1},
              {SL_CAUSE_CLIP_ALWAYS, SL_KIND_SUBNORMAL, TYPES},
              {SL_CAUSE_ADVANTAGES_NO_EPS, SL_KIND_USUAL, TYPES},
              {SL_CAUSE_ADVANTAGES_EPS_INSIDE, SL_KIND_USUAL, TYPES},
              {SL_CAUSE_LOSS_EMPTY_COUNTS, SL_KIND_USUAL, TYPES},
              {SL_CAUSE_LOSS_EMPTY, SL_KIND_EXACT, TYPES},
              {SL_CAUSE_EMBEDDING_GRAD_LAST, SL_KIND_USUAL, TYPES},
              {SL_CAUSE_EMBEDDING_GRAD_LAST, SL_KIND_EXACT, TYPES},
              {SL_CAUSE_EMBEDDING_GRAD_PADDING, SL_KIND_USUAL, TYPES},
              {SL_CAUSE_EMBEDDING_GRAD_PADDING, SL_KIND_EXACT, TYPES}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    for (size_t type = 0; type < rows[i].types; type++)
      for (uint64_t seed = 1; seed <= 20; seed++) {
        const sl_cause_row *row = sl_cause_at(rows[i].cause);
        sl_dump_case d;
        make_shape(&d, row->op->name, NULL, sl_kind_name(rows[i].kind), types[type], seed);
        sl_op_case wrong = d.c;
        cr_assert_eq(sl_cause_apply(&wrong, rows[i].cause), SL_OK);
        answer(&d, &wrong);
        cr_expect_eq(outcome_of(&d), SL_OUTCOME_DIFFERENT, "%s passes on %s %s, seed %d", row->name,
                     sl_kind_name(rows[i].kind), types[type], (int)seed);
        sl_dump_case_end(&d);
      }
}

/* (x - mean) / (deviation + eps), in binary32 and in the order of the file, of equal rewards too.
 */
static void residues(sl_dump_case *d) {
  const size_t n = d->output[0].count;
  for (size_t i = 0; i < n; i++) {
    float sum = 0.0f, squares = 0.0f, members = 0.0f;
    for (size_t k = 0; k < n; k++)
      if (d->input[1][k] == d->input[1][i]) sum += (float)d->input[0][k], members += 1.0f;
    const float mean = sum / members;
    for (size_t k = 0; k < n; k++) {
      const float x = (float)d->input[0][k] - mean;
      if (d->input[1][k] == d->input[1][i]) squares += x * x;
    }
    d->output[0].got[i] =
        (double)(((float)d->input[0][i] - mean) / (sqrtf(squares / members) + 1e-6f));
  }
}

Test(generated, equal_rewards_show_without_their_rule) {
  size_t seen = 0;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    sl_dump_case d;
    make_shape(&d, "advantages", NULL, "usual", "f32", seed);
    residues(&d);
    seen += outcome_of(&d) == SL_OUTCOME_DIFFERENT;
    sl_dump_case_end(&d);
  }
  /* the mean of a few equal numbers, 2^k for one, has no residue */
  cr_expect_geq(seen, 15, "%zu of 20", seen);
}

/* eps off by a tenth, either way; of the gradient, where r is computed again. */
static void expect_eps_seen(const char *op, const char *type, double times) {
  sl_dump_case d;
  make(&d, op, "usual", type, 3);
  sl_op_case wrong = d.c;
  wrong.setting[0] *= times;
  wrong.in[3] = NULL;
  answer(&d, &wrong);
  cr_expect_eq(outcome_of(&d), SL_OUTCOME_DIFFERENT, "%s %s: eps times %g passes", op, type, times);
  sl_dump_case_end(&d);
}

Test(generated, eps_of_norms_shows) {
  for (size_t type = 0; type < TYPES; type++)
    for (int more = 0; more < 2; more++) {
      expect_eps_seen("rmsnorm", types[type], more ? 1.1 : 0.9);
      expect_eps_seen("rmsnorm_backward", types[type], more ? 1.1 : 0.9);
    }
}

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
  make_shape(&d, op, shape, "exact", "f32", seed);
  answer(&d, &d.c);
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
  make_shape(&d, "softmax", "t=3,v=8", "exact", "f32", 1);
  double *logits = d.input[0];
  answer(&d, &d.c);
  cr_expect(!alike_of(&d, 0).rows && !alike_of(&d, 0).columns);
  for (size_t i = 0; i < 24; i++) logits[i] = i % 8 < 2 ? 0.0 : -(double)INFINITY;
  answer(&d, &d.c);
  cr_expect(alike_of(&d, 0).rows && !alike_of(&d, 0).columns);
  cr_expect_eq(outcome_of(&d), SL_OUTCOME_INCONCLUSIVE, "the first row in every row");
  for (size_t i = 0; i < 24; i++) logits[i] = 0.0;
  answer(&d, &d.c);
  cr_expect(alike_of(&d, 0).rows && alike_of(&d, 0).columns);
  cr_expect_eq(outcome_of(&d), SL_OUTCOME_INCONCLUSIVE, "one number everywhere");
  sl_dump_case_end(&d);
}

/* Attention's weights of exact queries are 1 and 0, so that two of five outputs have a bound of 0:
 * half, less the scores whose exp overflows, which have an error where exponents are scaled. */
Test(generated, exact_attention_is_exact) {
  sl_dump_case d;
  size_t exact = 0;
  make(&d, "attention", "exact", "f32", 1);
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
    make_with(&d, "gated_loss", NULL, settings[i], "usual", "f32", 1);
    for (size_t k = 0; k < d.output[1].count; k++) d.input[4][k] = 1.0;
    answer(&d, &d.c);
    cr_expect(alike_of(&d, 1).rows && alike_of(&d, 1).columns);
    cr_expect_eq(outcome_of(&d), SL_OUTCOME_EQUAL, "settings %zu", i);
    for (int zeros = 0; zeros < 2; zeros++) {
      for (size_t k = 0; k < d.output[1].count; k++) d.output[1].got[k] *= zeros ? 0.0 : 0.5;
      cr_expect_eq(outcome_of(&d), SL_OUTCOME_DIFFERENT);
    }
    sl_dump_case_end(&d);
  }
}

/* Right answers, with all optional outputs, are equal on the kinds that claim power and on masked
 * ones: no element is without a bound, and no control passes as any output. */
Test(generated, right_answers_are_equal) {
  for (size_t o = 0; o < sl_op_count(); o++)
    for (int kind = 0; kind < SL_KINDS; kind++)
      for (size_t type = 0; type < TYPES; type++)
        for (uint64_t seed = 1; seed <= 2; seed++) {
          const char *name = sl_kind_name((sl_problem_kind)kind);
          sl_dump_case d;
          if ((!sl_kind_claims_power((sl_problem_kind)kind) && kind != SL_KIND_MASKED) ||
              !sl_kind_suits((sl_problem_kind)kind, sl_op_at(o)))
            continue;
          make_shape(&d, sl_op_at(o)->name, NULL, name, types[type], seed);
          answer(&d, &d.c);
          cr_expect_eq(outcome_of(&d), SL_OUTCOME_EQUAL, "%s %s %s, seed %d", sl_op_at(o)->name,
                       name, types[type], (int)seed);
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
  make_shape(&d, op->name, NULL, "subnormal", "f16", seed);
  d.c.contract.flushed = allowed;
  answer(&d, &d.c);
  flush_some(&d);
  const sl_outcome outcome = outcome_of(&d);
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

/* Probabilities of a row in binary32, with the maximum taken off or without. */
static void plain_softmax(float *p, const double *logits, size_t n, int without_maximum) {
  float max = without_maximum ? 0.0f : -INFINITY, sum = 0.0f;
  for (size_t i = 0; i < n && !without_maximum; i++) max = fmaxf(max, (float)logits[i]);
  for (size_t i = 0; i < n; i++) sum += p[i] = expf((float)logits[i] - max);
  for (size_t i = 0; i < n; i++) p[i] /= sum;
}

/* softmax, or logprob as the logarithm of a probability. */
static sl_outcome outcome_of_plain(const char *op, const char *temperature, const char *kind,
                                   const char *type, uint64_t seed, int without_maximum) {
  const char *const settings[2] = {temperature};
  sl_dump_case d;
  double z[100];
  float p[100];
  make_with(&d, op, NULL, settings, kind, type, seed);
  answer(&d, &d.c);
  for (size_t row = 0; row < sl_op_size(&d.c, 't'); row++) {
    for (size_t i = 0; i < 100; i++)
      z[i] = (double)((float)d.c.in[0][row * 100 + i] / (float)d.c.setting[0]);
    plain_softmax(p, z, 100, without_maximum);
    for (size_t i = 0; i < 100 && d.c.op == &sl_op_softmax; i++)
      d.output[0].got[row * 100 + i] = sl_format_round(d.output[0].type, (double)p[i]);
    if (d.c.op == &sl_op_logprob)
      d.output[0].got[row] =
          sl_format_round(d.output[0].type, (double)logf(p[(size_t)d.c.in[1][row]]));
  }
  const sl_outcome outcome = outcome_of(&d);
  sl_dump_case_end(&d);
  return outcome;
}

Test(generated, softmax_shows_without_its_maximum) {
  static const char *const temperatures[] = {"temperature=1", "temperature=0.7", "temperature=2"};
  for (size_t type = 0; type < TYPES; type++)
    for (uint64_t seed = 1; seed <= 9; seed++) {
      const char *t = temperatures[seed % 3], *name = types[type];
      cr_expect_eq(outcome_of_plain("softmax", t, "exact", name, seed, 1), SL_OUTCOME_DIFFERENT);
      cr_expect_neq(outcome_of_plain("softmax", t, "exact", name, seed, 0), SL_OUTCOME_DIFFERENT);
      cr_expect_eq(outcome_of_plain("logprob", t, "exact", name, seed, 1), SL_OUTCOME_DIFFERENT);
      cr_expect_eq(outcome_of_plain("logprob", t, "wide", name, seed, 0), SL_OUTCOME_DIFFERENT,
                   "the logarithm of a probability");
      cr_expect_eq(outcome_of_plain("logprob", t, "usual", name, seed, 0), SL_OUTCOME_DIFFERENT,
                   "the logarithm of a probability");
    }
}

/* 1 if a score of the first sequence is so high that its exp overflows. */
static int has_high_score(const char *op, const char *shape, const char *type, uint64_t seed) {
  sl_dump_case d;
  make_shape(&d, op, shape, "exact", type, seed);
  const int backward = d.c.op == &sl_op_attention_backward;
  const size_t dim = sl_op_size(&d.c, 'd'), heads = sl_op_size(&d.c, 'h'),
               groups = sl_op_size(&d.c, 'g');
  double most = 0.0;
  for (size_t row = 0; row < sl_op_size(&d.c, 'i') * heads; row++)
    for (size_t j = 0; j < (size_t)d.c.in[3 + backward][0]; j++) {
      const double *q = d.c.in[backward] + row * dim,
                   *k = d.c.in[1 + backward] + (j * groups + row % heads / (heads / groups)) * dim;
      double score = 0.0;
      for (size_t e = 0; e < dim; e++) score += q[e] * k[e];
      most = fmax(most, score / sqrt((double)dim));
    }
  sl_dump_case_end(&d);
  return most > 89.0;
}

Test(generated, attention_has_scores_whose_exp_overflows) {
  for (size_t type = 0; type < TYPES; type++)
    for (uint64_t seed = 1; seed <= 8; seed++) {
      const char *shape = seed > 4 ? "b=2,i=9,j=17,h=4,g=2,d=9" : NULL;
      cr_expect(has_high_score("attention", shape, types[type], seed));
      cr_expect(has_high_score("attention_backward", shape, types[type], seed));
    }
}

/* A small scale has larger exact queries: the gradient is not 0. */
Test(generated, attention_of_a_small_scale_is_decided) {
  static const char *const settings[2] = {"scale=1e-3"};
  for (size_t type = 0; type < TYPES; type++) {
    sl_dump_case d;
    make_with(&d, "attention_backward", NULL, settings, "exact", types[type], 1);
    answer(&d, &d.c);
    cr_expect_eq(outcome_of(&d), SL_OUTCOME_EQUAL, "%s", types[type]);
    sl_dump_case_end(&d);
  }
}

/* A norm's usual and wide gradients are clipped, whatever max_norm is. */
Test(generated, gradients_of_a_large_limit_are_clipped) {
  static const char *const settings[][2] = {{"max_norm=30"}, {"max_norm=1e4"}, {"max_norm=1e-3"}};
  for (size_t i = 0; i < 3; i++)
    for (size_t type = 0; type < TYPES; type++)
      for (int wide = 0; wide < 2; wide++) {
        sl_dump_case d;
        make_with(&d, "clip_grad_norm", NULL, settings[i], wide ? "wide" : "usual", types[type], 1);
        answer(&d, &d.c);
        cr_expect_eq(outcome_of(&d), SL_OUTCOME_EQUAL, "%s %s", settings[i][0], types[type]);
        sl_dump_case_end(&d);
      }
}

/* The root of max(mean, eps), not of their sum; nor, where that is the mean, without eps. */
Test(generated, norms_show_with_the_larger_of_mean_and_eps) {
  for (size_t type = 0; type < 2; type++)
    for (uint64_t seed = 1; seed <= 4; seed++) {
      size_t below = 0, above = 0;
      sl_dump_case d;
      make(&d, "rmsnorm", "usual", types[type], seed);
      const size_t width = sl_op_size(&d.c, 'd');
      for (size_t row = 0; row < sl_op_size(&d.c, 't'); row++) {
        double squares = 0.0;
        for (size_t i = 0; i < width; i++) squares += pow(d.c.in[0][row * width + i], 2.0);
        const double mean = squares / (double)width, eps = d.c.setting[0];
        below += mean<eps, above += mean> eps && mean < 4.0 * eps;
      }
      cr_expect(below > 0 && above > 0, "%s: %zu rows below eps, %zu above", types[type], below,
                above);
      sl_dump_case_end(&d);
    }
}

/* A step by max(sqrt(v), eps), not by their sum. */
Test(generated, adamw_shows_with_the_larger_of_root_and_eps) {
  for (size_t type = 0; type < 2; type++) /* float16 does not hold the square of 1e-8 */
    for (uint64_t seed = 1; seed <= 4; seed++) {
      sl_dump_case d;
      make(&d, "adamw", "usual", types[type], seed);
      answer(&d, &d.c);
      cr_expect_eq(outcome_of(&d), SL_OUTCOME_EQUAL);
      const double *set = d.c.setting;
      for (size_t i = 0; i < d.output[0].count; i++) {
        const double *const *in = d.c.in;
        const double g = in[1][i], c1 = 1.0 - pow(set[1], set[5]), c2 = 1.0 - pow(set[2], set[5]),
                     m = (set[1] * in[2][i] + (1.0 - set[1]) * g) / c1,
                     v = (set[2] * in[3][i] + (1.0 - set[2]) * g * g) / c2,
                     p = in[0][i] * (1.0 - set[0] * set[4]);
        d.output[0].got[i] =
            sl_format_round(d.output[0].type, p - set[0] * m / fmax(sqrt(v), set[3]));
      }
      cr_expect_eq(outcome_of(&d), SL_OUTCOME_DIFFERENT, "%s, seed %d", types[type], (int)seed);
      sl_dump_case_end(&d);
    }
}
