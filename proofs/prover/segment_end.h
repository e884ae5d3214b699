/* The ends of a segment, where w' may vanish: the first derivative of w that does not decides. */
#ifndef SLUICE_PROOFS_SEGMENT_END_H
#define SLUICE_PROOFS_SEGMENT_END_H

#include "proof.h"
#include "search.h"

/* Settles the end of a segment: zone->order 1 leaves it to the boxes. Moves `inner` inward by the
 * zone. 1 done, 0 open, -1 refuted. */
int sl_settle_end(sl_proof *proof, sl_problem *p, int segment, int high, int want,
                  const arf_t limit, arf_t inner, sl_end_zone *zone, sl_budget *budget,
                  sl_witness *w);
/* Of the first segment, where boxes do not reach to r = 0: a zone (0, 2^-shift] with the slope that
 * is wanted, by tail forms in s = -log(r), if there is one; then `inner` becomes its end. */
void sl_log_zone(sl_problem *p, int want, const arf_t limit, arf_t inner, sl_end_zone *zone,
                 sl_budget *budget);
/* A region next to the end in which w goes down from it: moves `end` inward by it. 0: none found.
 */
int sl_slope_zone(sl_proof *proof, sl_problem *p, int segment, int high, const arf_t limit,
                  arf_t end, sl_budget *budget);
/* top: the high end, or a place from which to look for a zone at the low one. */
void sl_segment_ends(arf_t low, arf_t high, arf_t top, sl_problem *p, int segment);
/* "WHY next to r = STUCK", and that the goal fails there, if the search says so. */
void sl_finding_open(sl_finding *f, sl_search_result s, const arf_t stuck, const char *why);

#endif
