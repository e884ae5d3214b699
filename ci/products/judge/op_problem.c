/* Problems of ops (spec E4.1). A value depends on the op's name, the seed, the input and its place.
 */
#include "op_problem.h"

#include "exact_problem.h"
#include "rule_inputs.h"

#include "kernels/core/verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *sl_kind_name(sl_problem_kind kind) {
  static const char *const names[] = {"usual", "cancelling", "wide", "subnormal",
                                      "ties",  "masked",     "exact"};
  return names[kind];
}

int sl_kind_claims_power(sl_problem_kind kind) {
  return kind == SL_KIND_USUAL || kind == SL_KIND_WIDE || kind == SL_KIND_EXACT;
}

static int has(const sl_op *op, sl_tensor_kind kind) {
  for (size_t i = 0; i < sl_op_drawn(op); i++)
    if (op->in[i].kind == kind) return 1;
  return 0;
}

int sl_kind_suits(sl_problem_kind kind, const sl_op *op) {
  return kind != SL_KIND_MASKED || has(op, SL_TENSOR_LOGIT) || has(op, SL_TENSOR_LENGTH) ||
         has(op, SL_TENSOR_FLAG);
}

/* FNV-1a of the name, so that a new op leaves the problems of the others as they are. */
static sl_source source_of(const char *name, uint64_t seed, size_t input) {
  uint64_t hash = 0xcbf29ce484222325;
  for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 0x100000001b3;
  sl_source s = {hash ^ (seed * 0x9e3779b97f4a7c15)};
  for (size_t i = 0; i <= input; i++) s.state = sl_source_u64(&s) + i;
  return s;
}

static double power(sl_source *s, double low, double high) {
  const double part = (sl_source_unit(s) + 1.0) / 2.0;
  return copysign(exp2(low + (high - low) * part), sl_source_unit(s));
}

/* Where an element is: the last axis is a row. */
typedef struct {
  size_t row, column;
} place;

static size_t last_axis(const sl_op_case *c, const sl_op_tensor *tensor) {
  const char *shape = tensor->shape, *last = shape + strlen(shape) - 1;
  const size_t factor = last > shape && last[-1] <= '9' ? (size_t)(last[-1] - '0') : 1;
  return factor * sl_op_size(c, *last);
}

static size_t row_length(const sl_op_problem *p, size_t input) {
  return last_axis(&p->c, &p->c.op->in[input]);
}

size_t sl_op_row(const sl_op_case *c, const sl_op_tensor *output) {
  if (strlen(output->shape) > 1) return last_axis(c, output);
  for (size_t i = 0; *output->shape && i < sl_op_inputs(c->op); i++)
    if (strlen(c->op->in[i].shape) > 1 && c->op->in[i].shape[0] == *output->shape) return 1;
  return 0;
}

static place place_of(const sl_op_problem *p, size_t input, size_t i) {
  const size_t n = row_length(p, input);
  return (place){i / n, i % n};
}

/* A kind that makes results vanish takes part of the elements alone, so that zeros are no answer:
 * of the first input odd rows, and of subnormal ones odd columns of the others too. */
static int is_subnormal(size_t input, place at) {
  return input == 0 ? (at.row | at.column) & 1 : (at.column & 2) != 0;
}

/* Every second value undoes the one before it in the first input, and repeats it in the others. */
static double cancelling(sl_source *s, const sl_op_problem *p, size_t input, size_t i,
                         double scale) {
  const place at = place_of(p, input, i);
  const double *x = p->input[input];
  const int is_one_row = row_length(p, input) == p->count[input];
  if (at.column % 2 == 0 || (input == 0 && !is_one_row && at.row % 2 == 0))
    return scale * sl_source_unit(s);
  return input == 0 ? -x[i - 1] * (1.0 + 0x1p-20 * sl_source_unit(s)) : x[i - 1];
}

/* The input of attention, by its place in the forward pass: q, k, v; else SL_OP_INPUTS. */
static size_t attention_input(const sl_op_problem *p, size_t input) {
  if (p->c.op == &sl_op_attention) return input;
  return p->c.op == &sl_op_attention_backward && input > 0 ? input - 1 : SL_OP_INPUTS;
}

/* 1 for the lower of the two values that a column of tied queries and keys has. Keys differ, in
 * pairs, in their first element: else all weights were equal, and the gradient of q were 0. */
static int is_low_column(const sl_op_problem *p, size_t input, place at) {
  if (at.column > 0 || attention_input(p, input) == 0) return at.column & 1;
  return at.row / sl_op_size(&p->c, 'g') / 2 & 1;
}

