/* AdamW with decoupled decay, and clipping by the norm (spec E2.4). */
#include "cause.h"

#include <math.h>

enum { LR, B1, B2, EPS, DECAY, STEP };

/* 1 - b, from b in binary64 or from b rounded to acc. */
static sl_ball complement(const sl_arith *r, double b) { return (sl_ball){1.0 - b, r->both}; }

/* b m + (1 - b) x, and m + (1 - b)(x - m). */
static sl_ball average(const sl_arith *r, sl_ball m, sl_ball x, double b) {
  const sl_ball rest = complement(r, b),
                apart = sl_arith_muladd(r, sl_arith_constant(r, b), m, sl_arith_mul(r, rest, x)),
                joined = sl_arith_muladd(r, rest, sl_arith_sub(r, x, m), m);
  return sl_arith_worst(apart, joined);
}

/* b v + (1 - b) g g, the product in either order. */
static sl_ball second_moment(const sl_arith *r, sl_ball v, sl_ball g, double b) {
  const sl_ball rest = complement(r, b), kept = sl_arith_mul(r, sl_arith_constant(r, b), v),
                square_first = sl_arith_mul(r, rest, sl_arith_mul(r, g, g)),
                scale_first = sl_arith_mul(r, sl_arith_mul(r, rest, g), g);
  return sl_arith_add(r, kept, sl_arith_worst(square_first, scale_first));
}

/* sqrt(v) / sqrt(c) + eps, and sqrt(v / c) + eps; the correction c is a binary64 number. */
static sl_ball denominator(const sl_arith *r, sl_ball v, double c, double eps) {
  const sl_ball root = sl_arith_div(r, sl_arith_sqrt(r, v), sl_arith_constant(r, sqrt(c))),
                inside = sl_arith_sqrt(r, sl_arith_div(r, v, sl_arith_constant(r, c)));
  return sl_arith_add(r, sl_arith_worst(root, inside), sl_arith_constant(r, eps));
}

/* p (1 - lr decay), and p - (lr decay) p. */
static sl_ball decayed(const sl_arith *r, sl_ball p, double share) {
  if (share == 0.0) return p;
  const sl_ball at_once = sl_arith_mul(r, p, sl_arith_constant(r, 1.0 - share)),
                apart = sl_arith_sub(r, p, sl_arith_mul(r, p, sl_arith_constant(r, share)));
  return sl_arith_worst(at_once, apart);
}

/* 1 - beta^step, and wrong corrections. */
static double correction(const sl_op_case *c, double beta, sl_cause missing) {
  double step = c->setting[STEP];
  if (sl_has(c, SL_CAUSE_ADAMW_NO_CORRECTION) || sl_has(c, missing)) return 1.0;
  if (sl_has(c, SL_CAUSE_ADAMW_STEP_BEHIND)) step -= 1.0;
  if (sl_has(c, SL_CAUSE_ADAMW_STEP_AHEAD)) step += 1.0;
  if (sl_has(c, SL_CAUSE_ADAMW_BETAS_F32)) beta = (double)(float)beta;
  return 1.0 - pow(beta, step);
}

/* sqrt(v / c + eps), and (sqrt(v) + eps) / sqrt(c). */
static sl_ball wrong_denominator(const sl_op_case *c, const sl_arith *r, sl_ball v, double c2) {
  const sl_ball eps = sl_arith_constant(r, c->setting[EPS]), scale = sl_arith_constant(r, c2);
  if (sl_has(c, SL_CAUSE_ADAMW_EPS_INSIDE))
    return sl_arith_sqrt(r, sl_arith_add(r, sl_arith_div(r, v, scale), eps));
  return sl_arith_div(r, sl_arith_add(r, sl_arith_sqrt(r, v), eps), sl_arith_constant(r, sqrt(c2)));
}

static sl_ball divisor(const sl_op_case *c, const sl_arith *r, sl_ball v, double c2) {
  if (sl_has(c, SL_CAUSE_ADAMW_EPS_INSIDE) || sl_has(c, SL_CAUSE_ADAMW_EPS_SCALED))
    return wrong_denominator(c, r, v, c2);
  return denominator(r, v, c2, c->setting[EPS]);
}

/* The decay before the update, after it, or without the learning rate. */
static sl_ball updated(const sl_op_case *c, const sl_arith *r, sl_ball p, sl_ball update) {
  const double *s = c->setting, share = sl_has(c, SL_CAUSE_ADAMW_DECAY_IN_GRADIENT) ? 0.0
                                        : sl_has(c, SL_CAUSE_ADAMW_DECAY_WITHOUT_LR)
                                            ? s[DECAY]
                                            : s[LR] * s[DECAY];
  if (sl_has(c, SL_CAUSE_ADAMW_DECAY_AFTER)) return decayed(r, sl_arith_sub(r, p, update), share);
  return sl_arith_sub(r, decayed(r, p, share), update);
}

static sl_ball gradient(const sl_op_case *c, const sl_arith *r, size_t i, sl_ball p) {
  const sl_ball g = sl_arith_input(r, c->in[1][i]);
  if (!sl_has(c, SL_CAUSE_ADAMW_DECAY_IN_GRADIENT)) return g;
  return sl_arith_muladd(r, sl_arith_constant(r, c->setting[DECAY]), p, g);
}

/* The update lr / c1 m / denominator: two constants, two products in any order and a quotient at
 * most. */
