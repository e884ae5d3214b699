/* Values beside a point. A piece may have one at an end and none next to it, as sqrt(2 - r) has
 * from r = 2 on: what it has there is then no limit. */
#ifndef SLUICE_CHECK_BESIDE_H
#define SLUICE_CHECK_BESIDE_H

#include "pieces.h"

/* Has w of piece i a value at every point next to r, on the side `from` of r, inside the piece? r
 * lies in the piece or is an end of it. No parameter is a range. */
int slc_goes_on(pieces_t *p, int i, const mpfr_t r, side_t from);
/* Does w have values arbitrarily near to the join on that side? AT: at the join itself. */
int slc_join_reached(pieces_t *p, int join, side_t from);

#endif
