/* The search for causes (spec E8.2, E8.3). */
#include "dump_causes.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const sl_dump_case *d;
  const sl_dump_verdict *v;
  sl_ball *balls[SL_OP_OUTPUTS]; /* of the sample, by the cause */
  int spread;                    /* wrong elements on more rows than one */
} search;

/* A single sum without a bound may be any number (spec E8.2). */
static int asks_nothing(const search *s, size_t out, sl_ball ball) {
  return isinf(ball.rad) && s->d->output[out].count == 1;
}

/* Where the cause's formula gives NaN, or overflows, the dump has no number. */
static int matches(const search *s, size_t out, double got, sl_ball ball) {
  const sl_format type = s->d->output[out].type;
  if (asks_nothing(s, out, ball)) return 1;
  if (isnan(ball.mid) || isinf(ball.rad) || isinf(sl_format_round(type, ball.mid)))
    return !isfinite(got);
  return isfinite(got) && fabs(got - ball.mid) <= ball.rad;
}

/* Where the cause stores its results in a type of its own, they are that type's numbers. */
static int has_type(double got, sl_format of_cause, sl_format out) {
  return of_cause == out || !isfinite(got) || sl_format_holds(of_cause, got);
}

static sl_status case_of(sl_op_case *c, const search *s, size_t out, sl_dump_cause cause) {
  *c = s->d->c;
  c->contract = sl_dump_contract(s->d, out);
  SL_TRY(sl_cause_apply(c, cause.first));
  return cause.second == SL_CAUSE_NONE ? SL_OK : sl_cause_apply(c, cause.second);
}

static sl_status fit_range(int *fits, const search *s, const sl_op_case *c, size_t out, size_t k,
                           size_t n) {
  const sl_dump_sample *sample = &s->v->output[out];
  SL_TRY(sl_dump_balls(c, (int)out, sample->at + k, n, s->balls[out] + k));
  for (size_t i = k; *fits && i < k + n; i++)
    *fits = matches(s, out, sample->got[i], s->balls[out][i]) &&
            has_type(sample->got[i], c->contract.out, s->d->c.contract.out);
  return SL_OK;
}

/* The last element that the right formula misses: of gradients by keys under a causal mask, the one
 * that the fewest queries add to. */
static size_t last_wrong(const sl_dump_sample *sample) {
  size_t k = sample->n;
  while (k-- > 0)
    if (!(fabs(sample->got[k] - sample->balls[k].mid) <= sample->balls[k].rad)) return k;
  return 0;
}

/* First an element that the right formula misses, then all in chunks that grow: most formulas miss
 * at once. *fits stays 1 if all match. */
static sl_status fit_output(int *fits, const search *s, size_t out, sl_dump_cause cause) {
  const sl_dump_sample *sample = &s->v->output[out];
  const sl_judgement *j = &sample->judgement;
  sl_op_case c;
  size_t chunk = 1;
  if (case_of(&c, s, out, cause)) {
    *fits = 0;
    return SL_OK;
  }
  if (j->wrong) SL_TRY(fit_range(fits, s, &c, out, last_wrong(sample), 1));
  for (size_t k = 0; *fits && k < sample->n; k += chunk, chunk *= 4) {
    if (chunk > sample->n - k) chunk = sample->n - k;
    SL_TRY(fit_range(fits, s, &c, out, k, chunk));
  }
  return SL_OK;
}

/* 1 if x[i % n] in the place of an output would fit too, the others aside; what is right there is
 * no control. */
static int passes(const search *s, size_t out, const double *x, size_t n) {
  const sl_dump_sample *sample = &s->v->output[out];
  int right = 1, asked = 0;
  for (size_t k = 0; k < sample->n; k++) {
    const double value = sl_format_round(s->d->output[out].type, x[sample->at[k] % n]);
    if (!matches(s, out, value, s->balls[out][k])) return 0;
    right &= value == sample->right[k];
    asked |= !asks_nothing(s, out, s->balls[out][k]);
  }
  return asked && !right;
}

/* 1 if the cause gives x[i % n] without any error: the copy is its formula, such as a gradient that
 * is never clipped. */
