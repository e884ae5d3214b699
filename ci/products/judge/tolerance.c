/* Tolerances against bounds: the tolerance's own balls take the place of the bounds. */
#include "tolerance.h"

#include <math.h>
#include <stdlib.h>

enum { GRID = 53 }; /* rtol = 2^-1 ... 2^-53 */

/* All elements of all problems, so that the grid can be tried on them. */
typedef struct {
  sl_ball *balls;
  size_t n, room;
} elements;

static int keep(elements *e, sl_ball ball) {
  if (e->n == e->room) {
    const size_t room = e->room ? 2 * e->room : 1024;
    sl_ball *balls = realloc(e->balls, room * sizeof *balls);
    if (!balls) return 0;
    e->balls = balls, e->room = room;
  }
  e->balls[e->n++] = ball;
  return 1;
}

static double allowed(const sl_tolerance *t, double mid) { return t->atol + t->rtol * fabs(mid); }

/* The answer with the tolerance's radii. */
static sl_status tolerant(sl_op_answer *t, const sl_op_answer *a, const sl_tolerance *given) {
  *t = *a;
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++) t->balls[o] = NULL, t->right[o] = NULL;
  for (size_t o = 0; o < a->outs; o++) {
    t->balls[o] = malloc(a->out[o].n * sizeof(sl_ball) + 1);
    if (!t->balls[o]) return SL_ERR_MEMORY;
    for (size_t i = 0; i < a->out[o].n; i++) {
      const sl_ball b = a->balls[o][i];
      t->balls[o][i] = isinf(b.rad) ? b : (sl_ball){b.mid, allowed(given, b.mid)};
    }
    t->out[o].balls = t->balls[o];
  }
  return SL_OK;
}

static void count_elements(sl_tolerance_report *r, const sl_op_answer *bounds,
                           const sl_op_answer *used) {
  for (size_t o = 0; o < bounds->outs; o++)
    for (size_t i = 0; i < bounds->out[o].n; i++) {
      const sl_ball b = bounds->balls[o][i];
      if (isinf(b.rad)) {
        r->unbounded++;
        continue;
      }
      const double allow = used->balls[o][i].rad;
      r->elements++;
      r->below_floor += allow < fmin(sl_format_ulp(bounds->out[o].type, b.mid) / 2.0, b.rad);
      r->fails += fabs(bounds->right[o][i] - b.mid) > allow;
      r->unsound += allow < b.rad;
    }
}

/* The answer of the problem with a planted change, judged in the right one's place. */
static sl_status try_plants(sl_tolerance_report *r, sl_op_problem *p, const sl_judged_problem *j) {
  sl_op_plant plant;
  for (int which = 0; sl_op_plant_make(&plant, p, which); which++) {
    sl_op_answer wrong;
    const sl_status status = sl_op_answer_make(&wrong, &p->c);
    if (!status) {
      const double *values[SL_OP_OUTPUTS] = {0};
      for (size_t o = 0; o < wrong.outs; o++) values[o] = wrong.right[o];
      r->terms++;
      r->terms_rejected += (size_t)sl_is_rejected(j, values);
    }
    sl_op_answer_end(&wrong);
    *plant.at = plant.was;
    if (status) return status;
  }
  return SL_OK;
}

static sl_status report_on(sl_tolerance_report *r, sl_op_problem *p, const sl_op_answer *bounds,
                           const sl_op_answer *used, const sl_op_answer *before) {
  sl_values in[SL_OP_INPUTS], previous[SL_OP_OUTPUTS];
  const sl_judged_problem j = sl_op_judged(p, used, in, before, previous);
  count_elements(r, bounds, used);
  sl_controls_try(&r->tally[p->kind], &j);
  const int scale = sl_power_of_scale(&j);
  if (scale > r->scale) r->scale = scale;
  return try_plants(r, p, &j);
}

static int measure_elements(sl_tolerance_result *r, elements *e, const sl_op_answer *a) {
  for (size_t o = 0; o < a->outs; o++)
    for (size_t i = 0; i < a->out[o].n; i++) {
      const sl_ball b = a->balls[o][i];
      if (isinf(b.rad)) continue;
      if (!keep(e, b)) return 0;
      r->bound_absolute = fmax(r->bound_absolute, b.rad);
      if (b.mid != 0.0) r->bound_relative = fmax(r->bound_relative, b.rad / fabs(b.mid));
    }
  return 1;
}

/* atol for a given rtol: what the largest bound leaves. */
static double atol_for(const elements *e, double rtol) {
  double atol = 0.0;
  for (size_t i = 0; i < e->n; i++)
    atol = fmax(atol, e->balls[i].rad - rtol * fabs(e->balls[i].mid));
  return atol;
}

