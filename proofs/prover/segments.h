/* Cutting an expression at the roots of its affine switches. */
#ifndef SLUICE_PROOFS_SEGMENTS_H
#define SLUICE_PROOFS_SEGMENTS_H

#include "problem.h"

/* Fills the joins, the segments, and the trees at the joins of p->tree: resolves the switches with
 * the joins known so far, takes in those that this uncovers, and starts over until there are none.
 * 0 with p->why where their order depends on the parameters. */
int sl_segments_find(sl_problem *p);

#endif