static int is_formula(const search *s, size_t out, const double *x, size_t n) {
  const sl_dump_sample *sample = &s->v->output[out];
  for (size_t k = 0; k < sample->n; k++) {
    const sl_ball ball = s->balls[out][k];
    if (ball.rad > 0.0 || ball.mid != x[sample->at[k] % n]) return 0;
  }
  return 1;
}

static int a_control_passes(const search *s, size_t out) {
  const sl_op_case *c = &s->d->c;
  const double zero = 0.0, nan = NAN;
  if (passes(s, out, &zero, 1) || passes(s, out, &nan, 1)) return 1;
  for (size_t i = 0; i < sl_op_inputs(c->op); i++) {
    const size_t n = c->in[i] ? sl_op_count_of(c, &c->op->in[i]) : 0;
    if (n && passes(s, out, c->in[i], n) && !is_formula(s, out, c->in[i], n)) return 1;
  }
  return 0;
}

/* 1 if no output with wrong elements speaks for the cause: in the place of each a control passes.
 */
static int controls_pass(const search *s) {
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++)
    if (s->d->output[o].got && s->v->output[o].judgement.wrong && !a_control_passes(s, o)) return 0;
  return 1;
}

/* 1 if the right formula misses an element of the sample. */
static int is_wrong(const sl_dump_sample *sample, size_t k) {
  const sl_ball b = sample->balls[k];
  return !isnan(b.mid) && !(fabs(sample->got[k] - b.mid) <= b.rad);
}

/* 1 if the cause asks something of an element that is wrong: else nothing speaks for it. */
static int is_supported(const search *s) {
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++)
    for (size_t k = 0; s->d->output[o].got && k < s->v->output[o].n; k++)
      if (is_wrong(&s->v->output[o], k) && !asks_nothing(s, o, s->balls[o][k])) return 1;
  return 0;
}

/* Of a formula and coarser arithmetic: 1 if what is left beside the formula's values is at most
 * half of what the formula changes. Else the arithmetic's wide bounds explain more than it does. */
static int is_mostly_formula(const search *s) {
  double left = 0.0, changed = 0.0;
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++)
    for (size_t k = 0; s->d->output[o].got && k < s->v->output[o].n; k++) {
      const double got = s->v->output[o].got[k], right = s->v->output[o].balls[k].mid,
                   formula = s->balls[o][k].mid;
      if (!isfinite(got) || !isfinite(right) || !isfinite(formula)) continue;
      left += fabs(got - formula), changed += fabs(formula - right);
    }
  return 2.0 * left <= changed;
}

/* Outputs with wrong elements first: these tell soonest that a cause does not fit. */
static sl_status try_cause(sl_dump_causes *causes, search *s, sl_dump_cause cause) {
  int fits = 1;
  for (int right = 0; right < 2; right++)
    for (size_t o = 0; fits && o < sl_op_outputs(s->d->c.op); o++)
      if (s->d->output[o].got && (s->v->output[o].judgement.wrong == 0) == right)
        SL_TRY(fit_output(&fits, s, o, cause));
  if (!fits || !is_supported(s) || controls_pass(s)) return SL_OK;
  if (sl_cause_is_coarse(cause.second) && !is_mostly_formula(s)) return SL_OK;
  if (causes->n < SL_DUMP_CAUSES) causes->found[causes->n] = cause;
  causes->n++;
  return SL_OK;
}

/* The length of an output's last axis; 1 where it has one axis alone, whose elements are rows. */
static size_t row_length(const sl_op_case *c, const sl_op_tensor *out) {
  const size_t n = strlen(out->shape);
  return n > 1 ? sl_op_size(c, out->shape[n - 1]) : 1;
}

/* 1 if the wrong elements of an output lie on more rows than one, or if it has no other. A single
 * wrong row is no work of a coarser arithmetic, which has its errors everywhere. */
static int is_spread(const search *s, size_t out) {
  const sl_dump_sample *sample = &s->v->output[out];
  const size_t row = row_length(&s->d->c, &s->d->c.op->out[out]);
  size_t first = SIZE_MAX;
  if (sample->judgement.wrong && s->d->output[out].count <= row) return 1;
  for (size_t k = 0; k < sample->n; k++) {
    if (!is_wrong(sample, k)) continue;
    if (first == SIZE_MAX) first = sample->at[k] / row;
    if (sample->at[k] / row != first) return 1;
  }
  return 0;
}

