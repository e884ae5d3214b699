/* Advantages of groups of rewards (spec O3, E2.4). */
#include "softmax.h"

#include "cause.h"

#include <math.h>

enum { KIND, EPS };                                 /* settings */
enum { POPULATION, SAMPLE, NO_STD, LEAVE_ONE_OUT }; /* kinds */

/* One group. `mean` is of the plain sum; `within` bounds the error of a mean however it was made:
 * running, or merged from those of parts. */
typedef struct {
  size_t held, n;
  double low, high, within;
  sl_ball mean, divisor;
} group;

static int has_deviation(const sl_op_case *c) { return c->setting[KIND] <= SAMPLE; }

/* The group of a reward; a wrong one is the whole batch, or a slice of equal length. */
static size_t group_of(const sl_op_case *c, size_t i) {
  const size_t n = sl_op_size(c, 'n'), groups = sl_op_size(c, 'g');
  if (sl_has(c, SL_CAUSE_ADVANTAGES_ONE_GROUP)) return 0;
  if (sl_has(c, SL_CAUSE_ADVANTAGES_SLICES)) return i / ((n + groups - 1) / groups);
  return (size_t)c->in[1][i];
}

static int is_member(const sl_op_case *c, size_t i, size_t g) { return group_of(c, i) == g; }

/* The sum of a group, of all members but `left_out`. */
static sl_ball sum_of(const sl_op_case *c, const sl_arith *r, size_t g, size_t left_out) {
  sl_arith_sum s = {0};
  for (size_t i = 0; i < sl_op_size(c, 'n'); i++)
    if (is_member(c, i, g) && i != left_out) sl_arith_sum_add(&s, sl_arith_term(r, c->in[0][i]));
  return sl_arith_sum_end(r, &s, sl_softmax_depth(r, s.terms, 0), 0.0);
}

/* Means are running, m + (x - m) / k, or merged, a + (b - a) n_b / n. Each of at most n steps keeps
 * the larger of the errors it meets, and adds u |mean| and f u |difference|, f = 2 for the rounded
 * difference and product and the share's own error. With A the largest |reward| and S the spread,
 * both enlarged by the error e itself: e <= n u (A + f S + (1 + 2 f) e). */
static double error_of_means(const sl_arith *r, const group *a, double error) {
  const double n = fmax((double)a->n, 4.0), f = 3.0 + 2.0 * r->contract->ulps[SL_ULPS_DIV],
               size = fmax(fabs(a->low), fabs(a->high)) + error,
               spread = a->high - a->low + 2.0 * error, part = n * r->both * (2.0 + 2.0 * f);
  if (!(part < 1.0)) return (double)INFINITY;
  return error + n * r->both * (size + f * spread) / (1.0 - part) + n * (r->tiny + r->flushed);
}

/* By merges the sum of squares is that of w d^2, d the difference of two means, w = n_a n_b / n:
 * the exact terms add up to Q, and the w to at most W = n log2(n) / 2, or n for a chain. A d is off
 * by e = 2 `within`, which by Cauchy and Schwarz moves the sum by 2 e sqrt(Q W) + e^2 W. A running
 * sum takes (x - m)(x - m') instead: 3 and 2 for these factors cover it. Then n additions, and 12
 * roundings of a term and its share. */
static sl_ball by_merges(const sl_arith *r, const group *a, double squares) {
  const double n = (double)a->n, w = n * fmax(1.0, log2(n) / 2.0), e = 2.0 * a->within,
               moved = 3.0 * e * sqrt(squares * w) + 2.0 * e * e * w,
               gamma = sl_arith_gamma(r, n + 12.0 + 2.0 * r->contract->ulps[SL_ULPS_DIV]);
  return (sl_ball){squares, moved + (gamma + n * 0x1p-52) * (squares + moved) +
                                4.0 * n * (r->tiny + r->flushed) * (1.0 + gamma)};
}

static sl_ball centred(const sl_op_case *c, const sl_arith *r, const group *a, size_t i) {
  const sl_ball mean = {a->mean.mid, has_deviation(c) ? a->within : a->mean.rad};
  return sl_arith_sub(r, sl_arith_input(r, c->in[0][i]), mean);
}

/* sqrt(sum c^2 / (n - ddof)) + eps */
static sl_ball divisor_of(const sl_op_case *c, const sl_arith *r, const group *a, size_t g) {
  sl_arith_sum s = {0};
  for (size_t i = 0; i < sl_op_size(c, 'n'); i++) {
    if (!is_member(c, i, g)) continue;
    const sl_ball x = centred(c, r, a, i);
    sl_arith_sum_product(&s, x, x);
  }
  const double n = (double)a->n - (c->setting[KIND] == SAMPLE ? 1.0 : 0.0);
  const sl_ball squares = sl_arith_worst(
      sl_arith_sum_end(r, &s, sl_softmax_depth(r, a->n, 1), (double)a->n), by_merges(r, a, s.mid));
  const sl_ball variance = sl_arith_div(r, squares, (sl_ball){n, 0.0}),
                eps = sl_arith_constant(r, c->setting[EPS]);
  if (sl_has(c, SL_CAUSE_ADVANTAGES_VARIANCE)) return sl_arith_add(r, variance, eps);
  if (sl_has(c, SL_CAUSE_ADVANTAGES_EPS_INSIDE))
    return sl_arith_sqrt(r, sl_arith_add(r, variance, eps));
  return sl_arith_add(r, sl_arith_sqrt(r, variance), eps);
}

