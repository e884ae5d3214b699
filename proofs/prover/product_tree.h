/* The expression r w, in r or in s = log r. */
#ifndef SLUICE_PROOFS_PRODUCT_TREE_H
#define SLUICE_PROOFS_PRODUCT_TREE_H

#include "kernels/gate/tree.h"

#include <flint/flint.h>

/* r w over `to`; with in_log the variable of `to` is s, and r is exp(s), log(r) is s. */
sl_ref sl_product_tree(sl_tree *to, const sl_tree *from, sl_ref w, int in_log);
/* The largest k >= 0 with 2^k <= e log 2: r >= 2^e has s >= 2^k. -1: none. */
slong sl_log_exponent(slong e);

#endif
