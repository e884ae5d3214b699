/* SwiGLU, its gradient, and rotary embedding (spec E2.4). */
#include "cause.h"

#include <stddef.h>

enum { SILU = 1 }; /* stored: g s(g) */

static sl_status walk_swiglu(const sl_op_case *c, int out, size_t begin, size_t end, sl_ball *balls,
                             sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  (void)out;
  for (size_t i = begin; i < end; i++) {
    const int swapped = sl_has(c, SL_CAUSE_SWIGLU_SWAPPED);
    const sl_ball x = sl_arith_input(&r, c->in[swapped][i]), s = sl_arith_sigmoid(&r, x),
                  u = sl_arith_input(&r, c->in[!swapped][i]),
                  g = sl_has(c, SL_CAUSE_SWIGLU_NO_GATE) ? (sl_ball){1.0, 0.0} : x;
    sl_ball silu = sl_arith_mul(&r, g, s);
    if (c->contract.stored & SILU) silu = sl_arith_store(&r, silu);
    balls[i - begin] = sl_arith_worst(sl_arith_mul(&r, silu, u), sl_arith_product3(&r, g, s, u));
    if (i == begin)
      sl_note(notes,
              "  s(g) = %.6g, within %.3g: exp to %g ulps, a sum, a quotient; g s(g) within %.3g",
              s.mid, s.rad, r.contract->ulps[SL_ULPS_EXP], silu.rad);
  }
  return SL_OK;
}

const sl_op sl_op_swiglu = {.name = "swiglu",
                            .summary = "y = g s(g) u, s the sigmoid",
                            .sizes = "n",
                            .in = {{.name = "gate", .shape = "n"}, {.name = "up", .shape = "n"}},
                            .out = {{.name = "y", .shape = "n"}},
                            .stored = {"silu"},
                            .walk = walk_swiglu};

/* The slope of g s(g): s (1 + g (1 - s)), or s + g s (1 - s). */
static sl_ball slope_of(const sl_arith *r, sl_ball g, sl_ball s) {
  const sl_ball one = {1.0, 0.0}, rest = sl_arith_sub(r, one, s);
  const sl_ball factored = sl_arith_mul(r, s, sl_arith_muladd(r, g, rest, one)),
                apart = sl_arith_muladd(r, sl_arith_mul(r, g, s), rest, s);
  return sl_arith_worst(factored, apart);
}

/* dy u and the slope, and dy, u, s and 1 + g (1 - s) in any order. */
static sl_ball gate_grad(const sl_arith *r, sl_ball dy, sl_ball u, sl_ball g, sl_ball s) {
  const sl_ball one = {1.0, 0.0}, rest = sl_arith_muladd(r, g, sl_arith_sub(r, one, s), one),
                factor[] = {dy, u, s, rest};
  return sl_arith_worst(sl_arith_product3(r, dy, u, slope_of(r, g, s)),
                        sl_arith_product(r, factor, 4, 3.0));
}

/* The gradient of s(g) u, a wrong one. */
static sl_ball without_gate(const sl_arith *r, sl_ball dy, sl_ball u, sl_ball s, int out) {
  const sl_ball one = {1.0, 0.0};
  if (out == 1) return sl_arith_mul(r, dy, s);
  const sl_ball slope = sl_arith_mul(r, s, sl_arith_sub(r, one, s));
  return sl_arith_mul(r, sl_arith_mul(r, dy, u), slope);
}

