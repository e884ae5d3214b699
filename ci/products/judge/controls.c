/* Controls and power. A control takes the place of all outputs of a problem; A rejects it as soon
 * as one element leaves its ball (spec E4.2). */
#include "controls.h"

#include <math.h>

const char *sl_control_name(sl_control control) {
  static const char *const names[] = {"zeros",
                                      "NaN",
                                      "a copy of an input",
                                      "the previous output",
                                      "the first row in every row",
                                      "one number everywhere"};
  return names[control];
}

/* What a control, or a planted change, holds at an element. */
typedef struct {
  enum { CONSTANT, COPY, SCALED, GIVEN, FIRST_ROW } what;
  double x;              /* the constant, or the factor */
  const sl_values *from; /* of each output, cyclically; all the same for a copy of an input */
  int same;              /* from[0] serves every output */
  const double *const *given;
} fake;

/* The right value at the place of the first row; of a sample that lacks it, the right one here. */
static double of_first_row(const sl_judged_output *out, size_t i) {
  if (out->row == 0) return out->right[i];
  if (!out->at) return out->right[i % out->row];
  const size_t place = out->at[i] % out->row;
  size_t low = 0, high = i + 1; /* places ascend, and this one is at i or before it */
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (out->at[middle] < place)
      low = middle + 1;
    else
      high = middle;
  }
  return low <= i && out->at[low] == place ? out->right[low] : out->right[i];
}

static double value_of(const fake *f, const sl_judged_output *out, size_t o, size_t i) {
  if (f->what == CONSTANT) return f->x;
  if (f->what == SCALED) return sl_format_round(out->type, out->right[i] * f->x);
  if (f->what == GIVEN) return f->given[o][i];
  if (f->what == FIRST_ROW) return of_first_row(out, i);
  const sl_values *from = f->from + (f->same ? 0 : o);
  const size_t place = out->at ? out->at[i] : i;
  return from->n ? sl_format_round(out->type, from->x[place % from->n]) : out->right[i];
}

typedef enum { REJECTED, ACCEPTED, IS_RIGHT } reception;

/* IS_RIGHT: every element is that of the right kernel. */
static reception receive(const sl_judged_problem *p, const fake *f) {
  int differs = 0;
  for (size_t o = 0; o < p->outs; o++)
    for (size_t i = 0; i < p->out[o].n; i++) {
      const double x = value_of(f, &p->out[o], o, i);
      if (x == p->out[o].right[i]) continue;
      differs = 1;
      sl_judgement j = {0};
      sl_judge(&j, p->out[o].name, i, p->out[o].type, &x, &p->out[o].balls[i], 1);
      if (j.wrong) return REJECTED;
    }
  return differs ? ACCEPTED : IS_RIGHT;
}

static int elements(const sl_judged_problem *p) {
  for (size_t o = 0; o < p->outs; o++)
    if (p->out[o].n) return 1;
  return 0;
}

static int count(sl_control_tally *tally, sl_control control, reception r) {
  if (r == IS_RIGHT) return 0;
  tally->tried[control]++;
  tally->rejected[control] += r == REJECTED;
  return r == REJECTED;
}

/* Copies of all inputs must be rejected for the control to be. */
static reception receive_inputs(const sl_judged_problem *p) {
  reception all = IS_RIGHT;
  for (size_t i = 0; i < p->ins; i++) {
    if (p->in[i].n == 0) continue;
    const fake copy = {.what = COPY, .from = &p->in[i], .same = 1};
    const reception r = receive(p, &copy);
    if (r == ACCEPTED) return ACCEPTED;
    if (r == REJECTED) all = REJECTED;
  }
  return all;
}

/* The first output with more than one row; p->outs: none has. */
static size_t first_with_rows(const sl_judged_problem *p) {
  size_t o = 0;
  for (; o < p->outs; o++) {
    const sl_judged_output *out = &p->out[o];
    const size_t n = out->at && out->n ? out->at[out->n - 1] + 1 : out->n;
    if (out->row && n > out->row) break;
  }
  return o;
}

static reception receive_first_row(const sl_judged_problem *p) {
  const fake first_row = {.what = FIRST_ROW};
  return receive(p, &first_row);
}

