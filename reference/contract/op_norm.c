/* RMS norm and its gradient (spec E2.4). */
#include "cause.h"

#include <stdlib.h>

enum { NORM = 1 }; /* stored: x r */

/* The forward pass and the gradient have mistakes in common. */
static int has(const sl_op_case *c, sl_cause forward, sl_cause backward) {
  return sl_has(c, forward) || sl_has(c, backward);
}

/* 1 / (sqrt(mean) + eps) */
static sl_ball eps_outside(const sl_arith *r, sl_ball mean, double eps) {
  const sl_ball one = {1.0, 0.0};
  return sl_arith_div(r, one, sl_arith_add(r, sl_arith_sqrt(r, mean), sl_arith_constant(r, eps)));
}

/* 1 / sqrt(mean x^2 + eps), the mean by a quotient or by a rounded 1/D. */
static sl_ball scale_of(const sl_op_case *c, const sl_arith *r, const double *x, sl_notes *notes) {
  const size_t d = sl_op_size(c, 'd');
  const double eps = c->setting[0];
  sl_arith_sum s = {0};
  for (size_t i = 0; i < d; i++) {
    const sl_ball a = sl_arith_input(r, x[i]);
    sl_arith_sum_product(&s, a, a);
  }
  const sl_ball squares = sl_arith_dot_end(r, &s),
                mean = has(c, SL_CAUSE_RMSNORM_SUM, SL_CAUSE_NORM_GRAD_SUM)
                           ? squares
                           : sl_arith_div(r, squares, (sl_ball){(double)d, 0.0}),
                scale = has(c, SL_CAUSE_RMSNORM_EPS_OUTSIDE, SL_CAUSE_NORM_GRAD_EPS_OUTSIDE)
                            ? eps_outside(r, mean, eps)
                            : sl_arith_rsqrt(r, sl_arith_add(r, mean, sl_arith_constant(r, eps)));
  sl_note(notes, "  sum of %zu squares %.6g, within %.3g (D = %g); mean within %.3g", d, s.mid,
          squares.rad, sl_contract_depth(r->contract, d, 1), mean.rad);
  sl_note(notes,
          "  r = rsqrt(mean + eps) = %.6g, within %.3g: half the relative error, and %g ulps",
          scale.mid, scale.rad, r->contract->ulps[SL_ULPS_RSQRT]);
  return scale;
}

static sl_ball weight_of(const sl_op_case *c, const sl_arith *r, double given) {
  const sl_ball one = {1.0, 0.0}, w = sl_arith_input(r, given);
  if (has(c, SL_CAUSE_RMSNORM_NO_WEIGHT, SL_CAUSE_NORM_GRAD_NO_WEIGHT)) return one;
  return has(c, SL_CAUSE_RMSNORM_ONE_PLUS, SL_CAUSE_NORM_GRAD_ONE_PLUS) ? sl_arith_add(r, one, w)
                                                                        : w;
}

static sl_status walk_rmsnorm(const sl_op_case *c, int out, size_t begin, size_t end,
                              sl_ball *balls, sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  const size_t d = sl_op_size(c, 'd');
  const double *x = c->in[0];
  sl_ball scale = {0.0, 0.0};
  for (size_t i = begin; i < end; i++) {
    const size_t row = out == 0 ? i / d : i;
    if (i == begin || out == 1 || i % d == 0)
      scale = scale_of(c, &r, x + row * d, i == begin ? notes : NULL);
    balls[i - begin] = scale;
    if (out == 1) continue;
    const sl_ball own = sl_arith_input(&r, x[i]), w = weight_of(c, &r, c->in[1][i % d]);
    sl_ball h = sl_arith_mul(&r, own, scale);
    if (c->contract.stored & NORM) h = sl_arith_store(&r, h);
    balls[i - begin] = sl_arith_worst(sl_arith_mul(&r, h, w), sl_arith_product3(&r, own, scale, w));
    if (i == begin)
      sl_note(notes, "  x r within %.3g, x r w in any order within %.3g", h.rad, balls[0].rad);
  }
  return SL_OK;
}

const sl_op sl_op_rmsnorm = {
    .name = "rmsnorm",
    .summary = "y = x r w, r = (mean x^2 + eps)^(-1/2)",
    .sizes = "td",
    .in = {{.name = "x", .shape = "td"}, {.name = "w", .shape = "d"}},
    .out = {{.name = "y", .shape = "td"}, {.name = "rstd", .shape = "t", .optional = 1}},
    .setting = {{"eps", 1e-6, 0.0, 1.0}},
    .stored = {"norm"},
    .walk = walk_rmsnorm};

/* What one row's gradient is made of. */
typedef struct {
  const sl_op_case *c;
  const double *dy, *x, *w;
  sl_ball scale, along, cubed; /* r; mean of g h; r^3 times the mean of g x */
  size_t d;
} row;

static sl_ball of_g(const sl_arith *r, const row *a, size_t i) {
  return sl_arith_mul(r, sl_arith_input(r, a->dy[i]), weight_of(a->c, r, a->w[i]));
}

