/* The derivative of an expression by r. */
#ifndef SLUICE_CHECK_DERIVE_H
#define SLUICE_CHECK_DERIVE_H

#include "expr.h"

/* The derivative's node in the same expression, or -1 where it is too large. */
int slc_expr_derive(expr_t *e, int ref);

#endif
