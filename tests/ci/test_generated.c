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

/* A problem as a dump whose outputs, those that are not optional, have room; their type is that of
 * the inputs. */
static void make(sl_dump_case *d, const char *op, const char *kind, const char *type,
                 uint64_t seed) {
  sl_generated_request request = {.op = op, .type = type, .kind = kind, .seed = seed};
  sl_op_problem p = {0};
  sl_error err;
  cr_assert_eq(sl_generated_make(d, &p, &request, &err), SL_OK, "%s", err.message);
  d->c.contract.out = p.given;
  sl_generated_take(d, &p);
  d->c.contract.out = p.given;
  for (size_t o = 0; o < sl_op_outputs(d->c.op); o++) {
    if (d->c.op->out[o].optional) continue;
    sl_dump_output *out = &d->output[o];
    out->count = sl_op_count_of(&d->c, &d->c.op->out[o]), out->type = p.given;
    out->got = malloc(out->count * sizeof *out->got);
    cr_assert_not_null(out->got);
  }
  sl_op_problem_end(&p);
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
