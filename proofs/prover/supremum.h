/* The exact supremum of r f' for the paper's families. */
#ifndef SLUICE_PROOFS_SUPREMUM_H
#define SLUICE_PROOFS_SUPREMUM_H

#include <sluice/types.h>

#include <arb.h>
#include <fmpq.h>

/* Encloses sup r f' and the r that attains it, for z = tau (r - 1); returns the formula as text, or
 * NULL for a family that has no formula. */
const char *sl_exact_supremum(arb_t value, arb_t at, sl_gate_family family, const fmpq_t tau);

#endif
