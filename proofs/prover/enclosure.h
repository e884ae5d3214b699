/* A tree over a box of r and parameters: a span of every node's value, slope by r, and logarithmic
 * slope. */
#ifndef SLUICE_PROOFS_ENCLOSURE_H
#define SLUICE_PROOFS_ENCLOSURE_H

#include "problem.h"

/* l encloses v'/v. A sum of logarithmic slopes keeps the sign of a product of exponentials that
 * spans many binades. */
typedef struct {
  sl_span v, d, l;
  unsigned char ok; /* a value everywhere on the box, and no switch that could jump is open */
  unsigned char undefined; /* certainly a value nowhere on the box */
} sl_enclosed;

typedef struct {
  sl_problem *p;
  const sl_tree *tree;
  /* Where not SL_NO_REF, slopes are by this node of the segment, times the sign of its own. */
  sl_ref inner;
  int inner_sign;
  const unsigned char *signs; /* of the segment's nodes; NULL at a point, which may be an end */
  unsigned char *live, *has_r;
  sl_enclosed *node;
  fmpq **affine; /* of a node without r: c[0] + the sum of c[i + 1] s_i, where it is that exactly */
} sl_enclosure;

/* other: a second root to keep, or SL_NO_REF. */
void sl_enclosure_init(sl_enclosure *e, sl_problem *p, const sl_segment *s, sl_ref ref,
                       sl_ref other);
void sl_enclosure_clear(sl_enclosure *e);

/* Fills e->node of every live node. box: of s, as in field.h. */
void sl_enclose(sl_enclosure *e, const sl_span *r, arb_srcptr box, slong prec);

/* At a point: does a switch that jumps stand at its edge? What goes on beside the point is then
 * another branch, perhaps on both sides: no slope or limit is that of the branch at the point.
 * For a slope abs, min and max count too: they are continuous, but have a slope of each side. */
int sl_enclosed_on_edge(const sl_enclosure *e, int for_slope);

/* The signs that the slope of node ref may have on the box; any where it has no value somewhere. */
unsigned sl_enclosed_slope_signs(const sl_enclosure *e, sl_ref ref);

#endif