static double allowance(const elements *e, const sl_tolerance *t) {
  double sum = 0.0;
  for (size_t i = 0; i < e->n; i++) sum += allowed(t, e->balls[i].mid);
  return sum;
}

/* Rounded up to two digits, as people write it. */
static double written(double x) {
  if (x == 0.0) return 0.0;
  const double unit = pow(10.0, floor(log10(x)) - 1.0);
  return ceil(x / unit) * unit;
}

static sl_tolerance least_sound(const elements *e) {
  sl_tolerance best = {written(atol_for(e, 0.0)), 0.0};
  for (int g = 1; g <= GRID; g++) {
    const double rtol = written(ldexp(1.0, -g));
    const sl_tolerance t = {written(atol_for(e, rtol)), rtol};
    if (allowance(e, &t) < allowance(e, &best)) best = t;
  }
  return best;
}

/* The results that a test compares: rstd and lse, which a kernel may leave, have sizes of their
 * own, and a tolerance for results says nothing about them. */
static size_t compared(const sl_op *op) {
  size_t n = 0;
  while (n < sl_op_outputs(op) && !op->out[n].optional) n++;
  return n;
}

static sl_status measure_one(sl_tolerance_result *r, elements *e, sl_op_problem *p,
                             const sl_op_answer *before, sl_op_answer *a,
                             const sl_tolerance *given) {
  SL_TRY(sl_op_answer_make(a, &p->c));
  const size_t all = a->outs;
  a->outs = compared(p->c.op);
  if (!measure_elements(r, e, a)) return SL_ERR_MEMORY;
  if (!given) a->outs = all; /* the bounds judge the others too */
  SL_TRY(report_on(&r->bound, p, a, a, before));
  if (!given) return SL_OK;
  sl_op_answer loose;
  sl_status status = tolerant(&loose, a, given);
  if (!status) {
    for (size_t o = 0; o < a->outs; o++) loose.out[o].right = a->right[o];
    status = report_on(&r->given, p, a, &loose, before);
  }
  sl_op_answer_end(&loose);
  return status;
}

/* Problems of one kind, each judged with the one before it at its side. */
static sl_status measure_kind(sl_tolerance_result *r, elements *e, const sl_op_case *like,
                              sl_problem_kind kind, sl_format type, uint64_t seed, size_t each,
                              const sl_tolerance *given, sl_error *err) {
  sl_op_answer before = {0};
  sl_status status = SL_OK;
  for (size_t i = 0; !status && i < each; i++) {
    sl_op_problem p;
    sl_op_answer a = {0};
    status = sl_op_problem_make(&p, like, kind, type, seed + i, err);
    if (!status) {
      status = measure_one(r, e, &p, i ? &before : NULL, &a, given);
      if (status) sl_fail(err, status, "no memory for the bounds of %s", like->op->name);
    }
    sl_op_answer_end(&before);
    before = a;
    sl_op_problem_end(&p);
  }
  sl_op_answer_end(&before);
  return status;
}

sl_status sl_tolerance_measure(sl_tolerance_result *r, const sl_op_case *like, sl_format type,
                               unsigned kinds, uint64_t seed, size_t each,
                               const sl_tolerance *given, sl_error *err) {
  elements e = {0};
  sl_status status = SL_OK;
  *r = (sl_tolerance_result){.floor_relative = sl_format_unit(like->contract.out)};
  for (int kind = 0; !status && kind < SL_KINDS; kind++)
    if (kinds >> kind & 1 && sl_kind_suits((sl_problem_kind)kind, like->op))
      status = measure_kind(r, &e, like, (sl_problem_kind)kind, type, seed, each, given, err);
  if (!status) r->sound = least_sound(&e);
  free(e.balls);
  return status;
}

sl_status sl_tolerance_measure_one(sl_tolerance_result *r, sl_op_problem *p,
                                   const sl_tolerance *given, sl_error *err) {
  elements e = {0};
  sl_op_answer a = {0};
  *r = (sl_tolerance_result){.floor_relative = sl_format_unit(p->c.contract.out)};
  const sl_status status = measure_one(r, &e, p, NULL, &a, given);
  if (!status) r->sound = least_sound(&e);
  sl_op_answer_end(&a);
  free(e.balls);
  return status ? sl_fail(err, status, "no memory for the bounds of %s", p->c.op->name) : SL_OK;
}

int sl_tolerance_holds(const sl_tolerance_result *r) {
  if (r->given.unsound || (r->bound.scale && !r->given.scale)) return 0;
  for (int kind = 0; kind < SL_KINDS; kind++)
    for (int c = 0; c < SL_CONTROLS; c++)
      if (r->bound.tally[kind].rejected[c] && !r->given.tally[kind].rejected[c]) return 0;
  return 1;
}
