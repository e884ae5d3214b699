/* Has an expression values beside a point? What it has at the point alone does not tell:
 * 3 + sqrt(2 - r) is 3 at r = 2 and has no value beyond. */
#ifndef SLUICE_PROOFS_BESIDE_H
#define SLUICE_PROOFS_BESIDE_H

#include "joins.h"

/* Is node ref of the segment's tree shown to have a value everywhere between r and some point of
 * the open segment beyond it, on this side (-1, 1)? r lies in the segment, or is an end of it,
 * rounded outward. box: of s, as in field.h. */
int sl_has_values_beside(sl_problem *p, int segment, sl_ref ref, const arf_t r, int side,
                         arb_srcptr box);

/* Is w shown to have values as close to the join as one likes, on the side of the approach? By
 * its limit or by a box. At the join itself its value does. Where parameters have ranges: at their
 * middle. */
int sl_join_is_approached(sl_problem *p, int join, sl_approach from);

#endif
