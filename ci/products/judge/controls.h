/* Controls and power (spec E4.2, E4.3): what A must reject before its word counts. */
#ifndef SLUICE_JUDGE_CONTROLS_H
#define SLUICE_JUDGE_CONTROLS_H

#include "judgement.h"

typedef enum {
  SL_CONTROL_ZEROS,
  SL_CONTROL_NAN,
  SL_CONTROL_INPUT,    /* a copy of an input: of each of them */
  SL_CONTROL_PREVIOUS, /* the output of the call before */
  SL_CONTROL_ROW,      /* the right answer of the first row in every row */
  SL_CONTROLS,
  SL_CONTROL_CONSTANT = SL_CONTROLS, /* one number everywhere; of dumps alone */
  SL_CONTROL_NONE
} sl_control;

const char *sl_control_name(sl_control control);

/* An output with its balls; `right` are the values of a right kernel, in `type`. at: the places of
 * a sample's elements in the whole output, ascending; NULL: they are all of it. row: elements of a
 * row; 0: it has no rows. */
typedef struct {
  const char *name;
  sl_format type;
  size_t n;
  const sl_ball *balls;
  const double *right;
  const size_t *at;
  size_t row;
} sl_judged_output;

typedef struct {
  const double *x;
  size_t n;
} sl_values;

/* A problem as the controls see it. previous: an output of the call before for each output; n = 0
 * where there is none. */
typedef struct {
  const sl_judged_output *out;
  size_t outs;
  const sl_values *in;
  size_t ins;
  const sl_values *previous;
} sl_judged_problem;

/* What the problems of one kind have rejected. */
typedef struct {
  size_t problems, without_power;
  size_t tried[SL_CONTROLS], rejected[SL_CONTROLS];
} sl_control_tally;

/* Judges a problem's controls; returns 1 if it rejects at least one of them. */
int sl_controls_try(sl_control_tally *tally, const sl_judged_problem *p);

/* The first control that was tried and that no problem of the tally rejects; SL_CONTROLS: none. */
sl_control sl_controls_missed(const sl_control_tally *tally);

/* The first control that would pass in the place of one output, the others aside, also where it is
 * the right answer (spec E4.2, dumps); *out is that output. An output without any element to judge
 * is passed over. The first row is tried in all outputs at once; *out is then the first that has
 * rows. SL_CONTROL_NONE: all are rejected. */
sl_control sl_controls_passing(const sl_judged_problem *p, size_t *out);

/* The largest j up to 60 at which both the right values times 1 + 2^-j and those times 1 - 2^-j,
 * rounded to the type, are rejected; 0: not even the double is. */
int sl_power_of_scale(const sl_judged_problem *p);

/* 1 if these values in the outputs' place are rejected; values[i] has out[i].n elements. */
int sl_is_rejected(const sl_judged_problem *p, const double *const *values);

#endif
