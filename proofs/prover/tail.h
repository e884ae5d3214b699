/* What the tail form of an expression says of r -> inf. */
#ifndef SLUICE_PROOFS_TAIL_H
#define SLUICE_PROOFS_TAIL_H

#include "series.h"

typedef enum { SL_TAIL_UNKNOWN, SL_TAIL_POLYNOMIAL, SL_TAIL_EXPONENTIAL } sl_tail_kind;

/* What the form says of the expression g and of r -> inf. */
typedef struct {
  int defined;       /* g is finite and smooth for all r >= R */
  int slope_sign;    /* of g' for all r >= R; 0 unknown */
  int sign;          /* of g for all r >= R; 0 unknown */
  int limit_zero;    /* g -> 0 */
  int limit_nonzero; /* g -> limit, which excludes 0 */
  int unbounded;     /* |g| -> inf */
  arb_t range;       /* encloses g for r >= R, where it is finite */
  arf_t least;       /* |g| >= least for all r >= R; 0 where none is known */
  arb_t limit;       /* where limit_zero or limit_nonzero, else indeterminate */
  sl_tail_kind kind;
  double order; /* g ~ r^-order, or log|g| ~ -r^order */
} sl_tail_fact;

void sl_tail_fact_init(sl_tail_fact *fact);
void sl_tail_fact_clear(sl_tail_fact *fact);

/* Facts of node ref for r >= 2^exponent. */
void sl_tail_examine(sl_tail_fact *fact, sl_field *field, const sl_tree *tree, sl_ref ref,
                     arb_srcptr box, slong exponent, slong prec);

#endif
