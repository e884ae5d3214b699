/* Linear layers and sums of two tensors (spec E2.2, E2.4). */
#include "cause.h"

#include <math.h>
#include <stddef.h>

/* A vector inside a tensor; NULL at: the constant 1. */
typedef struct {
  const double *at;
  size_t step;
} vector;

/* Terms for the derivation of one element. */
static void note_dot(sl_notes *notes, const sl_arith *r, const sl_arith_sum *s, const char *what,
                     sl_ball sum) {
  if (!notes) return;
  const double depth = sl_contract_depth(r->contract, s->terms, 1);
  sl_note(notes, "  %s: n = %zu products, a term passes at most D = %g roundings (spec E1.3)", what,
          s->terms, depth);
  sl_note(notes, "  u = 2^-%d, g(D) = D u / (1 - D u) = %.4g, S = sum of magnitudes = %.6g",
          sl_format_digits(r->contract->acc), sl_arith_gamma(r, depth), s->magnitude);
  if (sum.rad == 0.0)
    sl_note(notes, "  every partial sum is exact: S < 2^(q + p), q = %d (spec E2.2)",
            s->quantum ? s->quantum - 4096 : 0);
  else
    sl_note(notes, "  errors of the terms %.3g + g(D) S %.3g and underflow: %.3g", s->error,
            sl_arith_gamma(r, depth) * s->magnitude, sum.rad);
}

static void add_products(sl_arith_sum *s, const sl_arith *r, vector a, vector b, size_t n) {
  const sl_ball one = {1.0, 0.0};
  for (size_t i = 0; i < n; i++)
    sl_arith_sum_product(s, sl_arith_input(r, a.at[i * a.step]),
                         b.at ? sl_arith_input(r, b.at[i * b.step]) : one);
}

enum { PRODUCT = 1 }; /* stored, of linear */

/* The bias is a term like the others, or is added to the finished sum. */
static sl_ball with_bias(const sl_arith *r, const sl_arith_sum *s, double bias) {
  const sl_ball b = sl_arith_input(r, bias);
  sl_ball product = sl_arith_dot_end(r, s);
  if (r->contract->stored & PRODUCT) product = sl_arith_store(r, product);
  const sl_ball last = sl_arith_add(r, product, b);
  sl_arith_sum all = *s;
  sl_arith_sum_add(&all, b);
  return sl_arith_worst(last, sl_arith_dot_end(r, &all));
}

/* The weights of one output. */
static vector weights_of(const sl_op_case *c, size_t row) {
  if (sl_has(c, SL_CAUSE_LINEAR_TRANSPOSED)) return (vector){c->in[1] + row, sl_op_size(c, 'n')};
  return (vector){c->in[1] + row * sl_op_size(c, 'k'), 1};
}

static sl_status walk_linear(const sl_op_case *c, int out, size_t begin, size_t end, sl_ball *balls,
                             sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  const size_t n = sl_op_size(c, 'n'), k = sl_op_size(c, 'k'),
               terms = k - (size_t)sl_has(c, SL_CAUSE_LINEAR_NO_LAST_TERM);
  const double *x = c->in[0], *bias = sl_has(c, SL_CAUSE_LINEAR_NO_BIAS) ? NULL : c->in[2],
               times = sl_has(c, SL_CAUSE_LINEAR_BIAS_TWICE) ? 2.0 : 1.0;
  (void)out;
  for (size_t i = begin; i < end; i++) {
    sl_arith_sum s = {0};
    add_products(&s, &r, (vector){x + i / n * k, 1}, weights_of(c, i % n), terms);
    const sl_ball product = sl_arith_dot_end(&r, &s);
    balls[i - begin] = bias ? with_bias(&r, &s, times * bias[i % n]) : product;
    if (i > begin) continue;
    note_dot(notes, &r, &s, "x w", product);
    if (bias)
      sl_note(notes, "  bias %.6g, as a term more or added last: %.3g", bias[i % n], balls[0].rad);
  }
  return SL_OK;
}

