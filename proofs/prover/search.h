/* Branch and bound over boxes of r and parameters: proves a sign on all of a segment's part, or
 * finds a point that refutes it. */
#ifndef SLUICE_PROOFS_SEARCH_H
#define SLUICE_PROOFS_SEARCH_H

#include "problem.h"

/* What is to hold on every point of a box, of the segment's f and w (of a requirement: w is its
 * left minus right). */
typedef enum {
  SL_GOAL_DEFINED,  /* f and w have values, and no switch in w that could jump is open: w is
                       continuous */
  SL_GOAL_UP,       /* w' > 0 */
  SL_GOAL_DOWN,     /* w' < 0 */
  SL_GOAL_BELOW,    /* w < 1 */
  SL_GOAL_NEGATIVE, /* w < 0 */
  SL_GOAL_CURVE_UP, /* the order-th derivative of w is > 0 */
  SL_GOAL_CURVE_DOWN
} sl_goal;

typedef struct {
  int segment;
  sl_goal goal;
  slong order; /* of CURVE */
  arf_t low, high;
  arb_ptr box;
} sl_claim;

/* A goal over the whole of [low, high] and the parameters' box, and the claims that cover it. */
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
void sl_claims_truncate(sl_claim_list *list, size_t count);
void sl_claims_region(sl_claim_list *list, int segment, sl_goal goal, slong order, const arf_t low,
                      const arf_t high, size_t first);

typedef struct {
  arf_t r;
  arb_ptr box; /* exact parameter values */
  arb_t value; /* the enclosure that convicts */
} sl_witness;

void sl_witness_init(sl_witness *w);
void sl_witness_clear(sl_witness *w);

typedef struct {
  double deadline_s; /* on CLOCK_MONOTONIC */
  long boxes, box_limit;
} sl_budget;

double sl_clock_s(void);

typedef enum { SL_SEARCH_HOLDS, SL_SEARCH_FAILS, SL_SEARCH_OPEN } sl_search_result;

/* OPEN: neither, within depth and budget; `stuck` (may be NULL) then gets the low end of the box
 * where it stopped. */
sl_search_result sl_search(sl_problem *p, int segment, sl_goal goal, slong order, const arf_t low,
                           const arf_t high, int depth, sl_budget *budget, sl_claim_list *claims,
                           sl_witness *witness, arf_t stuck);

/* Does the exact point r, at the middle of the parameter box, certainly break the goal? */
int sl_search_point(sl_problem *p, int segment, sl_goal goal, const arf_t r, sl_witness *witness);

#endif
