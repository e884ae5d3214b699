/* The parts of sl_prove, one file each. */
#ifndef SLUICE_PROOFS_PROVE_PARTS_H
#define SLUICE_PROOFS_PROVE_PARTS_H

#include "prove.h"

#define SL_DEPTH 60

void sl_prove_smooth(sl_proof *proof, sl_problem *p, sl_budget *budget);   /* P1 */
void sl_prove_maximum(sl_proof *proof, sl_problem *p, sl_budget *budget);  /* P2, after P3 */
void sl_prove_monotone(sl_proof *proof, sl_problem *p, sl_budget *budget); /* P3 */

/* Does the tail form show the goal for all r >= 2^e = end, with 2^e >= low? Fills the claim. If
 * not, end is a place beyond which to give up. */
int sl_tail_from(sl_problem *p, int segment, sl_goal goal, const arf_t low, sl_tail_claim *claim,
                 arf_t end);

/* Ends of a segment rounded outward; high is +inf for the last. */
void sl_segment_low(arf_t out, sl_problem *p, int segment);
void sl_segment_high(arf_t out, sl_problem *p, int segment);

#endif
