/* Boxes of parameters (see cell.h). */
#include "cell.h"

#include <math.h>
#include <stdio.h>

void sl_decimal_fmpq(fmpq_t out, sl_decimal value) {
  fmpz_t ten;
  fmpz_init_set_ui(ten, 10);
  fmpz_pow_ui(ten, ten, (ulong)(value.e < 0 ? -value.e : value.e));
  fmpq_set_si(out, value.m, 1);
  if (value.e < 0)
    fmpq_div_fmpz(out, out, ten);
  else
    fmpq_mul_fmpz(out, out, ten);
  fmpz_clear(ten);
}

int sl_decimal_same(sl_decimal a, sl_decimal b) { return a.m == b.m && a.e == b.e; }

/* value to `digits` digits */
static int rounded(sl_decimal *out, double value, int digits) {
  char text[40];
  snprintf(text, sizeof text, "%.*e", digits - 1, value);
  return sl_decimal_parse(text, out);
}

int sl_decimal_between(sl_decimal *out, sl_decimal low, sl_decimal high) {
  const double a = sl_decimal_to_double(low), b = sl_decimal_to_double(high);
  const double middle = a > 0 && b >= 2 * a ? sqrt(a) * sqrt(b) : a + (b - a) / 2;
  for (int digits = 1; digits <= 17; digits++) {
    if (!rounded(out, middle, digits)) return 0;
    const double x = sl_decimal_to_double(*out);
    const int central = x >= a + (middle - a) / 2 && x <= b - (b - middle) / 2;
    if (central && sl_decimal_cmp(low, *out) < 0 && sl_decimal_cmp(*out, high) < 0) return 1;
  }
  return 0;
}

sl_decimal sl_decimal_at(sl_decimal low, sl_decimal high, double s, int digits) {
  sl_decimal out;
  if (s <= 0) return low;
  if (s >= 1) return high;
  const double a = sl_decimal_to_double(low), b = sl_decimal_to_double(high);
  if (!rounded(&out, a + (b - a) * s, digits) || sl_decimal_cmp(out, low) < 0) return low;
  return sl_decimal_cmp(out, high) > 0 ? high : out;
}

unsigned sl_cell_ranged(const sl_cell *cell) {
  unsigned ranged = 0;
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++)
    ranged |= (unsigned)!sl_decimal_same(cell->low[i], cell->high[i]) << i;
  return ranged;
}

/* (high - low) relative to the larger end */
static double relative_width(sl_decimal low, sl_decimal high) {
  const double a = sl_decimal_to_double(low), b = sl_decimal_to_double(high);
  return (b - a) / fmax(fabs(a), fabs(b));
}

int sl_cell_halve(sl_cell *a, sl_cell *b, const sl_cell *cell) {
  const unsigned ranged = sl_cell_ranged(cell);
  int widest = -1;
  double most = -1;
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) {
    if (!(ranged >> i & 1)) continue;
    const double width = relative_width(cell->low[i], cell->high[i]);
    if (width > most) most = width, widest = i;
  }
  sl_decimal m;
  if (widest < 0 || !sl_decimal_between(&m, cell->low[widest], cell->high[widest])) return 0;
  *a = *b = *cell;
  a->high[widest] = b->low[widest] = m;
  return 1;
}
