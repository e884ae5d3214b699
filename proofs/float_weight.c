/* Weights as the kernels compute them (spec O2.1, O2.2), or as the expression does (spec G3.1). */
#include "float_weight.h"

#include <sluice/functions.h>

void sl_float_weights(const sl_float_weight *k, const float *r, float *w, size_t n) {
  const sl_gate *gate = k->gate;
  const int positive = k->positive;
  const float tau = gate->tau[positive], high = (float)(1 + gate->clip_high),
              low = (float)(1 - gate->clip_low);
  switch (gate->family) {
    case SL_GATE_SIGMOID:
      for (size_t i = 0; i < n; i++) w[i] = sl_fn_sech2h(tau * (r[i] - 1.0f));
      break;
    case SL_GATE_ERF:
      for (size_t i = 0; i < n; i++) w[i] = sl_fn_gauss(tau * (r[i] - 1.0f));
      break;
    case SL_GATE_ARCTAN:
      for (size_t i = 0; i < n; i++) w[i] = sl_fn_lorentz(tau * (r[i] - 1.0f));
      break;
    case SL_GATE_SOFTSIGN:
      for (size_t i = 0; i < n; i++) w[i] = sl_fn_softabs2(tau * (r[i] - 1.0f));
      break;
    case SL_GATE_CLIP:
      for (size_t i = 0; i < n; i++)
        w[i] = positive ? (r[i] <= high ? 1.0f : 0.0f) : (r[i] >= low ? 1.0f : 0.0f);
      break;
    case SL_GATE_IDENTITY:
      for (size_t i = 0; i < n; i++) w[i] = 1.0f;
      break;
    case SL_GATE_EXPRESSION:
      sl_gate_evaluate(k->def, positive, r, NULL, w, n);
      break;
  }
}
