/* Value and weight of a gate at a ratio (spec O2). Internal. */
#ifndef SLUICE_PLAIN_GATE_H
#define SLUICE_PLAIN_GATE_H

#include <math.h>

#include <sluice/functions.h>
#include <sluice/types.h>

/* A gate for one sign of the advantage, with its rounded constants. */
typedef struct {
  const sl_gate *gate;
  int positive;
  float tau, edge; /* of the smooth families; of clip */
  float at_one;    /* f(1) of an expression gate */
  /* What multiplies the function in f and in f - f(1), where f has such a factor (spec O2.3). */
  float scale, centred_scale;
} sl_gate_side;

typedef struct {
  float f, w;     /* f is NaN for a gate that is a weight only */
  double centred; /* f(r) - f(1) */
} sl_gate_point;

#define SL_SQRT_PI 0x1.c5bf891b4ef6bp+0

static inline sl_gate_side sl_gate_for(const sl_gate *gate, int positive) {
  sl_gate_side s = {.gate = gate, .positive = positive, .tau = gate->tau[positive]};
  float unused;
  switch (gate->family) {
    case SL_GATE_SIGMOID:
      s.scale = (float)(4.0 / (double)s.tau), s.centred_scale = (float)(2.0 / (double)s.tau);
      break;
    case SL_GATE_ERF:
      s.scale = (float)(SL_SQRT_PI / (2.0 * (double)s.tau));
      break;
    case SL_GATE_CLIP:
      s.edge = (float)(positive ? 1.0 + gate->clip_high : 1.0 - gate->clip_low);
      break;
    case SL_GATE_EXPRESSION:
      gate->function(gate->expression, positive, 1.0f, &s.at_one, &unused);
      break;
    default:
      break;
  }
  return s;
}

static inline sl_gate_point sl_gate_at(const sl_gate_side *s, float r) {
  const float y = r - 1.0f, z = s->tau * y;
  sl_gate_point p = {r, 1.0f, (double)r - 1.0};
  switch (s->gate->family) {
    case SL_GATE_SIGMOID:
      p = (sl_gate_point){s->scale * sl_fn_sigmoid(z), sl_fn_sech2h(z),
                          (double)(s->centred_scale * sl_fn_tanh(0.5f * z))};
      break;
    case SL_GATE_ERF:
      p.f = s->scale * sl_fn_erf(z), p.w = sl_fn_gauss(z), p.centred = (double)p.f;
      break;
    case SL_GATE_ARCTAN:
      p.f = sl_fn_atan(z) / s->tau, p.w = sl_fn_lorentz(z), p.centred = (double)p.f;
      break;
    case SL_GATE_SOFTSIGN:
      p.f = y / (1.0f + fabsf(z)), p.w = sl_fn_softabs2(z), p.centred = (double)p.f;
      break;
    case SL_GATE_CLIP:
      if (s->positive ? r > s->edge : r < s->edge)
        p = (sl_gate_point){s->edge, 0.0f, (double)s->edge - 1.0};
      break;
    case SL_GATE_EXPRESSION:
      s->gate->function(s->gate->expression, s->positive, r, &p.f, &p.w);
      p.centred = (double)p.f - (double)s->at_one;
      break;
    case SL_GATE_IDENTITY:
      break;
  }
  return p;
}

#endif
