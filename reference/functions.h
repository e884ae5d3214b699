/* The functions of spec/functions.def by MPFR, and quick estimates with a proven bound, for sweeps
 * over all inputs (spec N2.1, N2.3). */
#ifndef SLUICE_REFERENCE_FUNCTIONS_H
#define SLUICE_REFERENCE_FUNCTIONS_H

#include <sluice/types.h>

#include <stddef.h>

const char *sl_ref_function_name(sl_function_id function);

/* 1 if x lies in the domain of functions.def; a NaN does not. */
int sl_ref_function_domain(sl_function_id function, float x);

/* f(x) correctly rounded, with the special values of spec N2.2. */
float sl_ref_function(sl_function_id function, float x);

/* The tables of the estimates, made by MPFR. One owner; NULL if there is no memory. */
typedef struct sl_ref_estimator sl_ref_estimator;
sl_ref_estimator *sl_ref_estimator_create(void);
void sl_ref_estimator_destroy(sl_ref_estimator *estimator);

/* y[i] with f(x[i]) between y[i] (1 - e) and y[i] (1 + e), e = SL_REF_ESTIMATE_ERROR, for n finite
 * x in the domain. Where f(x) < 2^-151 (or > 2^129), y may be any other such value. NaN where this
 * file cannot promise that, or f(x) is infinite. */
#define SL_REF_ESTIMATE_ERROR 0x1p-42
void sl_ref_estimate(const sl_ref_estimator *estimator, sl_function_id function, double *y,
                     const float *x, size_t n);

#endif
