/* Value and weight of a gate at a ratio (spec O2). Internal. */
#ifndef SLUICE_PLAIN_GATE_H
#define SLUICE_PLAIN_GATE_H

#include <math.h>

#include <sluice/functions.h>
#include <sluice/types.h>

#include "kernels/gate/functions64.h"

/* A gate for one sign of the advantage, with its rounded constants. */
typedef struct {
  const sl_gate *gate;
  sl_gate_family family;
  int positive;
  float tau, edge; /* of the smooth families; of clip */
  float at_one;    /* f(1) of an expression gate */
  float scale,
      centred_scale; /* of sigmoid: before the function, in f and in f - f(1) (spec O2.3) */
  double erf_scale;  /* of erf: before the function */
} sl_gate_side;

typedef struct {
  float f, w;     /* f is NaN for a gate that is a weight only */
  double centred; /* f(r) - f(1) */
} sl_gate_point;

#define SL_SQRT_HALF_PI 0x1.40d931ff62706p+0
#define SL_SQRT_HALF 0x1.6a09e667f3bcdp-1

static inline sl_gate_side sl_gate_for(const sl_gate *gate, int positive) {
  sl_gate_side s = {.gate = gate,
                    .family = gate->family[positive],
                    .positive = positive,
                    .tau = gate->tau[positive]};
  float unused;
  switch (s.family) {
    case SL_GATE_SIGMOID:
      s.scale = (float)(4.0 / (double)s.tau), s.centred_scale = (float)(2.0 / (double)s.tau);
      break;
    case SL_GATE_ERF:
      s.erf_scale = SL_SQRT_HALF_PI / (double)s.tau;
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

/* The advantage of token i of sequence s (spec O4.7). */
static inline float sl_advantage_at(const sl_gated_loss_batch *b, size_t s, size_t i) {
  return b->token_advantage ? b->token_advantage[i] : b->advantage[s];
}

/* f - f(1) before its rounding, of erf and of softsign (spec O2.3). */
static inline double sl_gate_erf(const sl_gate_side *s, float z) {
  return s->erf_scale * sl_fn64_erf((double)z * SL_SQRT_HALF);
}
static inline double sl_gate_softsign(float y, float z) {
  return (double)y / sqrt(1.0 + (double)z * (double)z);
}

static inline sl_gate_point sl_gate_at(const sl_gate_side *s, float r) {
  const float y = r - 1.0f, z = s->tau * y;
  sl_gate_point p = {r, 1.0f, (double)r - 1.0};
  double c;
  switch (s->family) {
    case SL_GATE_SIGMOID:
      p = (sl_gate_point){s->scale * sl_fn_sigmoid(z), sl_fn_sech2h(z),
                          (double)(s->centred_scale * sl_fn_tanh(0.5f * z))};
      break;
    case SL_GATE_ERF:
      c = sl_gate_erf(s, z);
      p = (sl_gate_point){(float)(1.0 + c), sl_fn_gaussh(z), (double)(float)c};
      break;
    case SL_GATE_ARCTAN:
      p.centred = (double)(sl_fn_atan(z) / s->tau);
      p.f = 1.0f + (float)p.centred, p.w = sl_fn_lorentz(z);
      break;
    case SL_GATE_SOFTSIGN:
      c = sl_gate_softsign(y, z);
      p = (sl_gate_point){(float)(1.0 + c), sl_fn_rhypot3(z), (double)(float)c};
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
