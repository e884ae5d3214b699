/* A box of parameters. */
#ifndef SLUICE_PROOFS_CELL_H
#define SLUICE_PROOFS_CELL_H

#include "field.h"

/* Exact ends of the ranged parameters. Boxes that enclose them are wider by a rounding, so a point
 * of such a box need not be a point of the range. */
typedef struct {
  arf_struct low[SL_FIELD_PARAMETERS], high[SL_FIELD_PARAMETERS];
} sl_cell;

void sl_cell_init(sl_cell *cell);
void sl_cell_clear(sl_cell *cell);
void sl_cell_set(sl_cell *to, const sl_cell *from);

#endif
