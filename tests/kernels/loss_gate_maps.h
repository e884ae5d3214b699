/* The gates of the loss in vectors (kernels/cpu/loss_gate.h), over arrays, for the tests. */
#ifndef SLUICE_LOSS_GATE_MAPS_H
#define SLUICE_LOSS_GATE_MAPS_H

#include <stddef.h>

/* Of numbers z, n a multiple of 16. sigmoid: sech2h(z), sigmoid(z), tanh(z/2). softsign: rhypot3(z)
 * and the value c of ratios with r - 1 = y. erf64: that of spec G3.8. */
typedef struct {
  void (*sigmoid)(float *w, float *s, float *h, const float *z, size_t n);
  void (*softsign)(float *w, float *c, const float *y, const float *z, size_t n);
  void (*erf64)(double *y, const double *x, size_t n);
} loss_gate_maps;

extern const loss_gate_maps sl_avx2_loss_gate_maps, sl_avx512_loss_gate_maps;

#endif
