/* Boxes of parameters (see cell.h). */
#include "cell.h"

void sl_cell_init(sl_cell *cell) {
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) arf_init(&cell->low[i]), arf_init(&cell->high[i]);
}
void sl_cell_clear(sl_cell *cell) {
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) arf_clear(&cell->low[i]), arf_clear(&cell->high[i]);
}
void sl_cell_set(sl_cell *to, const sl_cell *from) {
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++)
    arf_set(&to->low[i], &from->low[i]), arf_set(&to->high[i], &from->high[i]);
}
