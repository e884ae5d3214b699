/* The prover: P1 to P4 for one side of a gate over a box of parameters (spec G2). */
#ifndef SLUICE_PROOFS_PROVE_H
#define SLUICE_PROOFS_PROVE_H

#include "proof.h"
#include "search.h"

/* Fills all four findings. p was made by sl_problem_init. */
void sl_prove(sl_proof *proof, sl_problem *p, sl_budget *budget);

#endif
