/* The parts of sl_prove, one file each. */
#ifndef SLUICE_PROOFS_PROVE_PARTS_H
#define SLUICE_PROOFS_PROVE_PARTS_H

#include "proofs/prover/prove.h"

#define SL_DEPTH 60

void sl_prove_smooth(sl_proof *proof, sl_problem *p, sl_budget *budget);   /* P1 */
void sl_prove_maximum(sl_proof *proof, sl_problem *p, sl_budget *budget);  /* P2, after P3 */
void sl_prove_monotone(sl_proof *proof, sl_problem *p, sl_budget *budget); /* P3 */

/* Ends of a segment rounded outward; high is +inf for the last. */
void sl_segment_low(arf_t out, sl_problem *p, int segment);
void sl_segment_high(arf_t out, sl_problem *p, int segment);

#endif
