/* One row of a run (spec E3, E4). A problem is made and run in plain; each context of the backend
 * must give the same bits (P), a second run and a run in parts too (I), and the values must lie in
 * their balls (A). A vendor's kernel has other bits: it must lie within the bound for any order
 * (A), and within both bounds of plain (P). */
#include "crash.h"
#include "explain.h"
#include "parity.h"
#include "run_row.h"

#include "ci/products/equiv/problem.h"
#include "kernels/vendor/vendor.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const sl_values_kind kinds[SL_RUN_KINDS] = {
    SL_VALUES_USUAL, SL_VALUES_DRAWN,     SL_VALUES_CANCELLING, SL_VALUES_WIDE,
    SL_VALUES_TIES,  SL_VALUES_SUBNORMAL, SL_VALUES_WHOLE};

const char *sl_run_kind_name(size_t kind) {
  static const char *const names[SL_RUN_KINDS] = {"usual", "drawn",     "cancelling", "wide",
                                                  "ties",  "subnormal", "whole"};
  return names[kind];
}

void sl_row_begin(sl_row_state *s, const sl_run_request *r, sl_kernel_id kernel,
                  const char *backend) {
  *s = (sl_row_state){.request = r};
  s->row.kernel = kernel, s->row.seed = r->seed;
  for (int i = 0; i < SL_RELATIONS; i++) s->row.outcomes.of[i] = SL_OUTCOME_SKIPPED;
  snprintf(s->row.backend, sizeof s->row.backend, "%s", backend);
}

static void drop_values(sl_row_values *v) {
  for (size_t i = 0; i < v->outs; i++) free(v->x[i]);
  *v = (sl_row_values){0};
}

void sl_row_end(sl_row_state *s) { drop_values(&s->before); }

/* The worst outcome of a relation stays; its first message too. */
static void find(sl_row_state *s, sl_relation relation, sl_outcome outcome, const char *message) {
  sl_outcome *of = &s->row.outcomes.of[relation];
  if (*of == SL_OUTCOME_SKIPPED || (*of == SL_OUTCOME_EQUAL && outcome != SL_OUTCOME_SKIPPED) ||
      outcome == SL_OUTCOME_DIFFERENT)
    *of = outcome;
  if (outcome == SL_OUTCOME_EQUAL || outcome == SL_OUTCOME_SKIPPED || s->row.message[0]) return;
  snprintf(s->row.message, sizeof s->row.message, "%s: %.900s", sl_relation_name(relation),
           message);
}

/* sl_context_backend says cpu/avx2; the command takes them apart. */
static void replay_line(sl_row_state *s, size_t shrink) {
  const char *slash = strchr(s->row.backend, '/'), *plus = strchr(s->row.backend, '+');
  const char *end = plus ? plus : slash ? slash : s->row.backend + strlen(s->row.backend);
  char isa[24] = "";
  if (slash && !plus) snprintf(isa, sizeof isa, " --isa %s", slash + 1);
  snprintf(s->row.replay, sizeof s->row.replay,
           "%s --backend %.*s%s --kernel %s --seed %" PRIu64 " --cases 1 --shrink %zu",
           s->request->program, (int)(end - s->row.backend), s->row.backend, isa,
           sl_equiv_kernel_name(s->row.kernel), s->row.last, shrink);
  if (!s->request->shape) return;
  const size_t used = strlen(s->row.replay);
  snprintf(s->row.replay + used, sizeof s->row.replay - used, " --shape %s", s->request->shape);
}

typedef const void *result_of(const sl_equiv_trial *trial, size_t array);

/* Values of the outputs in `balls`: of the last run that was checked, or of a planted one. */
static sl_status values_of(sl_row_values *v, const sl_kernel_balls *balls,
                           const sl_equiv_trial *trial, result_of *result) {
  *v = (sl_row_values){.outs = balls->outs};
  for (size_t i = 0; i < balls->outs; i++) {
    v->n[i] = balls->out[i].n;
    v->x[i] = malloc(v->n[i] * sizeof(double) + 1);
    if (!v->x[i]) return SL_ERR_MEMORY;
    const void *data = result(trial, balls->out[i].array);
    if (data) sl_kernel_values(v->x[i], &balls->out[i], sl_equiv_problem(trial), data);
  }
  return SL_OK;
}

