/* Gates of the loss in vectors (spec O2): weight, value and centred value of SL_VW ratios, each
 * lane with the parameters of its token's sign. Internal.
 *
 * The functions are those of spec N2.1; where two of one gate share an exponential or a root it is
 * taken once. That a shared form rounds to the same binary32 as the function alone rests on
 * comparison: the test loss_gate takes every 4099th z, and each of the 2^32 with SLUICE_ALL=1; all
 * were compared, and none differed. */
#ifndef SLUICE_CPU_LOSS_GATE_H
#define SLUICE_CPU_LOSS_GATE_H

#include "functions.h"
#include "kernels/plain/gate.h"

typedef struct {
  vf w, f;
  vf64 centred[2]; /* of the low and of the high half of the lanes */
} gate_lanes;

/* a gate's two sides, A <= 0 first */
typedef const sl_gate_side gate_sides[2];

static inline vf v_by_sign(vmask positive, float negative_value, float positive_value) {
  return v_select(positive, v_set(positive_value), v_set(negative_value));
}

static inline void widen(vf64 to[2], vf x) { to[0] = v64_low(x), to[1] = v64_high(x); }

/* n / d of which about = 1 / d within some 2^-51: the remainder is exact, so that the result is the
 * rounded quotient but where that lies within 2^-100 of a middle. */
static inline vf64 v64_quotient(vf64 n, vf64 d, vf64 about) {
  const vf64 q = n * about;
  return v64_fma(v64_fma(-d, q, n), about, q);
}

/* sech2h(z), sigmoid(z) and tanh(z/2) of one half, by one exponential t = e^-|z| and one division.
 * a = |z|, at most 106. */
static inline void half_of_sigmoid(vf64 z, vf64 a, vf64 *w, vf64 *s, vf64 *h) {
  vf64 scale;
  const vf64 one = v64_set(1.0), q = v64_exp_parts(-a, &scale), t = v64_fma(q, scale, scale),
             d = v64_fma(q, scale, scale + one), about = one / d;
  *w = v64_quotient(v64_set(4.0) * t, d * d, about * about);
  *h = v64_quotient(-v64_fma(q, scale, scale - one), d, about);
  const vf64 usual = v64_quotient(v64_below(z, v64_set(0.0), t, one), d, about);
  /* functions_core.h says why near 0 */
  *s = v64_below(a * a, v64_set(0x1p-24), v64_fma(z, v64_set(0x1.ffffffcp-3), v64_set(0.5)), usual);
}

typedef struct {
  vf sech2h, sigmoid, tanh_half;
} sigmoid_lanes;

/* z is a number. */
static inline sigmoid_lanes v_sigmoid_gate(vf z) {
  const vf a = v_cap_abs(z, 106.0f);
  vf64 w[2], s[2], h[2];
  half_of_sigmoid(v64_low(z), v64_low(a), &w[0], &s[0], &h[0]);
  half_of_sigmoid(v64_high(z), v64_high(a), &w[1], &s[1], &h[1]);
  return (sigmoid_lanes){v64_join(w[0], w[1]),
                         v_except(z, v64_join(s[0], s[1]), -0x1.250c02p-10f, 0x1.ffb6bep-2f),
                         v_copysign(v64_join(h[0], h[1]), z)};
}

static inline gate_lanes sigmoid_gate(gate_sides side, vmask positive, vf z) {
  const sigmoid_lanes s = v_sigmoid_gate(z);
  gate_lanes g = {.w = s.sech2h,
                  .f = v_by_sign(positive, side[0].scale, side[1].scale) * s.sigmoid};
  widen(g.centred, v_by_sign(positive, side[0].centred_scale, side[1].centred_scale) * s.tanh_half);
  return g;
}

/* Value and centred value of a c that is rounded for each (spec O2.3). */
static inline void value_of(gate_lanes *g, vf64 low, vf64 high) {
  g->f = v64_join(v64_set(1.0) + low, v64_set(1.0) + high);
  widen(g->centred, v64_join(low, high));
}

/* sl_fn64_erf, operation by operation (spec G3.8). Its exponential is of -36 to 0, where the two
 * factors of its power of two are exact as one. */
static inline vf64 v64_erf64(vf64 x) {
  const vf64 a = v64_magnitude(x), one = v64_set(1.0), six = v64_set(6.0),
             c = v64_below(six, a, six, a), b = v64_below(c, one, one, c), z = c * c,
             t = (b - v64_set(2.5)) / (b + v64_set(2.5)), magic = v64_set(SL_MAGIC64);
  vf64 p = v64_set(sl_erf_p[15]), q = v64_set(sl_erfcx_p[17]), u = v64_set(sl_exp_q[11]);
  for (int i = 14; i >= 0; i--) p = v64_fma(p, z, v64_set(sl_erf_p[i]));
  for (int i = 16; i >= 0; i--) q = v64_fma(q, t, v64_set(sl_erfcx_p[i]));
  const vf64 shifted = v64_fma(-z, v64_set(0x1.71547652b82fep+0), magic), k = shifted - magic,
             r = v64_fma(-k, v64_set(0x1.473de6af278edp-34),
                         v64_fma(-k, v64_set(0x1.62e42fef00000p-1), -z));
  for (int i = 10; i >= 0; i--) u = v64_fma(u, r, v64_set(sl_exp_q[i]));
  const vf64 power = (vf64)(((vu64)shifted + 1023) << 52), e = (one + v64_fma(r * r, u, r)) * power,
             far = v64_fma(-e, q, one);
  const vf64 beyond = v64_below(a, six, far, one);
  return v64_below(a, one, x * p, v64_copysign(beyond, x));
}

