/* Coverage of a box by boxes (spec G4.3). */
#ifndef SLUICE_CHECK_COVER_H
#define SLUICE_CHECK_COVER_H

#include "part.h"

/* Do the cells cover [low, high] (NULL: no side of r) times box? */
int slc_covers(const cell_t *const *cells, int n, const mpfr_t low, const mpfr_t high,
               const mpfi_t *box, const int *ranged);

#endif
