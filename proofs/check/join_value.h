/* Values at joins. */
#ifndef SLUICE_CHECK_JOIN_VALUE_H
#define SLUICE_CHECK_JOIN_VALUE_H

#include "pieces.h"

/* Has f or w a finite value at the join, exact or by an enclosure at the point? */
int slc_join_known(pieces_t *p, int join, int weight, side_t from);

#endif
