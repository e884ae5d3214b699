/* Requirements (spec G1.3, G2.3). */
#ifndef SLUICE_PROOFS_PROVE_REQUIREMENT_H
#define SLUICE_PROOFS_PROVE_REQUIREMENT_H

#include "proof.h"
#include "search.h"

/* w <= 0 (left - right of a requirement, p made by sl_problem_init_expression) for r in its range:
 * fills property[0], the claims and tail_below. */
void sl_prove_requirement(sl_proof *proof, sl_problem *p, sl_budget *budget);

#endif
