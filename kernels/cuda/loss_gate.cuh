/* What one ratio gives in the gated objective: value and weight of a built-in gate, and the KL term
 * (spec O2.1 to O2.3, O4.3). Two to four functions an element, no memory. */
#ifndef SLUICE_CUDA_LOSS_GATE_CUH
#define SLUICE_CUDA_LOSS_GATE_CUH

#include "cuda.h"

#include "kernels/gate/functions64.h"

namespace {

constexpr double sqrt_half = 0x1.6a09e667f3bcdp-1, sqrt_half_pi = 0x1.40d931ff62706p+0;

/* A gate's constants for one sign of the advantage (spec O2.1 to O2.3). */
struct loss_side {
  sl_gate_family family;
  float tau, edge, scale, centred_scale, at_one;
  double erf_scale;
};

struct gate_value {
  float f, w;
  double centred;
};

struct log_ratio {
  float x;
  bool clamped;
};

struct kl_value {
  double value;
  float slope;
  bool clamped;
};

}  // namespace

static __device__ __forceinline__ log_ratio clamp_ratio(float x) {
  return log_ratio{__fadd_rn(x < -80.0f ? -80.0f : x > 80.0f ? 80.0f : x, 0.0f), fabsf(x) > 80.0f};
}

/* spec O4.3 */
static __device__ __forceinline__ kl_value kl_of(sl_kl_kind kind, float difference) {
  const log_ratio y = clamp_ratio(difference);
  kl_value k = {static_cast<double>(y.x), 1.0f, y.clamped};
  if (kind == SL_KL_K2) {
    k.value = static_cast<double>(y.x) * static_cast<double>(y.x) / 2.0;
    k.slope = y.x;
  } else if (kind == SL_KL_K3) {
    const float e = sl_fn_expm1(-y.x);
    k.value = static_cast<double>(e) + static_cast<double>(y.x);
    k.slope = -e;
  }
  if (y.clamped) k.slope = 0.0f;
  return k;
}

/* spec O2.1 to O2.3 */
static __device__ __forceinline__ gate_value smooth_gate(const loss_side &s, float r) {
  const float y = __fadd_rn(r, -1.0f), z = __fmul_rn(s.tau, y);
  const double wide = static_cast<double>(z);
  gate_value g;
  if (s.family == SL_GATE_SIGMOID) {
    g.f = __fmul_rn(s.scale, sl_fn_sigmoid(z)), g.w = sl_fn_sech2h(z);
    g.centred = static_cast<double>(__fmul_rn(s.centred_scale, sl_fn_tanh(__fmul_rn(0.5f, z))));
    return g;
  }
  if (s.family == SL_GATE_ARCTAN) {
    const float c = __fdiv_rn(sl_fn_atan(z), s.tau);
    g.f = __fadd_rn(1.0f, c), g.w = sl_fn_lorentz(z), g.centred = static_cast<double>(c);
    return g;
  }
  double c;
  if (s.family == SL_GATE_ERF)
    c = s.erf_scale * sl_fn64_erf(wide * sqrt_half), g.w = sl_fn_gaussh(z);
  else
    c = static_cast<double>(y) / sqrt(1.0 + wide * wide), g.w = sl_fn_rhypot3(z);
  g.f = static_cast<float>(1.0 + c), g.centred = static_cast<double>(static_cast<float>(c));
  return g;
}

/* spec O2.2, O2.3; quotients in binary64 */
static loss_side side_of(const sl_gate *gate, int positive) {
  const sl_gate_family family = gate->family[positive];
  loss_side s = {family, gate->tau[positive], 0.0f, 0.0f, 0.0f, 0.0f, 0.0};
  const double tau = static_cast<double>(s.tau);
  float unused;
  if (family == SL_GATE_SIGMOID)
    s.scale = static_cast<float>(4.0 / tau), s.centred_scale = static_cast<float>(2.0 / tau);
  if (family == SL_GATE_ERF) s.erf_scale = sqrt_half_pi / tau;
  if (family == SL_GATE_CLIP)
    s.edge = static_cast<float>(positive ? 1.0 + gate->clip_high : 1.0 - gate->clip_low);
  if (family == SL_GATE_EXPRESSION)
    gate->function(gate->expression, positive, 1.0f, &s.at_one, &unused);
  return s;
}

#endif
