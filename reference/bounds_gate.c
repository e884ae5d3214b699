/* Balls of the clamped log-ratio and of the gates (spec O1.1, O2). */
#include "bounds_gate.h"

#include <float.h>
#include <math.h>

#define LOG_RATIO_MAX 80.0
#define SQRT_PI 0x1.c5bf891b4ef6bp+0

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

/* f = min(r, edge) or max(r, edge) is exact in r; w jumps from 1 to 0 at the edge. */
static sl_gate_balls clip_gate(const sl_gate *gate, int positive, sl_ball r) {
  const double edge = (double)(float)(positive ? 1.0 + gate->clip_high : 1.0 - gate->clip_low);
  const int open = positive ? r.mid <= edge : r.mid >= edge;
  const sl_gate_balls g = {
      positive ? sl_ball_clamp(r, -DBL_MAX, edge) : sl_ball_clamp(r, edge, DBL_MAX),
      {open ? 1.0 : 0.0, fabs(r.mid - edge) <= r.rad ? 1.0 : 0.0}};
  return g;
}

sl_gate_balls sl_bound_gate(const sl_gate *gate, int positive, sl_ball r) {
  const double tau_value = (double)gate->tau[positive != 0];
  const sl_ball one = sl_exactly(1.0), tau = sl_exactly(tau_value), y = sl_ball_sub(r, one),
                z = sl_ball_mul(tau, y);
  sl_gate_balls g = {r, one};
  switch (gate->family) {
    case SL_GATE_SIGMOID:
      g = (sl_gate_balls){sl_ball_mul(sl_ball_constant(4.0 / tau_value), sl_ball_sigmoid(z)),
                          sl_ball_sech2h(z)};
      break;
    case SL_GATE_ERF:
      g = (sl_gate_balls){
          sl_ball_mul(sl_ball_constant(SQRT_PI / (2.0 * tau_value)), sl_ball_erf(z)),
          sl_ball_gauss(z)};
      break;
    case SL_GATE_ARCTAN:
      g = (sl_gate_balls){sl_ball_div(sl_ball_atan(z), tau), sl_ball_lorentz(z)};
      break;
    case SL_GATE_SOFTSIGN: {
      const sl_ball size = {fabs(z.mid), z.rad};
      g = (sl_gate_balls){sl_ball_div(y, sl_ball_add(one, size)), sl_ball_softabs2(z)};
      break;
    }
    case SL_GATE_CLIP:
      g = clip_gate(gate, positive, r);
      break;
    default:
      break;
  }
  return g;
}
