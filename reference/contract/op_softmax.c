/* Softmax, log-probabilities and entropy of rows of logits (spec E2.3, E2.4). */
#include "softmax.h"

#include "cause.h"

#include <math.h>
#include <stdlib.h>

/* The tempered logits of one row with their weights. */
typedef struct {
  sl_ball *z, *weight;
  size_t n, held; /* held: the row that is there, SIZE_MAX at first */
  sl_softmax_row row;
} row;

static sl_status row_create(row *a, size_t n) {
  *a = (row){.n = n, .held = SIZE_MAX};
  a->z = calloc(n + 1, sizeof *a->z);
  a->weight = calloc(n + 1, sizeof *a->weight);
  return a->z && a->weight ? SL_OK : SL_ERR_MEMORY;
}

static void row_destroy(row *a) {
  free(a->z);
  free(a->weight);
}

/* Logits are multiplied by the temperature, not divided. */
static int multiplies(const sl_op_case *c) {
  return sl_has(c, SL_CAUSE_SOFTMAX_TIMES_T) || sl_has(c, SL_CAUSE_LOGPROB_TIMES_T) ||
         sl_has(c, SL_CAUSE_LOGPROB_GRAD_TIMES_T);
}

static sl_ball tempered(const sl_op_case *c, const sl_arith *r, sl_ball z, double temperature) {
  const sl_ball t = sl_arith_constant(r, temperature);
  return multiplies(c) ? sl_arith_mul(r, z, t) : sl_arith_div(r, z, t);
}

/* z = logits / T, T by a quotient or a rounded 1/T; T = 1 leaves them as they are. */
static void row_load(row *a, const sl_op_case *c, const sl_arith *r, size_t index,
                     sl_notes *notes) {
  if (a->held == index) return;
  const double temperature = c->setting[0];
  const int base_2 = sl_has(c, SL_CAUSE_SOFTMAX_BASE_2) || sl_has(c, SL_CAUSE_LOGPROB_BASE_2);
  sl_softmax_row own;
  for (size_t j = 0; j < a->n; j++) {
    const double x = c->in[0][index * a->n + j];
    a->z[j] = x == -INFINITY ? (sl_ball){x, 0.0} : sl_arith_input(r, x);
    if (temperature != 1.0 && x > -INFINITY) a->z[j] = tempered(c, r, a->z[j], temperature);
    if (base_2 && x > -INFINITY)
      a->z[j] = sl_arith_mul(r, a->z[j], sl_arith_constant(r, 0x1.62e42fefa39efp-1));
  }
  sl_softmax_walk(&own, r, a->z, a->weight, a->n, notes);
  a->row = own, a->held = index;
}

static const sl_ball unjudged = {NAN, INFINITY};

static sl_status walk_softmax(const sl_op_case *c, int out, size_t begin, size_t end,
                              sl_ball *balls, sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  row a;
  const sl_status status = row_create(&a, sl_op_size(c, 'v'));
  (void)out;
  for (size_t i = begin; !status && i < end; i++) {
    row_load(&a, c, &r, i / a.n, i == begin ? notes : NULL);
    balls[i - begin] = a.row.keys == 0 ? unjudged
                       : a.z[i % a.n].mid == -INFINITY
                           ? (sl_ball){0.0, 0.0}
                           : sl_arith_div(&r, a.weight[i % a.n], a.row.sum);
    if (i == begin)
      sl_note(notes, "  weight within %.3g, divided by l: %.3g", a.weight[i % a.n].rad,
              balls[0].rad);
  }
  row_destroy(&a);
  return status;
}

const sl_op sl_op_softmax = {.name = "softmax",
                             .summary = "p = exp(z - M) / sum exp(z - M), z = logits / T",
                             .sizes = "tv",
                             .in = {{.name = "logits", .shape = "tv", .kind = SL_TENSOR_LOGIT}},
                             .out = {{.name = "p", .shape = "tv"}},
                             .setting = {{"temperature", 1.0, 0x1p-20, 0x1p20}},
                             .walk = walk_softmax};

/* Three forms: -sum p log p; log l - sum p (z - M); M + log l - sum p z. Each is a sum of n terms p
 * x, with |x| at most the largest of |log p|, |z|, |z - M|, whose own errors are at most that of
 * log p (which holds those of z and of log l); and at most two more additions. */
