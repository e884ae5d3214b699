/* The weight of one sign of a gate as binary32 code. */
#ifndef SLUICE_PROOFS_FLOAT_WEIGHT_H
#define SLUICE_PROOFS_FLOAT_WEIGHT_H

#include "kernels/gate/definition.h"

/* The weight of one sign: what computes it, its exact tree, and the relative distance of a kernel's
 * binary32 tau from tau. */
typedef struct {
  const sl_gate *gate;
  const sl_gate_definition *def;
  int positive;
  sl_tree tree;
  sl_ref w;
  double tau_error;
} sl_float_weight;

/* The kernels' weights (spec O2.1, O2.2), or the expression's (spec G3.1). */
void sl_float_weights(const sl_float_weight *weight, const float *r, float *w, size_t n);

#endif
