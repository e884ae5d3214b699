/* Taylor coefficients as MPFI intervals: c[0 .. n-1] of a function over an interval. A coefficient
 * that is not bounded means: not known. */
#ifndef SLUICE_CHECK_JET_H
#define SLUICE_CHECK_JET_H

#include "expr.h"

#include <mpfi.h>

enum { JET = 10, BITS = 256 };

typedef struct {
  mpfi_t c[JET];
} jet_t;

void slc_jet_init(jet_t *y);
void slc_jet_clear(jet_t *y);
void slc_jet_set(jet_t *y, const jet_t *a);
void slc_jet_const(jet_t *y, const mpfi_t c); /* c, 0, 0, ... */
void slc_jet_unknown(jet_t *y);
void slc_jet_add(jet_t *y, const jet_t *a, const jet_t *b, int minus, int n);
void slc_jet_mul(jet_t *y, const jet_t *a, const jet_t *b, int n);
void slc_jet_div(jet_t *y, const jet_t *a, const jet_t *b, int n);
void slc_jet_scale(jet_t *y, const jet_t *a, const mpfi_t f, int n);
void slc_jet_pow(jet_t *y, const jet_t *a, const mpq_t q, int n);
void slc_jet_fn(jet_t *y, op_t op, const jet_t *a, int n);
int slc_bounded(mpfi_srcptr x);
int slc_sign_of(mpfi_srcptr x); /* strictly; 0 for unknown */
void slc_nowhere(mpfi_t x);     /* [-inf, inf] */
void slc_erf_of(mpfi_t y, const mpfi_t a);
void slc_sigmoid_of(mpfi_t y, const mpfi_t a);
void slc_wave_of(mpfi_t y, const mpfi_t a, int cosine); /* sin or cos */

#endif