static sl_status walk_adamw(const sl_op_case *c, int out, size_t begin, size_t end, sl_ball *balls,
                            sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  const double *s = c->setting, c1 = correction(c, s[B1], SL_CAUSE_ADAMW_NO_FIRST_CORRECTION),
               c2 = correction(c, s[B2], SL_CAUSE_ADAMW_NO_SECOND_CORRECTION);
  for (size_t i = begin; i < end; i++) {
    const sl_ball p = sl_arith_input(&r, c->in[0][i]), g = gradient(c, &r, i, p),
                  m = average(&r, sl_arith_input(&r, c->in[2][i]), g, s[B1]),
                  v = second_moment(&r, sl_arith_input(&r, c->in[3][i]), g, s[B2]);
    const sl_ball scaled =
        sl_arith_product3(&r, m, sl_arith_constant(&r, 1.0 / c1), sl_arith_constant(&r, s[LR]));
    const sl_ball update = sl_arith_div(&r, scaled, divisor(c, &r, v, c2));
    balls[i - begin] = out == 1 ? m : out == 2 ? v : updated(c, &r, p, update);
    if (i == begin)
      sl_note(notes, "  m within %.3g, v within %.3g, the update %.6g within %.3g", m.rad, v.rad,
              update.mid, update.rad);
  }
  return SL_OK;
}

const sl_op sl_op_adamw = {.name = "adamw",
                           .summary = "AdamW with decoupled decay; bias corrections in binary64",
                           .sizes = "n",
                           .in = {{.name = "p", .shape = "n"},
                                  {.name = "g", .shape = "n"},
                                  {.name = "m", .shape = "n"},
                                  {.name = "v", .shape = "n", .kind = SL_TENSOR_POSITIVE}},
                           .out = {{.name = "p_new", .shape = "n"},
                                   {.name = "m_new", .shape = "n", .optional = 1},
                                   {.name = "v_new", .shape = "n", .optional = 1}},
                           .setting = {{"lr", 1e-3, 0.0, 1e3},
                                       {"beta1", 0.9, 0.0, 0.9999999},
                                       {"beta2", 0.999, 0.0, 0.9999999},
                                       {"eps", 1e-8, 0.0, 1.0},
                                       {"weight_decay", 0.01, 0.0, 1e3},
                                       {"step", 1.0, 1.0, 0x1p40}},
                           .walk = walk_adamw};

/* The roundings of a sum of `some` terms and n - some zeros: to add 0 is exact, so that a term
 * passes as many as it meets others; but blocks cut at each step (spec E1.3). */
static double depth_of(const sl_contract *c, size_t n, size_t some) {
  const double depth = sl_contract_depth(c, n, 1);
  return c->order == SL_ORDER_BLOCKS ? depth : fmin(depth, (double)some);
}

/* The norm, also as the norm of norms of pieces: a root and a square of each piece are three
 * roundings more of its square. */
static sl_ball norm_of(const sl_op_case *c, const sl_arith *r, sl_notes *notes) {
  const size_t n = sl_op_size(c, 'n');
  sl_arith_sum s = {0};
  size_t some = 0;
  for (size_t i = 0; i < n; i++) {
    const sl_ball g = sl_arith_input(r, c->in[0][i]);
    sl_arith_sum_product(&s, g, g);
    some += c->in[0][i] != 0.0;
  }
  const double depth = depth_of(r->contract, n, some) + 3.0;
  s.inexact = 1; /* the roots of the pieces are not */
  const sl_ball squares = sl_arith_sum_end(r, &s, depth, depth > (double)n ? depth : (double)n),
                norm = sl_has(c, SL_CAUSE_CLIP_NO_ROOT) ? squares : sl_arith_sqrt(r, squares);
  sl_note(notes, "  norm of %zu numbers %.6g, within %.3g (D = %g)", n, norm.mid, norm.rad, depth);
  return norm;
}

/* min(1, max_norm / (norm + eps)); where the two sides cannot be told apart, both. */
static sl_ball factor_of(const sl_op_case *c, const sl_arith *r, sl_ball norm) {
  const sl_ball one = {1.0, 0.0},
                share = sl_arith_div(r, sl_arith_constant(r, c->setting[0]),
                                     sl_arith_add(r, norm, sl_arith_constant(r, c->setting[1])));
  if (sl_has(c, SL_CAUSE_CLIP_ALWAYS)) return share;
  if (sl_has(c, SL_CAUSE_CLIP_NEVER) || share.mid - share.rad >= 1.0) return one;
  return share.mid < 1.0 ? share : (sl_ball){1.0, share.mid - 1.0 + share.rad};
}

static sl_status walk_clip(const sl_op_case *c, int out, size_t begin, size_t end, sl_ball *balls,
                           sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  const sl_ball norm = norm_of(c, &r, notes), factor = factor_of(c, &r, norm);
  for (size_t i = begin; i < end; i++)
    balls[i - begin] = out == 1 ? norm : sl_arith_mul(&r, sl_arith_input(&r, c->in[0][i]), factor);
  sl_note(notes, "  factor %.6g, within %.3g", factor.mid, factor.rad);
  return SL_OK;
}

const sl_op sl_op_clip_grad_norm = {
    .name = "clip_grad_norm",
    .summary = "g min(1, max_norm / (norm + eps)), and the norm",
    .sizes = "n",
    .in = {{.name = "g", .shape = "n"}},
    .out = {{.name = "g_clipped", .shape = "n"}, {.name = "norm", .shape = "", .optional = 1}},
    .setting = {{"max_norm", 1.0, 0.0, 1e30}, {"eps", 1e-6, 0.0, 1.0}},
    .walk = walk_clip,
    .reads_all = 1};
