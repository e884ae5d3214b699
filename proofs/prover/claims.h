/* What boxes a proof rests on. */
#ifndef SLUICE_PROOFS_CLAIMS_H
#define SLUICE_PROOFS_CLAIMS_H

#include "field.h"

/* What is to hold on every point of a box, of the segment's f and w (of a requirement: w is its
 * left minus right). */
typedef enum {
  SL_GOAL_DEFINED, /* f and w have values, and w is continuous: no switch that could jump is open */
  SL_GOAL_UP,      /* w' > 0 */
  SL_GOAL_DOWN,    /* w' < 0 */
  SL_GOAL_BELOW,   /* w <= 1 */
  SL_GOAL_NEGATIVE, /* w <= 0 */
  SL_GOAL_CURVE_UP, /* the order-th derivative of w is > 0 */
  SL_GOAL_CURVE_DOWN,
  SL_GOAL_RISES, /* w' >= 0 */
  SL_GOAL_FALLS  /* w' <= 0 */
} sl_goal;

typedef struct {
  int segment;
  sl_goal goal;
  slong order; /* of CURVE */
  arf_t low, high;
  arb_ptr box;
} sl_claim;

/* A goal over all of [low, high] and the parameters' box, and the claims that cover it. */
typedef struct {
  int segment;
  sl_goal goal;
  slong order;
  arf_t low, high;
  size_t first, count;
} sl_region;

/* The claims that a proof rests on, in the order found. */
typedef struct {
  sl_claim *claim;
  size_t count, capacity;
  sl_region *region;
  size_t region_count, region_capacity;
} sl_claim_list;

void sl_claims_init(sl_claim_list *list);
void sl_claims_clear(sl_claim_list *list);
void sl_claims_add(sl_claim_list *list, int segment, sl_goal goal, slong order, const arf_t low,
                   const arf_t high, arb_srcptr box);
void sl_claims_truncate(sl_claim_list *list, size_t count);
void sl_claims_region(sl_claim_list *list, int segment, sl_goal goal, slong order, const arf_t low,
                      const arf_t high, size_t first);

#endif