static inline gate_lanes erf_gate(gate_sides side, vmask positive, vf z) {
  const vf64 half = v64_set(SL_SQRT_HALF);
  vf64 scale[2];
  v64_by_sign(scale, positive, side[0].erf_scale, side[1].erf_scale);
  gate_lanes g = {.w = v_gaussh(z)};
  value_of(&g, scale[0] * v64_erf64(v64_low(z) * half), scale[1] * v64_erf64(v64_high(z) * half));
  return g;
}

static inline gate_lanes arctan_gate(vf tau, vf z) {
  const vf c = v_atan(z) / tau;
  gate_lanes g = {.w = v_lorentz(z), .f = v_set(1.0f) + c};
  widen(g.centred, c);
  return g;
}

/* 1 + z^2 and its root serve weight and value: z^2 is exact. */
static inline void half_of_softsign(vf64 y, vf64 z, vf64 *w, vf64 *c) {
  const vf64 one = v64_set(1.0), s = v64_fma(z, z, one), root = v64_sqrt(s);
  *w = one / (s * root), *c = y / root;
}

static inline gate_lanes softsign_gate(vf y, vf z) {
  vf64 w[2], c[2];
  half_of_softsign(v64_low(y), v64_low(z), &w[0], &c[0]);
  half_of_softsign(v64_high(y), v64_high(z), &w[1], &c[1]);
  const vf a = v_magnitude(z);
  gate_lanes g = {.w = v_except(a, v64_join(w[0], w[1]), 0x1.fffffep22f, 0x1.000002p-69f)};
  value_of(&g, c[0], c[1]);
  return g;
}

/* spec O2.2; identity is a clip whose edges nothing passes. */
static inline gate_lanes clip_gate(gate_sides side, vmask positive, vf r) {
  const vf edge = v_by_sign(positive, side[0].edge, side[1].edge), one = v_set(1.0f);
  const vmask over = v_less(edge, r), under = v_less(r, edge),
              outside = v_or(v_and(positive, over), v_without(under, positive));
  gate_lanes g = {.w = v_select(outside, v_zero(), one), .f = v_select(outside, edge, r)};
  for (int h = 0; h < 2; h++) g.centred[h] = (h ? v64_high(g.f) : v64_low(g.f)) - v64_set(1.0);
  return g;
}

static inline gate_lanes identity_gate(vf r) {
  gate_lanes g = {.w = v_set(1.0f), .f = r};
  g.centred[0] = v64_low(r) - v64_set(1.0), g.centred[1] = v64_high(r) - v64_set(1.0);
  return g;
}

/* One vector of tokens: which are unmasked, and whose log-ratio was clamped; masked ones have the
 * log-ratio 0. */
typedef struct {
  vmask live, clamped, positive;
  vf x, r, y, advantage;
} token_lanes;

/* An expression, one unmasked token after the other. */
static gate_lanes expression_gate(gate_sides side, const token_lanes *t) {
  float r[SL_VW], f[SL_VW] = {0}, w[SL_VW] = {0};
  double centred[SL_VW] = {0};
  const unsigned positive = v_lane_bits(t->positive);
  v_store(r, t->r);
  for (unsigned left = v_lane_bits(t->live); left; left &= left - 1) {
    const int j = __builtin_ctz(left);
    const sl_gate_side *s = &side[positive >> j & 1];
    s->gate->function(s->gate->expression, s->positive, r[j], &f[j], &w[j]);
    centred[j] = (double)f[j] - (double)s->at_one;
  }
  gate_lanes g = {.w = v_load(w), .f = v_load(f)};
  memcpy(g.centred, centred, sizeof centred);
  return g;
}

/* The gate of that family, for the lanes of either sign that have it. */
static inline gate_lanes gate_of(sl_gate_family family, gate_sides side, const token_lanes *t) {
  const vf tau = v_by_sign(t->positive, side[0].tau, side[1].tau), z = tau * t->y;
  switch (family) {
    case SL_GATE_SIGMOID:
      return sigmoid_gate(side, t->positive, z);
    case SL_GATE_ERF:
      return erf_gate(side, t->positive, z);
    case SL_GATE_ARCTAN:
      return arctan_gate(tau, z);
    case SL_GATE_SOFTSIGN:
      return softsign_gate(t->y, z);
    case SL_GATE_CLIP:
      return clip_gate(side, t->positive, t->r);
    case SL_GATE_IDENTITY:
      return identity_gate(t->r);
    default:
      return expression_gate(side, t);
  }
}

/* Families of the two signs that differ: each for the lanes that have it. */
static gate_lanes gate_of_two(gate_sides side, const token_lanes *t) {
  const unsigned all = (1u << SL_VW) - 1, positive = v_lane_bits(t->positive);
  if (positive == 0) return gate_of(side[0].family, side, t);
  gate_lanes p = gate_of(side[1].family, side, t);
  if (positive == all) return p;
  const gate_lanes n = gate_of(side[0].family, side, t);
  p.w = v_select(t->positive, p.w, n.w), p.f = v_select(t->positive, p.f, n.f);
  double chosen[SL_VW], other[SL_VW];
  memcpy(chosen, p.centred, sizeof chosen), memcpy(other, n.centred, sizeof other);
  for (unsigned j = 0; j < SL_VW; j++)
    if (!(positive >> j & 1)) chosen[j] = other[j];
  memcpy(p.centred, chosen, sizeof chosen);
  return p;
}

/* The family of gate_of_two. */
#define TWO_FAMILIES (-1)

static inline __attribute__((always_inline)) gate_lanes gate_at(gate_sides side, int family,
                                                                const token_lanes *t) {
  if (family == TWO_FAMILIES) return gate_of_two(side, t);
  return gate_of((sl_gate_family)family, side, t);
}

#endif