static sl_ball entropy_of(const row *a, const sl_arith *r) {
  const sl_ball g = sl_softmax_log_sum(&a->row, r), lse = sl_softmax_lse(&a->row, r);
  double value = g.mid, magnitude = 0.0, error = g.rad + lse.rad;
  for (size_t j = 0; j < a->n; j++) {
    if (a->z[j].mid == -INFINITY) continue;
    const sl_ball p = sl_arith_div(r, a->weight[j], a->row.sum),
                  log_p = sl_softmax_log(&a->row, r, a->z[j]);
    const double y = a->z[j].mid - a->row.max,
                 reach = fmax(fmax(fabs(log_p.mid), fabs(y)), fabs(a->z[j].mid)) + log_p.rad +
                         a->row.shift;
    value -= p.mid * y;
    magnitude += (p.mid + p.rad) * reach;
    error += p.rad * reach + p.mid * log_p.rad + 2.0 * r->tiny * (1.0 + reach);
  }
  const double depth = sl_softmax_depth(r, a->row.keys, 1) + 3.0,
               size = fabs(g.mid) + fabs(lse.mid) + error,
               own = ((double)a->n + 8.0) * 0x1p-53 * (magnitude + fabs(g.mid));
  return (sl_ball){value, error + (sl_arith_gamma(r, depth)) * magnitude + 3.0 * r->u * size + own};
}

/* The target's column; of a neighbour's row, the first or last has its own. */
static size_t target_of(const sl_op_case *c, size_t i) {
  const size_t rows = sl_op_size(c, 't');
  const int next = sl_has(c, SL_CAUSE_LOGPROB_NEXT) || sl_has(c, SL_CAUSE_LOGPROB_GRAD_NEXT),
            previous =
                sl_has(c, SL_CAUSE_LOGPROB_PREVIOUS) || sl_has(c, SL_CAUSE_LOGPROB_GRAD_PREVIOUS);
  if (next && i + 1 < rows)
    i++;
  else if (previous && i > 0)
    i--;
  return (size_t)c->in[1][i];
}

static sl_status walk_logprob(const sl_op_case *c, int out, size_t begin, size_t end,
                              sl_ball *balls, sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  row a;
  const sl_status status = row_create(&a, sl_op_size(c, 'v'));
  for (size_t i = begin; !status && i < end; i++) {
    row_load(&a, c, &r, i, i == begin ? notes : NULL);
    const sl_ball z = a.z[target_of(c, i)];
    if (a.row.keys == 0 || (out == 0 && z.mid == -INFINITY))
      balls[i - begin] = unjudged;
    else
      balls[i - begin] = out == 0 ? sl_softmax_log(&a.row, &r, z) : entropy_of(&a, &r);
    if (out == 1 && sl_has(c, SL_CAUSE_LOGPROB_ENTROPY_SIGN))
      balls[i - begin] = sl_ball_neg(balls[i - begin]);
    if (out == 0 && sl_has(c, SL_CAUSE_LOGPROB_NOT_NORMED)) balls[i - begin] = z;
    if (out == 0 && sl_has(c, SL_CAUSE_LOGPROB_NO_LOG))
      balls[i - begin] = sl_arith_sub(&r, z, (sl_ball){a.row.max, a.row.shift});
    if (i == begin)
      sl_note(notes, "  log l = %.6g, within %.3g; largest of the forms: %.3g",
              a.row.keys ? log(a.row.sum.mid) : 0.0, sl_softmax_log_sum(&a.row, &r).rad,
              balls[0].rad);
  }
  row_destroy(&a);
  return status;
}

const sl_op sl_op_logprob = {
    .name = "logprob",
    .summary = "log-probability of the target, and entropy, of z = logits / T",
    .sizes = "tv",
    .in = {{.name = "logits", .shape = "tv", .kind = SL_TENSOR_LOGIT},
           {.name = "target", .shape = "t", .kind = SL_TENSOR_INDEX, .below = 'v'}},
    .out = {{.name = "logp", .shape = "t"}, {.name = "entropy", .shape = "t", .optional = 1}},
    .setting = {{"temperature", 1.0, 0x1p-20, 0x1p20}},
    .walk = walk_logprob};

