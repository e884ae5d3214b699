/* A segment's expression over a box of r and parameters: enclosures of value, derivative and
 * logarithmic derivative, and of higher derivatives. */
#ifndef SLUICE_PROOFS_BALL_H
#define SLUICE_PROOFS_BALL_H

#include "kernels/gate/tree.h"

#include <arb.h>
#include <arb_poly.h>

/* Value, derivative by r, and v'/v (indeterminate where not known). A sum of logarithmic
 * derivatives keeps the sign of a product of exponentials that spans many binades. */
typedef struct {
  arb_t v, d, l;
  int sign; /* of v: 1, -1, 0 unknown; structural, because the ball of a wide exp may touch 0 */
} sl_flow;

typedef struct {
  const sl_tree *tree;
  unsigned char *live;
  sl_ref ref;
  sl_ref inner; /* where not SL_NO_REF, jets are by this node, times inner_sign */
  int inner_sign;
  sl_flow *flow;
  arb_poly_struct *poly;
  /* Set by a caller who wants values, not slopes: a piece that ends with <= then counts where both
   * sides of its condition are certainly equal. */
  int ties;
  int undefined; /* set by sl_ball_flow: some node certainly has no value on the whole box */
  sl_ref where;
} sl_ball;

/* other: a second root to keep, or SL_NO_REF. */
void sl_ball_init(sl_ball *b, const sl_tree *tree, sl_ref ref, sl_ref other);
void sl_ball_clear(sl_ball *b);

/* Result in b->flow[ref] for every live ref. box: parameters. */
void sl_ball_flow(sl_ball *b, const arb_t r, arb_srcptr box, slong prec);
/* One node again, from its children as they are now. */
void sl_ball_refresh(sl_ball *b, sl_ref i, const arb_t r, arb_srcptr box, slong prec);
/* 1, -1: the derivative of node ref certainly has this sign; 0 unknown. After sl_ball_flow. */
int sl_ball_slope_sign(const sl_ball *b, sl_ref ref);

/* A node without children. */
void sl_ball_leaf(sl_flow *y, const sl_gate_node *n, const arb_t r, arb_srcptr box, slong prec);

/* Taylor coefficients below `order` of the root into b->poly[ref]; indeterminate where a switch is
 * not decided. */
void sl_ball_jet(sl_ball *b, const arb_t r, arb_srcptr box, slong order, slong prec);

#endif
