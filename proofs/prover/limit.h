/* The limit of an expression as r -> inf, or as r tends to a join from a side, by the limits of its
 * parts, and by their germs (germ.h) where those do not tell. */
#ifndef SLUICE_PROOFS_LIMIT_H
#define SLUICE_PROOFS_LIMIT_H

#include "series.h"

typedef enum { SL_LIMIT_UNKNOWN, SL_LIMIT_FINITE, SL_LIMIT_UP, SL_LIMIT_DOWN } sl_limit_kind;

typedef struct {
  sl_limit_kind kind;
  sl_exact value; /* of FINITE */
  int side;       /* of a limit 0: 1, -1 the sign of what tends to it, 0 not known */
  int constant;   /* without r */
} sl_limit;

/* Where r goes: to `at` from below (side -1) or above (1); to infinity where `at` is NULL. */
typedef struct {
  sl_exact at;
  int side;
} sl_limit_point;

sl_limit sl_limit_of(sl_field *k, const sl_tree *tree, sl_ref ref, sl_limit_point point);
sl_limit sl_limit_at_infinity(sl_field *k, const sl_tree *tree, sl_ref ref);

#endif
