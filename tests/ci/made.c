/* Problems made from a seed, and answers to them (see made.h). */
#include "made.h"

#include "ci/products/dumps/generated.h"

#include <criterion/criterion.h>
#include <stdlib.h>

const char *const made_types[MADE_TYPES] = {"f32", "bf16", "f16"};

void made_with(sl_dump_case *d, const char *op, const char *shape, const char *const *settings,
               const char *kind, const char *type, uint64_t seed) {
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

void made_shape(sl_dump_case *d, const char *op, const char *shape, const char *kind,
                const char *type, uint64_t seed) {
  static const char *const none[2] = {NULL};
  made_with(d, op, shape, none, kind, type, seed);
}

void made(sl_dump_case *d, const char *op, const char *kind, const char *type, uint64_t seed) {
  made_shape(d, op, NULL, kind, type, seed);
  for (size_t o = 0; o < sl_op_outputs(d->c.op); o++)
    if (d->c.op->out[o].optional) free(d->output[o].got), d->output[o].got = NULL;
}

void made_answer(sl_dump_case *d, const sl_op_case *c) {
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

sl_outcome made_outcome(const sl_dump_case *d) {
  sl_dump_verdict v;
  sl_error err;
  cr_assert_eq(sl_dump_judge(&v, d, SIZE_MAX, 1, &err), SL_OK, "%s", err.message);
  const sl_outcome outcome = v.outcome;
  sl_dump_verdict_end(&v);
  return outcome;
}