/* Rows that are all alike do not count as no trial: their problem cannot tell them apart. */
static int count_row(sl_control_tally *tally, const sl_judged_problem *p) {
  if (first_with_rows(p) == p->outs) return 0;
  const int rejected = receive_first_row(p) == REJECTED;
  tally->tried[SL_CONTROL_ROW]++;
  tally->rejected[SL_CONTROL_ROW] += (size_t)rejected;
  return rejected;
}

int sl_controls_try(sl_control_tally *tally, const sl_judged_problem *p) {
  const fake zeros = {.what = CONSTANT, .x = 0.0}, nans = {.what = CONSTANT, .x = NAN},
             previous = {.what = COPY, .from = p->previous};
  int some = 0, has_previous = 0;
  tally->problems++;
  for (size_t o = 0; o < p->outs; o++) has_previous |= p->previous[o].n > 0;
  if (elements(p)) {
    some |= count(tally, SL_CONTROL_ZEROS, receive(p, &zeros));
    some |= count(tally, SL_CONTROL_NAN, receive(p, &nans));
    some |= count(tally, SL_CONTROL_INPUT, receive_inputs(p));
    if (has_previous) some |= count(tally, SL_CONTROL_PREVIOUS, receive(p, &previous));
    some |= count_row(tally, p);
  }
  tally->without_power += !some;
  return some;
}

sl_control sl_controls_missed(const sl_control_tally *tally) {
  for (int i = 0; i < SL_CONTROLS; i++)
    if (tally->tried[i] && !tally->rejected[i]) return (sl_control)i;
  return SL_CONTROLS;
}

static size_t judged_elements(const sl_judged_output *out) {
  sl_judgement j = {0};
  sl_judge(&j, out->name, 0, out->type, out->right, out->balls, out->n);
  return j.judged;
}

/* One number can only be told from the right ones where there are two. */
static int constant_passes(const sl_judged_problem *one, size_t judged) {
  const sl_judged_output *out = one->out;
  size_t first = 0;
  while (first < out->n && !isfinite(out->right[first])) first++;
  if (judged < 2 || first == out->n) return 0;
  const fake constant = {.what = CONSTANT, .x = out->right[first]};
  return receive(one, &constant) != REJECTED;
}

static sl_control passing(const sl_judged_problem *p) {
  const fake zeros = {.what = CONSTANT, .x = 0.0}, nans = {.what = CONSTANT, .x = NAN};
  if (receive(p, &zeros) != REJECTED) return SL_CONTROL_ZEROS;
  if (receive(p, &nans) != REJECTED) return SL_CONTROL_NAN;
  for (size_t i = 0; i < p->ins; i++) {
    const fake copy = {.what = COPY, .from = &p->in[i], .same = 1};
    if (p->in[i].n && receive(p, &copy) != REJECTED) return SL_CONTROL_INPUT;
  }
  return SL_CONTROL_NONE;
}

sl_control sl_controls_passing(const sl_judged_problem *p, size_t *out) {
  for (*out = 0; *out < p->outs; ++*out) {
    const sl_judged_problem one = {&p->out[*out], 1, p->in, p->ins, NULL};
    const size_t judged = judged_elements(one.out);
    const sl_control control = judged ? passing(&one) : SL_CONTROL_NONE;
    if (control != SL_CONTROL_NONE) return control;
    if (constant_passes(&one, judged)) return SL_CONTROL_CONSTANT;
  }
  const size_t rows = first_with_rows(p);
  if (rows == p->outs || receive_first_row(p) == REJECTED) return SL_CONTROL_NONE;
  *out = rows;
  return SL_CONTROL_ROW;
}

int sl_power_of_scale(const sl_judged_problem *p) {
  for (int j = 60; j >= 0; j--) {
    const fake more = {.what = SCALED, .x = 1.0 + ldexp(1.0, -j)},
               less = {.what = SCALED, .x = 1.0 - ldexp(1.0, -j)};
    if (receive(p, &more) == REJECTED && receive(p, &less) == REJECTED) return j;
  }
  return 0;
}

int sl_is_rejected(const sl_judged_problem *p, const double *const *values) {
  const fake given = {.what = GIVEN, .given = values};
  return receive(p, &given) == REJECTED;
}
