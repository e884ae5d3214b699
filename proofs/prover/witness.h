/* A point that breaks a property. */
#ifndef SLUICE_PROOFS_WITNESS_H
#define SLUICE_PROOFS_WITNESS_H

#include <arb.h>

typedef struct {
  arf_t r;
  arb_ptr box; /* exact parameter values */
  arb_t value; /* the enclosure that convicts */
} sl_witness;

void sl_witness_init(sl_witness *w);
void sl_witness_clear(sl_witness *w);

#endif
