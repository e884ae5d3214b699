/* The checker's intervals: MPFI ends, either of which may be infinite, with the signs that the
 * enclosed values may have and the ends that none attains. */
#ifndef SLUICE_CHECK_SPAN_H
#define SLUICE_CHECK_SPAN_H

#include "expr.h"

#include <mpfi.h>

enum { NEG = 1, NIL = 2, POS = 4, ANY = 7 }; /* sets of signs */
enum { LOW_OPEN = 1, HIGH_OPEN = 2 };

typedef struct {
  mpfi_t x;
  unsigned signs, open;
} span_t;

void slc_sp_init(span_t *y);
void slc_sp_clear(span_t *y);
void slc_sp_set(span_t *y, const span_t *a);
void slc_sp_zero(span_t *y);
void slc_sp_anything(span_t *y);
void slc_sp_ends(span_t *y, const mpfr_t low, const mpfr_t high, unsigned open);
void slc_sp_mpfi(span_t *y, const mpfi_t a);
void slc_sp_q(span_t *y, const mpq_t low, const mpq_t high);
/* After the ends were set: NaN is no knowledge. */
void slc_sp_close(span_t *y, unsigned signs, unsigned open);
/* Only these signs are possible, of those that the ends allow. */
void slc_sp_only(span_t *y, unsigned signs);
int slc_sp_bounded(const span_t *a);
unsigned slc_signs_times(unsigned a, unsigned b);
unsigned slc_signs_minus(unsigned a);

void slc_sp_neg(span_t *y, const span_t *a);
void slc_sp_add(span_t *y, const span_t *a, const span_t *b);
void slc_sp_sub(span_t *y, const span_t *a, const span_t *b);
void slc_sp_mul(span_t *y, const span_t *a, const span_t *b);
void slc_sp_sqr(span_t *y, const span_t *a);
void slc_sp_invert(span_t *y, const span_t *a);               /* 1/a; anything if a may be zero */
void slc_sp_div(span_t *y, const span_t *a, const span_t *b); /* anything if b may be zero */
void slc_sp_pow(span_t *y, const span_t *a, const mpq_t q);   /* anything outside the domain */
/* The slope of a^q wherever it has one. A root has none where a is 0, yet is continuous there: an
 * expression over a box holds finitely many such places, or a is constant around them. */
void slc_sp_pow_slope(span_t *y, const span_t *a, const mpq_t q);
void slc_sp_abs(span_t *y, const span_t *a);
void slc_sp_hull(span_t *y, const span_t *a, const span_t *b);
/* A function of functions.def and its slope at a. */
void slc_sp_fn(span_t *y, span_t *slope, op_t op, const span_t *a);

#endif
