/* The expressions of one side of a gate, ready to be compiled or proved (spec G1.3, G3.2). */
#include "definition.h"

#include "kernels/core/verify.h"

#include <string.h>

const char *sl_gate_kernel_parameter(int kernel, int positive) {
  if (kernel == SL_GATE_CLIP) return positive ? "high" : "low";
  return kernel < SL_GATE_CLIP ? "tau" : NULL;
}

const sl_gate_declared *sl_gate_definition_named(const sl_gate_definition *def, const char *name) {
  int i = 0;
  while (i < def->param_count && strcmp(def->param[i].name, name) != 0) i++;
  SL_VERIFY(i < def->param_count);
  return &def->param[i];
}

void sl_gate_definition_roots(const sl_gate_definition *def, int positive, const sl_decimal *value,
                              sl_tree *tree, sl_ref *f, sl_ref *w) {
  const int s = positive ? 1 : 0;
  *f = *w = SL_NO_REF;
  if (def->f[s] != SL_NO_REF) {
    *f = sl_tree_copy(tree, &def->tree, def->f[s], value, SL_NO_REF, SL_NO_REF);
    *w = sl_tree_derivative(tree, *f);
  } else {
    *w = sl_tree_copy(tree, &def->tree, def->w[s], value, SL_NO_REF, SL_NO_REF);
  }
}
