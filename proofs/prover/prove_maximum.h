/* P2, after P3. */
#ifndef SLUICE_PROOFS_PROVE_MAXIMUM_H
#define SLUICE_PROOFS_PROVE_MAXIMUM_H

#include "proof.h"
#include "search.h"

void sl_prove_maximum(sl_proof *proof, sl_problem *p, sl_budget *budget);

#endif