/* Inputs of the problem as the controls copy them. */
static size_t inputs_of(sl_values *in, double **memory, const sl_problem *p) {
  size_t n = 0, total = 0;
  for (size_t i = 0; i < p->arrays; i++)
    total += p->array[i].type == SL_F32 && p->array[i].data ? p->array[i].count : 0;
  double *x = *memory = malloc(total * sizeof *x + 1);
  for (size_t i = 0; x && i < p->arrays; i++) {
    const sl_array *a = &p->array[i];
    if (a->type != SL_F32 || !a->data || a->role == SL_OUT || a->count == 0) continue;
    const float *from = a->data;
    for (size_t e = 0; e < a->count; e++) x[e] = (double)from[e];
    in[n++] = (sl_values){x, a->count};
    x += a->count;
  }
  return n;
}

static void outputs_of(sl_judged_output *out, const sl_kernel_balls *balls,
                       const sl_row_values *v) {
  for (size_t i = 0; i < balls->outs; i++)
    out[i] = (sl_judged_output){
        balls->out[i].name, balls->out[i].type, balls->out[i].n, balls->out[i].balls, v->x[i], NULL,
        balls->out[i].row};
}

typedef sl_status plant_of(sl_equiv_trial *trial, sl_context *golden, size_t array);

/* A change of each input in turn: counted where it changes the result. */
static sl_status try_plants(size_t *changes, size_t *rejected, plant_of *plant,
                            sl_equiv_trial *trial, sl_context *golden, const sl_kernel_balls *balls,
                            const sl_judged_problem *judged) {
  const size_t arrays = sl_equiv_problem(trial)->arrays;
  for (size_t a = 0; a < arrays; a++) {
    sl_row_values wrong;
    if (plant(trial, golden, a)) continue;
    const sl_status status = values_of(&wrong, balls, trial, sl_equiv_planted);
    int changed = 0;
    for (size_t o = 0; !status && o < balls->outs; o++)
      changed |= memcmp(wrong.x[o], judged->out[o].right, wrong.n[o] * sizeof(double)) != 0;
    *changes += (size_t)changed;
    *rejected += (size_t)(changed && sl_is_rejected(judged, (const double *const *)wrong.x));
    drop_values(&wrong);
    if (status) return status;
  }
  return SL_OK;
}

/* A term less, and a mask shifted. */
static sl_status try_terms(sl_row_state *s, sl_equiv_trial *trial, sl_context *golden,
                           const sl_kernel_balls *balls, const sl_judged_problem *judged) {
  sl_run_row *row = &s->row;
  SL_TRY(
      try_plants(&row->terms, &row->terms_rejected, sl_equiv_plant, trial, golden, balls, judged));
  return try_plants(&row->masks, &row->masks_rejected, sl_equiv_plant_mask, trial, golden, balls,
                    judged);
}

/* Controls and power of a problem whose values were found right. */
static sl_status try_controls(sl_row_state *s, const sl_kernel_balls *balls, const sl_row_values *v,
                              sl_equiv_trial *trial, sl_context *golden, size_t kind) {
  const sl_problem *p = sl_equiv_problem(trial);
  sl_judged_output out[SL_KERNEL_OUTPUTS];
  sl_values in[SL_ARRAYS_MAX], previous[SL_KERNEL_OUTPUTS];
  double *memory;
  outputs_of(out, balls, v);
  const size_t ins = inputs_of(in, &memory, p);
  if (!memory) return SL_ERR_MEMORY;
  for (size_t i = 0; i < balls->outs; i++)
    previous[i] = s->before.outs == balls->outs ? (sl_values){s->before.x[i], s->before.n[i]}
                                                : (sl_values){NULL, 0};
  const sl_judged_problem judged = {out, balls->outs, in, ins, previous};
  sl_controls_try(&s->row.tally[kind], &judged);
  const int scale = sl_power_of_scale(&judged);
  if (scale > s->row.scale) s->row.scale = scale;
  const sl_status status = try_terms(s, trial, golden, balls, &judged);
  free(memory);
  return status;
}

