/* A point that breaks a property. */
#ifndef SLUICE_PROOFS_WITNESS_H
#define SLUICE_PROOFS_WITNESS_H

#include <arb.h>

/* What refutes has to be seen with so many bits: whoever checks it has 256 (spec G4.1), and is not
 * to miss by a rounding. */
#define SL_WITNESS_BITS 224

typedef struct {
  arf_t r;
  arb_ptr box; /* s of the ranged parameters, exact (field.h) */
  arb_t value; /* the enclosure that breaks the property */
} sl_witness;

void sl_witness_init(sl_witness *w);
void sl_witness_clear(sl_witness *w);
/* s = 1/2 for the parameters of `ranged`. */
void sl_witness_middle(sl_witness *w, unsigned ranged);

#endif
