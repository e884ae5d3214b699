/* Vectors of MPFR numbers. */
#include "real.h"

#include <stdint.h>
#include <stdlib.h>

sl_reals sl_reals_create(size_t n, mpfr_prec_t precision) {
  sl_reals v = {n, NULL};
  if (n >= SIZE_MAX / sizeof *v.x) return v;
  v.x = malloc((n + 1) * sizeof *v.x);
  if (!v.x) return v;
  for (size_t i = 0; i < n; i++) {
    mpfr_init2(v.x[i], precision);
    mpfr_set_zero(v.x[i], 1);
  }
  return v;
}

void sl_reals_destroy(sl_reals *v) {
  if (v->x)
    for (size_t i = 0; i < v->n; i++) mpfr_clear(v->x[i]);
  free(v->x);
  v->x = NULL;
  v->n = 0;
}

void sl_reals_set_doubles(sl_reals *v, const double *x) {
  for (size_t i = 0; i < v->n; i++) mpfr_set_d(v->x[i], x[i], MPFR_RNDN);
}

void sl_reals_set_floats(sl_reals *v, const float *x) {
  for (size_t i = 0; i < v->n; i++) mpfr_set_flt(v->x[i], x[i], MPFR_RNDN);
}

void sl_reals_get_doubles(double *x, const sl_reals *v) {
  for (size_t i = 0; i < v->n; i++) x[i] = mpfr_get_d(v->x[i], MPFR_RNDN);
}