/* Queries and keys are tied by columns, so that scores are; all else has two values and those next
 * to them, so that no constant is an answer. */
static double tied(sl_source *s, const sl_op_problem *p, size_t input, place at, double scale) {
  const uint32_t drawn = sl_source_below(s, 4);
  const int low = attention_input(p, input) < 2 ? is_low_column(p, input, at) : (int)(drawn & 1);
  const double lower = p->c.op->in[input].kind == SL_TENSOR_LOGIT ? scale - 1.0 : scale / 4.0,
               base = low ? lower : scale;
  return base + sl_format_ulp(p->given, base) * (double)(drawn >> 1);
}

/* Sums of products of three such numbers, the gradients of attention and of norms, are numbers of
 * the type; what overflows has no bound. */
static double wide(sl_source *s, const sl_op_problem *p) {
  return p->given == SL_FORMAT_F16 ? power(s, -20.0, 2.0) : power(s, -12.0, 12.0);
}

/* What multiplies all that its row gives is not 0, or few rows would be zeros by themselves. */
static double whole_number(sl_source *s, const sl_op_problem *p, size_t input) {
  const int is_factor = (p->c.op == &sl_op_logprob_backward && input == 2) ||
                        (p->c.op == &sl_op_rmsnorm_backward && input == 3) ||
                        (p->c.op == &sl_op_gated_loss && input == 5);
  const double x = (double)sl_source_below(s, 9) - 4.0;
  return is_factor && x == 0.0 ? 5.0 : x;
}

static double real_value(sl_source *s, const sl_op_problem *p, size_t input, size_t i,
                         double scale) {
  const place at = place_of(p, input, i);
  switch (p->kind) {
    case SL_KIND_CANCELLING:
      return cancelling(s, p, input, i, scale);
    case SL_KIND_WIDE:
      return wide(s, p);
    case SL_KIND_SUBNORMAL:
      if (!is_subnormal(input, at)) return scale * sl_source_unit(s);
      return power(s, sl_format_least(p->given) - 8.0, sl_format_least(p->given) + 8.0);
    case SL_KIND_TIES:
      return tied(s, p, input, at, scale);
    case SL_KIND_EXACT:
      return whole_number(s, p, input);
    default:
      return scale * sl_source_unit(s);
  }
}

/* Odd rows are narrower, so that no two neighbours have the same entropy by chance. */
static double logit_value(sl_source *s, const sl_op_problem *p, size_t i) {
  if (p->kind == SL_KIND_EXACT) return 0.0;
  if (p->kind == SL_KIND_MASKED && sl_source_below(s, 3) == 0) return -INFINITY;
  if (p->kind == SL_KIND_WIDE) return power(s, -6.0, 5.0);
  const int is_narrow = place_of(p, 0, i).row % 2 && p->kind != SL_KIND_TIES;
  return real_value(s, p, 0, i, is_narrow ? 4.0 : 8.0);
}

/* Usual and exact sequences end before the last key, the first one always, and behind the last
 * query where there are keys enough, else behind half of the keys; with two keys, if there are: of
 * one there is no dq. */
static double length_value(sl_source *s, const sl_op_problem *p, size_t i, size_t n) {
  if (p->kind == SL_KIND_MASKED) return 1 + (double)sl_source_below(s, (uint32_t)n);
  if (n == 1 || (p->kind != SL_KIND_USUAL && p->kind != SL_KIND_EXACT)) return (double)n;
  const size_t queries = sl_op_size(&p->c, 'i'), high = i == 0 ? n - 1 : n,
               behind = queries < n ? queries : (n + 1) / 2,
               low = behind < 2 && high > 1 ? 2 : behind;
  return (double)(low + sl_source_below(s, (uint32_t)(high - low + 1)));
}

static double whole_value(sl_source *s, const sl_op_problem *p, const sl_op_tensor *tensor,
                          size_t i) {
  const size_t n = sl_op_size(&p->c, tensor->below);
  if (tensor->kind == SL_TENSOR_INDEX) return (double)sl_source_below(s, (uint32_t)n);
  return length_value(s, p, i, n);
}

/* Three flags of four are set, and the last one, so that taking it away is a change. */
static double flag_value(sl_source *s, size_t i, size_t n) {
  return sl_source_below(s, 4) > 0 || i + 1 == n ? 1.0 : 0.0;
}

/* The loss is exact where no log-prob has changed; queries follow (exact_problem.h). */
static int is_zero_when_exact(const sl_op_problem *p, size_t input) {
  return attention_input(p, input) == 0 || (p->c.op == &sl_op_gated_loss && input < 3);
}