static void judge_values(sl_row_state *s, const sl_problem *p, int any_order,
                         const sl_kernel_balls *balls, const sl_row_values *v) {
  sl_judgement j = {0};
  char text[300];
  for (size_t i = 0; i < balls->outs; i++)
    sl_judge(&j, balls->out[i].name, 0, balls->out[i].type, v->x[i], balls->out[i].balls,
             balls->out[i].n);
  if (s->request->explain && (!s->row.derivation[0] || j.share > s->row.accuracy.share))
    sl_explain(&s->row, p, balls, v->x, &j, any_order);
  sl_judgement_add(&s->row.accuracy, &j);
  if (j.wrong) {
    snprintf(
        text, sizeof text,
        "%s[%zu] is %.9g, not %.9g: %.3g times its bound of %.3g; %zu of %zu elements are wrong",
        j.wrong_at.tensor, j.wrong_at.index, j.got, j.mid,
        j.rad > 0.0 ? fabs(j.got - j.mid) / j.rad : (double)INFINITY, j.rad, j.wrong, j.judged);
    find(s, SL_RELATION_A, SL_OUTCOME_DIFFERENT, text);
  } else {
    find(s, SL_RELATION_A, SL_OUTCOME_EQUAL, "");
  }
}

/* A on the values of the last run; *same: they are right, so that controls can be tried. */
static sl_status accuracy(sl_row_state *s, sl_equiv_trial *trial, sl_context *golden, int any_order,
                          size_t kind) {
  const sl_problem *p = sl_equiv_problem(trial);
  sl_kernel_balls balls;
  sl_row_values v = {0};
  sl_status status =
      any_order ? sl_kernel_balls_any_order(&balls, s->row.kernel, p)
                : sl_kernel_balls_make(&balls, s->row.kernel, p, sl_equiv_result(trial, 0));
  if (!status) status = values_of(&v, &balls, trial, sl_equiv_result);
  if (!status) {
    judge_values(s, p, any_order, &balls, &v);
    if (s->row.outcomes.of[SL_RELATION_A] == SL_OUTCOME_EQUAL)
      status = try_controls(s, &balls, &v, trial, golden, kind);
  }
  drop_values(&s->before);
  s->before = v;
  sl_kernel_balls_end(&balls);
  return status;
}

static int wants(const sl_row_state *s, sl_relation r) { return s->request->relations >> r & 1; }

/* The relation that a run which fails is different by. */
static sl_relation first_wanted(const sl_row_state *s) {
  if (wants(s, SL_RELATION_A)) return SL_RELATION_A;
  return wants(s, SL_RELATION_I) ? SL_RELATION_I : SL_RELATION_P;
}

/* The first context against plain, bit for bit; a vendor's is run alone. */
static void compare_first(sl_row_state *s, sl_equiv_trial *trial, sl_context *ctx, int vendor) {
  sl_error err = {0};
  if (wants(s, SL_RELATION_P) && !vendor) {
    const sl_status status = sl_equiv_check(trial, ctx, &err);
    find(s, SL_RELATION_P, status ? SL_OUTCOME_DIFFERENT : SL_OUTCOME_EQUAL, err.message);
  } else if (sl_equiv_run(trial, ctx, &err)) {
    find(s, first_wanted(s), SL_OUTCOME_DIFFERENT, err.message);
  }
}

/* Any context, with other threads too, against the run of the first. */
static void compare_again(sl_row_state *s, sl_equiv_trial *trial, sl_context *ctx) {
  sl_error err = {0};
  const sl_status status = sl_equiv_check_again(trial, ctx, &err);
  find(s, SL_RELATION_I, status ? SL_OUTCOME_DIFFERENT : SL_OUTCOME_EQUAL, err.message);
}

static int differs(const sl_row_state *s) {
  for (int r = 0; r < SL_RELATIONS; r++)
    if (s->row.outcomes.of[r] == SL_OUTCOME_DIFFERENT) return 1;
  return 0;
}

/* A vendor's kernel against plain, within both bounds. */
static sl_status compare_within_bounds(sl_row_state *s, const sl_equiv_trial *trial) {
  sl_judgement j = {0};
  char text[300];
  SL_TRY(sl_parity_of(&j, s->row.kernel, trial));
  if (j.wrong) {
    snprintf(text, sizeof text,
             "%s[%zu] is %.9g, plain's %.9g: %.3g times the sum of both bounds, %.3g; %zu of %zu "
             "elements differ",
             j.wrong_at.tensor, j.wrong_at.index, j.got, j.mid,
             j.rad > 0.0 ? fabs(j.got - j.mid) / j.rad : (double)INFINITY, j.rad, j.wrong,
             j.judged);
    find(s, SL_RELATION_P, SL_OUTCOME_DIFFERENT, text);
  } else if (j.unbounded && j.judged == 0) {
    find(s, SL_RELATION_P, SL_OUTCOME_INCONCLUSIVE, "no element has a bound");
  } else {
    find(s, SL_RELATION_P, SL_OUTCOME_EQUAL, "");
  }
  return SL_OK;
}

