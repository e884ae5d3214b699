/* Proofs (see proof.h). */
#include "proof.h"

#include <string.h>

void sl_proof_init(sl_proof *proof) {
  memset(proof, 0, sizeof *proof);
  for (int i = 0; i < SL_PROPERTIES; i++) sl_finding_init(&proof->property[i]);
  sl_claims_init(&proof->claims);
  sl_tail_fact_init(&proof->tail);
}
void sl_proof_clear(sl_proof *proof) {
  for (int i = 0; i < SL_PROPERTIES; i++) sl_finding_clear(&proof->property[i]);
  sl_claims_clear(&proof->claims);
  sl_tail_fact_clear(&proof->tail);
}
