/* Regions of a part: boxes that cover them, on each of which the goal holds (spec G4.3). */
#ifndef SLUICE_CHECK_REGION_H
#define SLUICE_CHECK_REGION_H

#include "context.h"

/* "" or what is wrong. */
const char *slc_check_region(const context_t *c, const region_t *g);
/* Do regions with one of the two goals cover [low, high] of the segment? */
int slc_regions_reach(const context_t *c, int segment, goal_t goal, goal_t other, const mpfr_t low,
                      const mpfr_t high);

#endif
