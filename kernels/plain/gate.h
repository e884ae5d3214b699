/* Value and weight of a gate at a ratio (spec O2). Not public. */
#ifndef SLUICE_PLAIN_GATE_H
#define SLUICE_PLAIN_GATE_H

#include <math.h>

#include <sluice/functions.h>
#include <sluice/types.h>

typedef struct {
  float f, w; /* f is NaN for a gate that is a weight only */
} sl_gate_point;

#define SL_SQRT_PI 0x1.c5bf891b4ef6bp+0

static inline sl_gate_point sl_gate_at(const sl_gate *gate, int positive, float r) {
  const float tau = gate->tau[positive != 0], y = r - 1.0f, z = tau * y;
  sl_gate_point p = {r, 1.0f};
  switch (gate->family) {
    case SL_GATE_SIGMOID: p.f = (float)(4.0 / (double)tau) * sl_fn_sigmoid(z), p.w = sl_fn_sech2h(z); break;
    case SL_GATE_ERF: p.f = (float)(SL_SQRT_PI / (2.0 * (double)tau)) * sl_fn_erf(z), p.w = sl_fn_gauss(z); break;
    case SL_GATE_ARCTAN: p.f = sl_fn_atan(z) / tau, p.w = sl_fn_lorentz(z); break;
    case SL_GATE_SOFTSIGN: p.f = y / (1.0f + fabsf(z)), p.w = sl_fn_softabs2(z); break;
    case SL_GATE_CLIP: {
      const float edge = (float)(positive ? 1.0 + gate->clip_high : 1.0 - gate->clip_low);
      const int open = positive ? r <= edge : r >= edge;
      p.f = open ? r : edge, p.w = open ? 1.0f : 0.0f;
      break;
    }
    case SL_GATE_IDENTITY: break;
    case SL_GATE_EXPRESSION: gate->function(gate->expression, positive, r, &p.f, &p.w); break;
  }
  return p;
}

#endif
