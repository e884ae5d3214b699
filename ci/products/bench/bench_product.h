/* Is a matrix the product of two others in binary32? */
#ifndef SLUICE_BENCH_PRODUCT_H
#define SLUICE_BENCH_PRODUCT_H

#include <stddef.h>

/* Rows of terms: term l of row i is at[i * row + l * term]. */
typedef struct {
  const float *at;
  size_t row, term;
} sl_bench_terms;

/* y (rows, columns): 1 if every 97th element is the dot of k terms of a's row and b's row (that of
 * its column) within the rounding error bound for any order of the sum. */
int sl_bench_product_right(const float *y, sl_bench_terms a, sl_bench_terms b, size_t rows,
                           size_t columns, size_t k);

#endif
