/* What the claims of a part are checked against. */
#ifndef SLUICE_CHECK_CONTEXT_H
#define SLUICE_CHECK_CONTEXT_H

#include "part.h"

typedef struct {
  const part_t *part;
  pieces_t *pieces;
  const int *ranged;
} context_t;

#endif
