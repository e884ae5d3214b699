/* Places on the axis of r as text that can be pasted: exact, near r = 1 by the distance from it,
 * joins by what they are in the gate's parameters. */
#ifndef SLUICE_PROOFS_PLACE_H
#define SLUICE_PROOFS_PLACE_H

#include "problem.h"

enum { SL_PLACE_TEXT = 120 };

/* "0.4", "1 - 2^-70", "99999.999567312771 (exactly 858993455483245*2^-33)"; of more than twenty
 * digits "0.40000000000000000 (rounded)". */
void sl_place_point(char out[SL_PLACE_TEXT], const arf_t r);
/* "1 + eps = 1.2"; of a join without a parameter its value alone, of one that a parameter moves in
 * a way that no part of the file spells out "1.5 (where tau*(r - 1) = 1)". */
void sl_place_join(char out[SL_PLACE_TEXT], sl_problem *p, int join);

/* "the joins r = 1 + tau and r = 2 may coincide", of two for which it is so. */
void sl_place_coincide(char out[2 * SL_PLACE_TEXT], sl_problem *p);

#endif
