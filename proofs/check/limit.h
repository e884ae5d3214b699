/* Limits of an expression as r -> inf, or as r -> at from a side, by the limits of its parts, and
 * by their expansions (germ.h) where those do not tell. */
#ifndef SLUICE_CHECK_LIMIT_H
#define SLUICE_CHECK_LIMIT_H

#include "exact.h"

typedef enum { L_UNKNOWN, L_FINITE, L_UP, L_DOWN } limit_kind_t;

typedef struct {
  limit_kind_t kind;
  exact_t value; /* of FINITE */
  int side;      /* of 0: the sign of what tends to it, if known */
  int constant;
} limit_t;

/* at: NULL for infinity; side: -1 from below, 1 from above. */
limit_t slc_limit(field_t *k, const expr_t *e, int ref, exact_t at, int side);

#endif
