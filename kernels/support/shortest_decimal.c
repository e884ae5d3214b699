/* Numbers as the shortest decimals that read back to the same bits; at least 6 digits are tried at
 * once, so that 10000 is not 1e+04. */
#include "shortest_decimal.h"

#include <stdio.h>
#include <stdlib.h>

void sl_shortest_double(char out[SL_DECIMAL_SIZE], double x) {
  for (int digits = 6; digits <= 17; digits++) { /* 17 always suffice for binary64 */
    snprintf(out, SL_DECIMAL_SIZE, "%.*g", digits, x);
    if (strtod(out, NULL) == x) return;
  }
}

void sl_shortest_float(char out[SL_DECIMAL_SIZE], float x) {
  for (int digits = 6; digits <= 17;
       digits++) { /* at 17 the decimal reads back to x itself as a binary64 */
    snprintf(out, SL_DECIMAL_SIZE, "%.*g", digits, (double)x);
    if (strtof(out, NULL) == x && (float)strtod(out, NULL) == x) return;
  }
}
