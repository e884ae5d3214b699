/* Small norms and those just above the limit, equal rewards and nearly equal ones, sequences
 * without tokens, ids that repeat, targets that are unlikely, roots of eps.
 */
#include "rule_inputs.h"

#include <math.h>

/* A norm of 5/4 of max_norm, by 3/4 of it, in some place, and all of it in the last one: so few
 * terms have so few roundings that an eps of 1e-6 shows. A limit beyond float16 leaves whole
 * numbers as they are. */
static void draw_norm_above(sl_op_problem *p, sl_source *s) {
  const double limit = sl_format_round(p->given, p->c.setting[0]);
  const size_t last = p->count[0] - 1;
  double *g = p->input[0];
  if (!(limit >= 0x1p-12 && limit <= 0x1p15)) return;
  for (size_t i = 0; i < last; i++) g[i] = 0.0;
  g[last] = copysign(limit, sl_source_unit(s));
  if (last)
    g[sl_source_below(s, (uint32_t)last)] =
        copysign(sl_format_round(p->given, 0.75 * limit), sl_source_unit(s));
  else
    g[0] = sl_format_round(p->given, 1.25 * g[0]);
}

/* Usual and wide gradients whose norm would leave them as they are grow by a power of 2, until the
 * norm is above max_norm; unless numbers of the type, or their squares in acc, pass the largest. */
static void enlarge_norm(sl_op_problem *p) {
  const double limit = p->c.setting[0];
  double squares = 0.0, largest = 0.0;
  for (size_t i = 0; i < p->count[0]; i++) {
    squares += p->input[0][i] * p->input[0][i];
    largest = fmax(largest, fabs(p->input[0][i]));
  }
  const double norm = sqrt(squares), times = exp2(ceil(log2(1.25 * limit / norm)));
  if (!(norm > 0.0 && times > 1.0 && largest * times <= sl_format_largest(p->given) &&
        norm * times <= sqrt(sl_format_largest(p->c.contract.acc)) / 4.0))
    return;
  for (size_t i = 0; i < p->count[0]; i++)
    p->input[0][i] = sl_format_round(p->given, p->input[0][i] * times);
}

/* Of subnormal gradients those that are not: |g| <= max_norm / (2 sqrt(n)), so that the norm is
 * half of max_norm at most, and nothing is clipped. */
static void shrink_norm(sl_op_problem *p) {
  const double limit = p->c.setting[0], most = limit / (4.0 * sqrt((double)p->count[0]));
  for (size_t i = 0; limit > 0.0 && most < 1.0 && i < p->count[0]; i++)
    if (fabs(p->input[0][i]) > ldexp(1.0, sl_format_least(p->given) + 8))
      p->input[0][i] = sl_format_round(p->given, p->input[0][i] * most);
}

static void draw_gradient(sl_op_problem *p, sl_source *s) {
  if (p->kind == SL_KIND_EXACT) draw_norm_above(p, s);
  if (p->kind == SL_KIND_USUAL || p->kind == SL_KIND_WIDE) enlarge_norm(p);
  if (p->kind == SL_KIND_SUBNORMAL) shrink_norm(p);
}

/* What becomes of a group's rewards. */
typedef enum { STAY, EQUAL, NEAR_EPS } group_change;

/* Group 0 stays as it is, so that zeros are no answer. Two of four are equal: about one in three
 * has a mean without a residue. A deviation about eps has a square that acc holds, and rewards that
 * the type does. */
static group_change change_of(const sl_op_problem *p, size_t group) {
  const double eps = p->c.setting[1];
  const sl_format acc = p->c.contract.acc;
  const int holds = eps * eps >= ldexp(1.0, sl_format_least(acc) + sl_format_digits(acc)) &&
                    eps >= 8.0 * sl_format_ulp(p->given, 0.0);
  if (p->kind == SL_KIND_EXACT) return group % 2 ? EQUAL : STAY;
  if (p->kind != SL_KIND_USUAL) return STAY;
  if (group % 4 >= 2) return EQUAL;
  return group % 4 == 1 && holds ? NEAR_EPS : STAY;
}