static void load(group *a, const sl_op_case *c, const sl_arith *r, size_t g, sl_notes *notes) {
  if (a->held == g) return;
  double error = 0.0; /* of inputs as the kernel sees them */
  *a = (group){.held = g, .low = INFINITY, .high = -INFINITY};
  for (size_t i = 0; i < sl_op_size(c, 'n'); i++) {
    if (!is_member(c, i, g)) continue;
    a->n++;
    a->low = fmin(a->low, c->in[0][i]), a->high = fmax(a->high, c->in[0][i]);
    error = fmax(error, sl_arith_input(r, c->in[0][i]).rad);
  }
  a->mean = sl_arith_div(r, sum_of(c, r, g, SIZE_MAX), (sl_ball){(double)a->n, 0.0});
  a->within = fmax(a->mean.rad, error_of_means(r, a, error));
  sl_note(notes, "  group %zu: %zu rewards, mean %.6g, within %.3g; running or merged: %.3g", g,
          a->n, a->mean.mid, a->mean.rad, a->within);
  if (!has_deviation(c) || a->low == a->high) return;
  a->divisor = divisor_of(c, r, a, g);
  sl_note(notes, "  deviation + eps = %.6g, within %.3g", a->divisor.mid, a->divisor.rad);
}

/* Of the others in the group, + eps: what leave-one-out must not be divided by (spec O3.2). */
static sl_ball deviation_of_others(const sl_op_case *c, const sl_arith *r, const group *a, size_t i,
                                   double ddof) {
  const double n = (double)a->n - 1.0;
  const sl_ball mean = sl_arith_div(r, sum_of(c, r, a->held, i), (sl_ball){n, 0.0});
  sl_arith_sum s = {0};
  for (size_t k = 0; k < sl_op_size(c, 'n'); k++) {
    if (k == i || !is_member(c, k, a->held)) continue;
    const sl_ball x = sl_arith_sub(r, sl_arith_input(r, c->in[0][k]), mean);
    sl_arith_sum_product(&s, x, x);
  }
  const sl_ball squares = sl_arith_sum_end(r, &s, sl_softmax_depth(r, a->n, 1), (double)a->n),
                variance = sl_arith_div(r, squares, (sl_ball){n - ddof, 0.0});
  return sl_arith_add(r, sl_arith_sqrt(r, variance), sl_arith_constant(r, c->setting[EPS]));
}

/* R - (sum of the others) / (n - 1); (sum - R) in its place; (R - mean) n / (n - 1). */
static sl_ball left_out(const sl_op_case *c, const sl_arith *r, const group *a, size_t g,
                        size_t i) {
  const sl_ball reward = sl_arith_input(r, c->in[0][i]), n = {(double)a->n, 0.0},
                rest = {(double)a->n - 1.0, 0.0}, x = centred(c, r, a, i),
                others = sl_arith_sub(r, reward, sl_arith_div(r, sum_of(c, r, g, i), rest)),
                sum = sl_arith_sub(r, sum_of(c, r, g, SIZE_MAX), reward),
                less = sl_arith_sub(r, reward, sl_arith_div(r, sum, rest)),
                scaled = sl_arith_mul(r, x, sl_arith_div(r, n, rest)),
                divided = sl_arith_div(r, sl_arith_mul(r, x, n), rest);
  return sl_arith_worst(sl_arith_worst(others, less), sl_arith_worst(scaled, divided));
}

/* Equal rewards have the advantage 0, and exactly where a deviation divides: a residue of the mean
 * divided by one of the deviation is of any size (spec O3.3). */
static sl_ball advantage(const sl_op_case *c, const sl_arith *r, const group *a, size_t g,
                         size_t i) {
  const sl_ball zero = {0.0, 0.0};
  const int equal = a->low == a->high;
  if (c->setting[KIND] == LEAVE_ONE_OUT && a->n == 1) return (sl_ball){NAN, INFINITY};
  if (equal && has_deviation(c) && sl_has(c, SL_CAUSE_ADVANTAGES_RESIDUE))
    return (sl_ball){0.0, a->within / c->setting[EPS]};
  if (has_deviation(c)) return equal ? zero : sl_arith_div(r, centred(c, r, a, i), a->divisor);
  sl_ball x = c->setting[KIND] == NO_STD ? centred(c, r, a, i) : left_out(c, r, a, g, i);
  if (sl_has(c, SL_CAUSE_ADVANTAGES_LEFT_OUT_POPULATION))
    x = sl_arith_div(r, x, deviation_of_others(c, r, a, i, 0.0));
  if (sl_has(c, SL_CAUSE_ADVANTAGES_LEFT_OUT_SAMPLE))
    x = sl_arith_div(r, x, deviation_of_others(c, r, a, i, 1.0));
  return equal ? sl_arith_worst(zero, x) : x;
}

static sl_status walk_advantages(const sl_op_case *c, int out, size_t begin, size_t end,
                                 sl_ball *balls, sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  group a = {.held = SIZE_MAX};
  (void)out;
  for (size_t i = begin; i < end; i++) {
    const size_t g = group_of(c, i);
    load(&a, c, &r, g, i == begin ? notes : NULL);
    balls[i - begin] = advantage(c, &r, &a, g, i);
    if (i == begin) sl_note(notes, "  advantage within %.3g", balls[0].rad);
  }
  return SL_OK;
}

const sl_op sl_op_advantages = {
    .name = "advantages",
    .summary = "rewards less their group's mean, by its deviation + eps (spec O3)",
    .sizes = "ng",
    .in = {{.name = "reward", .shape = "n"},
           {.name = "group", .shape = "n", .kind = SL_TENSOR_INDEX, .below = 'g'}},
    .out = {{.name = "advantage", .shape = "n"}},
    .setting = {{"kind", POPULATION, POPULATION, LEAVE_ONE_OUT}, {"eps", 1e-6, 0.0, 1.0}},
    .choices = {"population|sample|none|leave_one_out"},
    .walk = walk_advantages,
    .reads_all = 1};
