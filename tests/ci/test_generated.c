/* Inputs made from a seed (spec E9.1): trivial answers to them are never equal, and the usual and
 * the exact ones show what they are there to show. */
#include "made.h"

#include "ci/products/judge/op_problem.h"
#include "reference/contract/cause.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

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
  made(&d, op, kind, type, seed);
  made_answer(&d, &d.c);
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
      for (size_t type = 0; type < MADE_TYPES; type++)
        if (sl_kind_suits((sl_problem_kind)kind, sl_op_at(o)))
          try_trivial(sl_op_at(o)->name, sl_kind_name((sl_problem_kind)kind), made_types[type], 1);
}

/* A wrong formula on usual and exact inputs, the kinds that a CI runs. */
static void expect_seen(sl_cause cause) {
  static const char *const kinds[] = {"usual", "exact"};
  const sl_cause_row *row = sl_cause_at(cause);
  for (size_t kind = 0; kind < 2; kind++)
    for (size_t type = 0; type < MADE_TYPES; type++) {
      sl_dump_case d;
      made(&d, row->op->name, kinds[kind], made_types[type], 1);
      sl_op_case wrong = d.c;
      cr_assert_eq(sl_cause_apply(&wrong, cause), SL_OK);
      made_answer(&d, &wrong);
      cr_expect_eq(made_outcome(&d), SL_OUTCOME_DIFFERENT, "%s passes on %s %s", row->name,
                   kinds[kind], made_types[type]);
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
  made_with(&d, op->name, NULL, settings, sl_kind_name(kind), "f32", 1);
  sl_op_case wrong = d.c;
  cr_assert_eq(sl_cause_apply(&wrong, cause), SL_OK, "%s", sl_cause_at(cause)->name);
  if (op == &sl_op_rmsnorm_backward) wrong.in[3] = NULL;
  made_answer(&d, &wrong);
  const int shows = made_outcome(&d) == SL_OUTCOME_DIFFERENT;
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
              {SL_CAUSE_CLIP_ALWAYS, SL_KIND_SUBNORMAL, MADE_TYPES},
              {SL_CAUSE_ADVANTAGES_NO_EPS, SL_KIND_USUAL, MADE_TYPES},
              {SL_CAUSE_ADVANTAGES_EPS_INSIDE, SL_KIND_USUAL, MADE_TYPES},
              {SL_CAUSE_LOSS_EMPTY_COUNTS, SL_KIND_USUAL, MADE_TYPES},
              {SL_CAUSE_LOSS_EMPTY, SL_KIND_EXACT, MADE_TYPES},
              {SL_CAUSE_EMBEDDING_GRAD_LAST, SL_KIND_USUAL, MADE_TYPES},
              {SL_CAUSE_EMBEDDING_GRAD_LAST, SL_KIND_EXACT, MADE_TYPES},
              {SL_CAUSE_EMBEDDING_GRAD_PADDING, SL_KIND_USUAL, MADE_TYPES},
              {SL_CAUSE_EMBEDDING_GRAD_PADDING, SL_KIND_EXACT, MADE_TYPES}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    for (size_t type = 0; type < rows[i].types; type++)
      for (uint64_t seed = 1; seed <= 20; seed++) {
        const sl_cause_row *row = sl_cause_at(rows[i].cause);
        sl_dump_case d;
        made_shape(&d, row->op->name, NULL, sl_kind_name(rows[i].kind), made_types[type], seed);
        sl_op_case wrong = d.c;
        cr_assert_eq(sl_cause_apply(&wrong, rows[i].cause), SL_OK);
        made_answer(&d, &wrong);
        cr_expect_eq(made_outcome(&d), SL_OUTCOME_DIFFERENT, "%s passes on %s %s, seed %d",
                     row->name, sl_kind_name(rows[i].kind), made_types[type], (int)seed);
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
    made_shape(&d, "advantages", NULL, "usual", "f32", seed);
    residues(&d);
    seen += made_outcome(&d) == SL_OUTCOME_DIFFERENT;
    sl_dump_case_end(&d);
  }
  /* the mean of a few equal numbers, 2^k for one, has no residue */
  cr_expect_geq(seen, 15, "%zu of 20", seen);
}

/* eps off by a tenth, either way; of the gradient, where r is computed again. */
static void expect_eps_seen(const char *op, const char *type, double times) {
  sl_dump_case d;
  made(&d, op, "usual", type, 3);
  sl_op_case wrong = d.c;
  wrong.setting[0] *= times;
  wrong.in[3] = NULL;
  made_answer(&d, &wrong);
  cr_expect_eq(made_outcome(&d), SL_OUTCOME_DIFFERENT, "%s %s: eps times %g passes", op, type,
               times);
  sl_dump_case_end(&d);
}

Test(generated, eps_of_norms_shows) {
  for (size_t type = 0; type < MADE_TYPES; type++)
    for (int more = 0; more < 2; more++) {
      expect_eps_seen("rmsnorm", made_types[type], more ? 1.1 : 0.9);
      expect_eps_seen("rmsnorm_backward", made_types[type], more ? 1.1 : 0.9);
    }
}
