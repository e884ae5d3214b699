/* Coverage of the parameters' ranges by the parts of a certificate (spec G4.2). */
#ifndef SLUICE_CHECK_PARTS_COVER_H
#define SLUICE_CHECK_PARTS_COVER_H

#include "read_part.h"

enum { PART_LIMIT = 10000 };

/* Do the parts cover the product of the ranges from `low` to `high`? These are changed meanwhile,
 * and are as before in the end. */
int slc_parts_cover(const ranges_t *part, int n, const int *ranged, mpq_t *low, mpq_t *high);

#endif
