/* The expressions that decide whether r w -> 0: r w in r or in s = log r, and r^2 w', which r w
 * follows where w -> 0: r w = w / (1/r) tends to what -r^2 w' = w' / (1/r)' tends to. */
#ifndef SLUICE_PROOFS_PRODUCT_TREE_H
#define SLUICE_PROOFS_PRODUCT_TREE_H

#include "kernels/gate/tree.h"

#include <flint/flint.h>

typedef enum { SL_PRODUCT_IN_R, SL_PRODUCT_BY_SLOPE, SL_PRODUCT_IN_LOG, SL_PRODUCTS } sl_product;

/* Over `to`, whose variable is s for IN_LOG: r is exp(s), log(r) is s. BY_SLOPE is -r^2 w'. */
sl_ref sl_product_tree(sl_tree *to, const sl_tree *from, sl_ref w, sl_product kind);
/* w over `to`, whose variable is s = log(r): r is exp(s), log(r) is s. */
sl_ref sl_tree_in_log(sl_tree *to, const sl_tree *from, sl_ref w);
/* w over `to`, whose variable is s = -log(r): r is exp(-s), log(r) is -s. */
sl_ref sl_tree_in_minus_log(sl_tree *to, const sl_tree *from, sl_ref w);
/* The largest k >= 0 with 2^k <= e log 2: r >= 2^e has s >= 2^k. -1: none. */
slong sl_log_exponent(slong e);

#endif
