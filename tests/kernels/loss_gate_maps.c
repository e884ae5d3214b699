/* kernels/cpu/loss_gate.h over arrays, compiled for each instruction set. */
#include "loss_gate_maps.h"

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/loss_gate.h"

static void sigmoid_map(float *w, float *s, float *h, const float *z, size_t n) {
  for (size_t i = 0; i < n; i += SL_VW) {
    const sigmoid_lanes g = v_sigmoid_gate(v_load(z + i));
    v_store(w + i, g.sech2h), v_store(s + i, g.sigmoid), v_store(h + i, g.tanh_half);
  }
}

static void softsign_map(float *w, float *c, const float *y, const float *z, size_t n) {
  for (size_t i = 0; i < n; i += SL_VW) {
    const gate_lanes g = softsign_gate(v_load(y + i), v_load(z + i));
    v_store(w + i, g.w), v_store(c + i, v64_join(g.centred[0], g.centred[1]));
  }
}

static void erf64_map(double *y, const double *x, size_t n) {
  for (size_t i = 0; i < n; i += SL_VW / 2) {
    vf64 v;
    memcpy(&v, x + i, sizeof v);
    v = v64_erf64(v);
    memcpy(y + i, &v, sizeof v);
  }
}

const loss_gate_maps SL_ISA_NAME(loss_gate_maps) = {sigmoid_map, softsign_map, erf64_map};
