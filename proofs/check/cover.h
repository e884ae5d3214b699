/* Coverage of a box by boxes (spec G4.3). */
#ifndef SLUICE_CHECK_COVER_H
#define SLUICE_CHECK_COVER_H

#include "part.h"

/* Do the cells cover [low, high] times [0, 1] for every ranged parameter? */
int slc_covers(const cell_t *const *cells, int n, const mpfr_t low, const mpfr_t high,
               const int *ranged);

#endif
