/* Branch and bound over boxes of r and parameters: proves a goal on all of a part of a
 * segment, or finds a point where it fails. */
#ifndef SLUICE_PROOFS_SEARCH_H
#define SLUICE_PROOFS_SEARCH_H

#include "claims.h"
#include "problem.h"
#include "witness.h"

/* Processor time of the thread: how busy the machine is decides no verdict. */
double sl_clock_s(void);

typedef struct {
  double deadline_s; /* on sl_clock_s */
  long boxes, box_limit;
} sl_budget;

/* Has the time passed? Whatever may take long asks before each step; boxes are counted where they
 * are looked at. */
int sl_time_over(const sl_budget *b);

/* Halvings of a box before a search gives up on it. */
#define SL_DEPTH 120

typedef enum { SL_SEARCH_HOLDS, SL_SEARCH_FAILS, SL_SEARCH_FAINT, SL_SEARCH_OPEN } sl_search_result;

/* high may be infinite. FAILS: the witness breaks the goal if no parameter has a range, else it is
 * a place to look for one that does. OPEN: neither, within depth and budget; `stuck` (may be NULL)
 * then gets the low end of the box where it stopped. FAINT: the goal fails at `stuck`, by too
 * little for SL_WITNESS_BITS, and no point was found where it fails by more. */
sl_search_result sl_search(sl_problem *p, int segment, sl_goal goal, slong order, const arf_t low,
                           const arf_t high, int depth, sl_budget *budget, sl_claim_list *claims,
                           sl_witness *witness, arf_t stuck);

/* Does the goal certainly fail at the exact point r, and at the middle of the parameter box? */
int sl_search_point(sl_problem *p, int segment, sl_goal goal, const arf_t r, sl_witness *witness);

#endif
