/* Is y (t, n) the product x (t, k) w (n, k)' in binary32? */
#ifndef SLUICE_BENCH_PRODUCT_H
#define SLUICE_BENCH_PRODUCT_H

#include <stddef.h>

/* 1 if every 97th element is within the rounding error bound for any order of the sum. */
int sl_bench_product_right(const float *y, const float *x, const float *w, size_t t, size_t n,
                           size_t k);

#endif