static int some_spread(const search *s) {
  for (size_t o = 0; o < sl_op_outputs(s->d->c.op); o++)
    if (s->d->output[o].got && is_spread(s, o)) return 1;
  return 0;
}

static int is_of(int cause, const search *s, int contract) {
  return sl_cause_at((sl_cause)cause)->op == s->d->c.op &&
         sl_cause_is_contract((sl_cause)cause) == contract &&
         (s->spread || !sl_cause_is_coarse((sl_cause)cause));
}

/* Formulas, all that fit; or changes of the contract, from the narrowest, the first that does. */
static sl_status try_singles(sl_dump_causes *causes, search *s, int contract) {
  for (int i = 1; i < SL_CAUSES && !(contract && causes->n); i++)
    if (is_of(i, s, contract))
      SL_TRY(try_cause(causes, s, (sl_dump_cause){(sl_cause)i, SL_CAUSE_NONE}));
  return SL_OK;
}

/* Two formulas, or one with a change of the contract. */
static sl_status try_pairs(sl_dump_causes *causes, search *s, int contract) {
  for (int i = 1; i < SL_CAUSES; i++) {
    const size_t before = causes->n;
    for (int j = contract ? 1 : i + 1; is_of(i, s, 0) && j < SL_CAUSES; j++)
      if (is_of(j, s, contract) && !(contract && causes->n > before))
        SL_TRY(try_cause(causes, s, (sl_dump_cause){(sl_cause)i, (sl_cause)j}));
  }
  return SL_OK;
}

static int is_large(const sl_op_case *c) {
  size_t n = 0;
  for (size_t i = 0; i < sl_op_inputs(c->op); i++)
    if (c->in[i]) n += sl_op_count_of(c, &c->op->in[i]);
  return c->op->reads_all && n > SL_DUMP_PAIRS_MOST;
}

static sl_status try_all(sl_dump_causes *causes, search *s) {
  for (int contract = 0; !causes->n && contract < 2; contract++)
    SL_TRY(try_singles(causes, s, contract));
  causes->no_pairs = !causes->n && is_large(&s->d->c);
  if (causes->no_pairs) return SL_OK;
  for (int contract = 0; !causes->n && contract < 2; contract++)
    SL_TRY(try_pairs(causes, s, contract));
  return SL_OK;
}

sl_status sl_dump_causes_find(sl_dump_causes *causes, const sl_dump_case *d,
                              const sl_dump_verdict *v, sl_error *err) {
  search s = {.d = d, .v = v};
  sl_status status = SL_OK;
  *causes = (sl_dump_causes){0};
  if (v->outcome != SL_OUTCOME_DIFFERENT) return SL_OK;
  s.spread = some_spread(&s);
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++) {
    s.balls[o] = malloc(v->output[o].n * sizeof(sl_ball) + 1);
    if (!s.balls[o]) status = SL_ERR_MEMORY;
  }
  if (!status) status = try_all(causes, &s);
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++) free(s.balls[o]);
  return status ? sl_fail(err, status, "no memory for the causes of %s", d->c.op->name) : SL_OK;
}

void sl_dump_cause_text(char out[SL_DUMP_CAUSE], sl_dump_cause cause) {
  static const char within[] = "would be within the error of:";
  const sl_cause_row *a = sl_cause_at(cause.first), *b = sl_cause_at(cause.second);
  const char *colon = *a->defects ? ": " : "", *other = *b->defects ? ": " : "";
  if (cause.second == SL_CAUSE_NONE && sl_cause_is_coarse(cause.first))
    snprintf(out, SL_DUMP_CAUSE, "no formula; it %s %s%s%s", within, a->defects, colon, a->text);
  else if (cause.second == SL_CAUSE_NONE)
    snprintf(out, SL_DUMP_CAUSE, "%s%s%s", a->defects, colon, a->text);
  else if (sl_cause_is_coarse(cause.second))
    snprintf(out, SL_DUMP_CAUSE, "%s%s%s; the rest %s %s%s%s", a->defects, colon, a->text, within,
             b->defects, other, b->text);
  else
    snprintf(out, SL_DUMP_CAUSE, "%s%s%s, and %s%s%s", a->defects, colon, a->text, b->defects,
             other, b->text);
}
