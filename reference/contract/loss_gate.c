/* Gates of the loss under a contract (spec O2, E2.7). y = r - 1 and z = tau y are rounded. Where z
 * is so large that its error says nothing, a weight lies between 0 and what the smallest z of the
 * ball gives: `capped`. */
#include "loss_gate.h"

#include <math.h>

static const sl_ball one = {1.0, 0.0}, four = {4.0, 0.0};

double sl_least_size(sl_ball a) { return fmax(fabs(a.mid) - a.rad, 0.0); }

static sl_ball size_of(sl_ball a) { return (sl_ball){fabs(a.mid), a.rad}; }

/* The exact value and the computed one lie between 0 and `top`, the latter with the errors of a few
 * functions and quotients, which double it at most; else nothing is capped. */
static sl_ball capped(const sl_arith *r, sl_ball a, double top) {
  const double *ulps = r->contract->ulps,
               unit = (8.0 * ulps[SL_ULPS_EXP] + 8.0 * ulps[SL_ULPS_RSQRT] +
                       8.0 * ulps[SL_ULPS_DIV] + 8.0) *
                      r->u;
  if (unit <= 0.5) a.rad = fmin(a.rad, 2.0 * top + r->tiny);
  return a;
}

/* A lower bound of an exponent that is off by at most 8 roundings. */
static double lower(const sl_arith *r, double x) { return x * (1.0 - 12.0 * r->both); }

/* exp(-a) */
static sl_ball decay(const sl_arith *r, sl_ball a, double least) {
  const sl_ball e = sl_arith_exp(r, sl_ball_neg(a));
  return least > 0.0 ? capped(r, e, exp(-lower(r, least))) : e;
}

/* 1 / (1 + exp(-z)) */
static sl_ball sigmoid(const sl_arith *r, sl_ball z) {
  if (z.mid < 0.0) return sl_arith_sigmoid(r, z);
  return sl_arith_div(r, one, sl_arith_add(r, one, decay(r, z, fmax(z.mid - z.rad, 0.0))));
}

/* 4 t / (1 + t)^2 with t = exp(-|z|), and 4 s(z) s(-z). */
static sl_ball stable_sigmoid(const sl_arith *r, sl_ball z) {
  const double least = sl_least_size(z), top = exp(-lower(r, least));
  const sl_ball size = size_of(z), t = decay(r, size, least), sum = sl_arith_add(r, one, t),
                joined = sl_arith_div(r, sl_arith_mul(r, four, t), sl_arith_mul(r, sum, sum)),
                low = capped(r, sl_arith_sigmoid(r, sl_ball_neg(size)), top),
                apart = sl_arith_mul(r, sl_arith_mul(r, four, sigmoid(r, size)), low);
  return capped(r, sl_arith_worst(joined, apart), 4.0 * top);
}

/* s (1 - s) in place of s(z) s(-z): what 1 - s loses is absolute. */
static sl_ball product_sigmoid(const sl_arith *r, sl_ball z) {
  const sl_ball s = sigmoid(r, z),
                rest = sl_arith_worst(sl_arith_sigmoid(r, sl_ball_neg(z)), sl_arith_sub(r, one, s));
  return sl_arith_worst(stable_sigmoid(r, z), sl_arith_mul(r, four, sl_arith_mul(r, s, rest)));
}

/* f = (4 / tau) s(z). Its chain: the constants 4 / tau and tau. */
static sl_gate_walk sigmoid_gate(const sl_arith *r, const sl_loss_gate *gate, sl_ball tau,
                                 sl_ball z) {
  const sl_ball s = sigmoid(r, z), scale = sl_arith_div(r, four, tau),
                both = sl_arith_mul(r, scale, tau);
  return (sl_gate_walk){.f = sl_arith_worst(sl_arith_mul(r, scale, s),
                                            sl_arith_div(r, sl_arith_mul(r, four, s), tau)),
                        .w = gate->product ? product_sigmoid(r, z) : stable_sigmoid(r, z),
                        .chain = sl_arith_worst(one, (sl_ball){both.mid / 4.0, both.rad / 4.0})};
}

/* A function with |f'| <= slope on the ball, whose error is that of exp in ulps. */
static sl_ball by_slope(const sl_arith *r, double value, double slope, sl_ball a) {
  if (!(a.rad < INFINITY)) return (sl_ball){value, INFINITY};
  if (a.mid == 0.0 && a.rad == 0.0) return (sl_ball){0.0, 0.0};
  const double error = slope * a.rad, unit = 2.0 * r->contract->ulps[SL_ULPS_EXP] * r->u + 0x1p-51;
  return (sl_ball){value, error + unit * (fabs(value) + error) + r->tiny};
}

/* w = exp(-z^2 / 2), the argument as z^2 or as (z sqrt(1/2))^2. f = 1 + sqrt(pi/2)/tau erf(z
 * sqrt(1/2)); its chain: sqrt(pi/2) / tau, 2 / sqrt(pi), sqrt(1/2) and tau, ten roundings. */
