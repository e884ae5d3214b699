/* Witnesses of refuted properties (spec G4.4). */
#ifndef SLUICE_CHECK_WITNESS_H
#define SLUICE_CHECK_WITNESS_H

#include "context.h"

/* For P1 (i = 0) to P3, where no parameter is a range: "" if the witness breaks the property, or
 * why not. */
const char *slc_check_refuted(const context_t *c, int i);

/* Of a gate of two arguments r and p: is the witness of P1 to P3 where p > 0 and r p < 1? */
int slc_witness_inside(const context_t *c, int i);

/* Is w above 0 at the witness of a requirement: in segments `first` to `last` - 1, up to their ends
 * from inside, or at one of the joins `first` to `last` itself? */
int slc_above_0(const context_t *c, int first, int last);

#endif
