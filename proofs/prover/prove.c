/* P1 to P4 (spec G2.2): exact series at r = 0, 1, the joins and infinity; boxes in between; tail
 * forms beyond. */
#include "prove.h"

#include "prove_limit.h"
#include "prove_maximum.h"
#include "prove_monotone.h"
#include "prove_product.h"
#include "prove_smooth.h"

void sl_prove(sl_proof *proof, sl_problem *p, sl_budget *budget) {
  const double start = sl_clock_s();
  const long boxes = budget->boxes;
  sl_prove_smooth(proof, p, budget);
  sl_prove_limit(proof, p);
  sl_prove_product(proof, p, budget);
  sl_prove_monotone(proof, p, budget);
  sl_prove_maximum(proof, p, budget);
  proof->boxes = budget->boxes - boxes;
  proof->seconds = sl_clock_s() - start;
}