/* The reward of all in a group, of the range that others have. */
static double common_reward(const sl_op_problem *p, const sl_source *s, size_t group) {
  sl_source own = {s->state + group * 0x9e3779b97f4a7c15};
  if (p->kind == SL_KIND_EXACT) return (double)sl_source_below(&own, 9) - 4.0;
  return sl_format_round(p->given, 2.0 * sl_source_unit(&own));
}

static void draw_groups(sl_op_problem *p, const sl_source *s) {
  double *reward = p->input[0];
  if (p->c.setting[0] > 1.0) return; /* no deviation */
  for (size_t i = 0; i < p->count[0]; i++) {
    const size_t group = (size_t)p->input[1][i];
    const group_change change = change_of(p, group);
    if (change == EQUAL) reward[i] = common_reward(p, s, group);
    if (change == NEAR_EPS) reward[i] = sl_format_round(p->given, reward[i] * p->c.setting[1]);
  }
}

/* The second sequence of three or more has no token. */
static void empty_sequence(sl_op_problem *p) {
  const size_t t = sl_op_size(&p->c, 't');
  for (size_t i = t; sl_op_size(&p->c, 's') > 2 && i < 2 * t; i++) p->input[4][i] = 0.0;
}

/* An id that comes three times, twice in a row, and the first and last row of the table: a gradient
 * that is not summed, or leaves a row out, is wrong. Of three or four tokens the last row has all
 * but one, so that not all rows of the result are alike. */
static void draw_ids(sl_op_problem *p, sl_source *s) {
  const size_t t = p->count[1], last = sl_op_size(&p->c, 'v') - 1,
               drawn = sl_source_below(s, (uint32_t)(last + 1)), id = t < 5 ? last : drawn;
  if (t < 3) return;
  double *at = p->input[1] + (t > 5 ? sl_source_below(s, (uint32_t)(t - 4)) : 0);
  at[0] = at[1] = (double)id, at[2] = 0.0;
  if (t > 3) at[3] = (double)id;
  if (t > 4) at[4] = (double)last;
}

/* Of wide logits every second target, of usual ones every fourth, is so far below the others, which
 * are above -32, that its probability is 0: the logarithm of it is none. */
static void lower_targets(sl_op_problem *p) {
  const size_t step = p->kind == SL_KIND_WIDE ? 2 : 4, n = sl_op_size(&p->c, 'v');
  const double away = p->c.contract.acc == SL_FORMAT_F64 ? 1024.0 : 192.0,
               low = sl_format_round(p->given, -away * p->c.setting[0]);
  for (size_t row = p->seed % step; n > 1 && isfinite(low) && row < p->count[1]; row += step)
    p->input[0][row * n + (size_t)p->input[1][row]] = low;
}

/* AdamW's usual inputs: of eight elements one has a gradient of 0 and a root of eps, where the type
 * holds its square: the larger of both is not their sum. */
static void draw_near_eps(sl_op_problem *p) {
  const double beta2 = p->c.setting[2], eps = p->c.setting[3], step = p->c.setting[5],
               v = eps * eps * (1.0 - pow(beta2, step)) / beta2;
  const int holds = v >= ldexp(1.0, sl_format_least(p->given) + sl_format_digits(p->given));
  for (size_t i = 3; holds && isfinite(v) && i < p->count[0]; i += 8)
    p->input[1][i] = 0.0, p->input[3][i] = sl_format_round(p->given, v);
}

void sl_rule_inputs(sl_op_problem *p, sl_source s) {
  if (p->c.op == &sl_op_clip_grad_norm) draw_gradient(p, &s);
  if (p->c.op == &sl_op_advantages) draw_groups(p, &s);
  if (p->c.op == &sl_op_gated_loss) empty_sequence(p);
  if (p->c.op == &sl_op_embedding || p->c.op == &sl_op_embedding_grad) draw_ids(p, &s);
  if (p->c.op == &sl_op_adamw && p->kind == SL_KIND_USUAL) draw_near_eps(p);
  const int lowers = p->kind == SL_KIND_WIDE || p->kind == SL_KIND_USUAL;
  if (lowers && p->c.op->in[0].kind == SL_TENSOR_LOGIT && p->input[1]) lower_targets(p);
}
