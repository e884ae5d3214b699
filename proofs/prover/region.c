/* The region of a gate of two arguments (see region.h). */
#include "region.h"

sl_decimal sl_old_value(int index) {
  static const int tens[] = {100, 80, 60, 50, 40, 30, 20, 15};
  return sl_decimal_normal(tens[index % 8], -2 - index / 8);
}

int sl_is_in_region(const sl_finding *f, int old) {
  fmpq_t p, r;
  fmpq_init(p), fmpq_init(r);
  sl_decimal_fmpq(p, f->at[old]);
  int inside = f->verdict == SL_REFUTED && f->has_witness && fmpq_sgn(p) > 0;
  if (inside) {
    arf_get_fmpq(r, f->witness.r);
    fmpq_mul(r, r, p);
    inside = fmpq_cmp_si(r, 1) < 0;
  }
  fmpq_clear(p), fmpq_clear(r);
  return inside;
}