/* A score that is off by more than 1 says nothing about its weight: wide queries are small. Those
 * of f16 are anyway. */
static int is_wide_query(const sl_op_problem *p, size_t input) {
  return p->kind == SL_KIND_WIDE && p->given != SL_FORMAT_F16 && attention_input(p, input) == 0;
}

/* AdamW's odd parameters are small: else a step is less than half an ulp of them, and a copy of p
 * the answer. */
static int is_small_parameter(const sl_op_problem *p, size_t input, size_t i) {
  return p->c.op == &sl_op_adamw && input == 0 && i % 2 && p->kind != SL_KIND_WIDE &&
         p->kind != SL_KIND_SUBNORMAL;
}

/* Usual queries in odd rows see their keys more alike, so that no two neighbours have the same lse
 * by chance. */
static int is_narrow_query(const sl_op_problem *p, size_t input, size_t i) {
  return p->c.op == &sl_op_attention && input == 0 && p->kind == SL_KIND_USUAL &&
         place_of(p, input, i).row % 2;
}

static int is_norm_input(const sl_op_problem *p, size_t input) {
  return (p->c.op == &sl_op_rmsnorm && input == 0) ||
         (p->c.op == &sl_op_rmsnorm_backward && input == 1);
}

/* The factor of a norm's input in odd rows. Usual ones have a mean square a bit above eps or, half
 * of them, below it, where the type holds what such a row is divided by; exact ones another r than
 * the rows beside them. */
static double norm_factor(const sl_op_problem *p, size_t input, size_t i) {
  if (!is_norm_input(p, input)) return 1.0;
  if (p->kind == SL_KIND_EXACT) return place_of(p, input, i).row % 2 ? 2.0 : 1.0;
  if (p->kind != SL_KIND_USUAL) return 1.0;
  const size_t row = place_of(p, input, i).row;
  const double root = sqrt(p->c.setting[0]), factor = row % 4 == 3 ? root / 2.0 : root;
  const int holds = root > 0.0 && isfinite(sl_format_round(p->given, 2.0 / factor));
  return holds && row % 2 ? factor : 1.0;
}

static double value_of(sl_source *s, const sl_op_problem *p, size_t input, size_t i) {
  const sl_op_tensor *tensor = &p->c.op->in[input];
  if (tensor->kind == SL_TENSOR_FLAG) return flag_value(s, i, p->count[input]);
  if (tensor->below) return whole_value(s, p, tensor, i);
  double x =
      tensor->kind == SL_TENSOR_LOGIT ? logit_value(s, p, i) : real_value(s, p, input, i, 2.0);
  if (p->kind == SL_KIND_EXACT && is_zero_when_exact(p, input)) return 0.0;
  if (is_wide_query(p, input)) x = sl_format_round(p->given, x) * 0x1p-20;
  if (is_small_parameter(p, input, i)) x *= 0x1p-6;
  if (is_narrow_query(p, input, i)) x *= 0.25;
  x = sl_format_round(p->given, x * norm_factor(p, input, i));
  return tensor->kind == SL_TENSOR_POSITIVE ? fabs(x) : x;
}

static void draw_input(sl_op_problem *p, size_t input) {
  sl_source s = source_of(p->c.op->name, p->seed, input);
  for (size_t i = 0; i < p->count[input]; i++) p->input[input][i] = value_of(&s, p, input, i);
}

/* The r of a norm's usual gradient is the one of its x. */
static void draw_scales(sl_op_problem *p) {
  const size_t d = sl_op_size(&p->c, 'd');
  for (size_t row = 0; row < p->count[3]; row++) {
    double squares = 0.0;
    for (size_t i = 0; i < d; i++) squares += p->input[1][row * d + i] * p->input[1][row * d + i];
    p->input[3][row] = sl_format_round(p->given, 1.0 / sqrt(squares / (double)d + p->c.setting[0]));
  }
}

/* What a kernel must not read holds NaN; a row of logits keeps at least its first and its target.
 */
static void mask(sl_op_problem *p) {
  const sl_op *op = p->c.op;
  for (size_t i = 0; i < sl_op_drawn(op); i++) {
    for (size_t e = 0; op->reads && e < p->count[i]; e++)
      if (!op->reads(&p->c, (int)i, e)) p->input[i][e] = NAN;
    if (op->in[i].kind != SL_TENSOR_LOGIT) continue;
    const size_t rows = sl_op_size(&p->c, 't'), n = p->count[i] / rows;
    for (size_t row = 0; row < rows; row++) {
      SL_VERIFY(p->input[i]);
      p->input[i][row * n] = 1.0;
      if (p->input[1]) p->input[i][row * n + (size_t)p->input[1][row]] = 1.0;
    }
  }
}