static sl_status walk_swiglu_backward(const sl_op_case *c, int out, size_t begin, size_t end,
                                      sl_ball *balls, sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  const int swapped = sl_has(c, SL_CAUSE_SWIGLU_GRAD_SWAPPED);
  if (sl_has(c, SL_CAUSE_SWIGLU_GRAD_EXCHANGED)) out = !out;
  for (size_t i = begin; i < end; i++) {
    const sl_ball dy = sl_arith_input(&r, c->in[0][i]),
                  g = sl_arith_input(&r, c->in[1 + swapped][i]),
                  u = sl_arith_input(&r, c->in[2 - swapped][i]), s = sl_arith_sigmoid(&r, g);
    if (sl_has(c, SL_CAUSE_SWIGLU_GRAD_NO_GATE)) {
      balls[i - begin] = without_gate(&r, dy, u, s, out);
      continue;
    }
    const int no_slope = sl_has(c, SL_CAUSE_SWIGLU_GRAD_NO_SLOPE);
    const sl_ball times = out == 0 ? slope_of(&r, g, s) : sl_arith_mul(&r, g, s);
    balls[i - begin] = out == 1   ? sl_arith_product3(&r, dy, g, s)
                       : no_slope ? sl_arith_product3(&r, dy, u, s)
                                  : gate_grad(&r, dy, u, g, s);
    if (i == begin)
      sl_note(notes, "  s(g) within %.3g; %s = %.6g, within %.3g; times the gradient: %.3g", s.rad,
              out ? "g s" : "the slope", times.mid, times.rad, balls[0].rad);
  }
  return SL_OK;
}

const sl_op sl_op_swiglu_backward = {
    .name = "swiglu_backward",
    .summary = "the gradient of g s(g) u by g and u",
    .sizes = "n",
    .in = {{.name = "dy", .shape = "n"},
           {.name = "gate", .shape = "n"},
           {.name = "up", .shape = "n"}},
    .out = {{.name = "dgate", .shape = "n"}, {.name = "dup", .shape = "n"}},
    .walk = walk_swiglu_backward};

/* Halves of a head are rotated: (a cos - b sin, b cos + a sin); direction -1 is the gradient. */
/* The partner of a component, its place in the tables, and the sign of its sine. */
typedef struct {
  size_t partner, at;
  double side;
} rotation;

static rotation rotation_of(const sl_op_case *c, size_t component, size_t position) {
  const size_t half = sl_op_size(c, 'c');
  const int adjacent = sl_has(c, SL_CAUSE_ROPE_ADJACENT),
            first = adjacent ? component % 2 == 0 : component < half;
  const size_t partner = adjacent ? component ^ 1 : first ? component + half : component - half;
  return (rotation){partner, position * half + (adjacent ? component / 2 : component % half),
                    (first ? -1.0 : 1.0) * c->setting[0]};
}

static size_t position_of(const sl_op_case *c, size_t token) {
  const size_t position = (size_t)c->in[1][token], most = sl_op_size(c, 'p') - 1;
  if (sl_has(c, SL_CAUSE_ROPE_AHEAD)) return position < most ? position + 1 : most;
  if (sl_has(c, SL_CAUSE_ROPE_BEHIND)) return position ? position - 1 : 0;
  return position;
}

static sl_status walk_rope(const sl_op_case *c, int out, size_t begin, size_t end, sl_ball *balls,
                           sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  const size_t d = 2 * sl_op_size(c, 'c'), heads = sl_op_size(c, 'h');
  const int swapped = sl_has(c, SL_CAUSE_ROPE_SWAPPED);
  (void)out;
  for (size_t i = begin; i < end; i++) {
    const rotation turn = rotation_of(c, i % d, position_of(c, i / (d * heads)));
    const sl_ball cosine = sl_arith_input(&r, c->in[2 + swapped][turn.at]),
                  sine = sl_arith_input(&r, turn.side * c->in[3 - swapped][turn.at]);
    const sl_ball own = sl_arith_mul(&r, sl_arith_input(&r, c->in[0][i]), cosine);
    balls[i - begin] =
        sl_arith_muladd(&r, sl_arith_input(&r, c->in[0][i - i % d + turn.partner]), sine, own);
  }
  sl_note(notes, "  two rounded products and their rounded sum");
  return SL_OK;
}

const sl_op sl_op_rope = {
    .name = "rope",
    .summary = "halves of each head rotated by tables at the token's position",
    .sizes = "thcp",
    .in = {{.name = "x", .shape = "th2c"},
           {.name = "position", .shape = "t", .kind = SL_TENSOR_INDEX, .below = 'p'},
           {.name = "cos", .shape = "pc"},
           {.name = "sin", .shape = "pc"}},
    .out = {{.name = "y", .shape = "th2c"}},
    .setting = {{"direction", 1.0, -1.0, 1.0}},
    .walk = walk_rope};