const sl_op sl_op_linear = {.name = "linear",
                            .summary = "y = x w' + bias",
                            .sizes = "tnk",
                            .in = {{.name = "x", .shape = "tk"},
                                   {.name = "w", .shape = "nk"},
                                   {.name = "bias", .shape = "n", .optional = 1}},
                            .out = {{.name = "y", .shape = "tn"}},
                            .stored = {"product"},
                            .walk = walk_linear};

static sl_status walk_input_grad(const sl_op_case *c, int out, size_t begin, size_t end,
                                 sl_ball *balls, sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  const size_t n = sl_op_size(c, 'n'), k = sl_op_size(c, 'k');
  (void)out;
  for (size_t i = begin; i < end; i++) {
    const vector w = sl_has(c, SL_CAUSE_INPUT_GRAD_TRANSPOSED) ? (vector){c->in[1] + i % k * n, 1}
                                                               : (vector){c->in[1] + i % k, k};
    sl_arith_sum s = {0};
    add_products(&s, &r, (vector){c->in[0] + i / k * n, 1}, w,
                 n - (size_t)sl_has(c, SL_CAUSE_INPUT_GRAD_NO_LAST_TERM));
    balls[i - begin] = sl_arith_dot_end(&r, &s);
    if (i == begin) note_dot(notes, &r, &s, "dy w", balls[0]);
  }
  return SL_OK;
}

const sl_op sl_op_linear_input_grad = {
    .name = "linear_input_grad",
    .summary = "dx = dy w",
    .sizes = "tnk",
    .in = {{.name = "dy", .shape = "tn"}, {.name = "w", .shape = "nk"}},
    .out = {{.name = "dx", .shape = "tk"}},
    .walk = walk_input_grad};

static sl_status walk_weight_grad(const sl_op_case *c, int out, size_t begin, size_t end,
                                  sl_ball *balls, sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  const size_t n = sl_op_size(c, 'n'), k = sl_op_size(c, 'k'), t = sl_op_size(c, 't'),
               terms = t - (size_t)sl_has(c, SL_CAUSE_WEIGHT_GRAD_NO_LAST_TERM);
  const int transposed = sl_has(c, SL_CAUSE_WEIGHT_GRAD_TRANSPOSED);
  const double *dy = c->in[0], *x = c->in[1];
  for (size_t i = begin; i < end; i++) {
    const size_t row = transposed ? i % n : i / k, column = transposed ? i / n : i % k;
    sl_arith_sum s = {0};
    if (out == 0)
      add_products(&s, &r, (vector){dy + row, n}, (vector){x + column, k}, terms);
    else
      add_products(&s, &r, (vector){dy + i, n}, (vector){NULL, 0}, terms);
    balls[i - begin] = sl_arith_dot_end(&r, &s);
    if (sl_has(c, SL_CAUSE_WEIGHT_GRAD_MEAN))
      balls[i - begin] = sl_arith_div(&r, balls[i - begin], (sl_ball){(double)t, 0.0});
    if (i == begin) note_dot(notes, &r, &s, out ? "dy" : "dy x", balls[0]);
  }
  return SL_OK;
}

const sl_op sl_op_linear_weight_grad = {
    .name = "linear_weight_grad",
    .summary = "dw = dy' x, db = the sum of dy",
    .sizes = "tnk",
    .in = {{.name = "dy", .shape = "tn"}, {.name = "x", .shape = "tk"}},
    .out = {{.name = "dw", .shape = "nk"}, {.name = "db", .shape = "n", .optional = 1}},
    .walk = walk_weight_grad};

static sl_status walk_add(const sl_op_case *c, int out, size_t begin, size_t end, sl_ball *balls,
                          sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  (void)out;
  for (size_t i = begin; i < end; i++)
    balls[i - begin] =
        sl_arith_add(&r, sl_arith_input(&r, c->in[0][i]), sl_arith_input(&r, c->in[1][i]));
  sl_note(notes, "  one rounding: u |a + b|");
  return SL_OK;
}

const sl_op sl_op_add = {.name = "add",
                         .summary = "y = a + b",
                         .sizes = "n",
                         .in = {{.name = "a", .shape = "n"}, {.name = "b", .shape = "n"}},
                         .out = {{.name = "y", .shape = "n"}},
                         .walk = walk_add};
