/* The course of an expression between two joins, as far as one box of all of the segment tells it:
 * its sign, or that it rises or falls from, or to, an end at which its value is known. */
#ifndef SLUICE_PROOFS_COURSE_H
#define SLUICE_PROOFS_COURSE_H

#include "problem.h"

/* The signs that s->w may have on the open segment of that number; SL_ANY_SIGN where it tells
 * nothing. Joins are set; the tree of s grows. */
unsigned sl_signs_between_joins(sl_problem *p, sl_segment *s, int segment);

/* Adds what switches of `from` were decided by to what the certificate shows of p. 0: there is no
 * room for all. */
int sl_courses_take(sl_problem *p, const sl_problem *from);

#endif
