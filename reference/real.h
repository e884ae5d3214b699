/* Vectors of MPFR numbers, the storage of the high-precision references. One owner each: create,
 * then destroy. */
#ifndef SLUICE_REFERENCE_REAL_H
#define SLUICE_REFERENCE_REAL_H

#include <mpfr.h>
#include <stddef.h>

typedef struct {
  size_t n;
  mpfr_t *x;
} sl_reals;

/* n numbers of that precision, all +0. x is NULL if there is no memory (n = 0 still gives a
 * pointer). */
sl_reals sl_reals_create(size_t n, mpfr_prec_t precision);
void sl_reals_destroy(sl_reals *v);

/* Exact copies, given that the precision of v is at least 53. */
void sl_reals_set_doubles(sl_reals *v, const double *x);
void sl_reals_set_floats(sl_reals *v, const float *x);
/* v rounded to nearest. */
void sl_reals_get_doubles(double *x, const sl_reals *v);

#endif
