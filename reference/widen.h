/* Binary32 arrays as binary64 ones. Internal. */
#ifndef SLUICE_REFERENCE_WIDEN_H
#define SLUICE_REFERENCE_WIDEN_H

#include <stdlib.h>

/* A copy that the caller frees; NULL if there is no memory. */
static inline double *sl_widen(const float *x, size_t n) {
  double *wide = calloc(n + 1, sizeof *wide);
  for (size_t i = 0; wide && i < n; i++) wide[i] = (double)x[i];
  return wide;
}

#endif
