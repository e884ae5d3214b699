/* Balls of the clamped log-ratio and of the gates (spec O1.1, O2). */
#include "bounds_gate.h"

#include <float.h>
#include <math.h>

#define LOG_RATIO_MAX 80.0
#define SQRT_HALF_PI 0x1.40d931ff62706p+0
#define SQRT_HALF 0x1.6a09e667f3bcdp-1

sl_clamped_ball sl_clamp_log_ratio(sl_ball x) {
  const double size = fabs(x.mid);
  const sl_clamped_ball r = {sl_ball_clamp(x, -LOG_RATIO_MAX, LOG_RATIO_MAX), size > LOG_RATIO_MAX,
                             fabs(size - LOG_RATIO_MAX) <= x.rad};
  return r;
}

sl_ball sl_unless_clamped(sl_clamped_ball x, sl_ball y) {
  const sl_ball zero = sl_exactly(0.0);
  if (x.unsure) return x.outside ? sl_ball_either(zero, y) : sl_ball_either(y, zero);
  return x.outside ? zero : y;
}

/* The least |x| in a ball. */
static double least(sl_ball x) { return fmax(fabs(x.mid) - x.rad, 0.0); }

/* f - f(1), a binary64 difference of two binary32 values or of errors that are at most theirs. */
static sl_ball difference(sl_ball f, sl_ball f1) {
  const double d = f.mid - f1.mid;
  return (sl_ball){d, f.rad + f1.rad + SL_U_64 * fabs(d)};
}

/* f = RN32(1 + c) and f - f(1) = RN32(c) of a binary64 c within `error` of the exact one; the sum
 * is one binary64 rounding more. */
static sl_gate_balls around_one(double c, double error, sl_ball w) {
  const double f = 1.0 + c;
  return (sl_gate_balls){.f = sl_ball_round(f, error + SL_U_64 * (fabs(f) + error), 0.0),
                         .w = w,
                         .centred = sl_ball_round(c, error, SL_ETA)};
}

/* c = sqrt(pi/2)/tau erf(z/sqrt 2), whose slope by z is e^(-z^2/2)/tau. In units of 2^-53 of c: the
 * constant, the quotient and the product 3; the argument's constant and product 2, which erf passes
 * on at most once (x erf'(x) <= erf(x)); erf's 4 ulps (spec G3.4) 8. 16 leave room for second
 * order. */
static sl_gate_balls erf_gate(double tau, sl_ball z) {
  const double c = SQRT_HALF_PI / tau * erf(z.mid * SQRT_HALF),
               slope = exp(-least(z) * least(z) / 2.0) / tau;
  return around_one(c, slope * z.rad + 16.0 * SL_U_64 * fabs(c), sl_ball_gaussh(z));
}

/* c = y g, g = (1 + z^2)^(-1/2): |(log g)'| = |z|/(1 + z^2) <= min(1/2, 1/|z|). z^2 is exact in
 * binary64; 1 + z^2, half of whose rounding the root passes on, root and quotient: 2.5 roundings,
 * 4 with second order. */
static sl_gate_balls softsign_gate(sl_ball y, sl_ball z) {
  const double g = 1.0 / sqrt(1.0 + z.mid * z.mid), slope = fmin(0.5, 1.0 / fmax(least(z), 1.0)),
               g_error = z.rad > 0.0 ? g * expm1(slope * z.rad) : 0.0, c = y.mid * g;
  const double error = fabs(y.mid) * g_error + (g + g_error) * y.rad;
  return around_one(c, error + 4.0 * SL_U_64 * (fabs(c) + error), sl_ball_rhypot3(z));
}

/* f = RN(1 + c), f - f(1) = c = RN(atan(z) / tau) */
static sl_gate_balls arctan_gate(sl_ball tau, sl_ball z) {
  const sl_ball c = sl_ball_div(sl_ball_atan(z), tau);
  return (sl_gate_balls){sl_ball_add(sl_exactly(1.0), c), sl_ball_lorentz(z), c};
}

/* RN32(2/tau) tanh(z/2) is f - f(1) with the errors of f or less: both are a rounded scale, a
 * function whose slope in z is at most that of f, and a product. */
static sl_gate_balls sigmoid_gate(double tau, sl_ball z) {
  const sl_ball scale = sl_ball_constant(4.0 / tau), f = sl_ball_mul(scale, sl_ball_sigmoid(z)),
                f1 = sl_ball_mul(scale, sl_ball_sigmoid(sl_exactly(0.0)));
  return (sl_gate_balls){f, sl_ball_sech2h(z), difference(f, f1)};
}

/* f = min(r, edge) or max(r, edge) is exact in r; w jumps from 1 to 0 at the edge. */
static sl_gate_balls clip_gate(const sl_gate *gate, int positive, sl_ball r) {
  const double edge = (double)(float)(positive ? 1.0 + gate->clip_high : 1.0 - gate->clip_low);
  const int open = positive ? r.mid <= edge : r.mid >= edge;
  const sl_ball f = positive ? sl_ball_clamp(r, -DBL_MAX, edge) : sl_ball_clamp(r, edge, DBL_MAX),
                w = {open ? 1.0 : 0.0, fabs(r.mid - edge) <= r.rad ? 1.0 : 0.0};
  return (sl_gate_balls){f, w, difference(f, sl_exactly(1.0))};
}

sl_gate_balls sl_bound_gate(const sl_gate *gate, int positive, sl_ball r) {
  const double tau_value = (double)gate->tau[positive != 0];
  const sl_ball one = sl_exactly(1.0), tau = sl_exactly(tau_value), y = sl_ball_sub(r, one),
                z = sl_ball_mul(tau, y);
  switch (gate->family[positive != 0]) {
    case SL_GATE_SIGMOID:
      return sigmoid_gate(tau_value, z);
    case SL_GATE_ERF:
      return erf_gate(tau_value, z);
    case SL_GATE_ARCTAN:
      return arctan_gate(tau, z);
    case SL_GATE_SOFTSIGN:
      return softsign_gate(y, z);
    case SL_GATE_CLIP:
      return clip_gate(gate, positive, r);
    default:
      return (sl_gate_balls){r, one, difference(r, one)};
  }
}

sl_gate_balls sl_bound_gate_of(sl_ball f, sl_ball f1, sl_ball w) {
  return (sl_gate_balls){f, w, difference(f, f1)};
}