sl_status sl_op_problem_make(sl_op_problem *p, const sl_op_case *like, sl_problem_kind kind,
                             sl_format given, uint64_t seed, sl_error *err) {
  *p = (sl_op_problem){.c = *like, .kind = kind, .seed = seed, .given = given};
  for (size_t i = 0; i < sl_op_drawn(like->op); i++) {
    p->count[i] = sl_op_count_of(like, &like->op->in[i]);
    if (p->count[i] > SIZE_MAX / sizeof(double) ||
        !(p->input[i] = malloc(p->count[i] * sizeof(double) + 1)))
      return sl_fail(err, SL_ERR_MEMORY, "no memory for %s of %s", like->op->in[i].name,
                     like->op->name);
    p->c.in[i] = p->input[i];
    draw_input(p, i);
  }
  sl_rule_inputs(p, source_of(like->op->name, seed, SL_OP_INPUTS));
  if (kind == SL_KIND_MASKED) mask(p);
  if (kind == SL_KIND_EXACT) sl_exact_inputs(p, source_of(like->op->name, seed, SL_OP_INPUTS));
  if (kind == SL_KIND_USUAL && like->op == &sl_op_rmsnorm_backward) draw_scales(p);
  return sl_op_check(&p->c, err);
}

void sl_op_problem_end(sl_op_problem *p) {
  for (size_t i = 0; i < SL_OP_INPUTS; i++) free(p->input[i]);
  *p = (sl_op_problem){0};
}

sl_status sl_op_answer_make(sl_op_answer *a, const sl_op_case *c) {
  *a = (sl_op_answer){.outs = sl_op_outputs(c->op)};
  for (size_t o = 0; o < a->outs; o++) {
    const size_t n = sl_op_count_of(c, &c->op->out[o]);
    a->balls[o] = malloc(n * sizeof(sl_ball) + 1);
    a->right[o] = malloc(n * sizeof(double) + 1);
    if (!a->balls[o] || !a->right[o]) return SL_ERR_MEMORY;
    SL_TRY(sl_op_bounds(c, (int)o, 0, n, a->balls[o], NULL));
    for (size_t i = 0; i < n; i++)
      a->right[o][i] = sl_format_round(c->contract.out, a->balls[o][i].mid);
    a->out[o] = (sl_judged_output){
        c->op->out[o].name,          c->contract.out, n, a->balls[o], a->right[o], NULL,
        sl_op_row(c, &c->op->out[o])};
  }
  return SL_OK;
}

void sl_op_answer_end(sl_op_answer *a) {
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++) {
    free(a->balls[o]);
    free(a->right[o]);
  }
  *a = (sl_op_answer){0};
}

sl_judged_problem sl_op_judged(const sl_op_problem *p, const sl_op_answer *a, sl_values *in,
                               const sl_op_answer *before, sl_values *previous) {
  const size_t ins = sl_op_drawn(p->c.op);
  for (size_t i = 0; i < ins; i++) in[i] = (sl_values){p->input[i], p->count[i]};
  for (size_t o = 0; o < a->outs; o++)
    previous[o] = before ? (sl_values){before->right[o], before->out[o].n} : (sl_values){NULL, 0};
  return (sl_judged_problem){a->out, a->outs, in, ins, previous};
}

static double without(const sl_op_tensor *tensor, double x) {
  if (tensor->kind == SL_TENSOR_LENGTH) return x > 1.0 ? x - 1.0 : x;
  return tensor->kind == SL_TENSOR_LOGIT ? -(double)INFINITY : 0.0;
}

int sl_op_plant_make(sl_op_plant *plant, sl_op_problem *p, int which) {
  for (size_t i = 0; i < sl_op_drawn(p->c.op); i++) {
    const sl_op_tensor *tensor = &p->c.op->in[i];
    if (tensor->kind == SL_TENSOR_INDEX || p->count[i] == 0 || which-- > 0) continue;
    const size_t last = p->count[i] - 1;
    if (p->c.op->reads && !p->c.op->reads(&p->c, (int)i, last)) continue;
    double *at = &p->input[i][last];
    *plant = (sl_op_plant){tensor->name, at, *at};
    *at = without(tensor, *at);
    return 1;
  }
  return 0;
}
