/* P3, after P1. */
#ifndef SLUICE_PROOFS_PROVE_MONOTONE_H
#define SLUICE_PROOFS_PROVE_MONOTONE_H

#include "proof.h"
#include "search.h"

void sl_prove_monotone(sl_proof *proof, sl_problem *p, sl_budget *budget);

#endif
