/* Problems of ops (spec E4.1). A value depends on the op's name, the seed, the input and its place.
 */
#include "op_problem.h"

#include "ci/products/equiv/problem.h"

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

/* Every second value undoes the one before it in the first input, and repeats it in the others. */
static double cancelling(sl_source *s, const double *x, size_t i, int first, double scale) {
  if (i % 2 == 0) return scale * sl_source_unit(s);
  return first ? -x[i - 1] * (1.0 + 0x1p-20 * sl_source_unit(s)) : x[i - 1];
}

static double real_value(sl_source *s, const sl_op_problem *p, int first, const double *x, size_t i,
                         double scale) {
  const double ulp = sl_format_ulp(p->given, scale);
  switch (p->kind) {
    case SL_KIND_CANCELLING:
      return cancelling(s, x, i, first, scale);
    case SL_KIND_WIDE:
      return power(s, -12.0, 12.0);
    case SL_KIND_SUBNORMAL:
      return power(s, sl_format_least(p->given) - 8.0, sl_format_least(p->given) + 8.0);
    case SL_KIND_TIES:
      return scale + ulp * (double)sl_source_below(s, 2);
    case SL_KIND_EXACT:
      return (double)sl_source_below(s, 9) - 4.0;
    default:
      return scale * sl_source_unit(s);
  }
}

static double logit_value(sl_source *s, const sl_op_problem *p, const double *x, size_t i) {
  if (p->kind == SL_KIND_EXACT) return 0.0;
  if (p->kind == SL_KIND_MASKED && sl_source_below(s, 3) == 0) return -INFINITY;
  if (p->kind == SL_KIND_WIDE) return power(s, -6.0, 5.0);
  return real_value(s, p, 1, x, i, 8.0);
}

static double whole_value(sl_source *s, const sl_op_problem *p, const sl_op_tensor *tensor) {
  const size_t n = sl_op_size(&p->c, tensor->below);
  if (tensor->kind == SL_TENSOR_INDEX) return (double)sl_source_below(s, (uint32_t)n);
  return (double)(p->kind == SL_KIND_MASKED ? 1 + sl_source_below(s, (uint32_t)n) : n);
}

/* Three flags of four are set, and the last one, so that taking it away is a change. */
static double flag_value(sl_source *s, size_t i, size_t n) {
  return sl_source_below(s, 4) > 0 || i + 1 == n ? 1.0 : 0.0;
}

/* Attention is exact where every score is 0, the loss where no log-prob has changed. */
static int is_zero_when_exact(const sl_op_problem *p, size_t input) {
  if (p->c.op == &sl_op_attention) return input == 0;
  if (p->c.op == &sl_op_attention_backward) return input == 1;
  return p->c.op == &sl_op_gated_loss && input < 3;
}

/* A score that is off by more than 1 says nothing about its weight, and a gradient is made of
 * weights alone. */
static int is_wide_query(const sl_op_problem *p, size_t input) {
  return p->kind == SL_KIND_WIDE && p->c.op == &sl_op_attention_backward && input == 1;
}

static void draw_input(sl_op_problem *p, size_t input) {
  const sl_op_tensor *tensor = &p->c.op->in[input];
  sl_source s = source_of(p->c.op->name, p->seed, input);
  double *x = p->input[input];
  for (size_t i = 0; i < p->count[input]; i++) {
    const double value = tensor->kind == SL_TENSOR_FLAG ? flag_value(&s, i, p->count[input])
                         : tensor->below                ? whole_value(&s, p, tensor)
                         : tensor->kind == SL_TENSOR_LOGIT
                             ? logit_value(&s, p, x, i)
                             : real_value(&s, p, input == 0, x, i, 2.0);
    x[i] = tensor->below ? value : sl_format_round(p->given, value);
    if (p->kind == SL_KIND_EXACT && is_zero_when_exact(p, input)) x[i] = 0.0;
    if (is_wide_query(p, input)) x[i] = sl_format_round(p->given, x[i] * 0x1p-12);
    if (tensor->kind == SL_TENSOR_POSITIVE) x[i] = fabs(x[i]);
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
  if (kind == SL_KIND_MASKED) mask(p);
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
    a->out[o] =
        (sl_judged_output){c->op->out[o].name, c->contract.out, n, a->balls[o], a->right[o], NULL};
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
