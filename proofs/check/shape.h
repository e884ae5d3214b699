/* P2 and P3 as proved: monotone segments, steps at joins, w <= 1 (spec G4.4). */
#ifndef SLUICE_CHECK_SHAPE_H
#define SLUICE_CHECK_SHAPE_H

#include "context.h"

/* "" or what is not shown. */
const char *slc_check_maximum(const context_t *c);
const char *slc_check_monotone(const context_t *c);
/* Is the claim's tail "tail 0", or "below 0", as where nothing is asked of it? Else NO_TAIL says
 * what is wrong. */
int slc_asks_no_tail(const claim_t *p);
extern const char NO_TAIL[];
/* Moves `inner`, which is an end of segment i, inward by a zone or a region next to it whose slope
 * leads down from it; leaves it where there is none. */
void slc_leave_end(const context_t *c, int i, int high, const mpfr_t end, mpfr_t inner);

#endif
