/* P4w. */
#ifndef SLUICE_PROOFS_PROVE_LIMIT_H
#define SLUICE_PROOFS_PROVE_LIMIT_H

#include "proof.h"
#include "search.h"

void sl_prove_limit(sl_proof *proof, sl_problem *p, const sl_budget *budget);

#endif