/* p by the quotient, or as exp(log p). */
static sl_ball probability(const row *a, const sl_arith *r, size_t j, sl_ball log_p) {
  return sl_arith_worst(sl_arith_div(r, a->weight[j], a->row.sum), sl_arith_exp(r, log_p));
}

/* Times 1 / T; a wrong one has another sign or factor. */
static sl_ball outer(const sl_op_case *c, const sl_arith *r, sl_ball grad) {
  const sl_ball t = sl_arith_constant(r, c->setting[0]);
  if (sl_has(c, SL_CAUSE_LOGPROB_GRAD_SIGN)) grad = sl_ball_neg(grad);
  if (sl_has(c, SL_CAUSE_LOGPROB_GRAD_MEAN))
    grad = sl_arith_div(r, grad, (sl_ball){(double)sl_op_size(c, 't'), 0.0});
  if (c->setting[0] == 1.0 || sl_has(c, SL_CAUSE_LOGPROB_GRAD_NO_OUTER_T)) return grad;
  return multiplies(c) ? sl_arith_mul(r, grad, t) : sl_arith_div(r, grad, t);
}

/* dlogp (1 - p) or dlogp - dlogp p at the target, -dlogp p elsewhere; less dentropy p (log p + H).
 */
static sl_ball logit_grad(const row *a, const sl_op_case *c, const sl_arith *r, size_t t, size_t j,
                          sl_ball entropy) {
  const sl_ball one = {1.0, 0.0}, dlogp = sl_arith_input(r, c->in[2][t]),
                log_p = sl_softmax_log(&a->row, r, a->z[j]), p = probability(a, r, j, log_p),
                share = sl_arith_mul(r, dlogp, p);
  sl_ball grad = sl_ball_neg(share);
  if (j == target_of(c, t) && !sl_has(c, SL_CAUSE_LOGPROB_GRAD_NO_TARGET))
    grad = sl_arith_worst(sl_arith_mul(r, dlogp, sl_arith_sub(r, one, p)),
                          sl_arith_sub(r, dlogp, share));
  if (c->in[3] && !sl_has(c, SL_CAUSE_LOGPROB_GRAD_NO_ENTROPY)) {
    const sl_ball slope =
        sl_arith_product3(r, sl_arith_input(r, c->in[3][t]), p, sl_arith_add(r, log_p, entropy));
    grad = sl_has(c, SL_CAUSE_LOGPROB_GRAD_ENTROPY_SIGN) ? sl_arith_add(r, grad, slope)
                                                         : sl_arith_sub(r, grad, slope);
  }
  return outer(c, r, grad);
}

static sl_status walk_logprob_backward(const sl_op_case *c, int out, size_t begin, size_t end,
                                       sl_ball *balls, sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  row a;
  sl_ball entropy = {0.0, 0.0};
  const sl_status status = row_create(&a, sl_op_size(c, 'v'));
  (void)out;
  for (size_t i = begin; !status && i < end; i++) {
    const size_t t = i / a.n, j = i % a.n;
    const int fresh = a.held != t;
    row_load(&a, c, &r, t, i == begin ? notes : NULL);
    if (fresh && c->in[3] && a.row.keys) entropy = entropy_of(&a, &r);
    balls[i - begin] = a.row.keys == 0           ? unjudged
                       : a.z[j].mid == -INFINITY ? (sl_ball){0.0, 0.0}
                                                 : logit_grad(&a, c, &r, t, j, entropy);
    if (i == begin)
      sl_note(notes, "  entropy within %.3g; the gradient: %.3g", entropy.rad, balls[0].rad);
  }
  row_destroy(&a);
  return status;
}

const sl_op sl_op_logprob_backward = {
    .name = "logprob_backward",
    .summary = "the gradient of dlogp logp + dentropy entropy by the logits",
    .sizes = "tv",
    .in = {{.name = "logits", .shape = "tv", .kind = SL_TENSOR_LOGIT},
           {.name = "target", .shape = "t", .kind = SL_TENSOR_INDEX, .below = 'v'},
           {.name = "dlogp", .shape = "t"},
           {.name = "dentropy", .shape = "t", .optional = 1}},
    .out = {{.name = "dlogits", .shape = "tv"}},
    .setting = {{"temperature", 1.0, 0x1p-20, 0x1p20}},
    .walk = walk_logprob_backward};
