/* P4. */
#ifndef SLUICE_PROOFS_PROVE_PRODUCT_H
#define SLUICE_PROOFS_PROVE_PRODUCT_H

#include "proof.h"
#include "search.h"

/* Does r f' -> 0 (spec G2.2)? Fills property[3]; after P4w, which follows from it. */
void sl_prove_product(sl_proof *proof, sl_problem *p, sl_budget *budget);

#endif
