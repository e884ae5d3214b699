/* Values and series of a gate at the ends of its segments. */
#ifndef SLUICE_PROOFS_JOINS_H
#define SLUICE_PROOFS_JOINS_H

#include "problem.h"

typedef enum { SL_FROM_LEFT, SL_AT_JOIN, SL_FROM_RIGHT } sl_approach;

/* Value of f or w at a join; NULL where no exact one is known. Join 0 has no left. */
sl_exact sl_join_value(sl_problem *p, int join, int weight, sl_approach from);
/* The join as a dyadic number, if it is one; else out is NaN. The boxes of a segment leave such an
 * end out: there the gate is what the join's own tree says. */
int sl_join_is_dyadic(sl_problem *p, int join, arf_t out);
/* Has f or w a finite value at the join from there: an exact one, by an enclosure at the point, or
 * because boxes reach over the join? */
int sl_join_known(sl_problem *p, int join, int weight, sl_approach from);
/* Are the two equal, being one expression or by an identity? */
int sl_join_same(sl_problem *p, int join, int weight, sl_approach a, sl_approach b);
/* Does w at the join itself need a check of its own, being neither side's? Of w = f' it is what the
 * rules of the derivative give there (spec G2.2); not asked at r = 0, where the limit counts. */
int sl_join_stands_alone(sl_problem *p, int join);

/* The join, or the middle of where it moves, for a witness: rounded to 128 bits, though terms of it
 * may cancel. */
void sl_join_rounded(arf_t out, sl_problem *p, int join);

/* Series of the segment's f or w at one of its ends. */
sl_series sl_segment_series(sl_problem *p, int segment, sl_ref ref, int end_is_high);
/* Is the derivative of this expression of the segment identically zero? */
int sl_segment_is_constant(sl_problem *p, int segment, sl_ref ref);

/* Ends of a segment rounded outward; the high one of the last is +inf. */
void sl_segment_low(arf_t out, sl_problem *p, int segment);
void sl_segment_high(arf_t out, sl_problem *p, int segment);

#endif
