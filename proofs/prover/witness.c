/* Witnesses (see witness.h). */
#include "witness.h"

#include "field.h"

void sl_witness_init(sl_witness *w) {
  arf_init(w->r);
  arb_init(w->value);
  w->box = _arb_vec_init(SL_FIELD_PARAMETERS);
}
void sl_witness_clear(sl_witness *w) {
  arf_clear(w->r);
  arb_clear(w->value);
  _arb_vec_clear(w->box, SL_FIELD_PARAMETERS);
}
