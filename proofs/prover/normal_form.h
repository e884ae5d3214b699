/* An element of the field as an expression: numerator and denominator as products of factors. What
 * cancels in a gate as it was written has cancelled there, and a sign is a product of signs. */
#ifndef SLUICE_PROOFS_NORMAL_FORM_H
#define SLUICE_PROOFS_NORMAL_FORM_H

#include "field.h"

/* a as a node of the tree; SL_NO_REF where it is NULL or too large. */
sl_ref sl_exact_tree(sl_field *k, sl_tree *tree, sl_exact a);

#endif