static sl_gate_walk erf_gate(const sl_arith *r, sl_ball tau, sl_ball z) {
  const double least = sl_least_size(z);
  const sl_ball half = sl_arith_constant(r, 0x1.6a09e667f3bcdp-1), x = sl_arith_mul(r, z, half),
                direct = sl_arith_mul(r, z, z), square = sl_arith_mul(r, x, x),
                exponent = sl_arith_worst((sl_ball){direct.mid / 2.0, direct.rad / 2.0}, square);
  const double slope = 0x1.20dd750429b6ep+0 * exp(-sl_least_size(x) * sl_least_size(x));
  const sl_ball scale = sl_arith_div(r, sl_arith_constant(r, 0x1.40d931ff62706p+0), tau),
                value = by_slope(r, erf(x.mid), slope, x);
  return (sl_gate_walk){
      .f = sl_arith_add(r, one, sl_arith_mul(r, scale, value)),
      .w = decay(r, exponent, least * least / 2.0),
      .chain = {1.0, sl_arith_gamma(r, 10.0 + 2.0 * r->contract->ulps[SL_ULPS_DIV])}};
}

/* w = 1 / (1 + z^2), f = 1 + atan(z) / tau; its chain: 1 / tau and tau. */
static sl_gate_walk arctan_gate(const sl_arith *r, sl_ball tau, sl_ball z) {
  const double least = sl_least_size(z);
  const sl_ball w = sl_arith_div(r, one, sl_arith_add(r, one, sl_arith_mul(r, z, z)));
  const sl_ball value = by_slope(r, atan(z.mid), 1.0 / (1.0 + least * least), z);
  return (sl_gate_walk){
      .f = sl_arith_add(r, one, sl_arith_div(r, value, tau)),
      .w = least > 1.0 ? capped(r, w, 1.0 / (least * least)) : w,
      .chain = sl_arith_worst(one, sl_arith_mul(r, sl_arith_div(r, one, tau), tau))};
}

/* h^3 and 1 / (q sqrt(q)), q = 1 + z^2, h = q^(-1/2). As a product: h - z^2 h^3, whose second term
 * has up to 10 roundings. f = 1 + y h or y / sqrt(q). */
static sl_gate_walk softsign_gate(const sl_arith *r, const sl_loss_gate *gate, sl_ball y,
                                  sl_ball z) {
  const double least = sl_least_size(z);
  const sl_ball square = sl_arith_mul(r, z, z), q = sl_arith_add(r, one, square),
                root = sl_arith_sqrt(r, q), h = sl_arith_rsqrt(r, q),
                cube = sl_arith_mul(r, sl_arith_mul(r, h, h), h),
                direct = sl_arith_div(r, one, sl_arith_mul(r, q, root));
  sl_ball w = sl_arith_worst(cube, direct), second = sl_arith_mul(r, square, cube);
  if (least > 1.0) w = capped(r, w, 1.0 / (least * least * least));
  second.rad += sl_arith_gamma(r, 10.0) * (fabs(second.mid) + second.rad);
  if (gate->product) w = sl_arith_worst(w, sl_arith_sub(r, h, second));
  return (sl_gate_walk){
      .f = sl_arith_add(r, one, sl_arith_worst(sl_arith_mul(r, y, h), sl_arith_div(r, y, root))),
      .w = w,
      .chain = one};
}

/* The edge is rounded to binary32, or to acc. w jumps there: unsure, it is either. */
static sl_gate_walk clip_gate(const sl_arith *r, const sl_loss_gate *gate, sl_ball ratio) {
  const sl_ball edge = {gate->limit, fmax(r->both, 0x1p-24) * fabs(gate->limit)};
  const double above = ratio.mid - edge.mid, unsure = ratio.rad + edge.rad;
  const int open = gate->positive ? above <= 0.0 : above >= 0.0;
  sl_ball f = {open ? ratio.mid : edge.mid, fmax(ratio.rad, edge.rad)};
  if (fabs(above) > unsure) f = open ? ratio : edge;
  return (sl_gate_walk){
      .f = f, .w = {open ? 1.0 : 0.0, fabs(above) <= unsure ? 1.0 : 0.0}, .chain = one};
}

/* w r = min(r, cap), whatever the sign; there is no value. */
static sl_gate_walk cispo_gate(const sl_arith *r, const sl_loss_gate *gate, sl_ball ratio) {
  const sl_ball cap = {gate->limit, fmax(r->both, 0x1p-24) * fabs(gate->limit)};
  const sl_ball least = ratio.mid + ratio.rad < cap.mid - cap.rad ? ratio
                        : ratio.mid - ratio.rad > cap.mid + cap.rad
                            ? cap
                            : (sl_ball){fmin(ratio.mid, cap.mid), fmax(ratio.rad, cap.rad)};
  return (sl_gate_walk){.f = {NAN, INFINITY}, .w = one, .r = least, .chain = one};
}

sl_gate_walk sl_walk_gate(const sl_arith *r, const sl_loss_gate *gate, sl_ball ratio) {
  const sl_ball tau = sl_arith_constant(r, gate->tau), y = sl_arith_sub(r, ratio, one),
                z = sl_arith_mul(r, tau, y);
  sl_gate_walk walk = {.f = ratio, .w = one, .chain = one};
  switch (gate->family) {
    case SL_LOSS_GATE_SIGMOID:
      walk = sigmoid_gate(r, gate, tau, z);
      break;
    case SL_LOSS_GATE_ERF:
      walk = erf_gate(r, tau, z);
      break;
    case SL_LOSS_GATE_ARCTAN:
      walk = arctan_gate(r, tau, z);
      break;
    case SL_LOSS_GATE_SOFTSIGN:
      walk = softsign_gate(r, gate, y, z);
      break;
    case SL_LOSS_GATE_CLIP:
      walk = clip_gate(r, gate, ratio);
      break;
    case SL_LOSS_GATE_CISPO:
      return cispo_gate(r, gate, ratio);
    default:
      break;
  }
  walk.r = ratio;
  return walk;
}
