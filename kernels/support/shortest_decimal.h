/* Numbers as the shortest decimals that read back to the same bits. */
#ifndef SLUICE_SHORTEST_DECIMAL_H
#define SLUICE_SHORTEST_DECIMAL_H

#define SL_DECIMAL_SIZE 32

/* out reads back to x by strtod. x is finite. */
void sl_shortest_double(char out[SL_DECIMAL_SIZE], double x);

/* out reads back to x by strtof, and by strtod and one rounding. x is finite. */
void sl_shortest_float(char out[SL_DECIMAL_SIZE], float x);

#endif
