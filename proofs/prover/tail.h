/* A segment's expression for r >= R = 1/u0, as exp(h) u^v c(u) with u = 1/r in (0, u0]: h a
 * combination of nodes with a pole at u = 0, v rational, c smooth up to u = 0 and enclosed with its
 * derivatives over [0, u0]. An exact series of c at 0 lets leading terms that cancel be dropped for
 * what they are. */
#ifndef SLUICE_PROOFS_TAIL_H
#define SLUICE_PROOFS_TAIL_H

#include "series.h"

#include <arb_poly.h>

#define SL_TAIL_TERMS 6
#define SL_TAIL_ATOMS 8

typedef struct {
  slong p, q; /* p/q times the node */
  sl_ref atom;
} sl_tail_atom;

typedef struct {
  int ok, zero;
  int atoms; /* of h, in ascending order of node */
  sl_tail_atom h[SL_TAIL_ATOMS];
  slong vp, vq;
  int m; /* Taylor coefficients of c that are enclosed */
  arb_poly_t c;
  sl_series s; /* exact series of c at u = 0 */
} sl_tail_form;

typedef struct {
  sl_field *field;
  const sl_tree *tree;
  arb_srcptr box;
  slong prec, exponent; /* u0 = 2^-exponent */
  arb_t u;              /* [0, u0] */
  sl_tail_form *form;   /* of every node */
} sl_tail;

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