static row row_of(const sl_op_case *c, const sl_arith *r, size_t index, sl_notes *notes) {
  const size_t d = sl_op_size(c, 'd');
  row a = {.c = c, .dy = c->in[0] + index * d, .x = c->in[1] + index * d, .w = c->in[2], .d = d};
  a.scale = c->in[3] ? sl_arith_input(r, c->in[3][index]) : scale_of(c, r, a.x, notes);
  sl_arith_sum normed = {0}, given = {0};
  for (size_t i = 0; i < d; i++) {
    const sl_ball g = of_g(r, &a, i), x = sl_arith_input(r, a.x[i]);
    sl_arith_sum_product(&normed, g, sl_arith_mul(r, x, a.scale));
    sl_arith_sum_product(&given, g, x);
  }
  const double number = sl_has(c, SL_CAUSE_NORM_GRAD_SUM_OF_G_H) ? 1.0 : (double)d;
  const sl_ball size = {number, 0.0}, square = sl_arith_mul(r, a.scale, a.scale);
  a.along = sl_arith_div(r, sl_arith_dot_end(r, &normed), size);
  a.cubed = sl_arith_mul(r, sl_arith_div(r, sl_arith_dot_end(r, &given), size),
                         sl_arith_mul(r, square, a.scale));
  if (sl_has(c, SL_CAUSE_NORM_GRAD_PLUS))
    a.along = sl_ball_neg(a.along), a.cubed = sl_ball_neg(a.cubed);
  sl_note(notes, "  mean of g h = %.6g, within %.3g (D = %g)", a.along.mid, a.along.rad,
          sl_contract_depth(r->contract, d, 1));
  return a;
}

/* r (g - h m), and r g - x (r^3 mean(g x)). */
static sl_ball input_grad(const sl_arith *r, const row *a, size_t i) {
  const sl_ball g = of_g(r, a, i), x = sl_arith_input(r, a->x[i]), h = sl_arith_mul(r, x, a->scale);
  if (sl_has(a->c, SL_CAUSE_NORM_GRAD_NO_PROJECTION)) return sl_arith_mul(r, a->scale, g);
  const sl_ball joined = sl_arith_mul(r, a->scale, sl_arith_muladd(r, sl_ball_neg(h), a->along, g)),
                first = sl_arith_product3(r, sl_arith_input(r, a->dy[i]),
                                          weight_of(a->c, r, a->w[i]), a->scale),
                apart = sl_arith_sub(r, first, sl_arith_mul(r, x, a->cubed));
  return sl_arith_worst(joined, apart);
}

/* The sum over tokens of dy x r, each product in any order. */
static sl_ball weight_grad(const sl_op_case *c, const sl_arith *r, const sl_ball *scale,
                           size_t column) {
  const size_t d = sl_op_size(c, 'd'), t = sl_op_size(c, 't');
  sl_arith_sum s = {0};
  for (size_t i = 0; i < t; i++)
    sl_arith_sum_add(&s, sl_arith_product3(r, sl_arith_input(r, c->in[0][i * d + column]),
                                           sl_arith_input(r, c->in[1][i * d + column]), scale[i]));
  const double depth = sl_contract_depth(r->contract, t, 0);
  return sl_arith_sum_end(r, &s, depth, r->contract->order == SL_ORDER_BLOCKS ? depth : 0.0);
}

static sl_status walk_weights(const sl_op_case *c, const sl_arith *r, size_t begin, size_t end,
                              sl_ball *balls) {
  const size_t d = sl_op_size(c, 'd'), t = sl_op_size(c, 't');
  sl_ball *scale = calloc(t, sizeof *scale);
  if (!scale) return SL_ERR_MEMORY;
  for (size_t i = 0; i < t; i++)
    scale[i] = sl_has(c, SL_CAUSE_NORM_GRAD_DW_OF_X) ? (sl_ball){1.0, 0.0}
               : c->in[3]                            ? sl_arith_input(r, c->in[3][i])
                                                     : scale_of(c, r, c->in[1] + i * d, NULL);
  for (size_t i = begin; i < end; i++) balls[i - begin] = weight_grad(c, r, scale, i);
  free(scale);
  return SL_OK;
}

static sl_status walk_backward(const sl_op_case *c, int out, size_t begin, size_t end,
                               sl_ball *balls, sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  const size_t d = sl_op_size(c, 'd');
  if (out == 1) return walk_weights(c, &r, begin, end, balls);
  row a = {0};
  for (size_t i = begin; i < end; i++) {
    if (i == begin || i % d == 0) a = row_of(c, &r, i / d, i == begin ? notes : NULL);
    balls[i - begin] = input_grad(&r, &a, i % d);
  }
  return SL_OK;
}

const sl_op sl_op_rmsnorm_backward = {
    .name = "rmsnorm_backward",
    .summary = "dx = r (g - h mean(g h)), g = dy w, h = x r; dw = the sum of dy h",
    .sizes = "td",
    .in = {{.name = "dy", .shape = "td"},
           {.name = "x", .shape = "td"},
           {.name = "w", .shape = "d"},
           {.name = "rstd", .shape = "t", .optional = 1}},
    .out = {{.name = "dx", .shape = "td"}, {.name = "dw", .shape = "d", .optional = 1}},
    .setting = {{"eps", 1e-6, 0.0, 1.0}},
    .walk = walk_backward};