/* A vendor's kernel claims its bits for one number of threads alone. */
static sl_status relate(sl_row_state *s, sl_equiv_trial *trial, sl_context *golden,
                        sl_context *const *ctx, size_t contexts, size_t kind) {
  const int vendor = sl_vendor_bounded(ctx[0], s->row.kernel);
  compare_first(s, trial, ctx[0], vendor);
  if (vendor && wants(s, SL_RELATION_P) && !differs(s)) SL_TRY(compare_within_bounds(s, trial));
  if (wants(s, SL_RELATION_I) && !differs(s))
    for (size_t i = 0; i < (vendor ? 1 : contexts) && !differs(s); i++)
      compare_again(s, trial, ctx[i]);
  return wants(s, SL_RELATION_A) ? accuracy(s, trial, golden, vendor, kind) : SL_OK;
}

/* The values of the first context are judged; the others must have its bits (a vendor's: its own
 * from run to run). */
sl_status sl_row_problem(sl_row_state *s, size_t number, sl_context *golden, sl_context *const *ctx,
                         size_t contexts, size_t shrink, sl_error *err) {
  sl_equiv_trial *trial;
  s->row.last = s->row.seed + number;
  const size_t kind = (size_t)(s->row.last % SL_RUN_KINDS);
  SL_TRY(sl_equiv_begin_kind(&trial, s->row.kernel, s->row.last, shrink, (int)kinds[kind],
                             s->request->shape, golden, err));
  snprintf(s->row.shape, sizeof s->row.shape, "%s", sl_equiv_shape(trial));
  replay_line(s, shrink);
  sl_crash_expect(sl_equiv_kernel_name(s->row.kernel), s->row.backend, s->row.replay);
  s->row.problems++;
  s->row.said += (size_t)sl_equiv_says_something(trial);
  const sl_status status = relate(s, trial, golden, ctx, contexts, kind);
  sl_crash_end();
  sl_equiv_end(trial);
  return status ? sl_fail(err, status, "no memory for the bounds of %s",
                          sl_equiv_kernel_name(s->row.kernel))
                : SL_OK;
}

/* Kinds that claim power; ties, cancelling and subnormal numbers may make a control right within
 * the bound (spec E4.2). */
static int claims(size_t kind) {
  return kinds[kind] == SL_VALUES_USUAL || kinds[kind] == SL_VALUES_WIDE ||
         kinds[kind] == SL_VALUES_WHOLE;
}

static void miss(sl_row_state *s, const sl_control_tally *tally, const char *kind) {
  const sl_control missed = sl_controls_missed(tally);
  char text[160];
  if (missed == SL_CONTROLS) return;
  snprintf(text, sizeof text, "no problem%s%s rejects %s in place of the output",
           *kind ? " of the kind " : "", kind, sl_control_name(missed));
  find(s, SL_RELATION_A, SL_OUTCOME_INCONCLUSIVE, text);
}

size_t sl_row_powerless(const sl_row_state *s) {
  for (size_t k = 0; k < SL_RUN_KINDS; k++)
    if (claims(k) && sl_controls_missed(&s->row.tally[k]) != SL_CONTROLS) return k;
  return SL_RUN_KINDS;
}

static void judge_controls(sl_row_state *s) {
  sl_control_tally all = {0};
  for (size_t k = 0; k < SL_RUN_KINDS; k++) {
    const sl_control_tally *t = &s->row.tally[k];
    for (int c = 0; c < SL_CONTROLS; c++)
      all.tried[c] += t->tried[c], all.rejected[c] += t->rejected[c];
    if (claims(k)) miss(s, t, sl_run_kind_name(k));
  }
  miss(s, &all, "");
  if (!all.tried[SL_CONTROL_NAN])
    find(s, SL_RELATION_A, SL_OUTCOME_INCONCLUSIVE, "no problem has an element to be judged");
}

void sl_row_finish(sl_row_state *s) {
  if (s->row.outcomes.of[SL_RELATION_A] == SL_OUTCOME_EQUAL) {
    if (s->row.accuracy.judged == 0)
      find(s, SL_RELATION_A, SL_OUTCOME_INCONCLUSIVE, "no element was judged");
    else
      judge_controls(s);
  }
  s->row.outcome = sl_outcome_of_op(&s->row.outcomes);
}
