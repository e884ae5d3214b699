/* The weight of one sign of a gate as binary32 code. */
#ifndef SLUICE_PROOFS_FLOAT_WEIGHT_H
#define SLUICE_PROOFS_FLOAT_WEIGHT_H

#include "kernels/gate/definition.h"

/* The weight of one sign: what computes it, its exact tree, and the relative distance of a kernel's
 * binary32 tau from tau. form is the tree that bounds over many ratios use: that of the file's
 * expression, or of a smooth family as spec O2.1 writes it, where a derivative may cancel. */
typedef struct {
  const sl_gate *gate;
  const sl_gate_definition *def;
  int positive;
  sl_tree tree, form;
  sl_ref w, form_w;
  double tau_error;
} sl_float_weight;

/* gate and def must outlive it. */
void sl_float_weight_init(sl_float_weight *weight, const sl_gate *gate,
                          const sl_gate_definition *def, int positive);
void sl_float_weight_clear(sl_float_weight *weight);

/* The kernels' weights (spec O2.1, O2.2), or the expression's (spec G3.1). */
void sl_float_weights(const sl_float_weight *weight, const float *r, float *w, size_t n);

#endif
