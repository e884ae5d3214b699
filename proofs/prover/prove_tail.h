/* The tail of a segment that has no end. */
#ifndef SLUICE_PROOFS_PROVE_TAIL_H
#define SLUICE_PROOFS_PROVE_TAIL_H

#include "proof.h"
#include "search.h"

/* Shows the goal for all r >= 2^e = end, with 2^e >= low, by a box without an end (which joins the
 * claims) or by the tail form. Fills the claim. If neither does, end is a place beyond which to
 * give up. */
int sl_tail_from(sl_proof *proof, sl_problem *p, int segment, sl_goal goal, const arf_t low,
                 sl_tail_claim *claim, arf_t end, sl_budget *budget);

/* Shows w < 0 for all r >= 2^e = end by its tail form in s = log(r). 0: no such e; end is left. */
int sl_tail_in_log(sl_problem *p, int segment, const arf_t low, sl_tail_claim *claim, arf_t end,
                   const sl_budget *budget);

/* Shows the goal for all r >= 2^e by boxes without an end, which join the claims. */
int sl_tail_box(sl_proof *proof, sl_problem *p, int segment, sl_goal goal, slong e,
                sl_budget *budget);

#endif
