/* What the claims of a part are checked against (spec G4.4). */
#ifndef SLUICE_CHECK_CLAIMS_H
#define SLUICE_CHECK_CLAIMS_H

#include "part.h"

typedef struct {
  const part_t *part;
  pieces_t *pieces;
  const int *ranged;
} context_t;

/* Where w = f' tends to the same from both sides of a join, f' is that; join 0 has one side. */
int smooth_join(const context_t *c, int join);
/* "" or why the claim does not hold: P4 either way, and property i (P1 is 0) as refuted. */
const char *check_p4(const context_t *c);
const char *check_refuted(const context_t *c, int i);

#endif
