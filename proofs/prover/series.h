/* Exact Taylor series of a gate at an exact point, one-sided where the tree was resolved for one
 * side: how f'(1) = 1, the equality of value and slope at a join, and cancellations at infinity are
 * shown. A series is sum of c[i] t^i, i < n, plus O(t^n). */
#ifndef SLUICE_PROOFS_SERIES_H
#define SLUICE_PROOFS_SERIES_H

#include "field.h"

#define SL_SERIES_TERMS 10

/* n = 0: nothing is known, not even that the value exists. */
typedef struct {
  int n;
  sl_exact c[SL_SERIES_TERMS];
} sl_series;

sl_series sl_series_constant(sl_field *k, sl_exact c); /* n = 0 for NULL */
sl_series sl_series_add(sl_field *k, const sl_series *a, const sl_series *b, int subtract);
sl_series sl_series_mul(sl_field *k, const sl_series *a, const sl_series *b);
sl_series sl_series_div(sl_field *k, const sl_series *a, const sl_series *b);
sl_series sl_series_power(sl_field *k, const sl_series *a, int64_t p, int64_t q);
/* A function of functions.def. */
sl_series sl_series_function(sl_field *k, sl_gate_op op, const sl_series *a);
/* a t^by for by > 0; a / t^-by for by < 0, whose first terms are zero. */
sl_series sl_series_shift(const sl_series *a, int by);

/* Of every node up to ref at r = point + t; a NULL point makes r the indeterminate of the field.
 * PICK, MIN, MAX, ABS, SIGN and SOFTSIGN give n = 0 where their decision may be zero at the point.
 * out[ref + 1]. */
void sl_series_tree(sl_field *k, const sl_tree *tree, sl_ref ref, sl_exact point, int terms,
                    sl_series *out);
sl_series sl_series_root(sl_field *k, const sl_tree *tree, sl_ref ref, sl_exact point, int terms);

#endif
