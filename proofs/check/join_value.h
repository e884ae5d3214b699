/* Values at joins. */
#ifndef SLUICE_CHECK_JOIN_VALUE_H
#define SLUICE_CHECK_JOIN_VALUE_H

#include "pieces.h"

/* Has f or w a finite value at the join, exact or by an enclosure at the point? */
int slc_join_known(pieces_t *p, int join, int weight, side_t from);
/* Equal by their values, or as one expression that is continuous at the join. */
int slc_join_same(pieces_t *p, int join, int weight, side_t a, side_t b);
/* w at the join itself is neither side's: w = f' is what the rules of the derivative give there,
 * and at r = 0 its limit. */
int slc_join_alone(pieces_t *p, int join);
/* Has f (or w) one value at the join, to which both sides tend? Join 0 has one side. */
int slc_join_agrees(pieces_t *p, int join, int weight);

#endif
