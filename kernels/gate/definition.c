/* The expressions of one side of a gate, ready to be compiled or proved (spec G1.3, G3.2). */
#include "definition.h"

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
