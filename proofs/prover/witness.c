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

void sl_witness_middle(sl_witness *w, unsigned ranged) {
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) {
    arb_set_si(w->box + i, (slong)(ranged >> i & 1));
    arb_mul_2exp_si(w->box + i, w->box + i, -1);
  }
}
