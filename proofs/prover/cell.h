/* A box of parameters, with the exact decimals of the user as its ends. */
#ifndef SLUICE_PROOFS_CELL_H
#define SLUICE_PROOFS_CELL_H

#include "field.h"

/* Of every parameter; a parameter with low = high has that value. */
typedef struct {
  sl_decimal low[SL_FIELD_PARAMETERS], high[SL_FIELD_PARAMETERS];
} sl_cell;

void sl_decimal_fmpq(fmpq_t out, sl_decimal value);
int sl_decimal_same(sl_decimal a, sl_decimal b);
/* A decimal with few digits, strictly between low and high and in the middle half; the geometric
 * middle where the range is wide. 0 if none has 17 digits or fewer. */
int sl_decimal_between(sl_decimal *out, sl_decimal low, sl_decimal high);
/* A decimal in [low, high] next to low + (high - low) s: an end of it, or one of `digits` digits.
 */
sl_decimal sl_decimal_at(sl_decimal low, sl_decimal high, double s, int digits);

/* Bit i: parameter i has a range. */
unsigned sl_cell_ranged(const sl_cell *cell);
/* Halves the relatively widest range. 0 if there is none, or it has no decimal inside. */
int sl_cell_halve(sl_cell *a, sl_cell *b, const sl_cell *cell);

#endif
