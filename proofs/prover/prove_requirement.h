/* Requirements (spec G1.3, G2.3). */
#ifndef SLUICE_PROOFS_PROVE_REQUIREMENT_H
#define SLUICE_PROOFS_PROVE_REQUIREMENT_H

#include "finding.h"
#include "search.h"

/* w <= 0 (left - right of a requirement, p made by sl_problem_init_expression) for r in [low,
 * high], high NULL for no end. */
void sl_prove_requirement(sl_finding *finding, sl_problem *p, const arf_t low, const arf_t high,
                          sl_budget *budget);

#endif
