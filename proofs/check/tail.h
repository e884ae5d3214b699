/* What an expression does for r >= 2^exponent: written exp(h) u^v c(u), u = 1/r, with c and its
 * derivatives enclosed over [0, 2^-exponent] and an exact series of c at 0, by which leading terms
 * that cancel are dropped. */
#ifndef SLUICE_CHECK_TAIL_H
#define SLUICE_CHECK_TAIL_H

#include "exact.h"
#include "jet.h"

enum { FARTHEST = 1010 }; /* the largest exponent */

typedef struct {
  int defined, slope, sign; /* slope and sign: 0 unknown */
  int zero_limit, other_limit, unbounded;
  int below_one;
  int product_vanishes; /* r g -> 0: g decays by a power above 1, or exponentially */
  int square_vanishes;  /* r^2 g -> 0: by a power above 2 */
} tail_t;

void slc_tail_examine(tail_t *out, field_t *k, const expr_t *e, int ref, long exponent);

/* The sign of a node that stands for another, where that one has values for r >= 2^exponent; 0:
 * unknown, or no such node (-1). */
int slc_tail_sign(field_t *k, const expr_t *e, int form, int other, long exponent);

/* For all r >= 2^exponent: g r^power >= bound where bound > 0, <= bound where it is negative. */
int slc_tail_keeps(field_t *k, const expr_t *e, int ref, long exponent, int power,
                   mpfr_srcptr bound);

#endif
