/* P1. */
#ifndef SLUICE_PROOFS_PROVE_SMOOTH_H
#define SLUICE_PROOFS_PROVE_SMOOTH_H

#include "proof.h"
#include "search.h"

void sl_prove_smooth(sl_proof *proof, sl_problem *p, sl_budget *budget);

#endif
