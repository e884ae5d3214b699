/* The region of a gate of two arguments (spec G1.7): 0 < p <= 1, r >= 0, r p <= 1. */
#ifndef SLUICE_PROOFS_REGION_H
#define SLUICE_PROOFS_REGION_H

#include "finding.h"

/* The values of p at which such a gate is tried, and tested as binary32 code (spec G5.3): 1 to
 * 1.5e-8. */
enum { SL_OLD_VALUES = 64 };
sl_decimal sl_old_value(int index);

/* Does a refutation's witness have p > 0 and r p < 1? At the edge the gate has no other side. `old`
 * is the number of p among the parameters. */
int sl_is_in_region(const sl_finding *f, int old);

#endif
